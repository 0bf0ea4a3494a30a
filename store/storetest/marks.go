package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// testMarks: pages that go on at the last record of the one before join to the whole, also
// where times are equal, and what comes in meanwhile moves none of them.
func testMarks(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	records := make([]store.Record, 120)
	for i := range records {
		records[i] = event(float64(i*7%5), "d", []string{"ssh", "ftp"}[i%2], "x", alice)
	}
	ingest(t, repo, records...)
	for _, search := range []string{"", "service:ftp", "decky:d ssh"} {
		whole := ids(must(repo.Records(ctx, store.Filter{Search: search, Limit: 1000}))(t))
		var joined []int64
		f := store.Filter{Search: search, Limit: 7}
		for {
			page := must(repo.Records(ctx, f))(t)
			if len(page) == 0 {
				break
			}
			if joined = append(joined, ids(page)...); len(joined) > len(whole) {
				break
			}
			f.Before = page[len(page)-1].Mark()
			ingest(t, repo, event(1000, "d", "ftp", "ssh", alice)) // the newest
		}
		equal(t, fmt.Sprintf("joined pages of %q", search), joined, whole)
	}
	second := must(repo.Records(ctx, store.Filter{Limit: 2}))(t)[1]
	f := store.Filter{Before: second.Mark(), Offset: 3, Limit: 2}
	equal(t, "an offset after a mark", ids(must(repo.Records(ctx, f))(t)), ids(must(repo.Records(ctx, store.Filter{Offset: 5, Limit: 2}))(t)))
	equal(t, "count", must(repo.CountRecords(ctx, f))(t), must(repo.CountRecords(ctx, store.Filter{}))(t))
	f.AfterID = -1
	_, err := repo.Records(ctx, f)
	wantError(t, err, decnet.ErrInvalid)

	// What is deleted between two pages is missing from the next one, and nothing else is: also
	// when the record is gone at which the page before ended.
	whole := must(repo.Records(ctx, store.Filter{Limit: 1000}))(t)
	oldest, middle := whole[len(whole)-1], whole[len(whole)/2]
	must(repo.PurgeOldest(ctx, 30))(t)
	left := whole[:len(whole)-30]
	after := ids(must(repo.Records(ctx, store.Filter{Before: middle.Mark(), Limit: 1000}))(t))
	equal(t, "the page after a purge", after, ids(left[len(whole)/2+1:]))
	equal(t, "the page after a record that is gone", len(must(repo.Records(ctx, store.Filter{Before: oldest.Mark()}))(t)), 0)
	gone := whole[len(whole)-30].ID
	var later []int64
	for _, r := range left {
		if r.ID > gone {
			later = append(later, r.ID)
		}
	}
	slices.Sort(later)
	equal(t, "what follows an ID that is gone", ids(must(repo.Records(ctx, store.Filter{AfterID: gone, Limit: 1000}))(t)), later)
}

func testBountyMarks(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	var b store.Batch
	for i := range 60 {
		b.Bounties = append(b.Bounties, bounty(float64(i*7%5), []string{"credential", "fingerprint"}[i%2], alice, "d", "ssh", fmt.Sprint(i)))
	}
	must(repo.Ingest(ctx, b))(t)
	idsOf := func(list []decnet.Bounty) (out []int64) {
		for _, b := range list {
			out = append(out, b.ID)
		}
		return out
	}
	for _, f := range []store.BountyFilter{{}, {Type: "fingerprint"}, {Attacker: alice}} {
		f.Limit = 1000
		whole := idsOf(must(repo.Bounties(ctx, f))(t))
		var joined []int64
		f.Limit = 7
		for {
			page := must(repo.Bounties(ctx, f))(t)
			if len(page) == 0 {
				break
			}
			if joined = append(joined, idsOf(page)...); len(joined) > len(whole) {
				break
			}
			f.Before = store.BountyMark(page[len(page)-1])
		}
		equal(t, fmt.Sprintf("joined pages of %+v", f), joined, whole)
		equal(t, "count", must(repo.CountBounties(ctx, f))(t), len(whole))
	}
}

func testAttackerMarks(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	var profiles []store.Profile
	for i := range 90 {
		profiles = append(profiles, profile(host(i*37%90), float64(i%4), i%3, []string{[]string{"ssh", "ftp"}[i%2]}, []string{"a", "b", "c"}[:i%4]))
	}
	noError(t, repo.FoldProfiles(ctx, profiles, 0, 1))
	addrsOf := func(list []decnet.Attacker) (out []string) {
		for _, a := range list {
			out = append(out, a.Addr.String())
		}
		return out
	}
	for _, f := range []store.AttackerFilter{{}, {Sort: store.SortRecent, Service: "ssh"}, {Sort: store.SortActive}, {Sort: store.SortTraversals},
		{Sort: store.SortActive, Search: "10.0.0.1"}} {
		f.Limit = 1000
		whole := addrsOf(must(repo.Attackers(ctx, f))(t))
		var joined []string
		f.Limit = 7
		for {
			page := must(repo.Attackers(ctx, f))(t)
			if len(page) == 0 {
				break
			}
			if joined = append(joined, addrsOf(page)...); len(joined) > len(whole) {
				break
			}
			f.After = f.Sort.Mark(page[len(page)-1])
		}
		equal(t, fmt.Sprintf("joined pages of %+v", f), joined, whole)
		equal(t, "count", must(repo.CountAttackers(ctx, f))(t), len(whole))
	}
}
