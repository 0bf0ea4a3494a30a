package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/decnet/decnet/store"
)

// WantCounts fails the test unless what a store tells in figures, or passes over, agrees with
// the records that it has, of which there should be a few hundred.
func WantCounts(tb testing.TB, repo store.Repository) {
	tb.Helper()
	ctx := tb.Context()
	var all []store.Record
	for after := int64(-1); ; {
		page, err := repo.Records(ctx, store.Filter{AfterID: after, Limit: 1000})
		if err != nil {
			tb.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
	if len(all) == 0 {
		tb.Fatal("there are no records to count")
	}
	slices.SortFunc(all, func(a, b store.Record) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return int(b.ID - a.ID)
	})
	first, last := all[len(all)-1].Time, all[0].Time
	some := all[len(all)/3]
	for _, search := range []string{"", "decky:" + some.Decky, "service:" + some.Service, "event:" + some.Type,
		"service:" + some.Service + " event:" + some.Type, "event:" + some.Type + " decky:" + some.Decky, "service:nobody",
		"service:" + some.Service + " service:other", "service:" + some.Service + " service:" + some.Service, "attacker:" + store.AddrText(some.Attacker)} {
		for _, r := range [][2]time.Time{{}, {some.Time}, {{}, some.Time}, {first, last}, {first.Add(time.Microsecond), last.Add(-time.Microsecond)},
			{some.Time, some.Time}, {some.Time, some.Time.Add(7 * time.Minute)}, {some.Time.Truncate(time.Hour), some.Time.Truncate(time.Hour).Add(time.Hour)},
			{last, first}, {last.Add(time.Hour)}} {
			f := store.Filter{Search: search, Start: r[0], End: r[1]}
			name := fmt.Sprintf("%q from %v to %v", search, r[0], r[1])
			matches, err := f.Matcher()
			if err != nil {
				tb.Fatal(err)
			}
			want := slices.DeleteFunc(slices.Clone(all), func(r store.Record) bool { return !matches(&r) })
			n, err := repo.CountRecords(ctx, f)
			if err != nil {
				tb.Fatal(err)
			}
			if n != len(want) {
				tb.Errorf("%s: %d are counted, there are %d", name, n, len(want))
			}
			for _, step := range []time.Duration{7 * time.Second, time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour} {
				got, err := repo.Histogram(ctx, f, step)
				if err != nil {
					tb.Fatal(err)
				}
				if bars := histogram(want, step); !slices.Equal(got, bars) {
					tb.Errorf("%s: by %v there are %v, want %v", name, step, got, bars)
				}
			}
			for _, offset := range []int{1, len(want) / 2, 1000, 1500, len(want) - 1, len(want), len(want) + 1000} {
				f.Offset, f.Limit = max(0, offset), 3
				page, err := repo.Records(ctx, f)
				if err != nil {
					tb.Fatal(err)
				}
				left := want[min(len(want), f.Offset):]
				if !slices.EqualFunc(page, left[:min(3, len(left))], func(a, b store.Record) bool { return a.ID == b.ID }) {
					tb.Errorf("%s: behind %d of %d there is another page", name, f.Offset, len(want))
				}
			}
		}
	}
}

// histogram counts records by steps.
func histogram(records []store.Record, step time.Duration) (bars []store.Bucket) {
	counts := make(map[int64]int)
	for i := range records {
		at := records[i].Time.UnixMicro()
		start := at - at%step.Microseconds()
		if start > at { // before the epoch
			start -= step.Microseconds()
		}
		counts[start]++
	}
	for start, n := range counts {
		bars = append(bars, store.Bucket{Time: time.UnixMicro(start).UTC(), Count: n})
	}
	slices.SortFunc(bars, func(a, b store.Bucket) int { return a.Time.Compare(b.Time) })
	return bars
}

// testCounts: what is kept agrees with what there is, whatever comes and goes.
func testCounts(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	rnd := rand.New(rand.NewPCG(7, 8))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	add := func(n int) {
		records := make([]store.Record, n)
		for i := range records {
			seconds := float64(rnd.IntN(5*3600)) + float64(rnd.IntN(4))/4
			records[i] = event(seconds, pick("d1", "d2", "d\x00\xff", ""), pick("ssh", "ftp", "ssh\x00x", ""), pick("connect", "x", "x\x00connect", ""), alice)
			if rnd.IntN(50) == 0 {
				records[i].Time = time.Unix(-int64(seconds), 0).UTC()
			}
		}
		must(repo.Ingest(ctx, store.Batch{Records: records}))(t)
	}
	for _, n := range []int{700, 1, 800, 250} {
		add(n)
	}
	WantCounts(t, repo)
	for most, want := range map[int]int{1: 1, 700: 700, 2000: 1751} {
		equal(t, fmt.Sprintf("counted up to %d", most), must(repo.CountRecords(ctx, store.Filter{Search: "134>1", Most: most}))(t), want)
	}
	must(repo.PurgeOldest(ctx, 300))(t)
	WantCounts(t, repo)
	must(repo.Purge(ctx, start.Add(2*time.Hour+3*time.Minute)))(t)
	add(100)
	WantCounts(t, repo)
}
