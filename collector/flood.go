package collector

import (
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/decnet/decnet"
)

// floodKeys bounds how many keys the flood gate remembers; the one that was not admitted
// for the longest time is forgotten first.
const floodKeys = 10_000

// floodTypes are the events that a scanner makes by the thousand.
var floodTypes = []string{"connect", "disconnect", "connection", "accept", "close"}

type floodKey struct {
	attacker             netip.Addr
	decky, service, kind string
}

// floodGate admits one event of a kind, attacker and place in each window of event time.
type floodGate struct {
	window time.Duration
	kinds  []string
	last   *simplelru.LRU[floodKey, time.Time]
}

func newFloodGate(window time.Duration, kinds []string) *floodGate {
	if kinds == nil {
		kinds = floodTypes
	}
	last, err := simplelru.NewLRU[floodKey, time.Time](floodKeys, nil)
	if err != nil {
		panic(err) // the size is a constant above zero
	}
	return &floodGate{window, kinds, last}
}

// admit reports whether e is to become a record.
func (g *floodGate) admit(e *decnet.Event) bool {
	if g.window <= 0 || !slices.Contains(g.kinds, e.Type) {
		return true
	}
	key := floodKey{e.Attacker, e.Decky, e.Service, e.Type}
	if last, ok := g.last.Get(key); ok && e.Time.Sub(last).Abs() < g.window {
		return false
	}
	g.last.Add(key, e.Time)
	return true
}
