package services

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Handler talks to one attacker. The connection is closed when it returns. When ctx ends
// the connection is closed under it, so that blocked reads and writes fail.
type Handler func(ctx context.Context, c *Conn) error

// Listen binds a TCP socket for a honeypot: without Multipath TCP, which Go offers by
// default and the products do not, and with the first packet of each connection kept for
// the connect event, where the kernel can. An address of IPv6 takes nothing of IPv4.
func Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	network := "tcp"
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		network = "tcp6"
	}
	l, err := lc.Listen(ctx, network, addr.String())
	if err == nil {
		saveSYN(l)
	}
	return l, err
}

// ServeStream accepts connections from l and runs h for each in a goroutine of its own,
// under lim. When lim.Conns are open, the one that has been silent longest is closed to
// make room. A panic in h ends that connection alone. ServeStream closes l and returns
// nil after ctx has ended and every handler has returned; an error when l fails.
func ServeStream(ctx context.Context, l net.Listener, lim Limits, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	return newGate(lim).serve(ctx, cancel, l, h)
}

// gate holds the open connections of one service, over all its listeners.
type gate struct {
	lim Limits

	mu    sync.Mutex
	conns map[*Conn]struct{}
}

func newGate(lim Limits) *gate {
	return &gate{lim: lim.Or(Limits{}), conns: make(map[*Conn]struct{})}
}

// serve ends ctx by cancel before it waits for the handlers.
func (g *gate) serve(ctx context.Context, cancel func(), l net.Listener, h Handler) error {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	for backoff := time.Duration(0); ; {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && !errors.Is(err, net.ErrClosed) {
				// Out of file descriptors, or the peer gave up early: the listener lives on.
				backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
				select {
				case <-time.After(backoff):
					continue
				case <-ctx.Done():
					return nil
				}
			}
			return err
		}
		backoff = 0
		c := NewConn(nc, g.lim)
		g.admit(c)
		handlers.Go(func() {
			defer g.leave(c)
			unwatch := context.AfterFunc(ctx, func() { nc.Close() })
			defer unwatch()
			defer func() { _ = recover() }()
			_ = h(ctx, c)
		})
	}
}

func (g *gate) admit(c *Conn) {
	c.pool = g.lim.Pool
	c.pool.enter(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.conns) >= g.lim.Conns {
		g.closeIdlest()
	}
	g.conns[c] = struct{}{}
}

// evict closes the connection that has been silent longest.
func (g *gate) evict() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closeIdlest()
}

// closeIdlest is called with mu held.
func (g *gate) closeIdlest() {
	var idlest *Conn
	for o := range g.conns {
		if idlest == nil || o.active.Load() < idlest.active.Load() {
			idlest = o
		}
	}
	if idlest != nil {
		g.close(idlest)
	}
}

// close is called with mu held.
func (g *gate) close(c *Conn) {
	delete(g.conns, c)
	c.Conn.Close()
	c.pool.giveBack(c)
}

func (g *gate) drop(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.close(c)
}

// largest returns the connection that has received most.
func (g *gate) largest() (most *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		if most == nil || c.share.Load() > most.share.Load() {
			most = c
		}
	}
	return most
}

func (g *gate) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

func (g *gate) leave(c *Conn) {
	defer c.Conn.Close()
	defer c.pool.giveBack(c)
	defer c.pool.leave(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}
