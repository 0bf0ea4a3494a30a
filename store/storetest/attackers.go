package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

var (
	netipZero = netip.Addr{}
	tooLong   = strings.Repeat("x", store.MaxSearch+1)
)

// unknownUUID is a well-formed one that no store assigns.
const unknownUUID = "00000000-0000-4000-8000-000000000000"

func profile(addr netip.Addr, lastSeen float64, events int, services, deckies []string) store.Profile {
	return store.Profile{Attacker: decnet.Attacker{
		Addr: addr, FirstSeen: start, LastSeen: start.Add(time.Duration(lastSeen * float64(time.Second))),
		Events: events, Services: services, Deckies: deckies, UpdatedAt: start.Add(time.Hour),
	}}
}

// attackerOf returns the only attacker whose address contains addr.
func attackerOf(t *testing.T, repo store.Repository, addr netip.Addr) decnet.Attacker {
	t.Helper()
	list := must(repo.Attackers(t.Context(), store.AttackerFilter{Search: addr.String()}))(t)
	equal(t, "attackers at "+addr.String(), len(list), 1)
	return list[0]
}

func testFold(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	full := profile(alice, 60.000001, 12, []string{"ftp", "ssh", "\x00\"\xff<"}, []string{"decky-03", "decky-01", "d\xff]\\é"})
	full.Traversal = "decky-03 → decky-01 → d\xff]\\é"
	full.Behavior = &decnet.Behavior{
		OSGuess: "linux", HopDistance: 7, Retransmits: 2, Class: "beaconing", BeaconInterval: 60 * time.Second, BeaconJitterPct: 12.25,
		ToolGuesses: []string{"nmap", "hydra"}, TCP: json.RawMessage(`{"ttl":64}`), Timing: json.RawMessage(`{"cv":null}`),
	}
	full.State = json.RawMessage(`{"opaque":[1,2,3]}`)
	full.Bounties, full.Credentials = 99, 99 // ignored
	full.UUID = unknownUUID                  // ignored
	noError(t, repo.FoldProfiles(ctx, []store.Profile{full}, 0, 10))
	equal(t, "profiled through", must(repo.ProfiledThrough(ctx))(t), 10)

	got := must(repo.Profiles(ctx, []netip.Addr{alice, bob}))(t)
	equal(t, "number of profiles", len(got), 1)
	uuid := got[alice].UUID
	if len(uuid) != 36 || uuid[14] != '4' || uuid == unknownUUID {
		t.Fatalf("UUID %q is not a new one of version 4", uuid)
	}
	want := full
	want.UUID, want.Bounties, want.Credentials = uuid, 0, 0
	equal(t, "state", string(got[alice].State), string(want.State))
	equal(t, "profile", got[alice].Attacker, want.Attacker)
	equal(t, "attacker", must(repo.Attacker(ctx, uuid))(t), want.Attacker)
	equal(t, "attackers", must(repo.Attackers(ctx, store.AttackerFilter{}))(t), []decnet.Attacker{want.Attacker})

	// The next fold replaces the aggregates and keeps the identity.
	next := profile(netip.MustParseAddr("::ffff:203.0.113.7"), 90, 20, []string{"ssh"}, []string{"decky-03"})
	noError(t, repo.FoldProfiles(ctx, []store.Profile{next}, 10, 25))
	after := must(repo.Attacker(ctx, uuid))(t)
	equal(t, "address", after.Addr, alice)
	equal(t, "events", after.Events, 20)
	equal(t, "services", after.Services, []string{"ssh"})
	if after.Behavior != nil || after.Traversal != "" {
		t.Fatalf("behavior %v and traversal %q are left from the fold before", after.Behavior, after.Traversal)
	}
	equal(t, "attackers by the service left", must(repo.CountAttackers(ctx, store.AttackerFilter{Service: "ftp"}))(t), 0)
	noError(t, repo.FoldProfiles(ctx, nil, 25, 25))
	noError(t, repo.FoldProfiles(ctx, nil, 25, 30))
	equal(t, "profiled through", must(repo.ProfiledThrough(ctx))(t), 30)

	_, err := repo.Attacker(ctx, unknownUUID)
	wantError(t, err, decnet.ErrNotFound)
	_, err = repo.Attacker(ctx, "' OR 1=1 --")
	wantError(t, err, decnet.ErrNotFound)
}

