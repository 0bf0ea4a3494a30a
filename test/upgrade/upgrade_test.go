package upgrade

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
)

// versions are those of the schema that programs were ever made with. Who adds one fills
// databases with it: go test ./test/upgrade -args -make
var versions = []int64{1, 2, 3}

func unpack(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestW39_OldDatabasesAreBroughtUpToDate: what a program of any version has kept is all
// there for this one, which says the same of it, and goes on with it.
func TestW39_OldDatabasesAreBroughtUpToDate(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(fmt.Sprintf("v%d/sqlite", version), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "decnet.db")
			if err := os.WriteFile(path, unpack(t, fmt.Sprintf("v%d.sqlite.db.gz", version)), 0o600); err != nil {
				t.Fatal(err)
			}
			upgrade(t, "sqlite:"+path, version, "sqlite")
		})
		for name, start := range map[string]func(...string) (*mysqltest.Server, error){"mariadb": mysqltest.StartMariaDB, "mysql": mysqltest.StartMySQL} {
			t.Run(fmt.Sprintf("v%d/%s", version, name), func(t *testing.T) {
				t.Parallel()
				server, err := start("--innodb-buffer-pool-size=16M")
				if errors.Is(err, mysqltest.ErrMissing) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := server.Stop(); err != nil {
						t.Error(err)
					}
				}()
				server.Exec(t, "CREATE DATABASE decnet")
				place := server.DSN("root", "", "decnet")
				direct, err := sql.Open("mysql", place+"?multiStatements=true")
				if err != nil {
					t.Fatal(err)
				}
				_, err = direct.ExecContext(t.Context(), string(unpack(t, fmt.Sprintf("v%d.mysql.sql.gz", version))))
				if err := errors.Join(err, direct.Close()); err != nil {
					t.Fatal(err)
				}
				upgrade(t, "mysql:"+place, version, "mysql")
			})
		}
	}
}

// upgrade opens a database of an old version and compares it with what was said of it.
func upgrade(t *testing.T, place string, version int64, kind string) {
	t.Helper()
	ctx := t.Context()
	src, err := dsn.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := src.Status(ctx); err != nil || s.Version != version {
		t.Fatalf("the old database has the schema %+v, %v", s, err)
	}
	db, err := src.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if s, err := src.Status(ctx); err != nil || s.Version != s.Latest {
		t.Errorf("the schema is now %+v, %v", s, err)
	}
	var got bytes.Buffer
	if err := tell(ctx, db, &got); err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(unpack(t, fmt.Sprintf("v%d.%s.txt.gz", version, kind))), "\n")
	if len(want) < 1000 {
		t.Fatalf("%d lines to compare with, which shows little", len(want))
	}
	for i, line := range strings.Split(got.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("line %d is now\n%s\nwas\n%s", i+1, line, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
		}
	}
	if n := strings.Count(got.String(), "\n") + 1; n != len(want) {
		t.Errorf("%d lines, want %d", n, len(want))
	}

	// It is a store like any other.
	before, err := db.Totals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	last, err := db.MaxRecordID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bounties, err := db.Bounties(ctx, store.BountyFilter{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	again := bounties[0]
	again.Count = 1
	id, err := db.Ingest(ctx, store.Batch{Records: []store.Record{{Event: decnet.Event{Time: again.LastSeen, Attacker: again.Attacker}}}, Bounties: []decnet.Bounty{again}})
	if err != nil || id != last+1 {
		t.Errorf("the next record has the ID %d, %v, want %d", id, err, last+1)
	}
	if now, err := db.Totals(ctx); err != nil || now.Records != before.Records+1 || now.Bounties != before.Bounties || now.Attackers != before.Attackers {
		t.Errorf("the totals were %+v, and with a record and a bounty of those that were there %+v, %v", before, now, err)
	}
	if _, err := db.PurgeOldest(ctx, before.Records+1); err != nil {
		t.Error(err)
	}
	if now, err := db.Totals(ctx); err != nil || now.Records != 0 {
		t.Errorf("after a purge %+v, %v", now, err)
	}
}

// TestW39_LandedMigrationsDoNotChange: databases were made with them.
func TestW39_LandedMigrationsDoNotChange(t *testing.T) {
	t.Parallel()
	landed := map[string]string{
		"mysql/00001_init.sql":       "5abad72fa39aaa45814e05e14a13dfd6138574aaa7a74c6092188d3fee9a3d8d",
		"mysql/00002_retention.sql":  "f3c18a5fd4236e92b847f0548d7eac8459e591e9788cb4fc84386ceb85ab0644",
		"mysql/00003_tallies.sql":    "d847fbd552dd2c9aabe813936c6c986f72a86e5b319df011b17d49b6031714d8",
		"sqlite/00001_init.sql":      "e2b5a48367af7c2b1222717ede7cc5c9d92835501cf7ce7d438d29d82415783e",
		"sqlite/00002_retention.sql": "4d93db09f45f5dfecbf62e8a9d824c8e9565b64310921cc4a703fa7523c196a4",
		"sqlite/00003_tallies.sql":   "7db5812bfb404951288d96480c4b7207404bde64854239604ed8ed2c2640d000",
	}
	got := make(map[string]string)
	for _, kind := range []string{"sqlite", "mysql"} {
		files, err := filepath.Glob(filepath.Join("../../store", kind, "migrations/*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got[kind+"/"+filepath.Base(file)] = fmt.Sprintf("%x", sha256.Sum256(text))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if landed[name] != got[name] {
			t.Errorf("%s has the sum %s, and had %q: a change needs a migration of its own, and a new one its sum here", name, got[name], landed[name])
		}
	}
	if len(got) != len(landed) {
		t.Errorf("%d migrations, %d have landed", len(got), len(landed))
	}
	if files := len(got) / 2; len(versions) != files {
		t.Errorf("%d migrations, and databases of %d versions", files, len(versions))
	}
}
