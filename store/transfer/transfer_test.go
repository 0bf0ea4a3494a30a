package transfer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
	"github.com/decnet/decnet/store/sqlite"
	"github.com/decnet/decnet/store/storetest"
	"github.com/decnet/decnet/store/transfer"
)

// The variables that make the test binary the process which copies.
const fromVariable, toVariable = "DECNET_TRANSFER_FROM", "DECNET_TRANSFER_TO"

// server is the MariaDB server of all tests; nil where there is none.
var server *mysqltest.Server

func TestMain(m *testing.M) {
	if from := os.Getenv(fromVariable); from != "" {
		if err := copyHere(from, os.Getenv(toVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	var err error
	if server, err = mysqltest.Start(); err != nil && !errors.Is(err, mysqltest.ErrMissing) {
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
		os.Exit(code)
	}))
}

// copyHere prints a line for each step.
func copyHere(from, to string) (err error) {
	ctx := context.Background()
	var dbs [2]store.Repository
	for i, text := range []string{from, to} {
		src, err := dsn.Parse(text)
		if err != nil {
			return err
		}
		if dbs[i], err = src.Open(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dbs[i].Close()) }()
	}
	return transfer.Copy(ctx, dbs[0], dbs[1], transfer.Options{From: "the source", Rows: 40, Progress: func(p transfer.Progress) {
		fmt.Println(p.Table, p.Rows, p.Of)
	}})
}

func Example() {
	ctx := context.Background()
	from, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer from.Close()
	to, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer to.Close()
	amy, err := from.CreateUser(ctx, store.User{Username: "amy"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := transfer.Copy(ctx, from, to, transfer.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	copied, err := to.UserByName(ctx, "amy")
	fmt.Println(copied == amy, err)
	// Output: true <nil>
}

func file(t *testing.T) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "decnet.db")
}

func database(t *testing.T) string {
	t.Helper()
	if server == nil {
		t.Skip(mysqltest.ErrMissing)
	}
	return "mysql:" + server.Database(t)
}

func open(t *testing.T, text string) store.Repository {
	t.Helper()
	src, err := dsn.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	db, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// process copies in a process of its own, which is killed after so many steps; it reports
// whether the copy was complete before.
func process(t *testing.T, from, to string, steps int) (complete bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fromVariable+"="+from, toVariable+"="+to)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < steps && lines.Scan(); n++ {
	}
	killed := cmd.Process.Kill() == nil
	for lines.Scan() {
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 && killed {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// TestKilledCopyIsCompleted: a copy that is killed again and again, at any step, ends equal to
// its source, in every direction. Until it does, the target refuses to be used.
func TestKilledCopyIsCompleted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to func(*testing.T) string }{
		"sqlite to sqlite": {file, file},
		"sqlite to mysql":  {file, database},
		"mysql to sqlite":  {database, file},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := c.from(t), c.to(t)
			source := open(t, from)
			storetest.Fill(t, source, 1000)
			kills := 0
			for steps := 1; !process(t, from, to, steps); steps += 12 {
				kills++
				target := open(t, to)
				if err := target.SetState(t.Context(), "x", []byte("1")); !errors.Is(err, decnet.ErrSemantic) {
					t.Fatalf("a write into the unfinished copy after %d kills: %v", kills, err)
				}
			}
			if kills < 5 {
				t.Fatalf("the copy was killed %d times, which shows little", kills)
			}
			storetest.WantSame(t, open(t, to), source)
			t.Logf("complete after %d kills", kills)
		})
	}
}

