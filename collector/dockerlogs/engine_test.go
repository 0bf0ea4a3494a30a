package dockerlogs_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/dockerlogs"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/internal/enginetest"
	"github.com/decnet/decnet/rfc5424"
)

// childBase is set in the process that collects, to its spool; childHost is its engine.
const (
	childBase = "DOCKERLOGS_TEST_BASE"
	childHost = "DOCKERLOGS_TEST_HOST"
)

func TestMain(m *testing.M) {
	if base := os.Getenv(childBase); base != "" {
		os.Exit(collect(base, os.Getenv(childHost)))
	}
	os.Exit(enginetest.Main(m))
}

// collect is the process that is killed in tests.
func collect(base, host string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := collector.New(base, collector.Options{Keep: 1000, Window: -1})
	if err == nil {
		err = c.Run(ctx, dockerlogs.New(dockerlogs.Options{Fleet: "lab", Host: host}))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

const printer = "printer"

// start returns an engine that has the image of the printer.
func start(t testing.TB) *enginetest.Engine {
	t.Helper()
	engine := enginetest.Start(t)
	binary := filepath.Join(t.TempDir(), "printer")
	build := exec.Command("go", "build", "-o", binary, "./testdata/printer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image.tar")
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "printer", Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(image, archive.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	engine.Docker(t, "import", "-c", `ENTRYPOINT ["/printer"]`, image, printer)
	return engine
}

// run starts a container of the fleet.
func run(t testing.TB, e *enginetest.Engine, decky, service string, opts []string, args ...string) (id string) {
	t.Helper()
	all := append([]string{"run", "-d", "--network", "none", "--name", decky + "-" + service,
		"--label", fleet.LabelFleet + "=lab", "--label", fleet.LabelDecky + "=" + decky, "--label", fleet.LabelService + "=" + service}, opts...)
	return strings.TrimSpace(e.Docker(t, append(append(all, printer, decky, service), args...)...))
}

// child is a process that collects.
type child struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func startChild(t testing.TB, base string, e *enginetest.Engine) *child {
	t.Helper()
	c := &child{cmd: exec.Command("/proc/self/exe")}
	c.cmd.Env = append(os.Environ(), childBase+"="+base, childHost+"="+e.Host)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		_ = c.cmd.Wait()
	})
	return c
}

func (c *child) kill(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // it was killed
}

func (c *child) stop(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, c.out.String())
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not reached: %s", what)
		}
	}
}

// spooled returns the events of a spool, those of the records and those of the raw lines.
func spooled(t testing.TB, base string) (records, raw []decnet.Event) {
	t.Helper()
	read := func(path string, parse func(string) (decnet.Event, error)) (list []decnet.Event) {
		names, err := filepath.Glob(path + "*")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(names, func(a, b string) int { // path itself is the newest
			return strings.Compare(strings.TrimPrefix(a, path)+"~", strings.TrimPrefix(b, path)+"~")
		})
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			whole, _, _ := cutLast(string(text), "\n")
			for line := range strings.SplitSeq(whole, "\n") {
				if line == "" {
					continue
				}
				e, err := parse(line)
				if err != nil {
					t.Errorf("%s has %q: %v", name, line, err)
				}
				list = append(list, e)
			}
		}
		return list
	}
	records = read(collector.Records(base), func(s string) (decnet.Event, error) { e, _, err := rfc5424.ParseJSON([]byte(s)); return e, err })
	return records, read(base, rfc5424.Parse)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

// series are the numbers that one run of a printer gave, in the order of the spool.
type series map[string][]int // by decky, service and run

func numbered(t testing.TB, events []decnet.Event) (s series, gaps int) {
	t.Helper()
	s = make(series)
	for _, e := range events {
		switch {
		case e.Type == "log_gap":
			gaps++
		case e.Value("n") != "":
			n, err := strconv.Atoi(e.Value("n"))
			if err != nil {
				t.Error(err)
			}
			key := e.Decky + " " + e.Service + " " + e.Value("run")
			s[key] = append(s[key], n)
		}
	}
	return s, gaps
}

