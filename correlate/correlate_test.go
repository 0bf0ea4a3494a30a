package correlate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate"
)

var start = time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)

var exact = cmpopts.EquateComparable(netip.Addr{})

func event(second float64, attacker, decky, service, kind string) decnet.Event {
	return decnet.Event{
		Time: start.Add(time.Duration(second * float64(time.Second))), Decky: decky, Service: service, Type: kind,
		Attacker: netip.MustParseAddr(attacker), Severity: decnet.SeverityInfo,
	}
}

func fold(limits correlate.Limits, events ...decnet.Event) *correlate.Engine {
	e := &correlate.Engine{Limits: limits}
	for _, ev := range events {
		e.Add(ev)
	}
	return e
}

func TestTraversals(t *testing.T) {
	t.Parallel()
	e := fold(correlate.Limits{},
		event(0, "192.0.2.7", "web", "http", "connect"),
		event(1, "192.0.2.7", "web", "http", "request"),
		event(65.5, "192.0.2.7", "db", "mysql", "connect"),
		event(70, "192.0.2.7", "web", "ssh", "connect"),
		event(5, "198.51.100.1", "web", "http", "connect"),
		event(-5, "2001:db8::9", "b", "ssh", "connect"),
		event(7200, "2001:db8::9", "a", "ssh", "connect"),
	)
	got := e.Traversals(2)
	if len(got) != 2 || got[0].Attacker.String() != "2001:db8::9" || got[1].Attacker.String() != "192.0.2.7" {
		t.Fatalf("traversals %+v", got)
	}
	if got[0].Path() != "b → a" || got[1].Path() != "web → db" || got[1].Events != 4 || got[1].Duration() != 70*time.Second {
		t.Errorf("traversals %+v", got)
	}
	if n := len(e.Traversals(3)); n != 0 {
		t.Errorf("%d traversals of three deckies", n)
	}
	want := []correlate.Count{{netip.MustParseAddr("192.0.2.7"), 4}, {netip.MustParseAddr("2001:db8::9"), 2}, {netip.MustParseAddr("198.51.100.1"), 1}}
	if diff := cmp.Diff(want, e.Attackers(), exact); diff != "" {
		t.Error(diff)
	}
	rows := [][]string{got[0].Row(), got[1].Row()}
	wantRows := [][]string{
		{"2001:db8::9", "2", "b → a", "2026-04-01 07:59:55 UTC", "2.0h", "2"},
		{"192.0.2.7", "2", "web → db", "2026-04-01 08:00:00 UTC", "1.2m", "4"},
	}
	if diff := cmp.Diff(wantRows, rows); diff != "" || len(correlate.Columns()) != len(rows[0]) {
		t.Error(diff)
	}
}

func TestReportAndFindings(t *testing.T) {
	t.Parallel()
	e := fold(correlate.Limits{},
		event(0, "192.0.2.7", "web", "http", "connect"),
		event(45.25, "192.0.2.7", "db", "mysql", "auth_attempt"),
		decnet.Event{Time: start, Decky: "web", Service: "http", Type: "startup"},
	)
	got, err := json.MarshalIndent(e.Report(2), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Error(diff)
	}
	if row := e.Traversals(0)[0].Row(); row[4] != "45s" {
		t.Errorf("duration %q", row[4])
	}

	f := e.Traversals(0)[0].Finding(start.Add(time.Hour))
	wantEvent := decnet.Event{
		Time: start.Add(time.Hour), Decky: "decnet-correlator", Service: "correlator", Type: "traversal_detected",
		Attacker: netip.MustParseAddr("192.0.2.7"), Severity: decnet.SeverityWarning,
		Fields: []decnet.Field{
			{Key: "attacker_ip", Value: "192.0.2.7"}, {Key: "decky_count", Value: "2"}, {Key: "deckies", Value: "web,db"},
			{Key: "first_seen", Value: "2026-04-01T08:00:00Z"}, {Key: "last_seen", Value: "2026-04-01T08:00:45.25Z"},
			{Key: "hop_count", Value: "2"}, {Key: "duration_s", Value: "45"},
		},
	}
	if diff := cmp.Diff(wantEvent, f, exact); diff != "" {
		t.Error(diff)
	}
	if e.Add(f) {
		t.Error("a finding counts as an attacker's event")
	}
	empty, err := json.Marshal(new(correlate.Engine).Report(2))
	if err != nil || !strings.Contains(string(empty), `"traversals":[]`) {
		t.Errorf("empty report %s, %v", empty, err)
	}
}

