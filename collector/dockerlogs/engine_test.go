package dockerlogs_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

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

// size returns the size of a file, 0 when it is not there yet.
func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// lastOf returns the run and number of the last event that the engine has of a container, as
// they are in a record.
func lastOf(t testing.TB, e *enginetest.Engine, id string) (fields string) {
	t.Helper()
	for line := range strings.Lines(e.Docker(t, "logs", "--tail", "3", id)) {
		if ev, err := rfc5424.Parse(line); err == nil && ev.Value("n") != "" {
			fields = fmt.Sprintf(`"run":%q,"n":%q`, ev.Value("run"), ev.Value("n"))
		}
	}
	if fields == "" {
		t.Error("the engine has no event of the container")
	}
	return fields
}

// TestW4_NoLineIsLostOrRepeated kills the collector, the engine and containers while
// containers print, with logs that are rotated at 10 kB.
func TestW4_NoLineIsLostOrRepeated(t *testing.T) {
	engine := start(t)
	base := filepath.Join(t.TempDir(), "decnet.log")
	var ids []string
	launch := func(decky, service string, keep int) {
		ids = append(ids, run(t, engine, decky, service,
			[]string{"--restart", "always", "--log-opt", "max-size=10k", "--log-opt", fmt.Sprintf("max-file=%d", keep)}, "lines", "0", "2ms"))
	}
	launch("decky-01", "ssh", 2)
	launch("decky-01", "redis", 5)
	whole := run(t, engine, "decky-03", "http", []string{"--restart", "always"}, "lines", "0", "2ms") // not rotated
	c := startChild(t, base, engine)
	grown := func(by int64) { // in lines, of 100 bytes and more
		t.Helper()
		from := size(t, base)
		eventually(t, "more lines", func() bool { return size(t, base) >= from+100*by })
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
	var killed moment
	for name, end := range map[string]func() error{"stop": engine.Stop, "kill": engine.Kill} {
		begin := time.Now()
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "kill" {
			killed = moment{begin.Add(-2 * time.Second), time.Now()}
		}
		if err := engine.Run(); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		grown(200)
	}
	engine.Docker(t, "rm", "-f", ids[2])
	ids = append(ids[:2], whole)
	launch("decky-02", "ssh", 5) // of the same name
	grown(200)

	var last []string
	for _, id := range ids {
		engine.Docker(t, "stop", "-t", "5", id)
		last = append(last, lastOf(t, engine, id))
	}
	eventually(t, "the last lines", func() bool {
		records, err := os.ReadFile(collector.Records(base))
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(last, func(event string) bool { return !strings.Contains(string(records), event) })
	})
	c.stop(t)

	records, raw := spooled(t, base)
	for name, list := range map[string][]decnet.Event{"records": records, "raw lines": raw} {
		check(t, name, list, killed)
		var kept, got []string
		for line := range strings.Lines(engine.Docker(t, "logs", whole)) {
			kept = append(kept, strings.TrimSuffix(line, "\n"))
		}
		for _, e := range list {
			if e.Decky == "decky-03" {
				got = append(got, string(rfc5424.Append(nil, &e)))
			}
		}
		if !slices.Equal(got, kept) {
			t.Errorf("%s: of the container whose log is not rotated %d lines came, the engine has %d", name, len(got), len(kept))
		}
	}
}

// moment is a time in which the engine was killed. What it had taken from a container by
// then, and not written to the log, nobody has.
type moment struct{ begin, end time.Time }

// check fails when lines are repeated, or lost and the container has no gap there.
func check(t *testing.T, name string, list []decnet.Event, killed moment) {
	t.Helper()
	next, gap, last := make(map[string]int), make(map[string]bool), make(map[string]time.Time)
	missing, gaps := 0, 0
	for _, e := range list {
		if e.Type == "log_gap" {
			gaps++
			gap[e.Decky+" "+e.Value("service")] = true
			continue
		}
		n, err := strconv.Atoi(e.Value("n"))
		if err != nil {
			continue
		}
		c := e.Decky + " " + e.Service
		key := c + " " + e.Value("run")
		switch {
		case n < next[key]:
			t.Errorf("%s: %d of %s is repeated", name, n, key)
		case n > next[key] && !gap[c] && !last[key].After(killed.end) && !e.Time.Before(killed.begin):
			t.Logf("%s: the engine kept %d lines of %s to itself when it was killed", name, n-next[key], key)
		case n > next[key] && !gap[c]:
			t.Errorf("%s: %d to %d of %s are missing, and nothing says so", name, next[key], n-1, key)
		}
		missing += max(0, n-next[key])
		next[key], gap[c], last[key] = n+1, false, e.Time
	}
	t.Logf("%s: %d events of %d runs, %d missing, %d gaps told", name, len(list), len(next), missing, gaps)
}

// inProcess runs a source and a collector in this process until stop.
func inProcess(t *testing.T, base string, opts dockerlogs.Options) (src *dockerlogs.Source, stop func()) {
	t.Helper()
	c, err := collector.New(base, collector.Options{Keep: 1000, Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	src = dockerlogs.New(opts)
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, src) }()
	return src, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
}

func TestHostileContainer(t *testing.T) {
	engine := start(t)
	base := filepath.Join(t.TempDir(), "decnet.log")
	var log syncBuffer
	src, stop := inProcess(t, base, dockerlogs.Options{Host: engine.Host, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer stop()
	run(t, engine, "decky-01", "ssh", []string{"--log-opt", "max-size=10m", "--log-opt", "max-file=5"}, "hostile")
	eventually(t, "the line without end", func() bool {
		records, _ := spooled(t, base)
		return slices.ContainsFunc(records, func(e decnet.Event) bool { return e.Value("line") == "no end" })
	})
	eventually(t, "standard error", func() bool { return strings.Contains(log.String(), "standard error of a container") })
	stop()
	records, _ := spooled(t, base)
	var got []string
	for _, e := range records {
		if e.Decky != "decky-01" || e.Service != "ssh" {
			t.Errorf("an event of %s %s", e.Decky, e.Service)
		}
		text := e.Type
		for _, f := range e.Fields {
			if f.Key != "run" {
				text += fmt.Sprintf(" %s=%.40s", f.Key, f.Value)
			}
		}
		got = append(got, text)
	}
	want := []string{
		"command n=0",
		"unparsed_line line=garbage \ufffd\ufffd\x00\x1b[2J size=19",
		"command long=" + strings.Repeat("x", 40),
		"unparsed_line line=" + strings.Repeat("y", 40) + " size=65536 cut=true",
		"command n=forged claimed_service=redis claimed_decky=other-decky claimed_time=2026-01-01T00:00:00Z",
		`unparsed_line line={"log":"<134>1 2026-01-01T00:00:00Z othe size=113`,
		"command n=1",
		"unparsed_line line=no end size=6",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s := src.Status(); s.Lines != 8 || s.Unparsed != 4 || s.PutRight != 1 || s.Gaps != 0 {
		t.Errorf("status %+v", s)
	}
	if n := strings.Count(log.String(), "stderr"); n != 1 {
		t.Errorf("standard error was logged %d times", n)
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestContainersThatGo: one is removed while it is followed, one while nobody listens, one
// has a log that cannot be read, and one belongs to somebody else.
func TestContainersThatGo(t *testing.T) {
	engine := start(t)
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := startChild(t, base, engine)
	has := func(what string, ok func(decnet.Event) bool) {
		t.Helper()
		eventually(t, what, func() bool { records, _ := spooled(t, base); return slices.ContainsFunc(records, ok) })
	}
	followed := run(t, engine, "decky-01", "ssh", nil, "lines", "50", "0s")
	missed := run(t, engine, "decky-02", "ssh", nil, "lines", "50", "0s")
	engine.Docker(t, "run", "-d", "--network", "none", printer, "decky-09", "ssh", "lines", "5", "0s")
	run(t, engine, "decky-03", "ssh", []string{"--log-driver", "none"}, "lines", "5", "0s")
	for _, decky := range []string{"decky-01", "decky-02"} {
		has("the last line", func(e decnet.Event) bool { return e.Decky == decky && e.Value("n") == "49" })
	}
	gapOf := func(decky, reason string) func(decnet.Event) bool {
		return func(e decnet.Event) bool {
			return e.Type == "log_gap" && e.Decky == decky && e.Value("service") == "ssh" && strings.Contains(e.Value("reason"), reason)
		}
	}
	has("the log driver", gapOf("decky-03", "log driver"))
	engine.Docker(t, "rm", "-f", followed)
	c.kill(t)
	engine.Docker(t, "rm", "-f", missed)
	c = startChild(t, base, engine)
	has("the removed container", gapOf("decky-02", "nobody listened"))
	c.stop(t)
	records, _ := spooled(t, base)
	for _, e := range records {
		if gapOf("decky-01", "")(e) && !gapOf("decky-01", "nobody listened")(e) || e.Decky == "decky-09" {
			t.Errorf("%+v", e)
		}
	}
	check(t, "records", records, moment{})
}

// TestW42_ContainersNeedNoThreadsOfTheirOwn attaches to containers that start at once.
func TestW42_ContainersNeedNoThreadsOfTheirOwn(t *testing.T) {
	const count = 60
	engine := start(t)
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := startChild(t, base, engine)
	usage := func() (threads, files int, memory string) {
		pid := strconv.Itoa(c.cmd.Process.Pid)
		status, err3 := os.ReadFile("/proc/" + pid + "/status")
		_, memory, _ = strings.Cut(string(status), "VmRSS:")
		memory, _, _ = strings.Cut(strings.TrimSpace(memory), "\n")
		tasks, err := os.ReadDir("/proc/" + pid + "/task")
		fds, err2 := os.ReadDir("/proc/" + pid + "/fd")
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		return len(tasks), len(fds), memory
	}
	created := make([]string, 0, count)
	for i := range count {
		decky := fmt.Sprintf("decky-%03d", i)
		created = append(created, strings.TrimSpace(engine.Docker(t, "create", "--network", "none",
			"--label", fleet.LabelFleet+"=lab", "--label", fleet.LabelDecky+"="+decky, "--label", fleet.LabelService+"=ssh",
			printer, decky, "ssh", "lines", "20", "10ms")))
	}
	var starting sync.WaitGroup
	for some := range slices.Chunk(created, count/4) {
		starting.Go(func() {
			cmd := exec.Command("docker", append([]string{"-H", engine.Host, "start"}, some...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	starting.Wait()
	all := func() bool {
		records, _ := spooled(t, base)
		return len(records) >= 20*count
	}
	eventually(t, "all lines", func() bool { return size(t, base) >= 100*20*count && all() })
	threads, files, memory := usage()
	t.Logf("%d containers: %d threads, %d open files, %s resident", count, threads, files, memory)
	if limit := 3*runtime.NumCPU() + 20; threads > limit {
		t.Errorf("%d threads for %d containers, more than %d", threads, count, limit)
	}
	if files < count {
		t.Errorf("%d files are open: the containers are not followed", files)
	}
	c.stop(t)
	records, raw := spooled(t, base)
	check(t, "records", records, moment{})
	if len(records) != 20*count || len(raw) != 20*count {
		t.Errorf("%d records and %d raw lines of %d", len(records), len(raw), 20*count)
	}
}

// TestW23_LinesBelongToTheContainerAndNotToItsHostName: a daemon prints the name that the
// decky pretends to have.
func TestW23_LinesBelongToTheContainerAndNotToItsHostName(t *testing.T) {
	engine := start(t)
	base := filepath.Join(t.TempDir(), "decnet.log")
	_, stop := inProcess(t, base, dockerlogs.Options{Fleet: "lab", Host: engine.Host})
	defer stop()
	run(t, engine, "decky-07", "telnet", nil, "text", "<14>1 "+time.Now().UTC().Format(time.RFC3339)+" ubuntu-srv bash 77 - - CMD uid=0 pwd=/ cmd=id")
	var got decnet.Event
	eventually(t, "the command", func() bool {
		records, _ := spooled(t, base)
		if len(records) > 0 {
			got = records[0]
		}
		return len(records) > 0
	})
	if got.Decky != "decky-07" || got.Service != "telnet" || got.Type != "command" || got.Value("command") != "id" {
		t.Errorf("%+v", got)
	}
}

// manyContainers is an engine whose containers are the logs of a directory.
type manyContainers struct {
	dir   string
	count int
}

func (e manyContainers) ContainerList(context.Context, container.ListOptions) (list []container.Summary, err error) {
	for i := range e.count {
		list = append(list, container.Summary{ID: fmt.Sprint(i), State: container.StateRunning, Labels: map[string]string{
			fleet.LabelFleet: "lab", fleet.LabelDecky: fmt.Sprintf("decky-%d", i), fleet.LabelService: "ssh",
		}})
	}
	return list, nil
}

func (e manyContainers) ContainerInspect(_ context.Context, id string) (container.InspectResponse, error) {
	host := &container.HostConfig{LogConfig: container.LogConfig{Type: "json-file"}}
	return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{LogPath: filepath.Join(e.dir, id, "json.log"), HostConfig: host}}, nil
}

func (e manyContainers) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return nil, nil
}

// TestW42_AThousandLogsAreFollowedByThreeGoroutines writes the logs itself.
func TestW42_AThousandLogsAreFollowedByThreeGoroutines(t *testing.T) {
	const count, each = 1000, 10
	e := manyContainers{t.TempDir(), count}
	logs := make([]*os.File, count)
	for i := range logs {
		path := filepath.Join(e.dir, fmt.Sprint(i), "json.log")
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			logs[i], err = os.Create(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer logs[i].Close()
	}
	threads := func() int {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(tasks)
	}
	base := filepath.Join(t.TempDir(), "decnet.log")
	goroutines, before := runtime.NumGoroutine(), threads()
	src, stop := inProcess(t, base, dockerlogs.Options{Engine: e})
	defer stop()
	for n := range each {
		for i, f := range logs {
			now := time.Now().UTC()
			line := fmt.Sprintf("<134>1 %s decky-%d ssh - command [relay@55555 run=\\\"0\\\" n=\\\"%d\\\"]", now.Format("2006-01-02T15:04:05.000000+00:00"), i, n)
			if _, err := fmt.Fprintf(f, `{"log":"%s\n","stream":"stdout","time":"%s"}`+"\n", line, now.Format(time.RFC3339Nano)); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "all lines", func() bool { return src.Status().Lines == count*each })
	more, moreThreads := runtime.NumGoroutine()-goroutines, threads()-before
	t.Logf("%d logs: %d goroutines and %d threads more", count, more, moreThreads)
	if more > 10 {
		t.Errorf("%d goroutines for %d logs", more, count)
	}
	if limit := 2*runtime.NumCPU() + 10; moreThreads > limit {
		t.Errorf("%d threads for %d logs, more than %d", moreThreads, count, limit)
	}
	stop()
	records, raw := spooled(t, base)
	check(t, "records", records, moment{})
	if len(records) != count*each || len(raw) != count*each {
		t.Errorf("%d records and %d raw lines of %d", len(records), len(raw), count*each)
	}
}
