package mysql_test

import (
	"database/sql"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
	"github.com/decnet/decnet/store/mysql"
)

// TestPlans: what pages ask for is served by an index, in the order of the page, so that the
// cost does not grow with the history.
func TestPlans(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	db := open(t, dsn)
	defer db.Close()
	tr := newTraffic()
	for range 20 {
		if _, err := db.Ingest(t.Context(), tr.batch(500)); err != nil {
			t.Fatal(err)
		}
	}
	var captured store.Batch
	for i := range 1000 { // many of one address, and many captures, but few of both
		r := record(tr.at, "ftp")
		if i%2 == 0 {
			r.Type, r.Attacker = "file_captured", netip.AddrFrom4([4]byte{203, 0, 0, byte(i % 100)})
		}
		captured.Records = append(captured.Records, r)
	}
	captured.Records[1].Type = "file_captured"
	if _, err := db.Ingest(t.Context(), captured); err != nil {
		t.Fatal(err)
	}
	direct := raw(t, dsn+"?interpolateParams=true&charset=binary")
	run(t, direct, "ANALYZE TABLE records, bounties")
	for name, c := range map[string]struct {
		f   store.Filter
		key string
	}{
		"newest":                 {store.Filter{}, "records_time"},
		"decky":                  {store.Filter{Search: "decky:decky-01"}, "records_decky"},
		"event":                  {store.Filter{Search: "event:session"}, "records_type"},
		"attacker":               {store.Filter{Search: "attacker:203.0.0.1"}, "records_attacker"},
		"after a mark":           {store.Filter{Before: store.Mark{Time: tr.at.Add(-10 * time.Second), ID: 7}}, "records_time"},
		"decky after a mark":     {store.Filter{Before: store.Mark{Time: tr.at.Add(-10 * time.Second), ID: 7}, Search: "decky:decky-01"}, "records_decky"},
		"after an ID":            {store.Filter{AfterID: 9000, Search: "service:ssh"}, "PRIMARY"},
		"decky in a time range":  {store.Filter{Search: "decky:decky-01", Start: tr.at.Add(-10 * time.Second)}, "records_decky"},
		"newest of a time range": {store.Filter{Start: tr.at.Add(-time.Second)}, "records_time"},
	} {
		c.f.Limit = 50
		text, args, err := sqlrepo.RecordsQuery(mysql.Dialect, c.f)
		if err != nil {
			t.Fatal(err)
		}
		wantPlan(t, direct, name, c.key, text, args)
	}
	text, args := sqlrepo.BountiesQuery(mysql.Dialect, store.BountyFilter{Limit: 50})
	wantPlan(t, direct, "bounties", "bounties_seen", text, args)
	wantPlan(t, direct, "artifacts", "records_artifact", sqlrepo.ArtifactsQuery, []any{"203.0.113.7", 200})
}

func wantPlan(t *testing.T, db *sql.DB, name, key, text string, args []any) {
	t.Helper()
	format := ""
	if server.MySQL {
		format = "FORMAT=TRADITIONAL "
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+format+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatal(err, rows.Err())
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	plan := make(map[string]string)
	for i, name := range columns {
		plan[strings.ToLower(name)] = values[i].String
	}
	if plan["key"] != key || strings.Contains(plan["extra"], "filesort") {
		t.Errorf("%s: want the key %s and no sorting, got %+v", name, key, plan)
	}
}
