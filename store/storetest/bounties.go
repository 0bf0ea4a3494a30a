package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// testBountyRepeat: one bounty for each type, attacker, decky, service and payload; repeats
// move its times and add to its count.
func testBountyRepeat(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	const payload = `{"username":"root","password":"\u0000x","n":[1,2.0]}`
	write := func(b ...decnet.Bounty) {
		t.Helper()
		must(repo.Ingest(ctx, store.Batch{Bounties: b}))(t)
	}
	write(bounty(10, "credential", alice, "decky-01", "ssh", payload))
	write(
		bounty(20, "credential", alice, "decky-01", "ssh", ` { "n" : [ 1 , 2.0 ], "password":"\u0000x" ,"username":"root" } `),
		bounty(5, "credential", alice, "decky-01", "ssh", payload))
	again := bounty(15, "credential", alice, "decky-01", "ssh", payload)
	again.LastSeen, again.Count = start.Add(30*time.Second), 4
	write(again)

	others := []decnet.Bounty{
		bounty(11, "fingerprint", alice, "decky-01", "ssh", payload),
		bounty(12, "credential", bob, "decky-01", "ssh", payload),
		bounty(13, "credential", alice, "decky-02", "ssh", payload),
		bounty(14, "credential", alice, "decky-01", "ftp", payload),
		bounty(15, "credential", alice, "decky-01", "ssh", `{"username":"root","password":"\u0000x","n":[2.0,1]}`),
		bounty(16, "credential", alice, "decky-01", "ssh", `{"username":"root","password":"\u0000y","n":[1,2.0]}`),
		bounty(17, "credential", alice, "decky-01s", "sh", payload),
	}
	write(others...)
	got := must(repo.Bounties(ctx, store.BountyFilter{}))(t)
	equal(t, "number of bounties", len(got), 1+len(others))
	equal(t, "count", must(repo.CountBounties(ctx, store.BountyFilter{}))(t), 1+len(others))
	first := got[0]
	if first.ID == 0 {
		t.Fatal("the bounty has no ID")
	}
	want := bounty(5, "credential", alice, "decky-01", "ssh", payload)
	want.ID, want.LastSeen, want.Count = first.ID, start.Add(30*time.Second), 7
	equal(t, "repeated bounty", first, want)
	for i, b := range got[1:] {
		want := others[len(others)-1-i]
		want.ID, want.LastSeen, want.Count = b.ID, want.Time, 1
		equal(t, "other bounty", b, want)
	}
}