func testFoldConflict(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	noError(t, repo.FoldProfiles(ctx, nil, 0, 5))
	p := []store.Profile{profile(alice, 0, 1, nil, nil)}
	wantError(t, repo.FoldProfiles(ctx, p, 0, 5), decnet.ErrConflict)
	wantError(t, repo.FoldProfiles(ctx, p, 4, 9), decnet.ErrConflict)
	wantError(t, repo.FoldProfiles(ctx, p, 6, 9), decnet.ErrConflict)
	wantError(t, repo.FoldProfiles(ctx, p, 5, 4), decnet.ErrInvalid)
	wantError(t, repo.FoldProfiles(ctx, append(p, profile(netipZero, 0, 1, nil, nil)), 5, 9), decnet.ErrInvalid)
	bad := profile(bob, 0, 1, nil, nil)
	bad.Behavior = &decnet.Behavior{TCP: json.RawMessage(`{`)}
	wantError(t, repo.FoldProfiles(ctx, append(p, bad), 5, 9), decnet.ErrInvalid)
	equal(t, "attackers", must(repo.CountAttackers(ctx, store.AttackerFilter{}))(t), 0)
	equal(t, "profiled through", must(repo.ProfiledThrough(ctx))(t), 5)
}

// testFoldRace: of those who fold from the same record exactly one succeeds.
func testFoldRace(t *testing.T, repo store.Repository) {
	const profilers = 8
	var wg sync.WaitGroup
	errs := make(chan error, profilers)
	for i := range profilers {
		wg.Go(func() {
			errs <- repo.FoldProfiles(context.Background(), []store.Profile{profile(alice, 0, i+1, nil, nil)}, 0, int64(i+1))
		})
	}
	wg.Wait()
	close(errs)
	won := 0
	for err := range errs {
		if err == nil {
			won++
		} else {
			wantError(t, err, decnet.ErrConflict)
		}
	}
	equal(t, "folds that succeeded", won, 1)
	equal(t, "the cursor is that of the profile", must(repo.ProfiledThrough(t.Context()))(t), int64(attackerOf(t, repo, alice).Events))
}

