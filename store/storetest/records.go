package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

func testEmpty(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	noError(t, repo.Ping(ctx))
	equal(t, "records", len(must(repo.Records(ctx, store.Filter{}))(t)), 0)
	equal(t, "count", must(repo.CountRecords(ctx, store.Filter{}))(t), 0)
	equal(t, "filtered count", must(repo.CountRecords(ctx, store.Filter{Search: "x"}))(t), 0)
	equal(t, "maximum ID", must(repo.MaxRecordID(ctx))(t), 0)
	equal(t, "histogram", len(must(repo.Histogram(ctx, store.Filter{}, time.Minute))(t)), 0)
	equal(t, "rejected", len(must(repo.Rejected(ctx, 0))(t)), 0)
	equal(t, "bounties", len(must(repo.Bounties(ctx, store.BountyFilter{}))(t)), 0)
	equal(t, "bounty count", must(repo.CountBounties(ctx, store.BountyFilter{}))(t), 0)
	equal(t, "attackers", len(must(repo.Attackers(ctx, store.AttackerFilter{}))(t)), 0)
	equal(t, "attacker count", must(repo.CountAttackers(ctx, store.AttackerFilter{}))(t), 0)
	equal(t, "profiles", len(must(repo.Profiles(ctx, []netip.Addr{alice}))(t)), 0)
	equal(t, "profiled through", must(repo.ProfiledThrough(ctx))(t), 0)
	equal(t, "users", len(must(repo.Users(ctx))(t)), 0)
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{})
	equal(t, "purged", must(repo.Purge(ctx, start))(t), store.Purged{})
	equal(t, "last ID of an empty batch", must(repo.Ingest(ctx, store.Batch{}))(t), 0)
}

// testRoundTrip: what goes in comes out, whatever it holds.
func testRoundTrip(t *testing.T, repo store.Repository) {
	hostile := event(0, "decky-01", "ssh", "auth_attempt", alice,
		decnet.F("password", "\x00 \xff\xfe\xc3\x28 \" \\ ] ' \r\n\t \u2028 é 💣 \xed\xb2\x80"),
		decnet.F("empty", ""),
		decnet.F("twice", "first"), decnet.F("twice", "second"),
		decnet.F("long", strings.Repeat("A", 1<<20)),
		decnet.F("json", `{"k":"v"}`))
	hostile.Severity = decnet.SeverityWarning
	hostile.Msg = "it's \x00 a \xff message"
	hostile.Raw = "raw \x00 \xff \\x00"
	hostile.Trace = decnet.Trace{TraceID: strings.Repeat("0123abcd", 4), SpanID: strings.Repeat("4567cdef", 2)}
	unknown := event(1, "", "", "", netip.Addr{})
	unknown.Severity = decnet.SeverityError
	zoned := event(2, "décky", "ssh", "connect", netip.MustParseAddr("fe80::1%eth0"))
	mapped := event(3, "decky-02", "ftp", "connect", netip.MustParseAddr("::ffff:192.0.2.1"))
	early := event(4, "decky-02", "ftp", "connect", carol)
	early.Time = time.Date(1901, 2, 3, 4, 5, 6, 789000, time.UTC)
	never := event(5, "decky-02", "ftp", "connect", carol)
	never.Time = time.Time{}
	elsewhere := event(6, "decky-02", "ftp", "connect", carol)
	elsewhere.Time = start.Add(time.Hour + 999*time.Nanosecond).In(time.FixedZone("CEST", 7200))

	want := ingest(t, repo, hostile, unknown, zoned, mapped, early, never, elsewhere)
	want[3].Attacker = netip.MustParseAddr("192.0.2.1")
	want[6].Time = start.Add(time.Hour)
	for i := range want {
		if len(want[i].Fields) == 0 {
			want[i].Fields = nil
		}
	}
	got := must(repo.Records(t.Context(), store.Filter{AfterID: -1}))(t)
	equal(t, "number of records", len(got), len(want))
	for i := range got {
		if len(got[i].Fields) == 0 {
			got[i].Fields = nil
		}
		equal(t, fmt.Sprintf("record %d", i), got[i], want[i])
	}
}

