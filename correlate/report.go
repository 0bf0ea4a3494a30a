package correlate

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// Traversal is one attacker's way across several deckies.
type Traversal struct {
	Attacker            netip.Addr
	Deckies             []string // in the order of first contact
	FirstSeen, LastSeen time.Time
	Events              int   // all of them
	Hops                []Hop // the first and the last, by time
}

// Path returns the deckies as "a → b → c".
func (t Traversal) Path() string { return Path(t.Deckies) }

// Duration is the time from the first event to the last.
func (t Traversal) Duration() time.Duration { return t.LastSeen.Sub(t.FirstSeen) }

// MarshalJSON writes the traversal as an element of a Report: attacker_ip, decky_count,
// deckies, path, first_seen, last_seen, duration_seconds, hop_count (of all events) and
// hops (those that are kept).
func (t Traversal) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Attacker  netip.Addr `json:"attacker_ip"`
		Count     int        `json:"decky_count"`
		Deckies   []string   `json:"deckies"`
		Path      string     `json:"path"`
		FirstSeen time.Time  `json:"first_seen"`
		LastSeen  time.Time  `json:"last_seen"`
		Seconds   float64    `json:"duration_seconds"`
		HopCount  int        `json:"hop_count"`
		Hops      []Hop      `json:"hops"`
	}{t.Attacker, len(t.Deckies), t.Deckies, t.Path(), t.FirstSeen, t.LastSeen, t.Duration().Seconds(), t.Events, t.Hops})
}

// Report is what an Engine found, for JSON.
type Report struct {
	Stats struct {
		Stats
		Traversals int `json:"traversals"`
	} `json:"stats"`
	Traversals []Traversal `json:"traversals"`
}

// Report returns the traversals across at least minDeckies deckies, with the counters.
func (e *Engine) Report(minDeckies int) Report {
	var r Report
	r.Traversals = e.Traversals(minDeckies)
	if r.Traversals == nil {
		r.Traversals = []Traversal{}
	}
	r.Stats.Stats = e.Stats()
	r.Stats.Traversals = len(r.Traversals)
	return r
}

// Columns are the headings of Traversal.Row.
func Columns() []string {
	return []string{"Attacker IP", "Deckies", "Traversal Path", "First Seen", "Duration", "Events"}
}

// Row returns the traversal as a row of a table.
func (t Traversal) Row() []string {
	return []string{
		t.Attacker.String(),
		strconv.Itoa(len(t.Deckies)),
		t.Path(),
		t.FirstSeen.UTC().Format("2006-01-02 15:04:05 UTC"),
		durationText(t.Duration()),
		strconv.Itoa(t.Events),
	}
}

func durationText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.1fm", d.Minutes())
	}
	return fmt.Sprintf("%.1fh", d.Hours())
}

// Finding returns the traversal as an event of the correlator at the time now, for syslog:
// traversal_detected of severity warning, with the fields attacker_ip, decky_count,
// deckies (separated by commas), first_seen, last_seen, hop_count and duration_s.
func (t Traversal) Finding(now time.Time) decnet.Event {
	return decnet.Event{
		Time: now, Decky: "decnet-correlator", Service: "correlator", Type: "traversal_detected",
		Attacker: t.Attacker, Severity: decnet.SeverityWarning,
		Fields: []decnet.Field{
			decnet.F("attacker_ip", t.Attacker.String()),
			decnet.F("decky_count", strconv.Itoa(len(t.Deckies))),
			decnet.F("deckies", strings.Join(t.Deckies, ",")),
			decnet.F("first_seen", t.FirstSeen.UTC().Format(time.RFC3339Nano)),
			decnet.F("last_seen", t.LastSeen.UTC().Format(time.RFC3339Nano)),
			decnet.F("hop_count", strconv.Itoa(t.Events)),
			decnet.F("duration_s", strconv.FormatInt(int64(t.Duration()/time.Second), 10)),
		},
	}
}