func TestW10_EventsOfInstrumentsAreNoAttackers(t *testing.T) {
	t.Parallel()
	e := fold(correlate.Limits{}, event(0, "192.0.2.7", "web", "ssh", "connect"))
	for _, service := range []string{"prober", "sniffer", "correlator", "collector", "mutator"} {
		if e.Add(event(1, "192.0.2.7", "decnet-prober", service, "jarm_fingerprint")) {
			t.Errorf("an event of the %s counts", service)
		}
	}
	if e.Add(decnet.Event{Time: start, Decky: "web", Service: "ssh", Type: "startup"}) || e.Add(event(2, "192.0.2.7", "", "ssh", "connect")) {
		t.Error("an event without attacker or decky counts")
	}
	if got := e.Traversals(2); len(got) != 0 {
		t.Errorf("traversals %+v", got)
	}
	if s := e.Stats(); s != (correlate.Stats{Events: 8, Indexed: 1, Attackers: 1}) {
		t.Errorf("stats %+v", s)
	}
}

func TestW16_MappedAddressesAreTheIPv4Attacker(t *testing.T) {
	t.Parallel()
	e := fold(correlate.Limits{}, event(0, "::ffff:192.0.2.7", "a", "ssh", "connect"), event(1, "192.0.2.7", "b", "ssh", "connect"))
	if got := e.Traversals(2); len(got) != 1 || got[0].Attacker.String() != "192.0.2.7" {
		t.Errorf("traversals %+v", got)
	}
}

// genEvents draws events of few attackers on few deckies at times that often collide.
func genEvents(rt *rapid.T) []decnet.Event {
	n := rapid.IntRange(0, 150).Draw(rt, "events")
	events := make([]decnet.Event, n)
	for i := range events {
		events[i] = event(
			float64(rapid.IntRange(0, 60).Draw(rt, "second"))/4,
			fmt.Sprintf("192.0.2.%d", rapid.IntRange(1, 3).Draw(rt, "attacker")),
			fmt.Sprintf("decky-%d", rapid.IntRange(1, 5).Draw(rt, "decky")),
			rapid.SampledFrom([]string{"ssh", "http"}).Draw(rt, "service"),
			rapid.SampledFrom([]string{"connect", "auth_attempt"}).Draw(rt, "type"))
	}
	return events
}

// reference computes traversals from all events at once.
func reference(events []decnet.Event, minDeckies, hops int) []correlate.Traversal {
	byAddr := map[netip.Addr][]decnet.Event{}
	for _, ev := range events {
		byAddr[ev.Attacker] = append(byAddr[ev.Attacker], ev)
	}
	var all []correlate.Traversal
	for addr, evs := range byAddr {
		slices.SortFunc(evs, func(a, b decnet.Event) int {
			if c := a.Time.Compare(b.Time); c != 0 {
				return c
			}
			return strings.Compare(a.Decky+" "+a.Service+" "+a.Type, b.Decky+" "+b.Service+" "+b.Type)
		})
		tr := correlate.Traversal{Attacker: addr, FirstSeen: evs[0].Time, LastSeen: evs[len(evs)-1].Time, Events: len(evs)}
		for i, ev := range evs {
			if !slices.Contains(tr.Deckies, ev.Decky) {
				tr.Deckies = append(tr.Deckies, ev.Decky)
			}
			if i < hops/2 || i >= len(evs)-hops/2 {
				tr.Hops = append(tr.Hops, correlate.Hop{Time: ev.Time, Decky: ev.Decky, Service: ev.Service, Type: ev.Type})
			}
		}
		if len(tr.Deckies) >= minDeckies {
			all = append(all, tr)
		}
	}
	slices.SortFunc(all, func(a, b correlate.Traversal) int {
		if c := a.FirstSeen.Compare(b.FirstSeen); c != 0 {
			return c
		}
		return a.Attacker.Compare(b.Attacker)
	})
	return all
}

func TestOrderOfArrivalMakesNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		events := genEvents(rt)
		limits := correlate.Limits{Hops: rapid.SampledFrom([]int{2, 4, 16, 64}).Draw(rt, "hops")}
		want := reference(events, 2, limits.Hops)
		shuffled := rapid.Permutation(events).Draw(rt, "order")
		if diff := cmp.Diff(want, fold(limits, shuffled...).Traversals(2), exact); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestW8_ARestoredEngineContinues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		events := genEvents(rt)
		at := rapid.IntRange(0, len(events)).Draw(rt, "restart")
		limits := correlate.Limits{Hops: 8, Attackers: 2}
		saved, err := json.Marshal(fold(limits, events[:at]...))
		if err != nil {
			rt.Fatal(err)
		}
		restored := &correlate.Engine{Limits: limits}
		restored.Add(event(0, "203.0.113.1", "x", "y", "z")) // is replaced
		if err := json.Unmarshal(saved, restored); err != nil {
			rt.Fatal(err)
		}
		for _, ev := range events[at:] {
			restored.Add(ev)
		}
		whole := fold(limits, events...)
		if diff := cmp.Diff(whole.Report(1), restored.Report(1), exact); diff != "" {
			rt.Fatal(diff)
		}
	})
	var e correlate.Engine
	for _, text := range []string{`{"attackers":[{"addr":""}]}`, `{"attackers":[{"addr":"1.1.1.1"},{"addr":"1.1.1.1"}]}`, `{"attackers":7}`} {
		if err := json.Unmarshal([]byte(text), &e); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestFloodOfSourcesDoesNotDisplaceATraversal(t *testing.T) {
	t.Parallel()
	e := fold(correlate.Limits{Attackers: 100}, event(0, "192.0.2.7", "a", "ssh", "connect"), event(1, "192.0.2.7", "b", "ssh", "connect"))
	for i := range 10_000 {
		e.Add(event(float64(i), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), "a", "ssh", "connect"))
	}
	if got := e.Traversals(2); len(got) != 1 || got[0].Path() != "a → b" {
		t.Errorf("traversals %+v", got)
	}
	if s := e.Stats(); s.Attackers != 100 || s.Forgotten != 9_901 {
		t.Errorf("stats %+v", s)
	}
	// Among traversals the least recent goes.
	e = fold(correlate.Limits{Attackers: 2})
	for i, addr := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"} {
		e.Add(event(float64(i), addr, "a", "ssh", "connect"))
		e.Add(event(float64(i), addr, "b", "ssh", "connect"))
	}
	var left []string
	for _, tr := range e.Traversals(2) {
		left = append(left, tr.Attacker.String())
	}
	if !slices.Equal(left, []string{"192.0.2.1", "192.0.2.3"}) {
		t.Errorf("left: %v", left)
	}
}

func TestW9_MemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("folds many events")
	}
	limits := correlate.Limits{Attackers: 1000}
	e := &correlate.Engine{Limits: limits}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	r := rand.New(rand.NewPCG(1, 2))
	add := func(n int) {
		for i := range n {
			v := r.Uint32()
			e.Add(decnet.Event{
				Time: start.Add(time.Duration(i) * time.Millisecond), Service: "ssh", Type: "connect",
				Decky:    fmt.Sprintf("decky-%02d", v>>16%8),
				Attacker: netip.AddrFrom4([4]byte{10, byte(v >> 24), byte(v >> 8), byte(v)}),
			})
			e.Add(decnet.Event{Time: start.Add(time.Duration(i) * time.Millisecond), Service: "ssh", Type: "connect", Decky: "d", Attacker: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
		}
	}
	before := heap()
	add(30_000)
	warm := heap()
	add(270_000)
	if after := heap(); after > warm+warm/10 || after-before > 4<<20 {
		t.Errorf("heap %d at first, %d after 60,000 events, %d after 600,000", before, warm, after)
	}
	runtime.KeepAlive(e)
}

func TestTrailKeepsALimitedNumberOfDeckies(t *testing.T) {
	t.Parallel()
	var tr correlate.Trail
	for i := range correlate.MaxDeckies + 10 {
		if kept := tr.Add(start.Add(time.Duration(i)), fmt.Sprint(i)); kept != (i < correlate.MaxDeckies) {
			t.Fatalf("decky %d: %t", i, kept)
		}
	}
	if len(tr.Contacts) != correlate.MaxDeckies || tr.Events != correlate.MaxDeckies+10 {
		t.Errorf("%d deckies, %d events", len(tr.Contacts), tr.Events)
	}
	if p := new(correlate.Trail).Path(); p != "" {
		t.Errorf("path of nothing: %q", p)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, attackers := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("attackers=%d", attackers), func(b *testing.B) {
			events := make([]decnet.Event, max(attackers, 1000))
			for i := range events {
				a := i % attackers
				events[i] = decnet.Event{
					Time: start.Add(time.Duration(i) * time.Millisecond), Decky: fmt.Sprintf("decky-%d", i%5), Service: "ssh", Type: "auth_attempt",
					Attacker: netip.AddrFrom4([4]byte{10, byte(a >> 16), byte(a >> 8), byte(a)}),
				}
			}
			e := &correlate.Engine{Limits: correlate.Limits{Attackers: attackers}}
			for range 100 {
				for _, ev := range events[:min(len(events), 2000)] {
					e.Add(ev)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e.Add(events[i])
				if i++; i == len(events) {
					i = 0
				}
			}
		})
	}
}