func testOrder(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	// Ingested out of order, with equal times.
	all := ingest(t, repo,
		event(5, "d", "ssh", "a", alice), event(1, "d", "ssh", "b", alice), event(5, "d", "ftp", "c", bob),
		event(1, "d", "ssh", "d", bob), event(0.000001, "d", "ssh", "e", bob), event(0, "d", "ssh", "f", bob))
	first := all[0].ID
	for i, r := range all {
		equal(t, "IDs follow the order of ingestion", r.ID, first+int64(i))
	}
	byTime := []int64{first + 2, first, first + 3, first + 1, first + 4, first + 5}
	equal(t, "newest first", ids(must(repo.Records(ctx, store.Filter{}))(t)), byTime)
	equal(t, "newest first of one service", ids(must(repo.Records(ctx, store.Filter{Search: "service:ssh"}))(t)), byTime[1:])
	equal(t, "all in order of ID", ids(must(repo.Records(ctx, store.Filter{AfterID: -1}))(t)), ids(all))
	equal(t, "after an ID", ids(must(repo.Records(ctx, store.Filter{AfterID: first + 2}))(t)), []int64{first + 3, first + 4, first + 5})
	equal(t, "after an ID, of one attacker", ids(must(repo.Records(ctx, store.Filter{AfterID: first, Search: "attacker:203.0.113.7"}))(t)), []int64{first + 1})
	equal(t, "after the last", len(must(repo.Records(ctx, store.Filter{AfterID: first + 5}))(t)), 0)
	equal(t, "count after an ID", must(repo.CountRecords(ctx, store.Filter{AfterID: first + 2}))(t), 3)
	equal(t, "maximum ID", must(repo.MaxRecordID(ctx))(t), first+5)
}

// testPages: pages of any size join to the whole, also where times are equal.
func testPages(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	records := make([]store.Record, 120)
	for i := range records {
		records[i] = event(float64(i/40), "d", []string{"ssh", "ftp"}[i%2], "x", alice)
	}
	ingest(t, repo, records...)
	whole := ids(must(repo.Records(ctx, store.Filter{Limit: 1000}))(t))
	equal(t, "all", len(whole), 120)
	equal(t, "default limit", ids(must(repo.Records(ctx, store.Filter{}))(t)), whole[:50])
	var joined []int64
	for offset := 0; offset < 120; offset += 7 {
		joined = append(joined, ids(must(repo.Records(ctx, store.Filter{Limit: 7, Offset: offset}))(t))...)
	}
	equal(t, "joined pages", joined, whole)
	equal(t, "page after the end", len(must(repo.Records(ctx, store.Filter{Offset: 120}))(t)), 0)
	equal(t, "count ignores pages", must(repo.CountRecords(ctx, store.Filter{Limit: 1, Offset: 100, Search: "service:ftp"}))(t), 60)
	for _, f := range []store.Filter{{Limit: -1}, {Offset: -1}} {
		_, err := repo.Records(ctx, f)
		wantError(t, err, decnet.ErrInvalid)
	}
}

func testTimeRange(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	all := ingest(t, repo, event(0, "d", "s", "x", alice), event(0.000001, "d", "s", "x", alice), event(0.000002, "d", "s", "x", alice))
	for _, c := range []struct {
		name       string
		start, end time.Time
		want       []store.Record
	}{
		{"open", time.Time{}, time.Time{}, all},
		{"from the middle", all[1].Time, time.Time{}, all[1:]},
		{"to the middle", time.Time{}, all[1].Time, all[:2]},
		{"one microsecond", all[1].Time, all[1].Time, all[1:2]},
		{"another zone", all[1].Time.In(time.FixedZone("", -3600)), time.Time{}, all[1:]},
		{"beyond a microsecond", time.Time{}, all[1].Time.Add(999), all[:2]},
		{"empty", all[2].Time, all[0].Time, nil},
	} {
		f := store.Filter{Start: c.start, End: c.end, AfterID: -1}
		equal(t, c.name, ids(must(repo.Records(ctx, f))(t)), ids(c.want))
		equal(t, c.name+": count", must(repo.CountRecords(ctx, f))(t), len(c.want))
	}
}

