package bareinsert_test

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/bareinsert"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/sqlite"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	ours, bare := filepath.Join(t.TempDir(), "decnet.db"), filepath.Join(t.TempDir(), "bare#?.db")
	db, err := sqlite.Open(t.Context(), ours, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlite.Migrate(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	peer, err := bareinsert.SQLite(bare, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, peer)
	again, err := sqlite.Open(t.Context(), bare, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	compare(t, db, again)
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	server, err := mysqltest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	db, err := mysql.Open(t.Context(), server.Database(t), mysql.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	bare := server.Database(t)
	if _, err := mysql.Migrate(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	peer, err := bareinsert.MySQL(bare, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, peer)
	again, err := mysql.Open(t.Context(), bare, mysql.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	compare(t, db, again)
}

// write writes two batches that have a bounty in common, and one without any.
func write(t *testing.T, db store.Repository, peer *bareinsert.Peer) {
	t.Helper()
	at := time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)
	for i := range 3 {
		var b store.Batch
		for j := range 4 {
			e := decnet.Event{Time: at.Add(time.Duration(4*i+j) * time.Second), Decky: "decky-01", Service: "ssh", Type: "auth_attempt",
				Attacker: netip.MustParseAddr("203.0.113.7"), Fields: []decnet.Field{decnet.F("username", "root"), decnet.F("password", string(rune('a'+j)))}}
			b.Records = append(b.Records, store.Record{Event: e, Raw: "a line"})
			if i < 2 && j < 2 {
				b.Bounties = append(b.Bounties, decnet.Bounty{Time: e.Time, Decky: e.Decky, Service: e.Service, Attacker: e.Attacker, Type: "credential",
					Payload: json.RawMessage(`{"password":"` + string(rune('a'+i+j)) + `","username":"root"}`)})
			}
		}
		if _, err := db.Ingest(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := peer.Write(peer.Rows(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
}

// compare checks that both have the same records, and know the same bounties by the same
// digests.
func compare(t *testing.T, ours, bare store.Repository) {
	t.Helper()
	for table, columns := range map[string][]int{"records": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, "bounties": {1, 2, 5, 6, 7, 8, 9}} {
		var rows [2][][]any
		for i, db := range []store.Repository{ours, bare} {
			all, err := db.(store.Exporter).Export(t.Context(), table, nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range all {
				var some []any
				for _, c := range columns {
					some = append(some, row[c])
				}
				rows[i] = append(rows[i], some)
			}
		}
		if n := map[string]int{"records": 12, "bounties": 3}[table]; len(rows[0]) != n || !reflect.DeepEqual(rows[0], rows[1]) {
			t.Errorf("%s\nof the store:\n%q\nof the peer:\n%q", table, rows[0], rows[1])
		}
	}
}
