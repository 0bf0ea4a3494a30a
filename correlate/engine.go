package correlate

import (
	"cmp"
	"container/list"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/decnet/decnet"
)

// Limits bounds the memory of an Engine. The zero value stands for the defaults. An
// attacker takes about half a kilobyte and 48 bytes more for each hop that is kept.
type Limits struct {
	Attackers int // 0: 20,000
	Hops      int // kept of each attacker; 0: 64
}

func (l Limits) attackers() int { return cmp.Or(max(l.Attackers, 0), 20_000) }
func (l Limits) hops() int      { return cmp.Or(max(l.Hops, 0), 64) }

// Engine follows attackers through a stream of events. The zero value is ready to use,
// and its methods are safe for concurrent use. The JSON form of an Engine is its state.
type Engine struct {
	Limits Limits // must not change after the first event

	mu        sync.Mutex
	stats     Stats
	attackers map[netip.Addr]*list.Element // of *attacker
	single    list.List                    // attackers of one decky, most recent first
	several   list.List                    // all others, most recent first
}

// Stats counts what an Engine was given.
type Stats struct {
	Events    int `json:"lines_parsed"`      // all events
	Indexed   int `json:"events_indexed"`    // those of attackers on deckies
	Attackers int `json:"unique_ips"`        // that are known now
	Forgotten int `json:"forgotten_ips"`     // attackers that no longer are
	Dropped   int `json:"deckies_not_noted"` // events beyond MaxDeckies
}

type attacker struct {
	addr  netip.Addr
	trail Trail
	hops  hops
}

// Add folds in one event and reports whether it counts: events without an attacker or a
// decky, and those of DECNET's own instruments (decnet.Event.FromSensor), do not.
func (e *Engine) Add(ev decnet.Event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.Events++
	if !ev.Attacker.IsValid() || ev.Decky == "" || ev.FromSensor() {
		return false
	}
	e.stats.Indexed++
	a := e.attacker(ev.Attacker.Unmap())
	at := Moment(ev.Time)
	few := len(a.trail.Contacts) < 2
	if !a.trail.Add(at, ev.Decky) {
		e.stats.Dropped++
	}
	if few && len(a.trail.Contacts) == 2 {
		e.single.Remove(e.attackers[a.addr])
		e.attackers[a.addr] = e.several.PushFront(a)
	}
	a.hops.add(newHop(at, ev.Decky, ev.Service, ev.Type), e.Limits.hops())
	return true
}

// attacker returns the state of addr and marks it as the most recent.
func (e *Engine) attacker(addr netip.Addr) *attacker {
	if el, ok := e.attackers[addr]; ok {
		a := el.Value.(*attacker)
		if len(a.trail.Contacts) < 2 {
			e.single.MoveToFront(el)
		} else {
			e.several.MoveToFront(el)
		}
		return a
	}
	if e.attackers == nil {
		e.attackers = make(map[netip.Addr]*list.Element)
	}
	for len(e.attackers) >= e.Limits.attackers() {
		e.forget()
	}
	a := &attacker{addr: addr}
	e.attackers[addr] = e.single.PushFront(a)
	return a
}

// forget makes room for an attacker.
func (e *Engine) forget() {
	from := &e.single
	if from.Len() == 0 {
		from = &e.several
	}
	gone := from.Remove(from.Back()).(*attacker)
	delete(e.attackers, gone.addr)
	e.stats.Forgotten++
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Attackers = len(e.attackers)
	return s
}

// Traversals returns the attackers who touched at least minDeckies deckies (0: two), by the
// time they were first seen, then by address.
func (e *Engine) Traversals(minDeckies int) []Traversal {
	if minDeckies <= 0 {
		minDeckies = 2
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []Traversal
	for addr, el := range e.attackers {
		a := el.Value.(*attacker)
		if len(a.trail.Contacts) >= minDeckies {
			found = append(found, Traversal{
				Attacker:  addr,
				Deckies:   a.trail.Deckies(),
				FirstSeen: a.trail.FirstSeen,
				LastSeen:  a.trail.LastSeen,
				Events:    a.trail.Events,
				Hops:      a.hops.list(e.Limits.hops()),
			})
		}
	}
	slices.SortFunc(found, func(a, b Traversal) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), a.Attacker.Compare(b.Attacker))
	})
	return found
}

// Count is the number of events of one attacker.
type Count struct {
	Attacker netip.Addr
	Events   int
}

// Attackers returns all attackers that are known, most events first, then by address.
func (e *Engine) Attackers() []Count {
	e.mu.Lock()
	defer e.mu.Unlock()
	counts := make([]Count, 0, len(e.attackers))
	for addr, el := range e.attackers {
		counts = append(counts, Count{addr, el.Value.(*attacker).trail.Events})
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), a.Attacker.Compare(b.Attacker))
	})
	return counts
}

// state is the JSON form of an Engine.
type state struct {
	Stats     Stats           `json:"stats"`
	Attackers []attackerState `json:"attackers"` // least recent first
}

type attackerState struct {
	Addr  netip.Addr `json:"addr"`
	Trail Trail      `json:"trail"`
	First []hop      `json:"first"`
	Last  []hop      `json:"last,omitempty"`
}

// MarshalJSON returns the state, without Limits.
func (e *Engine) MarshalJSON() ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := state{Stats: e.stats, Attackers: make([]attackerState, 0, len(e.attackers))}
	for _, l := range []*list.List{&e.single, &e.several} {
		for el := l.Back(); el != nil; el = el.Prev() {
			a := el.Value.(*attacker)
			s.Attackers = append(s.Attackers, attackerState{a.addr, a.trail, a.hops.first, a.hops.last})
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON replaces the state by one that MarshalJSON returned, and keeps Limits.
// What is not such a state gives an error that wraps decnet.ErrInvalid and changes nothing.
func (e *Engine) UnmarshalJSON(b []byte) error {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("correlate: state: %w: %w", err, decnet.ErrInvalid)
	}
	known := make(map[netip.Addr]bool, len(s.Attackers))
	for _, as := range s.Attackers {
		if !as.Addr.IsValid() || known[as.Addr] {
			return fmt.Errorf("correlate: state: attacker %q: %w", as.Addr, decnet.ErrInvalid)
		}
		known[as.Addr] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats = s.Stats
	e.attackers = make(map[netip.Addr]*list.Element, len(s.Attackers))
	e.single.Init()
	e.several.Init()
	for _, as := range s.Attackers {
		a := &attacker{addr: as.Addr, trail: as.Trail, hops: hops{as.First, as.Last}}
		if len(a.trail.Contacts) < 2 {
			e.attackers[a.addr] = e.single.PushFront(a)
		} else {
			e.attackers[a.addr] = e.several.PushFront(a)
		}
	}
	return nil
}
