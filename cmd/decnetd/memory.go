package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A flood of connections leaves memory behind that the runtime would keep for long. It is
// looked for every giveBackEvery, and given back to the operating system when what the
// process holds has grown by giveBackAbove since the last time.
const (
	giveBackEvery = 5 * time.Second
	giveBackAbove = 4 << 20
)

// giveBackMemory runs until ctx ends.
func giveBackMemory(ctx context.Context) error {
	tick := time.NewTicker(giveBackEvery)
	defer tick.Stop()
	for base := heldMemory(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if heldMemory() > base+giveBackAbove {
				debug.FreeOSMemory()
				base = heldMemory()
			}
		}
	}
}

// heldMemory returns the bytes that the runtime has from the operating system.
func heldMemory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}
