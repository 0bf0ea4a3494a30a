package api_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/sqlite"
)

// server has the stores of the fixtures where the environment names one, mariadb or mysql;
// nil: they are of SQLite.
var server *mysqltest.Server

func TestMain(m *testing.M) {
	if os.Getenv(mysqltest.Variable) != "" {
		var err error
		if server, err = mysqltest.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		if server != nil {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
		os.Exit(code)
	}))
}

func openStore(t testing.TB) store.Repository {
	t.Helper()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	var db store.Repository
	var err error
	if server != nil {
		db, err = mysql.Open(t.Context(), server.Database(t), mysql.Config{})
	} else {
		db, err = sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
