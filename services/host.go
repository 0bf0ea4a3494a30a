package services

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Host is the machine that the services of one decky run on. It tells each what the
// others are, and keeps what two of them show, such as a file system. Whoever makes the
// Envs of a decky gives all of them the same Host. The zero value is a machine on which
// nothing runs; the methods are safe for concurrent use.
type Host struct {
	sessions atomic.Int64

	mu     sync.Mutex
	served []*Served
	values map[any]any
}

// Served is one service of a Host.
type Served struct {
	Service string `json:"service"`           // slug
	Product string `json:"product,omitempty"` // what Env.Product says; "" when the slug says it all
	Ports   []Port `json:"ports,omitempty"`   // as declared
}

// Serve adds s to what the host runs until stop is called. [Env.Serve] does it for its
// caller; a service that does not use that calls it by itself.
func (h *Host) Serve(s Served) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.served = append(h.served, &s)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.served = slices.DeleteFunc(h.served, func(o *Served) bool { return o == &s })
	}
}

// Served returns what the host runs now, sorted by slug. The caller must not change the
// ports.
func (h *Host) Served() []Served {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Served, len(h.served))
	for i, s := range h.served {
		list[i] = *s
	}
	slices.SortStableFunc(list, func(a, b Served) int { return cmp.Compare(a.Service, b.Service) })
	return list
}

// Sessions returns how many connections are open to the services of the host, as far as
// they are served by [Env.Serve].
func (h *Host) Sessions() int { return int(h.sessions.Load()) }

// Value returns what the services of the host keep under key, which make makes when it is
// asked for first. Keys are of a type that the package which uses them does not export.
// The value lives as long as the host; make must not call methods of h.
func (h *Host) Value(key any, make func() any) any {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v, ok := h.values[key]; ok {
		return v
	}
	if h.values == nil {
		h.values = map[any]any{}
	}
	v := make()
	h.values[key] = v
	return v
}