// TestBetweenServers: a database goes from MariaDB to MySQL and back.
func TestBetweenServers(t *testing.T) {
	t.Parallel()
	begin := func(start func(...string) (*mysqltest.Server, error)) *mysqltest.Server {
		own, err := start("--innodb-buffer-pool-size=16M")
		if errors.Is(err, mysqltest.ErrMissing) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := own.Stop(); err != nil {
				t.Error(err)
			}
		})
		return own
	}
	one, other := begin(mysqltest.StartMariaDB), begin(mysqltest.StartMySQL)
	source, there, back := open(t, "mysql:"+one.Database(t)), open(t, "mysql:"+other.Database(t)), open(t, "mysql:"+one.Database(t))
	storetest.Fill(t, source, 300)
	for _, step := range [][2]store.Repository{{source, there}, {there, back}} {
		if err := transfer.Copy(t.Context(), step[0], step[1], transfer.Options{}); err != nil {
			t.Fatal(err)
		}
		storetest.WantSame(t, step[1], source)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from, to := open(t, file(t)), open(t, file(t))
	storetest.Fill(t, from, 100)
	if _, err := to.CreateUser(ctx, store.User{Username: "admin"}); err != nil {
		t.Fatal(err)
	}
	if err := transfer.Copy(ctx, from, to, transfer.Options{}); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("into a store that is not empty: %v", err)
	}
	if err := transfer.Copy(ctx, from, from, transfer.Options{}); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("into itself: %v", err)
	}
	if users, err := to.Users(ctx); err != nil || len(users) != 1 {
		t.Errorf("the refused target has the users %v, %v", users, err)
	}
	for _, c := range [][2]store.Repository{{struct{ store.Repository }{from}, to}, {from, struct{ store.Repository }{to}}} {
		if err := transfer.Copy(ctx, c[0], c[1], transfer.Options{}); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("a store without the role: %v", err)
		}
	}

	// The source is written to while it is copied, and after a copy that was cancelled.
	write := func() {
		if _, err := from.Ingest(ctx, store.Batch{Records: make([]store.Record, 1)}); err != nil {
			t.Error(err)
		}
	}
	target := open(t, file(t))
	if err := transfer.Copy(ctx, from, target, transfer.Options{Progress: func(p transfer.Progress) {
		if p.Table == "users" {
			write()
		}
	}}); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("the source was written to: %v", err)
	}
	target = open(t, file(t))
	short, cancel := context.WithCancel(ctx)
	if err := transfer.Copy(short, from, target, transfer.Options{From: "a", Progress: func(transfer.Progress) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("a copy that was cancelled: %v", err)
	}
	if err := transfer.Copy(ctx, from, target, transfer.Options{From: "b"}); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("an unfinished copy of another: %v", err)
	}
	fresh := open(t, file(t))
	if err := transfer.Copy(ctx, target, fresh, transfer.Options{}); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("a copy of an unfinished one: %v", err)
	}
	if err := fresh.SetState(ctx, "x", []byte("1")); err != nil {
		t.Errorf("after that, its target: %v", err)
	}
	write()
	if err := transfer.Copy(ctx, from, target, transfer.Options{From: "a"}); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("the source was written to since: %v", err)
	}
}

// TestIntoItself: an empty store that is the source and the target is left as it was.
func TestIntoItself(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(*testing.T) string{"sqlite": file, "mysql": database} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where := place(t)
			one, again := open(t, where), open(t, where)
			for _, to := range []store.Repository{one, again} {
				if err := transfer.Copy(t.Context(), one, to, transfer.Options{}); !errors.Is(err, decnet.ErrConflict) ||
					!strings.Contains(err.Error(), "the source and the target are one store") {
					t.Errorf("got %v", err)
				}
			}
			if _, err := again.Ingest(t.Context(), store.Batch{Records: make([]store.Record, 1)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEveryProcessRefusesToWrite: who has the target open since before a copy began does not
// write into it either, until the copy is complete, and without a further open then.
func TestEveryProcessRefusesToWrite(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(*testing.T) string{"sqlite": file, "mysql": database} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			from, where := open(t, file(t)), place(t)
			storetest.Fill(t, from, 100)
			other, to := open(t, where), open(t, where)
			writes := func() map[string]error {
				_, ingest := other.Ingest(ctx, store.Batch{Records: make([]store.Record, 1)})
				_, export := other.(store.Exporter).Export(ctx, "records", nil, 1)
				_, purge := other.Purge(ctx, time.Unix(0, 0))
				return map[string]error{"ingest": ingest, "state": other.SetState(ctx, "x", []byte("1")), "purge": purge, "export": export}
			}
			copied := 0
			if err := transfer.Copy(ctx, from, to, transfer.Options{Progress: func(p transfer.Progress) {
				copied++
				for name, err := range writes() {
					if !errors.Is(err, decnet.ErrSemantic) {
						t.Errorf("%s beside the copy of %s: %v", name, p.Table, err)
					}
				}
			}}); err != nil {
				t.Fatal(err)
			}
			if copied == 0 {
				t.Error("nothing was copied")
			}
			storetest.WantSame(t, other, from)
			for name, err := range writes() {
				if err != nil {
					t.Errorf("%s after the copy: %v", name, err)
				}
			}
		})
	}
}

// TestNamesThatDoNotFit: what one store holds and the other has no room for is refused, and
// says so.
func TestNamesThatDoNotFit(t *testing.T) {
	t.Parallel()
	from, to := open(t, file(t)), open(t, database(t))
	if _, err := from.Ingest(t.Context(), store.Batch{Records: []store.Record{{Event: decnet.Event{Decky: string(make([]byte, 1001))}}}}); err != nil {
		t.Fatal(err)
	}
	if err := transfer.Copy(t.Context(), from, to, transfer.Options{}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