func testBountyFilter(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	var batch []decnet.Bounty
	for i := range 60 {
		batch = append(batch, bounty(float64(i/20), "credential", alice, "decky-01", "ssh", `{"n":`+string(rune('1'+i%9))+`,"i":"`+time.Duration(i).String()+`"}`))
	}
	batch = append(batch,
		bounty(100, "fingerprint", bob, "decky_02", "http", `{"ua":"100% curl"}`),
		bounty(101, "artifact", netipZero, "decky-03", "ftp", `{"sha256":"ABCdef"}`),
		bounty(102, "note", netipZero, "\x00Zürich", "\xff", `1`))
	must(repo.Ingest(ctx, store.Batch{Bounties: batch}))(t)

	for _, c := range []struct {
		name string
		f    store.BountyFilter
		want int
	}{
		{"all", store.BountyFilter{}, 63},
		{"type", store.BountyFilter{Type: "credential"}, 60},
		{"part of a type", store.BountyFilter{Type: "cred"}, 0},
		{"attacker", store.BountyFilter{Attacker: bob}, 1},
		{"type and attacker", store.BountyFilter{Type: "credential", Attacker: bob}, 0},
		{"decky", store.BountyFilter{Search: "decky_0"}, 1},
		{"service", store.BountyFilter{Search: "FTP"}, 1},
		{"address", store.BountyFilter{Search: "db8::"}, 1},
		{"payload", store.BountyFilter{Search: "abcDEF"}, 1},
		{"percent", store.BountyFilter{Search: "%"}, 1},
		{"quote", store.BountyFilter{Search: `"sha256":"`}, 1},
		{"after a NUL", store.BountyFilter{Search: "zÜrich"}, 0},
		{"after a NUL", store.BountyFilter{Search: "zürICH"}, 1},
		{"a byte", store.BountyFilter{Search: "\xff"}, 1},
		{"another byte", store.BountyFilter{Search: "\xfe"}, 0},
		{"half a character", store.BountyFilter{Search: "\xc3"}, 1},
		{"nothing", store.BountyFilter{Search: "nowhere"}, 0},
	} {
		c.f.Limit = 1000
		equal(t, c.name, len(must(repo.Bounties(ctx, c.f))(t)), c.want)
		equal(t, c.name+": count", must(repo.CountBounties(ctx, c.f))(t), c.want)
	}
	whole := must(repo.Bounties(ctx, store.BountyFilter{Limit: 1000}))(t)
	for i := 1; i < len(whole); i++ {
		a, b := whole[i-1], whole[i]
		if a.LastSeen.Before(b.LastSeen) || a.LastSeen.Equal(b.LastSeen) && a.ID < b.ID {
			t.Fatalf("bounty %d comes before %d", a.ID, b.ID)
		}
	}
	equal(t, "default limit", must(repo.Bounties(ctx, store.BountyFilter{}))(t), whole[:50])
	equal(t, "page", must(repo.Bounties(ctx, store.BountyFilter{Limit: 5, Offset: 7}))(t), whole[7:12])
	for _, f := range []store.BountyFilter{{Limit: -1}, {Offset: -1}, {Search: tooLong}} {
		_, err := repo.Bounties(ctx, f)
		wantError(t, err, decnet.ErrInvalid)
	}
	_, err := repo.CountBounties(ctx, store.BountyFilter{Search: tooLong})
	wantError(t, err, decnet.ErrInvalid)
}

// testBountyRace: the same bounty from many writers is one row that counts them all.
func testBountyRace(t *testing.T, repo store.Repository) {
	const writers, each = 8, 10
	var wg sync.WaitGroup
	errs := make(chan error, writers*each)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := repo.Ingest(context.Background(), store.Batch{Bounties: []decnet.Bounty{
					bounty(float64(w*each+i), "credential", alice, "d", "ssh", `{"u":"root"}`)}})
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		noError(t, err)
	}
	got := must(repo.Bounties(t.Context(), store.BountyFilter{}))(t)
	equal(t, "number of bounties", len(got), 1)
	equal(t, "count", got[0].Count, writers*each)
	equal(t, "first seen", got[0].Time, start)
	equal(t, "last seen", got[0].LastSeen, start.Add((writers*each-1)*time.Second))
	equal(t, "totals", must(repo.Totals(t.Context()))(t), store.Totals{Bounties: 1})
}

func testTotals(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	must(repo.Ingest(ctx, store.Batch{
		Records: []store.Record{
			event(0, "d", "ssh", "x", alice), event(1, "d", "ssh", "x", alice), event(2, "d", "ssh", "x", netipZero),
			event(3, "decnet-prober", "prober", "jarm", carol), // a sensor's: no attacker
		},
		Bounties: []decnet.Bounty{bounty(0, "credential", alice, "d", "ssh", `1`), bounty(0, "fingerprint", carol, "d", "prober", `2`)},
	}))(t)
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{Records: 4, Attackers: 1, Bounties: 2})
	ingest(t, repo, event(4, "d", "ssh", "x", alice), event(5, "d", "ssh", "x", bob))
	equal(t, "totals with another attacker", must(repo.Totals(ctx))(t), store.Totals{Records: 6, Attackers: 2, Bounties: 2})
	ingest(t, repo, event(6, "d", "ssh", "x", carol))
	equal(t, "totals once the probed one attacks", must(repo.Totals(ctx))(t), store.Totals{Records: 7, Attackers: 3, Bounties: 2})
	equal(t, "count", must(repo.CountRecords(ctx, store.Filter{}))(t), 7)
}
