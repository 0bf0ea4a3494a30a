package services

import (
	"sync"
	"sync/atomic"
)

// Pool bounds what all services that share it have open. When there are too many connections,
// the service with the most of them closes the one that has been silent longest, to make room
// for the newcomer: whoever floods one service takes no room from the others. When those that
// are open have received too much together, the one that has received most is closed. The zero
// value bounds nothing. It is safe for concurrent use.
type Pool struct {
	// Conns is how many connections may be open, Bytes how much they may have received. 0: as
	// much as the limits of each service allow. Neither is to be changed once in use.
	Conns int
	Bytes int64

	received atomic.Int64

	mu    sync.Mutex // taken before that of a gate
	open  int
	gates map[*gate]int // connections that have not left, those that were closed for others too
}

// enter counts a connection of g in.
func (p *Pool) enter(g *gate) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Conns > 0 && p.open >= p.Conns {
		var fullest *gate
		most := 0
		for o := range p.gates {
			if n := o.size(); n > most {
				fullest, most = o, n
			}
		}
		if fullest != nil {
			fullest.evict()
		}
	}
	if p.gates == nil {
		p.gates = make(map[*gate]int)
	}
	p.gates[g]++
	p.open++
}

// leave counts a connection of g out.
func (p *Pool) leave(g *gate) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if p.gates[g]--; p.gates[g] == 0 {
		delete(p.gates, g)
	}
}

// take counts n bytes that c has received.
func (p *Pool) take(c *Conn, n int64) {
	if p == nil {
		return
	}
	c.share.Add(n)
	if sum := p.received.Add(n); p.Bytes > 0 && sum > p.Bytes {
		p.shed()
	}
}

// giveBack counts out what c has received.
func (p *Pool) giveBack(c *Conn) {
	if p != nil {
		p.received.Add(-c.share.Swap(0))
	}
}

// shed closes connections until the others have not received too much.
func (p *Pool) shed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.received.Load() > p.Bytes {
		var from *gate
		var largest *Conn
		for g := range p.gates {
			if c := g.largest(); c != nil && (largest == nil || c.share.Load() > largest.share.Load()) {
				from, largest = g, c
			}
		}
		if largest == nil {
			return
		}
		from.drop(largest)
	}
}
