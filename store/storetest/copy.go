package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Fill writes something into every table of a store: n records of many attackers, of which
// some are purged again, and what belongs to them, with values of any bytes.
func Fill(tb testing.TB, repo store.Repository, n int) {
	tb.Helper()
	ctx := tb.Context()
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	const size = 500
	for from := 0; from < n; from += size {
		var b store.Batch
		var profiles []store.Profile
		for i := from; i < min(n, from+size); i++ {
			r := event(float64(i), fmt.Sprintf("decky-%02d", i%7), []string{"ssh", "ftp", "prober"}[i%3], "auth_attempt", host(i%1000), decnet.F("password", "\x00\xff'"))
			if i%5 == 0 {
				r.Trace = decnet.Trace{TraceID: fmt.Sprintf("%032x", i), SpanID: fmt.Sprintf("%016x", i)}
			}
			b.Records = append(b.Records, r)
			b.Bounties = append(b.Bounties, bounty(float64(i), "credential", host(i%1000), r.Decky, r.Service, fmt.Sprintf(`{"password":"p%d"}`, i%300)))
			p := profile(host(i), float64(i), i, []string{"ssh", "a\xff\"b", "ftp"}, []string{r.Decky})
			p.Commands = []decnet.Command{{Time: r.Time, Decky: r.Decky, Service: "ssh", Text: "echo \x00\xff"}}
			p.Fingerprints = []decnet.Fingerprint{{Kind: "hassh", Value: fmt.Sprint(i % 3), Raw: "\xff"}}
			if i%2 == 0 {
				p.State, p.Behavior = []byte(`{"n":1}`), &decnet.Behavior{Class: "scanning"}
			}
			profiles = append(profiles, p)
		}
		b.Rejected = []store.Rejected{{Source: "spool", Offset: int64(from), Line: []byte("\x00\xff"), Reason: "not a record"}, {Reason: "empty"}}
		b.Cursor = store.Cursor{Source: "spool\xff", Generation: "g", Offset: int64(from)}
		last, err := repo.Ingest(ctx, b)
		check(err)
		through, err := repo.ProfiledThrough(ctx)
		check(err)
		check(repo.FoldProfiles(ctx, profiles, through, last))
	}
	_, err := repo.PurgeOldest(ctx, n/10)
	check(err)
	for _, name := range []string{"amy", "bob\xff"} {
		_, err := repo.CreateUser(ctx, store.User{Username: name, PasswordHash: "$2a$", MustChangePassword: name == "amy"})
		check(err)
	}
	check(repo.RevokeToken(ctx, "token\x00", time.Now().Add(time.Hour)))
	check(repo.SetState(ctx, store.FleetKey, []byte(`{"a": [1, 2]}`)))
	check(repo.SetState(ctx, "\x00", []byte(`null`)))
}

// WantSame fails the test unless two stores, which must both be a [store.Exporter], hold the
// same rows and figures.
func WantSame(tb testing.TB, got, want store.Repository) {
	tb.Helper()
	a, b := got.(store.Exporter), want.(store.Exporter)
	figures := func(e store.Exporter) store.Figures {
		f, err := e.Figures(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		return f
	}
	if fa, fb := figures(a), figures(b); fa != fb {
		tb.Errorf("the figures are %+v, want %+v", fa, fb)
	}
	for _, t := range store.Tables() {
		got, want := everyRow(tb, a, t), everyRow(tb, b, t)
		if len(want) == 0 {
			tb.Errorf("%s has no rows to compare", t.Name)
		}
		if len(got) != len(want) {
			tb.Errorf("%s has %d rows, want %d", t.Name, len(got), len(want))
			continue
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], want[i]) {
				tb.Errorf("%s: row %d is %q, want %q", t.Name, i, got[i], want[i])
				break
			}
		}
	}
}

func everyRow(tb testing.TB, e store.Exporter, t store.Table) (all [][]any) {
	tb.Helper()
	var last []any
	for {
		rows, err := e.Export(tb.Context(), t.Name, last, 700)
		if err != nil {
			tb.Fatal(err)
		}
		if len(rows) == 0 {
			return all
		}
		all = append(all, rows...)
		last = rows[len(rows)-1][:t.Key]
	}
}

