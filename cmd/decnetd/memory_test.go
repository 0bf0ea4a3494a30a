package main

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestWhatPoolsHoldIsGivenBack: a large answer leaves its buffer in a pool of encoding/json.
func TestWhatPoolsHoldIsGivenBack(t *testing.T) {
	var pool sync.Pool
	gone := make(chan struct{})
	func() {
		buf := new([1 << 20]byte)
		runtime.AddCleanup(buf, func(struct{}) { close(gone) }, struct{}{})
		pool.Put(buf)
	}()
	giveBack()
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Error("the pool still holds it")
	}
	runtime.KeepAlive(&pool)
}