// testSearch: the language of Filter.Search.
func testSearch(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	all := ingest(t, repo,
		event(0, "decky-01", "ssh", "auth_attempt", alice, decnet.F("username", "root"), decnet.F("password", "hunter2")),
		event(1, "decky-02", "ssh", "auth_attempt", alice, decnet.F("username", "admin"), decnet.F("password", "root")),
		event(2, "decky-02", "http", "request", bob, decnet.F("path", "/100%_sure"), decnet.F("user_agent", "curl/8.5.0"), decnet.F("url", "http://evil.example/x.sh")),
		event(3, "decky_03", "ftp", "command", carol, decnet.F("command", "RETR it's \"here\".txt"), decnet.F("at", "10:22:33")),
		event(4, "decky-04", "ssh", "command", netip.Addr{}, decnet.F("command", "cat /etc/passwd"), decnet.F("username", ""), decnet.F("tag", "one"), decnet.F("tag", "two")),
		event(5, "decky-04", "sniffer", "tls_client_hello", bob, decnet.F("raw", "\x00\xff"), decnet.F("mac", "02:42:ac:11:00:02"), decnet.F("quote", `","username":"root`)),
	)
	for _, c := range []struct {
		search string
		want   []int
	}{
		{"", []int{0, 1, 2, 3, 4, 5}},
		{"   ", []int{0, 1, 2, 3, 4, 5}},
		{"decky:decky-02", []int{1, 2}},
		{"decky:decky-0", nil},
		{"service:ssh", []int{0, 1, 4}},
		{"event:command", []int{3, 4}},
		{"attacker:203.0.113.7", []int{0, 1}},
		{"attacker_ip:203.0.113.7", []int{0, 1}},
		{"attacker-ip:203.0.113.7", []int{0, 1}},
		{"attacker:203.0.113.", nil},
		{"attacker:2001:db8::bad:1", []int{2, 5}},
		{"attacker:2001:0DB8:0::BAD:1", []int{2, 5}},
		{"attacker:::ffff:203.0.113.7", []int{0, 1}},
		{"attacker:", []int{4}},
		{"username:root", []int{0}},
		{"password:root", []int{1}},
		{"username:roo", nil},
		{"username:ROOT", nil},
		{"username:", []int{4}},
		{"username:root password:hunter2", []int{0}},
		{"username:root password:root", nil},
		{"service:ssh event:auth_attempt username:admin password:root", []int{1}},
		{"tag:one", []int{4}},
		{"tag:two", []int{4}},
		{"tag:one tag:two", []int{4}},
		{`command:"cat /etc/passwd"`, []int{4}},
		{`"command:cat /etc/passwd"`, []int{4}},
		{`command:'cat /etc/passwd'`, []int{4}},
		{`command:cat\ /etc/passwd`, []int{4}},
		{`command:"RETR it's \"here\".txt"`, []int{3}},
		{"100%_sure", []int{2}},
		{"100__sure", nil},
		{"%", []int{2}},
		{"_03", []int{3}},
		{"!", nil},
		{"DECKY-02", []int{1, 2}},
		{"hunter", []int{0}},
		{"2001:db8::bad:1", []int{2, 5}},
		{"2001:db8", []int{2, 5}},
		{"2001:db8:", []int{2, 5}},
		{"db8::bad", []int{2, 5}},
		{"http://evil.example/x.sh", []int{2}},
		{"url:http://evil.example/x.sh", []int{2}},
		{"10:22:33", []int{3}},
		{"at:10:22:33", []int{3}},
		{"02:42:ac:11:00:02", []int{5}},
		{"2026-04-18T02:22:58", []int{2}},
		{"user-agent:curl", nil},
		{"nosuchkey:x", nil},
		{`it's`, []int{3}},
		{`it's \"here`, []int{3}},
		{`it's ftp`, []int{3}},
		{`raw:` + "'\x00\xff'", []int{5}},
		{"nul\x00", nil},
		{`"" ''`, []int{0, 1, 2, 3, 4, 5}},
		{`'; DROP TABLE records; --`, nil},
		{`x' OR '1'='1`, nil},
	} {
		want := make([]int64, 0, len(c.want))
		for _, i := range c.want {
			want = append(want, all[i].ID)
		}
		f := store.Filter{Search: c.search, AfterID: -1}
		equal(t, fmt.Sprintf("search %q", c.search), ids(must(repo.Records(ctx, f))(t)), want)
		equal(t, fmt.Sprintf("count of search %q", c.search), must(repo.CountRecords(ctx, f))(t), len(want))
	}
	for _, search := range []string{strings.Repeat("x", store.MaxSearch+1), strings.Repeat("x ", store.MaxTerms+1)} {
		_, err := repo.Records(ctx, store.Filter{Search: search})
		wantError(t, err, decnet.ErrInvalid)
		_, err = repo.CountRecords(ctx, store.Filter{Search: search})
		wantError(t, err, decnet.ErrInvalid)
		_, err = repo.Histogram(ctx, store.Filter{Search: search}, time.Minute)
		wantError(t, err, decnet.ErrInvalid)
	}
	equal(t, "as long as it may be", len(must(repo.Records(ctx, store.Filter{Search: strings.Repeat("%", store.MaxSearch)}))(t)), 0)
	equal(t, "as many terms as there may be", len(must(repo.Records(ctx, store.Filter{Search: strings.Repeat("% ", store.MaxTerms)}))(t)), 1)
}

