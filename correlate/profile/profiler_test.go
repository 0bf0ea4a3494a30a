package profile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate"
	"github.com/decnet/decnet/correlate/profile"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	begin = time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	exact = cmpopts.EquateComparable(netip.Addr{})
)

func open(t testing.TB) store.Repository {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Memory, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func event(second float64, attacker, decky, service, kind string, pairs ...string) decnet.Event {
	e := decnet.Event{
		Time: begin.Add(time.Duration(second * float64(time.Second))), Decky: decky, Service: service, Type: kind,
		Severity: decnet.SeverityInfo,
	}
	if attacker != "" {
		e.Attacker = netip.MustParseAddr(attacker)
	}
	for i := 0; i < len(pairs); i += 2 {
		e.Fields = append(e.Fields, decnet.F(pairs[i], pairs[i+1]))
	}
	return e
}

func ingest(t testing.TB, db store.Records, events ...decnet.Event) {
	t.Helper()
	var b store.Batch
	for _, e := range events {
		b.Records = append(b.Records, store.Record{Event: e, Raw: "raw"})
	}
	if _, err := db.Ingest(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

func catchUp(t testing.TB, s profile.Store, opt profile.Options) int {
	t.Helper()
	n, err := profile.New(s, opt).CatchUp(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// result is all that can be read of an attacker, without what is new for each store.
type result struct {
	decnet.Attacker
	Commands []decnet.Command
}

func attackers(t testing.TB, db store.Repository) map[string]result {
	t.Helper()
	list, err := db.Attackers(context.Background(), store.AttackerFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]result)
	for _, a := range list {
		whole, err := db.Attacker(context.Background(), a.UUID)
		if err != nil {
			t.Fatal(err)
		}
		commands, _, err := db.Commands(context.Background(), a.UUID, store.CommandFilter{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		whole.UUID, whole.UpdatedAt = "", time.Time{}
		all[a.Addr.String()] = result{whole, commands}
	}
	return all
}

func TestProfileOfOneAttacker(t *testing.T) {
	t.Parallel()
	db := open(t)
	const a = "192.0.2.7"
	ingest(t, db,
		event(-1, a, "web", "sniffer", "tcp_syn_fingerprint", "os_guess", "nmap", "ttl", "57", "hop_distance", "7", "window", "1024", "mss", "1460", "wscale", "", "options_sig", "M", "has_sack", "false", "has_timestamps", "false"),
		event(0, a, "web", "http", "connect", "src_ip", a),
		event(0.5, a, "web", "http", "request", "headers", `{"User-Agent":"sqlmap/1.8"}`, "user_agent", "sqlmap/1.8", "content_length", "1048576"),
		event(1, a, "db", "ssh", "session", "client_banner", "SSH-2.0-libssh_0.9.6", "hassh", "0123abcd", "hassh_raw", "kex;enc;mac;comp"),
		event(2, a, "db", "ssh", "auth_attempt", "username", "root", "password", "x"),
		event(4, a, "db", "ssh", "command", "command", "id; uname -a"),
		event(5, a, "db", "ssh", "file_captured", "size", "12"),
		event(6, a, "decnet-prober", "prober", "jarm_fingerprint", "target_ip", a, "jarm_hash", "29d29d"),
		event(7, a, "db", "sniffer", "tcp_flow_timing", "retransmits", "3"),
		event(8, "", "db", "ssh", "startup"),
	)
	now := begin.Add(time.Hour)
	if n := catchUp(t, db, profile.Options{Now: func() time.Time { return now }}); n != 10 {
		t.Errorf("folded %d records", n)
	}
	list, err := db.Attackers(t.Context(), store.AttackerFilter{})
	if err != nil || len(list) != 1 || !list[0].UpdatedAt.Equal(now) {
		t.Fatalf("attackers %+v, %v", list, err)
	}
	got := attackers(t, db)[a]
	want := result{decnet.Attacker{
		Addr: netip.MustParseAddr(a), FirstSeen: begin, LastSeen: begin.Add(5 * time.Second),
		Events: 6, Services: []string{"http", "ssh"}, Deckies: []string{"web", "db"}, Traversal: "web → db",
		Fingerprints: []decnet.Fingerprint{
			{Kind: "user_agent", Value: "sqlmap/1.8"}, {Kind: "client_banner", Value: "SSH-2.0-libssh_0.9.6"},
			{Kind: "hassh", Value: "0123abcd", Raw: "kex;enc;mac;comp"}, {Kind: "jarm", Value: "29d29d"},
		},
		Behavior: &decnet.Behavior{
			OSGuess: "nmap", HopDistance: 7, Retransmits: 3, Class: "scanning", ToolGuesses: []string{"nmap", "sqlmap"},
			TCP:    json.RawMessage(`{"window":1024,"wscale":null,"mss":1460,"options_sig":"M","has_sack":false,"has_timestamps":false}`),
			Timing: json.RawMessage(`{"event_count":6,"duration_s":5,"mean_iat_s":1,"median_iat_s":1,"stdev_iat_s":0.548,"min_iat_s":0.5,"max_iat_s":2,"cv":0.5477}`),
			Phases: json.RawMessage(`{"recon_end_ts":"2026-04-01T08:00:02Z","exfil_start_ts":"2026-04-01T08:00:04Z","exfil_latency_s":2,"large_payload_count":1}`),
		},
	}, []decnet.Command{{Time: begin.Add(4 * time.Second), Decky: "db", Service: "ssh", Text: "id; uname -a"}}}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Error(diff)
	}
}

func TestBeaconing(t *testing.T) {
	t.Parallel()
	db := open(t)
	var at float64
	for i := range 20 {
		ingest(t, db, event(at, "192.0.2.7", "web", "https", "request"))
		at += []float64{48, 72}[i%2]
	}
	catchUp(t, db, profile.Options{})
	b := attackers(t, db)["192.0.2.7"].Behavior
	if b.Class != "beaconing" || b.BeaconInterval.Round(time.Second) != 59*time.Second || b.BeaconJitterPct < 19 || b.BeaconJitterPct > 21 ||
		!slices.Equal(b.ToolGuesses, []string{"cobalt_strike"}) {
		t.Errorf("%+v", b)
	}
}

func TestW10_InstrumentsMakeNoAttackers(t *testing.T) {
	t.Parallel()
	db := open(t)
	ingest(t, db,
		event(0, "192.0.2.7", "web", "sniffer", "tcp_syn_fingerprint", "os_guess", "linux"),
		event(1, "192.0.2.7", "decnet-prober", "prober", "jarm_fingerprint", "jarm_hash", "x"),
		event(2, "192.0.2.8", "web", "ssh", "connect"),
		event(3, "192.0.2.8", "decnet-prober", "prober", "hassh_fingerprint", "hassh_server_hash", "y"),
		event(4, "192.0.2.8", "decnet-correlator", "correlator", "traversal_detected"),
	)
	catchUp(t, db, profile.Options{})
	got := attackers(t, db)
	if len(got) != 1 {
		t.Fatalf("attackers %+v", got)
	}
	if a := got["192.0.2.8"]; a.Events != 1 || a.Traversal != "" || !slices.Equal(a.Deckies, []string{"web"}) || !slices.Equal(a.Services, []string{"ssh"}) || len(a.Fingerprints) != 1 {
		t.Errorf("%+v", a)
	}
}

func TestW16_IPv6AttackersHaveProfiles(t *testing.T) {
	t.Parallel()
	db := open(t)
	ingest(t, db,
		event(0, "2001:db8::7", "web", "sniffer", "tcp_syn_fingerprint", "os_guess", "linux"),
		event(1, "2001:db8::7", "web", "ssh", "connect"),
		event(2, "::ffff:192.0.2.7", "web", "ssh", "connect"),
		event(3, "192.0.2.7", "web", "ssh", "connect"),
	)
	catchUp(t, db, profile.Options{Batch: 1})
	got := attackers(t, db)
	if len(got) != 2 || got["2001:db8::7"].Behavior.OSGuess != "linux" || got["192.0.2.7"].Events != 2 {
		t.Errorf("%+v", got)
	}
}

func TestW43_TheVocabularyOfServicesMakesPhasesAndCommands(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"connect", "auth_attempt", "request", "session"} {
		db := open(t)
		ingest(t, db, event(0, "192.0.2.7", "a", "x", kind))
		catchUp(t, db, profile.Options{})
		var p profile.Phases
		if err := json.Unmarshal(attackers(t, db)["192.0.2.7"].Behavior.Phases, &p); err != nil || p.ReconEnd == nil || p.ExfilStart != nil {
			t.Errorf("%s: %+v, %v", kind, p, err)
		}
	}
	for _, kind := range []string{"command", "file_captured", "download_attempt", "forward_request"} {
		db := open(t)
		ingest(t, db, event(0, "192.0.2.7", "a", "x", kind, "command", "id"))
		catchUp(t, db, profile.Options{})
		a := attackers(t, db)["192.0.2.7"]
		var p profile.Phases
		if err := json.Unmarshal(a.Behavior.Phases, &p); err != nil || p.ExfilStart == nil || p.ReconEnd != nil {
			t.Errorf("%s: %+v, %v", kind, p, err)
		}
		if (len(a.Commands) == 1) != (kind == "command") {
			t.Errorf("%s: commands %v", kind, a.Commands)
		}
	}
	db := open(t)
	ingest(t, db, event(0, "192.0.2.7", "a", "x", "query", "sql", "SELECT 1"), event(1, "192.0.2.7", "a", "x", "command", "reply", "no text"))
	catchUp(t, db, profile.Options{})
	if c := attackers(t, db)["192.0.2.7"].Commands; len(c) != 1 || c[0].Text != "SELECT 1" {
		t.Errorf("commands %v", c)
	}
}

// genEvents draws events of few attackers and instruments, slightly out of order.
func genEvents(rt *rapid.T) []decnet.Event {
	events := make([]decnet.Event, rapid.IntRange(1, 60).Draw(rt, "events"))
	now := 0.0
	for i := range events {
		now += float64(rapid.IntRange(0, 40).Draw(rt, "gap")) / 8
		e := event(
			now-float64(rapid.IntRange(0, 8).Draw(rt, "late"))/8,
			rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "2001:db8::3", ""}).Draw(rt, "attacker"),
			fmt.Sprintf("decky-%d", rapid.IntRange(1, 4).Draw(rt, "decky")),
			rapid.SampledFrom([]string{"ssh", "http", "redis", "sniffer", "prober"}).Draw(rt, "service"),
			rapid.SampledFrom([]string{"connect", "auth_attempt", "command", "request", "disconnect"}).Draw(rt, "type"))
		switch {
		case e.Service == "sniffer":
			e.Type = rapid.SampledFrom([]string{"tcp_syn_fingerprint", "tcp_flow_timing"}).Draw(rt, "sniffed")
			e.Fields = []decnet.Field{
				decnet.F("os_guess", rapid.SampledFrom([]string{"linux", "windows", "unknown"}).Draw(rt, "os")),
				decnet.F("hop_distance", fmt.Sprint(rapid.IntRange(0, 9).Draw(rt, "hops"))), decnet.F("retransmits", "1"),
			}
		case e.Service == "prober":
			e.Type = "hassh_fingerprint"
		case e.Type == "command":
			e.Fields = []decnet.Field{decnet.F("command", fmt.Sprint("echo ", i))}
		case e.Type == "request":
			e.Fields = []decnet.Field{decnet.F("user_agent", rapid.SampledFrom([]string{"curl/8", "Nikto", "x"}).Draw(rt, "ua"))}
		}
		events[i] = e
	}
	return events
}

// naive computes what is exact in a profile from all events at once.
func naive(events []decnet.Event) map[string]result {
	by := map[netip.Addr][]decnet.Event{}
	for _, e := range events {
		if e.Attacker.IsValid() && !e.FromSensor() {
			by[e.Attacker] = append(by[e.Attacker], e)
		}
	}
	all := map[string]result{}
	for addr, evs := range by {
		r := result{Attacker: decnet.Attacker{Addr: addr, Events: len(evs)}}
		for _, e := range evs {
			if text := e.Value("command"); text != "" {
				r.Commands = append(r.Commands, decnet.Command{Time: e.Time, Decky: e.Decky, Service: e.Service, Text: text})
			}
			if ua := e.Value("user_agent"); ua != "" && !slices.Contains(r.Fingerprints, decnet.Fingerprint{Kind: "user_agent", Value: ua}) {
				r.Fingerprints = append(r.Fingerprints, decnet.Fingerprint{Kind: "user_agent", Value: ua})
			}
			if !slices.Contains(r.Services, e.Service) {
				r.Services = append(r.Services, e.Service)
			}
		}
		slices.Sort(r.Services)
		slices.SortFunc(evs, func(a, b decnet.Event) int {
			if c := a.Time.Compare(b.Time); c != 0 {
				return c
			}
			return strings.Compare(a.Decky, b.Decky)
		})
		r.FirstSeen, r.LastSeen = evs[0].Time, evs[len(evs)-1].Time
		for _, e := range evs {
			if !slices.Contains(r.Deckies, e.Decky) {
				r.Deckies = append(r.Deckies, e.Decky)
			}
		}
		if len(r.Deckies) > 1 {
			r.Traversal = correlate.Path(r.Deckies)
		}
		// The store returns commands newest first.
		slices.Reverse(r.Commands)
		slices.SortStableFunc(r.Commands, func(a, b decnet.Command) int { return b.Time.Compare(a.Time) })
		all[addr.String()] = r
	}
	return all
}

func TestW8_ProfilesDependOnTheRecordsAndNotOnBatchesOrRestarts(t *testing.T) {
	t.Parallel()
	whole, parts := open(t), open(t)
	rapid.Check(t, func(rt *rapid.T) {
		for _, db := range []store.Repository{whole, parts} {
			if _, err := db.Purge(context.Background(), begin.AddDate(1, 0, 0)); err != nil {
				rt.Fatal(err)
			}
		}
		events := genEvents(rt)
		ingest(t, whole, events...)
		catchUp(t, whole, profile.Options{Batch: 1000})

		// The same records, ingested and folded in pieces, each by a new profiler.
		for left := events; len(left) > 0; {
			n := rapid.IntRange(1, len(left)).Draw(rt, "piece")
			ingest(t, parts, left[:n]...)
			left = left[n:]
			catchUp(t, parts, profile.Options{Batch: rapid.SampledFrom([]int{1, 4, 50}).Draw(rt, "batch")})
		}
		one, many := attackers(t, whole), attackers(t, parts)
		if diff := cmp.Diff(one, many, exact); diff != "" {
			rt.Fatal(diff)
		}
		for addr, r := range one {
			r.Behavior = nil
			one[addr] = r
		}
		if diff := cmp.Diff(naive(events), one, exact, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// faulty fails now and then, before or after the store has done its work.
type faulty struct {
	store.Repository
	r *rand.Rand
}

var errFault = errors.New("fault")

func (f *faulty) FoldProfiles(ctx context.Context, profiles []store.Profile, from, through int64) error {
	switch f.r.IntN(3) {
	case 0:
		return errFault
	case 1:
		if err := f.Repository.FoldProfiles(ctx, profiles, from, through); err != nil {
			return err
		}
		return errFault // as if the process died after the commit
	}
	return f.Repository.FoldProfiles(ctx, profiles, from, through)
}

func TestW8_EveryRecordIsFoldedOnceWhateverFails(t *testing.T) {
	t.Parallel()
	db := open(t)
	bad := &faulty{db, rand.New(rand.NewPCG(1, 2))}
	for i := range 400 {
		ingest(t, db, event(float64(i), fmt.Sprintf("192.0.2.%d", i%4), "web", "ssh", "command", "command", fmt.Sprint(i)))
	}
	failures := 0
	for {
		_, err := profile.New(bad, profile.Options{Batch: 7}).CatchUp(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, errFault) {
			t.Fatal(err)
		}
		failures++
	}
	if failures < 10 {
		t.Fatalf("only %d failures", failures)
	}
	for addr, a := range attackers(t, db) {
		texts := map[string]bool{}
		for _, c := range a.Commands {
			texts[c.Text] = true
		}
		if a.Events != 100 || len(a.Commands) != 100 || len(texts) != 100 {
			t.Errorf("%s: %d events, %d commands, %d of them different", addr, a.Events, len(a.Commands), len(texts))
		}
	}
}

// watched tells how far records have been folded.
type watched struct {
	store.Repository
	through chan int64
}

func (w *watched) FoldProfiles(ctx context.Context, profiles []store.Profile, from, through int64) error {
	err := w.Repository.FoldProfiles(ctx, profiles, from, through)
	if err == nil {
		w.through <- through
	}
	return err
}

func TestTwoProfilersFoldEachRecordOnce(t *testing.T) {
	t.Parallel()
	const records = 300
	db := &watched{open(t), make(chan int64, records)}
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	var profilers []*profile.Profiler
	for range 2 {
		p := profile.New(db, profile.Options{Batch: 5, Interval: time.Hour})
		profilers = append(profilers, p)
		workers.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range records {
		ingest(t, db, event(float64(i), "192.0.2.7", "web", "ssh", "connect"))
		for _, p := range profilers {
			p.Wake()
		}
	}
	for <-db.through != records {
	}
	cancel()
	workers.Wait()
	if a := attackers(t, db)["192.0.2.7"]; a.Events != records {
		t.Errorf("%d events", a.Events)
	}
	for _, p := range profilers {
		if err := p.Err(); err != nil {
			t.Error(err)
		}
	}
}

// broken is a store that cannot be read until it is mended. It tells of each attempt
// before it answers.
type broken struct {
	store.Repository
	attempts chan struct{}
	mended   atomic.Bool
}

func (b *broken) ProfiledThrough(ctx context.Context) (int64, error) {
	select {
	case b.attempts <- struct{}{}:
	case <-ctx.Done():
	}
	if !b.mended.Load() {
		return 0, errFault
	}
	return b.Repository.ProfiledThrough(ctx)
}

func TestRunOutlivesFailuresOfTheStore(t *testing.T) {
	t.Parallel()
	db := open(t)
	ingest(t, db, event(0, "192.0.2.7", "web", "ssh", "connect"))
	b := &broken{Repository: db, attempts: make(chan struct{})}
	p := profile.New(b, profile.Options{Interval: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	<-b.attempts
	<-b.attempts // the first has failed
	if err := p.Err(); !errors.Is(err, errFault) {
		t.Errorf("Err after a failure: %v", err)
	}
	b.mended.Store(true)
	<-b.attempts
	<-b.attempts // the third has succeeded
	if err := p.Err(); err != nil {
		t.Errorf("Err after a success: %v", err)
	}
	if n, err := db.ProfiledThrough(t.Context()); err != nil || n != 1 {
		t.Errorf("folded through %d, %v", n, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAForeignStateKeepsTheTotals(t *testing.T) {
	t.Parallel()
	db := open(t)
	ingest(t, db, event(0, "192.0.2.7", "a", "http", "connect"), event(60, "192.0.2.7", "b", "ssh", "connect"))
	catchUp(t, db, profile.Options{})
	profiles, err := db.Profiles(t.Context(), []netip.Addr{netip.MustParseAddr("192.0.2.7")})
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{`{"v":99}`, `[]`, ``} {
		p := slices.Collect(maps.Values(profiles))[0]
		p.State = json.RawMessage(state)
		through, err := db.ProfiledThrough(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.FoldProfiles(t.Context(), []store.Profile{p}, through, through); err != nil {
			t.Fatal(err)
		}
		ingest(t, db, event(90, "192.0.2.7", "c", "ftp", "connect"))
		catchUp(t, db, profile.Options{})
		a := attackers(t, db)["192.0.2.7"]
		if a.Events != 3 || a.Traversal != "a → b → c" || !a.FirstSeen.Equal(begin) || !slices.Equal(a.Services, []string{"ftp", "http", "ssh"}) {
			t.Errorf("%q: %+v", state, a)
		}
	}
}

func TestW9_StateDoesNotGrowWithHistory(t *testing.T) {
	t.Parallel()
	db := open(t)
	addr := netip.MustParseAddr("192.0.2.7")
	size := func(n int) int {
		var batch []decnet.Event
		for i := range n {
			batch = append(batch, event(float64(i)/10, addr.String(), fmt.Sprint("decky-", i%10), "ssh", "command", "command", "id"))
		}
		ingest(t, db, batch...)
		catchUp(t, db, profile.Options{})
		profiles, err := db.Profiles(t.Context(), []netip.Addr{addr})
		if err != nil {
			t.Fatal(err)
		}
		return len(profiles[addr].State)
	}
	first := size(1000)
	if later := size(2_000); later > first+100 || later > 8<<10 {
		t.Errorf("state of %d bytes after 1,000 events, %d after 3,000", first, later)
	}
}

func BenchmarkCatchUp(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprintf("attackers=%d", n), func(b *testing.B) {
			db := open(b)
			const records = 5000
			batch := make([]decnet.Event, records)
			for i := range batch {
				batch[i] = event(float64(i)/100, fmt.Sprintf("10.0.%d.%d", i%n/250, i%n%250), fmt.Sprint("decky-", i%5), "ssh", "auth_attempt", "src_ip", "10.0.0.1", "src_port", "4711", "username", "root", "password", "hunter2", "outcome", "failure")
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				ingest(b, db, batch...)
				b.StartTimer()
				if got := catchUp(b, db, profile.Options{}); got != records {
					b.Fatal(got)
				}
			}
			b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
