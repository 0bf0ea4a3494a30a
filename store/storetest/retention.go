package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

func testPurge(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	old := bounty(0, "credential", alice, "d", "ssh", `{"p":"old"}`)
	kept := bounty(1, "credential", alice, "d", "ssh", `{"p":"kept"}`)
	kept.LastSeen = start.Add(100 * time.Second)
	must(repo.Ingest(ctx, store.Batch{
		Records: []store.Record{
			event(0, "d", "ssh", "x", alice), event(99.999999, "d", "ssh", "x", alice), event(100, "d", "ssh", "x", alice),
			event(0, "d", "ssh", "x", bob), event(0, "d", "prober", "x", bob), event(0, "d", "ssh", "x", netipZero),
		},
		Bounties: []decnet.Bounty{old, kept, bounty(0, "fingerprint", bob, "d", "ssh", `1`)},
		Cursor:   store.Cursor{Source: "spool", Generation: "g", Offset: 600},
	}))(t)
	gone := profile(bob, 99.999999, 1, []string{"ssh"}, []string{"d"})
	gone.Commands = []decnet.Command{{Time: start, Text: "id"}}
	gone.Fingerprints = []decnet.Fingerprint{{Kind: "ja3", Value: "x"}}
	stays := profile(alice, 100, 3, []string{"ssh"}, []string{"d"})
	stays.Commands = []decnet.Command{{Time: start, Text: "id"}, {Time: start.Add(100 * time.Second), Text: "w"}}
	stays.Fingerprints = gone.Fingerprints
	noError(t, repo.FoldProfiles(ctx, []store.Profile{gone, stays}, 0, 6))
	goneUUID := attackerOf(t, repo, bob).UUID
	user := must(repo.CreateUser(ctx, store.User{Username: "amy"}))(t)
	noError(t, repo.SetState(ctx, store.FleetKey, []byte(`{}`)))

	equal(t, "purged", must(repo.Purge(ctx, start.Add(100*time.Second)))(t), store.Purged{Records: 5, Bounties: 2, Attackers: 1})
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: 1, Attackers: 1, Bounties: 1})
	left := must(repo.Records(ctx, store.Filter{}))(t)
	equal(t, "records left", len(left), 1)
	equal(t, "time of the record left", left[0].Time, start.Add(100*time.Second))
	equal(t, "bounties left", string(must(repo.Bounties(ctx, store.BountyFilter{}))(t)[0].Payload), `{"p":"kept"}`)
	a := attackerOf(t, repo, alice)
	equal(t, "figures of the attacker left", [2]int{a.Bounties, a.Credentials}, [2]int{1, 1})
	_, total, err := repo.Commands(ctx, a.UUID, store.CommandFilter{})
	noError(t, err)
	equal(t, "commands left", total, 1)
	equal(t, "fingerprints left", len(must(repo.Attacker(ctx, a.UUID))(t).Fingerprints), 1)
	_, err = repo.Attacker(ctx, goneUUID)
	wantError(t, err, decnet.ErrNotFound)
	equal(t, "attackers by service", must(repo.CountAttackers(ctx, store.AttackerFilter{Service: "ssh"}))(t), 1)

	equal(t, "cursor", must(repo.Cursor(ctx, "spool"))(t), store.Cursor{Source: "spool", Generation: "g", Offset: 600})
	equal(t, "profiled through", must(repo.ProfiledThrough(ctx))(t), 6)
	equal(t, "user", must(repo.User(ctx, user.UUID))(t).Username, "amy")
	equal(t, "state", string(must(repo.State(ctx, store.FleetKey))(t)), `{}`)

	// Who comes back is a new attacker, and a repeated bounty a new one.
	must(repo.Ingest(ctx, store.Batch{Records: []store.Record{event(200, "d", "ssh", "x", bob)}, Bounties: []decnet.Bounty{old}}))(t)
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: 2, Attackers: 2, Bounties: 2})
	noError(t, repo.FoldProfiles(ctx, []store.Profile{profile(bob, 200, 1, nil, nil)}, 6, 7))
	back := must(repo.Attacker(ctx, attackerOf(t, repo, bob).UUID))(t)
	if back.UUID == goneUUID || len(back.Fingerprints) > 0 {
		t.Fatalf("the attacker who came back is %+v", back)
	}
}