func testAttackers(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }
	noError(t, repo.FoldProfiles(ctx, []store.Profile{
		profile(addr(1), 10, 5, []string{"ssh"}, []string{"a"}),
		profile(addr(2), 20, 5, []string{"http", "ssh"}, []string{"a", "b"}),
		profile(addr(3), 20, 9, []string{"ssh2"}, []string{"a", "b", "c"}),
		profile(addr(4), 10, 5, []string{"a\"b"}, nil),
		profile(bob, 5, 1, nil, []string{"a", "b", "c"}),
	}, 0, 1))
	must(repo.Ingest(ctx, store.Batch{Bounties: []decnet.Bounty{
		bounty(0, "credential", addr(2), "a", "ssh", `1`), bounty(0, "credential", addr(2), "a", "ssh", `2`), bounty(1, "credential", addr(2), "a", "ssh", `2`),
		bounty(0, "fingerprint", addr(2), "a", "ssh", `3`), bounty(0, "fingerprint", bob, "a", "ssh", `3`), bounty(0, "credential", netipZero, "a", "ssh", `3`),
	}}))(t)

	a1, a2, a3, a4, b := addr(1).String(), addr(2).String(), addr(3).String(), addr(4).String(), bob.String()
	for _, c := range []struct {
		name string
		f    store.AttackerFilter
		want []string
	}{
		{"default order", store.AttackerFilter{}, []string{a2, a3, a1, a4, b}},
		{"recent", store.AttackerFilter{Sort: store.SortRecent}, []string{a2, a3, a1, a4, b}},
		{"active", store.AttackerFilter{Sort: store.SortActive}, []string{a3, a2, a1, a4, b}},
		{"traversals", store.AttackerFilter{Sort: store.SortTraversals}, []string{a3, b, a2, a1, a4}},
		{"page", store.AttackerFilter{Limit: 2, Offset: 1}, []string{a3, a1}},
		{"service", store.AttackerFilter{Service: "ssh"}, []string{a2, a1}},
		{"service in another order", store.AttackerFilter{Service: "ssh", Sort: store.SortActive}, []string{a2, a1}},
		{"service with a quote", store.AttackerFilter{Service: `a"b`}, []string{a4}},
		{"part of a service", store.AttackerFilter{Service: "ss"}, nil},
		{"part of an address", store.AttackerFilter{Search: "0.0.3"}, []string{a3}},
		{"part of an IPv6 address", store.AttackerFilter{Search: "DB8::"}, []string{b}},
		{"wildcard", store.AttackerFilter{Search: "1_.0"}, nil},
		{"search and service", store.AttackerFilter{Search: "10.", Service: "http"}, []string{a2}},
	} {
		var got []string
		for _, a := range must(repo.Attackers(ctx, c.f))(t) {
			got = append(got, a.Addr.String())
		}
		equal(t, c.name, got, c.want)
		if c.f.Limit == 0 {
			equal(t, c.name+": count", must(repo.CountAttackers(ctx, c.f))(t), len(c.want))
		}
	}
	two := attackerOf(t, repo, addr(2))
	equal(t, "bounties and credentials", [2]int{two.Bounties, two.Credentials}, [2]int{3, 2})
	equal(t, "the same in detail", must(repo.Attacker(ctx, two.UUID))(t).Credentials, 2)
	equal(t, "the same in the profile", must(repo.Profiles(ctx, []netip.Addr{addr(2)}))(t)[addr(2)].Bounties, 3)
	six := attackerOf(t, repo, bob)
	equal(t, "bounties and credentials", [2]int{six.Bounties, six.Credentials}, [2]int{1, 0})
	for _, f := range []store.AttackerFilter{{Limit: -1}, {Offset: -1}, {Sort: "newest"}, {Search: tooLong}} {
		_, err := repo.Attackers(ctx, f)
		wantError(t, err, decnet.ErrInvalid)
	}
	_, err := repo.CountAttackers(ctx, store.AttackerFilter{Search: tooLong})
	wantError(t, err, decnet.ErrInvalid)
}

func testCommands(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	command := func(i int) decnet.Command {
		return decnet.Command{Time: start.Add(time.Duration(i/3) * time.Second), Decky: "decky-01", Service: []string{"ssh", "telnet"}[i%2],
			Text: fmt.Sprintf("echo %d \x00\xff 'é", i)}
	}
	var want []decnet.Command // newest first
	through := int64(0)
	for range 3 {
		p := profile(alice, 1, 1, nil, nil)
		for range 40 {
			c := command(len(want))
			p.Commands = append(p.Commands, c)
			want = append([]decnet.Command{c}, want...)
		}
		other := profile(bob, 1, 1, nil, nil)
		other.Commands = []decnet.Command{{Time: start, Text: "whoami", Service: "ssh"}}
		noError(t, repo.FoldProfiles(ctx, []store.Profile{p, other}, through, through+1))
		through++
	}
	uuid := attackerOf(t, repo, alice).UUID
	check := func(name string, f store.CommandFilter, want []decnet.Command, total int) {
		t.Helper()
		got, n, err := repo.Commands(ctx, uuid, f)
		noError(t, err)
		equal(t, name, got, want)
		equal(t, name+": total", n, total)
	}
	check("default limit", store.CommandFilter{}, want[:50], 120)
	check("all", store.CommandFilter{Limit: 1000}, want, 120)
	check("page", store.CommandFilter{Limit: 10, Offset: 95}, want[95:105], 120)
	check("after the end", store.CommandFilter{Offset: 120}, nil, 120)
	var telnet []decnet.Command
	for _, c := range want {
		if c.Service == "telnet" {
			telnet = append(telnet, c)
		}
	}
	check("service", store.CommandFilter{Service: "telnet", Limit: 1000}, telnet, 60)
	check("page of a service", store.CommandFilter{Service: "telnet", Limit: 5, Offset: 20}, telnet[20:25], 60)
	check("service without commands", store.CommandFilter{Service: "tel"}, nil, 0)

	if a := must(repo.Attacker(ctx, uuid))(t); a.Commands != nil {
		t.Fatalf("Attacker returns %d commands", len(a.Commands))
	}
	_, _, err := repo.Commands(ctx, unknownUUID, store.CommandFilter{})
	wantError(t, err, decnet.ErrNotFound)
	for _, f := range []store.CommandFilter{{Limit: -1}, {Offset: -1}} {
		_, _, err := repo.Commands(ctx, uuid, f)
		wantError(t, err, decnet.ErrInvalid)
	}
}

