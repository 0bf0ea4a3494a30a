package assembly

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store/dsn"
	"github.com/decnet/decnet/store/lease"
)

// TestW05_OneDaemonAtATimeOnADatabase: a second daemon with a data directory of its own is
// refused the database, and told who has it; once the first was killed it gets the database;
// and a daemon that has lost it ends.
func TestW05_OneDaemonAtATimeOnADatabase(t *testing.T) {
	t.Parallel()
	for i, kind := range []string{"sqlite", "mariadb", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			place := "sqlite:" + filepath.Join(t.TempDir(), "shared.db")
			if kind != "sqlite" {
				place = "mysql:" + serverOf(t, kind)
			}
			flags := []string{"--db", place, "--port-offset", strconv.Itoa(offset), "--base-ip", fmt.Sprintf("127.0.62.%d", 20+i), "--services", "redis", "--deckies", "1"}
			first := daemontest.Start(t, binaries.plain, t.TempDir(), flags...)

			other := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			said, err := exec.CommandContext(ctx, binaries.plain, append([]string{"up", "--data", other, "--api", "127.0.0.1:0"}, flags...)...).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("a second daemon: %v", err)
			}
			host, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			who := fmt.Sprintf("in use by the decnetd up on %s, process %d, data directory %s: stop that one or give another --db", host, first.Process.Pid, first.Data)
			if !strings.Contains(string(said), who) || strings.Count(string(said), "\n") != 1 {
				t.Errorf("it says %s\nwant %s", said, who)
			}

			first.Kill()
			second := daemontest.Start(t, binaries.plain, other, flags...)
			src, err := dsn.Parse(place)
			if err != nil {
				t.Fatal(err)
			}
			db, err := src.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.SetState(t.Context(), lease.Key, []byte(`{"id":"x","holder":"eve"}`)); err != nil {
				t.Fatal(err)
			}
			select {
			case <-second.Exited:
			case <-time.After(time.Minute):
				t.Fatal("it goes on without the lease")
			}
			if said := second.Said(); !strings.Contains(said, "the store is no longer ours: it is in use by eve\n") {
				t.Errorf("it said %s", said)
			}
		})
	}
}

// serverOf starts a server and returns the DSN of a database.
func serverOf(t *testing.T, kind string) string {
	t.Helper()
	start := mysqltest.StartMariaDB
	if kind == "mysql" {
		start = mysqltest.StartMySQL
	}
	server, err := start("--innodb-buffer-pool-size=16M")
	if errors.Is(err, mysqltest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	server.Exec(t, "CREATE DATABASE decnet")
	return server.DSN("root", "", "decnet")
}