func testPurgeEverything(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	for i := range 3 {
		records := make([]store.Record, 300)
		for j := range records {
			records[j] = event(float64(j), "d", "ssh", "x", netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j)}))
		}
		must(repo.Ingest(ctx, store.Batch{Records: records, Rejected: []store.Rejected{{Source: "spool", Reason: "x"}}}))(t)
	}
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: 900, Attackers: 768})
	equal(t, "purged", must(repo.Purge(ctx, distantFuture))(t), store.Purged{Records: 900})
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{})
	equal(t, "rejected", len(must(repo.Rejected(ctx, 0))(t)), 0)
	equal(t, "maximum ID", must(repo.MaxRecordID(ctx))(t), 900)
	equal(t, "ID of the next record", ingest(t, repo, event(0, "d", "ssh", "x", alice))[0].ID, 901)
}

// host is the n-th of many addresses.
func host(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// testPurgeMany: what takes many steps leaves no more behind than what takes one, and the
// figures that are kept agree with what is left.
func testPurgeMany(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	const hosts, each = 700, 3 // of each host, two records and two bounties of three are old
	at := func(i int) float64 { return float64(i / hosts * 100) }
	var b store.Batch
	for i := range hosts * each {
		b.Records = append(b.Records, event(at(i), "d", "ssh", "x", host(i%hosts)))
		b.Bounties = append(b.Bounties, bounty(at(i), []string{"credential", "fingerprint"}[i/hosts%2], host(i%hosts), "d", "ssh", fmt.Sprint(i)))
		b.Rejected = append(b.Rejected, store.Rejected{Source: "spool", Reason: "x"})
	}
	must(repo.Ingest(ctx, b))(t)
	one := profile(alice, 0, 1, []string{"ssh"}, nil) // with more than one step deletes
	for i := range 1200 {
		one.Commands = append(one.Commands, decnet.Command{Time: start.Add(time.Duration(i) * time.Second), Text: fmt.Sprint(i)})
		one.Fingerprints = append(one.Fingerprints, decnet.Fingerprint{Kind: "ja3", Value: fmt.Sprint(i)})
	}
	profiles := []store.Profile{one}
	for i := range hosts {
		profiles = append(profiles, profile(host(i), 100*float64(i%2), 1, []string{"ftp"}, nil))
	}
	noError(t, repo.FoldProfiles(ctx, profiles, 0, 1))

	got := must(repo.Purge(ctx, start.Add(100*time.Second)))(t)
	equal(t, "purged", got, store.Purged{Records: hosts, Bounties: hosts, Attackers: 1 + hosts/2})
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: 2 * hosts, Attackers: hosts, Bounties: 2 * hosts})
	equal(t, "records", must(repo.CountRecords(ctx, store.Filter{Search: "service:ssh"}))(t), 2*hosts)
	equal(t, "bounties", must(repo.CountBounties(ctx, store.BountyFilter{Search: "d"}))(t), 2*hosts)
	equal(t, "attackers", must(repo.CountAttackers(ctx, store.AttackerFilter{Service: "ftp"}))(t), hosts/2)
	equal(t, "attackers of the service of the one", must(repo.CountAttackers(ctx, store.AttackerFilter{Service: "ssh"}))(t), 0)
	a := must(repo.Profiles(ctx, []netip.Addr{host(1)}))(t)[host(1)]
	equal(t, "figures of an attacker", [2]int{a.Bounties, a.Credentials}, [2]int{2, 1})

	equal(t, "purged", must(repo.Purge(ctx, start.Add(200*time.Second)))(t), store.Purged{Records: hosts, Bounties: hosts, Attackers: hosts / 2})
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: hosts, Attackers: hosts, Bounties: hosts})
	equal(t, "nothing is left to do", must(repo.Purge(ctx, start.Add(200*time.Second)))(t), store.Purged{})
	equal(t, "purged", must(repo.Purge(ctx, distantFuture))(t), store.Purged{Records: hosts, Bounties: hosts})
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{})
	equal(t, "rejected", len(must(repo.Rejected(ctx, 0))(t)), 0)
}

