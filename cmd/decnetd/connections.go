package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Connections must leave files for listeners, the database, the spool and what is captured: five
// eighths of those that the process may open are for attackers, an eighth for the API. More than
// these take memory for nothing.
const (
	mostPotConns = 16384
	mostAPIConns = 4096
)

// potBytes is what open sessions may have received together: as long as a message is not
// whole, a honeypot holds it in memory.
const potBytes = 128 << 20

func potConns() int { return min(mostPotConns, openFiles()/8*5) }
func apiConns() int { return min(mostAPIConns, openFiles()/8) }

// connections bounds those of a http.Server. When there are too many, the one that has been
// without a request longest is closed to make room for the newcomer; while all have one, the
// newcomer is.
type connections struct {
	most int

	mu   sync.Mutex
	open map[net.Conn]*connection
}

type connection struct {
	requests int       // that are being answered
	since    time.Time // when the last one was
}

type connectionKey struct{}

// bound makes srv keep to most connections.
func bound(srv *http.Server, most int) {
	c := &connections{most: most, open: make(map[net.Conn]*connection)}
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, c.admit(nc))
	}
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			c.leave(nc)
		}
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			c.answering(conn, 1)
			defer c.answering(conn, -1)
		}
		next.ServeHTTP(w, r)
	})
}

func (c *connections) admit(nc net.Conn) *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := &connection{since: time.Now()}
	if len(c.open) >= c.most {
		out := nc
		var longest *connection
		for o, conn := range c.open {
			if conn.requests == 0 && (longest == nil || conn.since.Before(longest.since)) {
				out, longest = o, conn
			}
		}
		delete(c.open, out)
		out.Close()
		if out == nc {
			return own
		}
	}
	c.open[nc] = own
	return own
}

func (c *connections) leave(nc net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, nc)
}

func (c *connections) answering(conn *connection, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.requests += n
	conn.since = time.Now()
}
