package capture

import (
	"context"
	"slices"
	"sync"
	"time"
)

// guests knows who is connected to the daemon of a container, and who was until just now: a
// session that runs one short command can be over when the file that it wrote arrives.
type guests struct {
	pid     int
	service string
	port    uint16

	mu   sync.Mutex
	last []peer    // not empty, but at first
	seen time.Time // when they were connected
}

const (
	guestsLook = 100 * time.Millisecond // between two looks
	guestsKeep = 5 * time.Second        // that is how long those who have left are remembered
	guestsFind = 500 * time.Millisecond // between two looks for the processes that serve them
)

// watch looks again and again until ctx ends.
func (g *guests) watch(ctx context.Context) {
	tick := time.NewTicker(guestsLook)
	defer tick.Stop()
	var found time.Time
	for ctx.Err() == nil {
		if slices.ContainsFunc(g.peers(), func(p peer) bool { return p.pid == 0 }) && time.Since(found) >= guestsFind {
			g.find()
			found = time.Now()
		}
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
	for i, p := range now {
		if at := slices.IndexFunc(g.last, func(before peer) bool { return before.inode == p.inode }); at >= 0 {
			now[i].pid = g.last[at].pid
		}
	}
	if len(now) > 0 {
		g.last, g.seen = now, time.Now()
	} else if time.Since(g.seen) > guestsKeep {
		g.last = nil
	}
	return slices.Clone(g.last)
}

// find finds the processes that serve those who are connected.
func (g *guests) find() {
	servers := serversOf(g.pid, g.service)
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, p := range g.last {
		if pid := servers[p.inode]; pid != 0 {
			g.last[i].pid = pid
		}
	}
}
