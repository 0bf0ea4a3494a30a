// Package fleettest has what the tests of several runtimes need.
//
//	rt := local.New(registry, local.Options{Sink: &seen})
//	fleettest.Run(t, rt.Run)
package fleettest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
)

// longest is how long a runtime may take to stop.
const longest = time.Minute

// Run calls run, which is the Run of a runtime, until stop is called or the test ends, and
// fails the test if it then gives an error or does not return.
func Run(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(longest):
			t.Error("the runtime does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

// Events is a Sink that keeps what it is given. The zero value is empty.
type Events struct {
	mu   sync.Mutex
	list []decnet.Event
}

// Emit keeps e.
func (r *Events) Emit(e decnet.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
}

// All returns what was kept, in the order in which it came.
func (r *Events) All() []decnet.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// Of returns the events of a type.
func (r *Events) Of(kind string) []decnet.Event {
	return slices.DeleteFunc(r.All(), func(e decnet.Event) bool { return e.Type != kind })
}
