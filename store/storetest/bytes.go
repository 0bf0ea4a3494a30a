package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// testBytes: a page ends with the record that fills it, however many there may be on one, and
// the pages join to the whole in either order.
func testBytes(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	records := make([]store.Record, 40)
	for i := range records {
		records[i] = event(float64(i%3), "d", "ssh", "command", alice, decnet.F("command", strings.Repeat("x", 4000)))
	}
	ingest(t, repo, records...)
	whole := must(repo.Records(ctx, store.Filter{Limit: 1000}))(t)
	room := 3*len(whole[0].Raw) - 1
	equal(t, "records on a page", ids(must(repo.Records(ctx, store.Filter{Limit: 1000, Bytes: room}))(t)), ids(whole[:3]))
	equal(t, "records on a page behind an offset", ids(must(repo.Records(ctx, store.Filter{Limit: 1000, Offset: 5, Bytes: room}))(t)), ids(whole[5:8]))
	equal(t, "records on a page of two", ids(must(repo.Records(ctx, store.Filter{Limit: 2, Bytes: room}))(t)), ids(whole[:2]))
	equal(t, "records on a page for none", ids(must(repo.Records(ctx, store.Filter{Limit: 1000, Bytes: 1}))(t)), ids(whole[:1]))
	var joined []int64
	f := store.Filter{Limit: 1000, Bytes: room}
	for page := must(repo.Records(ctx, f))(t); len(page) > 0 && len(joined) <= len(whole); page = must(repo.Records(ctx, f))(t) {
		joined = append(joined, ids(page)...)
		f.Before = page[len(page)-1].Mark()
	}
	equal(t, "joined pages", joined, ids(whole))
	oldest := must(repo.Records(ctx, store.Filter{AfterID: -1, Limit: 1000}))(t)
	equal(t, "the first records", ids(must(repo.Records(ctx, store.Filter{AfterID: -1, Limit: 1000, Bytes: room}))(t)), ids(oldest[:3]))
}

func testBountyBytes(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	var b store.Batch
	for i := range 10 {
		b.Bounties = append(b.Bounties, bounty(float64(i), "credential", alice, "d", "ssh", fmt.Sprint(100+i)))
	}
	must(repo.Ingest(ctx, b))(t)
	whole := must(repo.Bounties(ctx, store.BountyFilter{}))(t)
	page := must(repo.Bounties(ctx, store.BountyFilter{Offset: 2, Bytes: 3*len(whole[0].Payload) - 1}))(t)
	equal(t, "bounties on a page", len(page), 3)
	equal(t, "the last of them", page[2].ID, whole[4].ID)
}

// testManyFingerprints: whoever changes the look of a client at will hides nothing by it, and
// no profile grows with it.
func testManyFingerprints(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	p := profile(alice, 1, 1, []string{"http"}, []string{"d"})
	p.Fingerprints = []decnet.Fingerprint{{Kind: "ja3", Value: "first"}}
	for i := range 100 {
		p.Fingerprints = append(p.Fingerprints, decnet.Fingerprint{Kind: "user_agent", Value: fmt.Sprint(i)})
	}
	if err := repo.FoldProfiles(ctx, []store.Profile{p}, 0, 1); err != nil {
		t.Fatal(err)
	}
	known := must(repo.Attackers(ctx, store.AttackerFilter{}))(t)
	a := must(repo.Attacker(ctx, known[0].UUID))(t)
	equal(t, "fingerprints", len(a.Fingerprints), 33)
	equal(t, "the first", a.Fingerprints[0].Value, "first")
	equal(t, "the oldest that is shown", a.Fingerprints[1].Value, "68")
	equal(t, "the newest", a.Fingerprints[32].Value, "99")
}
