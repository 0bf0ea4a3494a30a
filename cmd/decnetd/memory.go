package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A flood of connections leaves memory behind that the runtime would keep for long. When
// more than giveBackAbove has been allocated and a period of giveBackEvery was quiet again,
// what is free goes back to the operating system.
const (
	giveBackEvery = 5 * time.Second
	giveBackAbove = 4 << 20
	giveBackQuiet = 1 << 20
)

// giveBackMemory runs until ctx ends.
func giveBackMemory(ctx context.Context) error {
	tick := time.NewTicker(giveBackEvery)
	defer tick.Stop()
	given := allocated()
	for last := given; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			now := allocated()
			if now-given > giveBackAbove && now-last < giveBackQuiet {
				giveBack()
				given = allocated()
				now = given
			}
			last = now
		}
	}
}

// giveBack gives free memory to the operating system, and what pools hold: those keep it over
// one collection.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

// allocated returns the bytes that were ever allocated.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