// testMatcher compares the store with Filter.Matcher on random records and filters.
func testMatcher(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	words := []string{"a", "b", "ab", "%", "_", "a%", "\\", `"`, "'", "!", ":", "a:b", "é", "É", "\x00", "\xff", "\xfe", "\xc3", "\xa9", "\ufffd", "A", "", "::1", "k1"}
	addrs := []netip.Addr{alice, bob, carol, {}, netip.MustParseAddr("::1")}
	records := make([]store.Record, 150)
	for i := range records {
		var fields []decnet.Field
		for range rnd.IntN(4) {
			fields = append(fields, decnet.F(pick("k1", "k2", "k"), pick(words...)+pick(words...)))
		}
		records[i] = event(float64(rnd.IntN(20)), pick("decky-01", "decky-02", "a_b"), pick("ssh", "ftp"), pick("x", "y"), addrs[rnd.IntN(len(addrs))], fields...)
		if i%2 == 0 { // a line of any bytes
			records[i].Raw = pick(words...) + pick(words...) + pick(words...)
		}
	}
	all := ingest(t, repo, records...)
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	for range 250 {
		var terms []string
		for range 1 + rnd.IntN(3) {
			word := pick(words...) + pick(words...)
			switch rnd.IntN(8) {
			case 0:
				word = "service:" + pick("ssh", "ftp", "s")
			case 1:
				word = pick("decky:", "event:") + pick("decky-01", "a_b", "x", "")
			case 2:
				word = "attacker:" + store.AddrText(addrs[rnd.IntN(len(addrs))])
			case 3, 4:
				word = pick("k1", "k2", "k", "k3") + ":" + word
			}
			terms = append(terms, quote(word))
		}
		f := store.Filter{Search: strings.Join(terms, " "), AfterID: int64(rnd.IntN(100)) - 1, Limit: 1000}
		if f.AfterID == 0 {
			f.AfterID = -1
		}
		if rnd.IntN(2) == 0 {
			f.Start, f.End = start.Add(time.Duration(rnd.IntN(10))*time.Second), start.Add(time.Duration(10+rnd.IntN(10))*time.Second)
		}
		match := must(f.Matcher())(t)
		want := []int64{}
		for i := range all {
			if match(&all[i]) {
				want = append(want, all[i].ID)
			}
		}
		equal(t, fmt.Sprintf("search %q", f.Search), ids(must(repo.Records(ctx, f))(t)), want)
		equal(t, fmt.Sprintf("count of search %q", f.Search), must(repo.CountRecords(ctx, f))(t), len(want))
	}
}

