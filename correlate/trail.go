package correlate

import (
	"slices"
	"strings"
	"time"
)

// MaxDeckies is the number of deckies that a Trail keeps.
const MaxDeckies = 1024

// Trail is the way of one attacker across deckies: when each was first touched, and how
// often. The order in which events are added makes no difference to it. The zero value is
// a trail without events. It can be stored as JSON and is not safe for concurrent use.
type Trail struct {
	Events    int       `json:"events"`
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
	Contacts  []Contact `json:"contacts,omitempty"` // by First, then by Decky; at most MaxDeckies

	recent int // index of the contact of the last event
}

// Contact is what an attacker had to do with one decky.
type Contact struct {
	Decky  string    `json:"decky"`
	First  time.Time `json:"first"`
	Events int       `json:"events"`
}

// The first and the last moment that RFC 3339, and so JSON, can express.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// Moment returns t as this package keeps times: in UTC with whole microseconds, and within
// the years 1 to 9999, so that no forged time can make a state that JSON does not hold.
func Moment(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

// Add notes an event on decky. It reports false when the trail has MaxDeckies deckies
// and this is yet another: then only Events and the times change.
func (t *Trail) Add(at time.Time, decky string) bool {
	at = Moment(at)
	decky = strings.ToValidUTF8(decky, "\ufffd") // what JSON makes of it
	if t.Events == 0 || at.Before(t.FirstSeen) {
		t.FirstSeen = at
	}
	if t.Events == 0 || at.After(t.LastSeen) {
		t.LastSeen = at
	}
	t.Events++
	i := t.contact(decky)
	switch {
	case i >= 0:
		c := &t.Contacts[i]
		c.Events++
		if !at.Before(c.First) {
			t.recent = i
			return true
		}
		moved := *c
		moved.First = at
		t.Contacts = slices.Delete(t.Contacts, i, i+1)
		t.insert(moved)
	case len(t.Contacts) == MaxDeckies:
		return false
	default:
		t.insert(Contact{Decky: strings.Clone(decky), First: at, Events: 1})
	}
	return true
}

// contact returns the index of decky, -1 when it is new.
func (t *Trail) contact(decky string) int {
	if t.recent < len(t.Contacts) && t.Contacts[t.recent].Decky == decky {
		return t.recent
	}
	for i := range t.Contacts {
		if t.Contacts[i].Decky == decky {
			return i
		}
	}
	return -1
}

func (t *Trail) insert(c Contact) {
	t.recent, _ = slices.BinarySearchFunc(t.Contacts, c, func(a, b Contact) int {
		if d := a.First.Compare(b.First); d != 0 {
			return d
		}
		return strings.Compare(a.Decky, b.Decky)
	})
	t.Contacts = slices.Insert(t.Contacts, t.recent, c)
}

// Deckies returns the names of the deckies in the order of first contact.
func (t *Trail) Deckies() []string {
	names := make([]string, len(t.Contacts))
	for i, c := range t.Contacts {
		names[i] = c.Decky
	}
	return names
}

// Path returns the deckies in the order of first contact as "a → b → c", and "" when
// fewer than two were touched.
func (t *Trail) Path() string {
	if len(t.Contacts) < 2 {
		return ""
	}
	return Path(t.Deckies())
}

// Path joins the names of deckies as "a → b → c".
func Path(deckies []string) string { return strings.Join(deckies, " → ") }
