package capture

import (
	"context"
	"sync"
	"time"
)

// guests knows who is connected to the daemon of a container, and who was until just now: a
// session that runs one short command can be over when the file that it wrote arrives.
type guests struct {
	pid  int
	port uint16

	mu   sync.Mutex
	last []peer    // not empty, but at first
	seen time.Time // when they were connected
}

const (
	guestsLook = 100 * time.Millisecond // between two looks
	guestsKeep = 5 * time.Second        // that is how long those who have left are remembered
)

// watch looks again and again until ctx ends.
func (g *guests) watch(ctx context.Context) {
	tick := time.NewTicker(guestsLook)
	defer tick.Stop()
	for ctx.Err() == nil {
		g.peers()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// peers returns who is connected, or else who was when anybody last was, unless that is long
// ago.
func (g *guests) peers() []peer {
	now := peersOf(g.pid, g.port)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(now) > 0 {
		g.last, g.seen = now, time.Now()
	} else if time.Since(g.seen) > guestsKeep {
		g.last = nil
	}
	return g.last
}
