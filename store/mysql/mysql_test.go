package mysql_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/storetest"
)

// server is the server of all tests that need no other.
var server *mysqltest.Server

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "decnet-mysql")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	certificate, err := certify(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	limit := filepath.Join(dir, "limit.sql")
	if err := os.WriteFile(limit, []byte("SET GLOBAL sql_select_limit = 3;\n"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Whatever the server does by default, the store does what it should.
	server, err = mysqltest.Start(append(certificate, "--init-file="+limit, "--default-time-zone=+05:45", "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT",
		"--transaction-isolation=READ-UNCOMMITTED", "--character-set-server=latin1", "--collation-server=latin1_swedish_ci",
		"--max-allowed-packet=16M")...)
	if err != nil && !errors.Is(err, mysqltest.ErrMissing) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		if server != nil {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// database returns the DSN of an empty database.
func database(tb testing.TB) string {
	tb.Helper()
	if server == nil {
		tb.Skip(mysqltest.ErrMissing)
	}
	return server.Database(tb)
}

func open(tb testing.TB, dsn string) store.Repository {
	tb.Helper()
	db, err := mysql.Open(tb.Context(), dsn, mysql.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// TestStoreWithoutReturning: the statements for MySQL do the same.
func TestStoreWithoutReturning(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Repository {
		db, err := mysql.Open(t.Context(), database(t), mysql.Plain)
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Repository { return open(t, database(t)) })
}