func testHistogram(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	before := event(0, "d", "ssh", "x", alice)
	before.Time = time.Unix(-1, 0).UTC()
	ingest(t, repo, event(0, "d", "ssh", "x", alice), event(3.9, "d", "ftp", "x", alice), event(4, "d", "ssh", "x", alice), event(3600, "d", "ssh", "x", bob), before)
	minute := start.Truncate(time.Minute)
	got := must(repo.Histogram(ctx, store.Filter{}, time.Minute))(t)
	equal(t, "by the minute", got, []store.Bucket{
		{Time: time.Unix(-60, 0).UTC(), Count: 1}, {Time: minute, Count: 1}, {Time: minute.Add(time.Minute), Count: 2}, {Time: minute.Add(time.Hour), Count: 1},
	})
	equal(t, "by the second, of a search and a range", must(repo.Histogram(ctx, store.Filter{Search: "service:ssh", Start: start, End: start.Add(time.Minute)}, time.Second))(t),
		[]store.Bucket{{Time: start.Truncate(time.Second), Count: 1}, {Time: start.Truncate(time.Second).Add(4 * time.Second), Count: 1}})
	week := must(repo.Histogram(ctx, store.Filter{Start: start}, 7*24*time.Hour))(t)
	equal(t, "one week", len(week), 1)
	if week[0].Time.Unix()%(7*24*3600) != 0 || week[0].Count != 4 {
		t.Fatalf("week: got %+v, want a multiple of a week since the epoch with 4 records", week[0])
	}
	for _, step := range []time.Duration{0, -time.Minute, time.Second - 1} {
		_, err := repo.Histogram(ctx, store.Filter{}, step)
		wantError(t, err, decnet.ErrInvalid)
	}
}

func testCursor(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	_, err := repo.Cursor(ctx, "spool")
	wantError(t, err, decnet.ErrNotFound)
	for _, c := range []store.Cursor{
		{Source: "spool", Generation: "inode 1", Offset: 100},
		{Source: "other", Generation: "", Offset: 1 << 40},
		{Source: "spool", Generation: "inode 2", Offset: 7},
	} {
		must(repo.Ingest(ctx, store.Batch{Cursor: c}))(t)
		equal(t, "cursor", must(repo.Cursor(ctx, c.Source))(t), c)
	}
	must(repo.Ingest(ctx, store.Batch{Records: []store.Record{event(0, "d", "s", "x", alice)}}))(t)
	equal(t, "cursor after a batch without one", must(repo.Cursor(ctx, "spool"))(t), store.Cursor{Source: "spool", Generation: "inode 2", Offset: 7})
	_, err = repo.Cursor(ctx, "")
	wantError(t, err, decnet.ErrNotFound)
}

// testAtomic: a batch that cannot be written leaves nothing behind.
func testAtomic(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	for _, payload := range []string{"", "{", "not json", `{"a":1}x`} {
		_, err := repo.Ingest(ctx, store.Batch{
			Records:  []store.Record{event(0, "d", "s", "x", alice)},
			Bounties: []decnet.Bounty{bounty(0, "credential", alice, "d", "s", `{"ok":"1"}`), bounty(0, "credential", alice, "d", "s", payload)},
			Rejected: []store.Rejected{{Source: "spool", Reason: "x"}},
			Cursor:   store.Cursor{Source: "spool", Offset: 9},
		})
		wantError(t, err, decnet.ErrInvalid)
	}
	testEmpty(t, repo)
	_, err := repo.Cursor(ctx, "spool")
	wantError(t, err, decnet.ErrNotFound)
}

func testRejected(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	want := []store.Rejected{
		{Source: "spool", Offset: 10, Line: []byte("{\x00\xff not json"), Reason: "invalid character"},
		{Source: "spool", Offset: 1 << 40, Line: bytes.Repeat([]byte("z"), 64<<10), Reason: "too long"},
		{Source: "other", Offset: 0, Reason: "empty"},
	}
	given := slices.Clone(want)
	given[1].Line = bytes.Repeat([]byte("z"), 100<<10)
	must(repo.Ingest(ctx, store.Batch{Rejected: given[:2], Cursor: store.Cursor{Source: "spool", Offset: 99}}))(t)
	must(repo.Ingest(ctx, store.Batch{Rejected: given[2:]}))(t)
	got := must(repo.Rejected(ctx, 0))(t)
	if len(got) == 3 && len(got[0].Line) == 0 {
		got[0].Line = nil
	}
	slices.Reverse(want)
	equal(t, "rejected", got, want)
	equal(t, "limit", len(must(repo.Rejected(ctx, 2))(t)), 2)
	_, err := repo.Rejected(ctx, -1)
	wantError(t, err, decnet.ErrInvalid)
	equal(t, "cursor", must(repo.Cursor(ctx, "spool"))(t).Offset, 99)
	equal(t, "totals", must(repo.Totals(ctx))(t), store.Totals{})
}