// testCopy: a store becomes another, row by row and in two goes, takes no other writes
// meanwhile, and is one like any other then.
func testCopy(t *testing.T, from, to store.Repository) {
	ctx := t.Context()
	source, ok := from.(store.Exporter)
	target, fine := to.(store.Importer)
	if !ok || !fine {
		t.Log("the store is no Exporter or no Importer")
		return // both roles are optional
	}
	Fill(t, from, 1200)
	f := must(source.Figures(ctx))(t)
	equal(t, "last record", f.LastRecord, 1200)
	equal(t, "totals", f.Totals, must(from.Totals(ctx))(t))

	wantError(t, target.Import(ctx, "users", nil), decnet.ErrConflict)
	wantError(t, target.EndImport(ctx), decnet.ErrConflict)
	wantError(t, from.(store.Importer).BeginImport(ctx, "x", f), decnet.ErrConflict) // it is not empty
	noError(t, target.BeginImport(ctx, "from", f))
	noError(t, target.BeginImport(ctx, "from", f))
	wantError(t, target.BeginImport(ctx, "elsewhere", f), decnet.ErrConflict)
	later := f
	later.LastRecord++
	wantError(t, target.BeginImport(ctx, "from", later), decnet.ErrConflict)
	for name, err := range writes(ctx, to) {
		if !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%s on a store that is being filled: %v", name, err)
		}
	}
	for _, table := range store.Tables() {
		equal(t, "rows of the target", must(target.CountRows(ctx, table.Name))(t), 0)
		rows := everyRow(t, source, table)
		equal(t, "rows of "+table.Name, int64(len(rows)), must(source.CountRows(ctx, table.Name))(t))
		half := len(rows) / 2
		noError(t, target.Import(ctx, table.Name, rows[:half]))
		if half > 0 {
			equal(t, "the last row", must(target.Imported(ctx, table.Name))(t), rows[half-1][:table.Key])
		} else if last := must(target.Imported(ctx, table.Name))(t); last != nil {
			t.Errorf("the last of no rows of %s is %q", table.Name, last)
		}
		noError(t, target.Import(ctx, table.Name, rows[half:]))
		if err := target.Import(ctx, table.Name, rows[:1]); err == nil {
			t.Errorf("a row of %s could be added twice", table.Name)
		}
	}
	_, err := target.Export(ctx, "records", nil, 1)
	wantError(t, err, decnet.ErrSemantic)
	noError(t, target.EndImport(ctx))
	WantSame(t, to, from)
	WantCounts(t, to)

	next := ingest(t, to, event(5000, "d", "ssh", "x", alice))[0]
	equal(t, "the next ID", next.ID, 1201)
	noError(t, to.FoldProfiles(ctx, []store.Profile{profile(alice, 5000, 1, nil, nil)}, 1200, 1201))
	must(to.CreateUser(ctx, store.User{Username: "zoe"}))(t)

	for _, err := range []error{
		second(source.Export(ctx, "nothing", nil, 1)), second(source.Export(ctx, "records", nil, -1)),
		second(source.Export(ctx, "records", []any{"1"}, 1)), second(source.Export(ctx, "records", []any{int64(1), int64(1)}, 1)),
		second(source.CountRows(ctx, "users; DROP TABLE users")), second(target.Imported(ctx, "")), target.Import(ctx, "x", nil),
		target.Import(ctx, "users", [][]any{{"one"}}),
	} {
		wantError(t, err, decnet.ErrInvalid)
	}
}

func second[T any](_ T, err error) error { return err }

// writes calls the methods that write.
func writes(ctx context.Context, repo store.Repository) map[string]error {
	all := call(ctx, repo)
	out := make(map[string]error)
	for _, name := range []string{"Ingest", "FoldProfiles", "CreateUser", "SetPassword", "RevokeToken", "SetState", "Purge", "PurgeOldest"} {
		out[name] = all[name]
	}
	return out
}
