package correlate

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unique"
)

// Hop is one event of a traversal.
type Hop struct {
	Time    time.Time `json:"timestamp"`
	Decky   string    `json:"decky"`
	Service string    `json:"service"`
	Type    string    `json:"event_type"`
}

// hop is a Hop in 32 bytes.
type hop struct {
	micros               int64
	decky, service, kind unique.Handle[string]
}

func newHop(at time.Time, decky, service, kind string) hop {
	return hop{at.UnixMicro(), text(decky), text(service), text(kind)}
}

// text returns the one copy of s, as JSON would hold it.
func text(s string) unique.Handle[string] {
	return unique.Make(strings.ToValidUTF8(s, "\ufffd"))
}

func (h hop) public() Hop {
	return Hop{time.UnixMicro(h.micros).UTC(), h.decky.Value(), h.service.Value(), h.kind.Value()}
}

// compare orders hops by time, and those of one time in some fixed way.
func (h hop) compare(o hop) int {
	if c := cmp.Compare(h.micros, o.micros); c != 0 {
		return c
	}
	return cmp.Or(
		strings.Compare(h.decky.Value(), o.decky.Value()),
		strings.Compare(h.service.Value(), o.service.Value()),
		strings.Compare(h.kind.Value(), o.kind.Value()))
}

// hops keeps the first and the last of any number of hops, whatever their order.
type hops struct {
	first []hop // sorted, full before last has any
	last  []hop // sorted; the oldest are dropped when there are twice as many as wanted
}

// add keeps h when it is one of the first half or the last half of limit hops.
func (s *hops) add(h hop, limit int) {
	half := max(limit/2, 1)
	if len(s.first) < half {
		s.first = insertHop(s.first, h)
		return
	}
	if latest := s.first[half-1]; h.compare(latest) < 0 {
		s.first = insertHop(s.first[:half-1], h)
		h = latest
	}
	if s.last = insertHop(s.last, h); len(s.last) >= 2*half {
		s.last = append(s.last[:0], s.last[len(s.last)-half:]...)
	}
}

func insertHop(list []hop, h hop) []hop {
	if n := len(list); n == 0 || h.compare(list[n-1]) >= 0 {
		return append(list, h)
	}
	i, _ := slices.BinarySearchFunc(list, h, hop.compare)
	return slices.Insert(list, i, h)
}

// list returns the hops that are kept, in order.
func (s *hops) list(limit int) []Hop {
	last := s.last[max(0, len(s.last)-max(limit/2, 1)):]
	list := make([]Hop, 0, len(s.first)+len(last))
	for _, h := range s.first {
		list = append(list, h.public())
	}
	for _, h := range last {
		list = append(list, h.public())
	}
	return list
}

// MarshalJSON writes a hop for the state of an engine.
func (h hop) MarshalJSON() ([]byte, error) { return json.Marshal(h.public()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *hop) UnmarshalJSON(b []byte) error {
	var p Hop
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*h = newHop(p.Time, p.Decky, p.Service, p.Type)
	return nil
}