func testFingerprints(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	ja3 := decnet.Fingerprint{Kind: "ja3", Value: "aa", Raw: "771,4865"}
	hassh := decnet.Fingerprint{Kind: "hassh", Value: "aa"}
	other := decnet.Fingerprint{Kind: "ja3", Value: "bb"}
	fold := func(from int64, addr netip.Addr, f ...decnet.Fingerprint) {
		t.Helper()
		p := profile(addr, 1, 1, nil, nil)
		p.Fingerprints = f
		noError(t, repo.FoldProfiles(ctx, []store.Profile{p}, from, from+1))
	}
	fold(0, alice, ja3, hassh, ja3)
	fold(1, alice, other, hassh)
	fold(2, bob, ja3)
	equal(t, "fingerprints", must(repo.Attacker(ctx, attackerOf(t, repo, alice).UUID))(t).Fingerprints, []decnet.Fingerprint{ja3, hassh, other})
	equal(t, "fingerprints of another", must(repo.Attacker(ctx, attackerOf(t, repo, bob).UUID))(t).Fingerprints, []decnet.Fingerprint{ja3})
}

func testArtifacts(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	var records []store.Record
	for i := range 250 {
		records = append(records, event(float64(i/2), "d", "ssh", "file_captured", alice, decnet.F("sha256", fmt.Sprint(i))), event(float64(i), "d", "ssh", "command", alice))
	}
	ingest(t, repo, append(records, event(999, "d", "ssh", "file_captured", bob))...)
	noError(t, repo.FoldProfiles(ctx, []store.Profile{profile(alice, 1, 1, nil, nil), profile(carol, 1, 1, nil, nil)}, 0, 1))
	got := must(repo.ArtifactRecords(ctx, attackerOf(t, repo, alice).UUID))(t)
	equal(t, "number of artifacts", len(got), 200)
	for i, r := range got {
		equal(t, "artifact", r.Value("sha256"), fmt.Sprint(249-i))
		equal(t, "type", r.Type, "file_captured")
	}
	equal(t, "artifacts of another", len(must(repo.ArtifactRecords(ctx, attackerOf(t, repo, carol).UUID))(t)), 0)
	_, err := repo.ArtifactRecords(ctx, unknownUUID)
	wantError(t, err, decnet.ErrNotFound)
}

// testProfiles: more addresses than one statement may ask for.
func testProfiles(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	var all []store.Profile
	var addrs []netip.Addr
	for i := range 600 {
		a := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		addrs = append(addrs, a)
		if i%3 > 0 {
			p := profile(a, float64(i), i, []string{"ssh"}, nil)
			p.State = json.RawMessage(fmt.Sprint(i))
			all = append(all, p)
		}
	}
	noError(t, repo.FoldProfiles(ctx, all, 0, 1))
	got := must(repo.Profiles(ctx, addrs))(t)
	equal(t, "profiles", len(got), len(all))
	for _, p := range all {
		equal(t, "state", string(got[p.Addr].State), string(p.State))
	}
	mapped := netip.AddrFrom16(addrs[1].As16())
	if p, ok := must(repo.Profiles(ctx, []netip.Addr{mapped}))(t)[mapped]; !ok || p.Addr != addrs[1] {
		t.Fatalf("profile of %v: got %+v", mapped, p)
	}
	if _, err := repo.Profiles(ctx, nil); err != nil && !errors.Is(err, decnet.ErrInvalid) {
		t.Fatal(err)
	}
}