// holes reports how many numbers are missing of a series and how many come twice or too late.
func holes(list []int) (missing, repeated int) {
	next := 0
	for _, n := range list {
		switch {
		case n == next:
			next++
		case n > next:
			missing += n - next
			next = n + 1
		default:
			repeated++
		}
	}
	return missing, repeated
}

// lastOf returns the last number that the engine has of a container.
func lastOf(t testing.TB, e *enginetest.Engine, id string) (key string, n int) {
	t.Helper()
	for line := range strings.Lines(e.Docker(t, "logs", "--tail", "3", id)) {
		if ev, err := rfc5424.Parse(line); err == nil && ev.Value("n") != "" {
			key = ev.Decky + " " + ev.Service + " " + ev.Value("run")
			n, _ = strconv.Atoi(ev.Value("n"))
		}
	}
	return key, n
}

func (s series) count() (n int) {
	for _, list := range s {
		n += len(list)
	}
	return n
}

// TestW4_NoLineIsLostOrRepeated kills the collector, the engine and containers while
// containers print, with logs that are rotated at 10 kB.
func TestW4_NoLineIsLostOrRepeated(t *testing.T) {
	engine := start(t)
	base := filepath.Join(t.TempDir(), "decnet.log")
	var ids []string
	launch := func(decky, service string, keep int) {
		ids = append(ids, run(t, engine, decky, service,
			[]string{"--restart", "always", "--log-opt", "max-size=10k", "--log-opt", fmt.Sprintf("max-file=%d", keep)}, "lines", "0", "1ms"))
	}
	launch("decky-01", "ssh", 2)
	launch("decky-01", "redis", 5)
	c := startChild(t, base, engine)
	grown := func(by int) {
		t.Helper()
		records, _ := spooled(t, base)
		from := len(records)
		eventually(t, "more lines", func() bool { records, _ := spooled(t, base); return len(records) >= from+by })
	}
	grown(200)
	for range 5 {
		c.kill(t)
		c = startChild(t, base, engine)
		grown(100)
	}
	launch("decky-02", "ssh", 5) // a late joiner
	grown(300)
	engine.Docker(t, "restart", "-t", "5", ids[0])
	grown(200)
	engine.Docker(t, "kill", ids[1])
	engine.Docker(t, "start", ids[1])
	grown(200)
	for name, end := range map[string]func() error{"stop": engine.Stop, "kill": engine.Kill} {
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := engine.Run(); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		grown(200)
	}
	engine.Docker(t, "rm", "-f", ids[2])
	ids = ids[:2]
	launch("decky-02", "ssh", 5) // of the same name
	grown(200)

	last := make(map[string]int)
	for _, id := range ids {
		engine.Docker(t, "stop", "-t", "5", id)
		key, n := lastOf(t, engine, id)
		last[key] = n
	}
	eventually(t, "the last lines", func() bool {
		records, _ := spooled(t, base)
		got, _ := numbered(t, records)
		for key, n := range last {
			if !slices.Contains(got[key], n) {
				return false
			}
		}
		return true
	})
	c.stop(t)
	check(t, base)
}

// check fails when lines are lost without a word, or repeated, in either file of a spool.
func check(t *testing.T, base string) {
	t.Helper()
	records, raw := spooled(t, base)
	for name, events := range map[string][]decnet.Event{"records": records, "raw lines": raw} {
		got, gaps := numbered(t, events)
		total := 0
		for key, list := range got {
			missing, repeated := holes(list)
			total += missing
			if repeated > 0 {
				t.Errorf("%s of %s: %d repeated", name, key, repeated)
			}
			if missing > 0 && gaps == 0 {
				t.Errorf("%s of %s: %d of %d missing, and nothing says so", name, key, missing, len(list)+missing)
			}
		}
		t.Logf("%s: %d lines of %d runs, %d missing, %d gaps told", name, got.count(), len(got), total, gaps)
	}
}
