package services

import "sync"

// Pool bounds the open connections of all services that share it. When it is full, the service
// with the most of them closes the one that has been silent longest, to make room for the
// newcomer: whoever floods one service takes no room from the others. The zero value bounds
// nothing. It is safe for concurrent use.
type Pool struct {
	Conns int // 0: as many as the services have; not to be changed once in use

	mu    sync.Mutex // taken before that of a gate
	open  int
	gates map[*gate]int // connections that have not left, those that were closed for others too
}

// enter counts a connection of g in.
func (p *Pool) enter(g *gate) {
	if p == nil || p.Conns <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= p.Conns {
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
	if p == nil || p.Conns <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if p.gates[g]--; p.gates[g] == 0 {
		delete(p.gates, g)
	}
}