func testPurgeOldest(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	_, err := repo.PurgeOldest(ctx, -1)
	wantError(t, err, decnet.ErrInvalid)
	const size = 1500
	var b store.Batch
	var profiles []store.Profile
	for i := range size {
		second := float64((i + 7) % size) // not in the order of time
		b.Records = append(b.Records, event(second, "d", "ssh", "x", host(i)))
		b.Bounties = append(b.Bounties, bounty(second, "credential", host(i), "d", "ssh", fmt.Sprint(i)))
		profiles = append(profiles, profile(host(i), second, 1, []string{"ssh"}, nil))
	}
	must(repo.Ingest(ctx, b))(t)
	noError(t, repo.FoldProfiles(ctx, profiles, 0, size))
	left := func(n int) {
		t.Helper()
		records := must(repo.Records(ctx, store.Filter{Limit: 2 * size}))(t)
		equal(t, "records left", len(records), n)
		if n > 0 {
			equal(t, "the oldest left", records[n-1].Time, start.Add(time.Duration(size-n)*time.Second))
		}
	}
	equal(t, "none", must(repo.PurgeOldest(ctx, 0))(t), store.Purged{})
	left(size)
	// What was last seen at the time of the last one that goes stays, for it may be of others.
	equal(t, "two", must(repo.PurgeOldest(ctx, 2))(t), store.Purged{Records: 2, Bounties: 1, Attackers: 1})
	left(size - 2)
	equal(t, "1200", must(repo.PurgeOldest(ctx, 1200))(t), store.Purged{Records: 1200, Bounties: 1200, Attackers: 1200})
	left(size - 1202)
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: 298, Attackers: 298, Bounties: 299})
	equal(t, "more than there are", must(repo.PurgeOldest(ctx, 2*size))(t), store.Purged{Records: 298, Bounties: 298, Attackers: 298})
	left(0)
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Bounties: 1})
}

// testPurgeBesideIngest: ingest goes on while much is purged, a purge that is cancelled
// leaves figures that agree, and another one completes it.
func testPurgeBesideIngest(t *testing.T, repo store.Repository) {
	const old = 6000
	for range 3 {
		records := make([]store.Record, old/3)
		for i := range records {
			records[i] = event(0, "d", "old", "x", host(i))
		}
		ingest(t, repo, records...)
	}
	leftOf := func() int { return must(repo.CountRecords(t.Context(), store.Filter{Search: "service:old"}))(t) }

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var purging sync.WaitGroup
	var purged store.Purged
	var err error
	purging.Go(func() { purged, err = repo.Purge(ctx, start.Add(time.Second)) })
	written, left := 0, old
	for left == old { // until a batch was written in the middle of the purge
		ingest(t, repo, event(10, "d", "new", "x", alice), event(10, "d", "new", "x", alice))
		written += 2
		left = leftOf()
	}
	if left == 0 {
		t.Errorf("the purge was not in steps: after %d records were written it had deleted everything", written)
	}
	cancel()
	purging.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	equal(t, "what the cancelled purge counts", purged.Records, old-leftOf())
	equal(t, "records in total", must(repo.Totals(t.Context()))(t).Records, leftOf()+written)
	rest := must(repo.Purge(t.Context(), start.Add(time.Second)))(t)
	equal(t, "both", purged.Records+rest.Records, old)
	equal(t, "totals", must(repo.Totals(t.Context()))(t), store.Totals{Records: written, Attackers: 1})
}

// testPurgeOutrunsIngest: however fast records arrive, a purge deletes more of them meanwhile,
// so that a store that is kept at a size does not outgrow it.
func testPurgeOutrunsIngest(t *testing.T, repo store.Repository) {
	const old, size = 8000, 250
	batch := func(second float64) store.Batch {
		var b store.Batch
		for i := range size {
			b.Records = append(b.Records, event(second, "d", "ssh", "x", host(i)))
		}
		return b
	}
	for range old / size {
		must(repo.Ingest(t.Context(), batch(0)))(t)
	}
	var purged store.Purged
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		purged, err = repo.Purge(t.Context(), start.Add(time.Second))
	}()
	arrived := 0
	for fresh, going := batch(10), true; going; arrived += size {
		must(repo.Ingest(t.Context(), fresh))(t)
		select {
		case <-done:
			going = false
		default:
		}
	}
	noError(t, err)
	equal(t, "purged", purged.Records, old)
	t.Logf("%d records arrived while %d were deleted", arrived, old)
	if arrived > old {
		t.Errorf("%d records arrived while %d were deleted", arrived, old)
	}
}

// testSize: what is written takes room. That the room comes back is for the test of a store,
// because a database may take its time.
func testSize(t *testing.T, repo store.Repository) {
	empty := must(repo.Size(t.Context()))(t)
	for range 10 {
		records := make([]store.Record, 200)
		for i := range records {
			records[i] = event(float64(i), "d", "ssh", "x", alice)
			records[i].Raw = tooLong[:1024]
		}
		ingest(t, repo, records...)
	}
	if size := must(repo.Size(t.Context()))(t); size < empty+(1<<21) {
		t.Errorf("2 MiB of lines take %d bytes", size-empty)
	}
}
