package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC)

// event makes the nth event of one attacker, a millisecond after the one before.
func event(n int, typ string) decnet.Event {
	return decnet.Event{
		Time: start.Add(time.Duration(n) * time.Millisecond), Decky: "decky-01", Service: "ssh", Type: typ, Severity: decnet.SeverityInfo,
		Attacker: netip.MustParseAddr("203.0.113.9"),
		Fields:   []decnet.Field{decnet.F("src_ip", "203.0.113.9"), decnet.F("n", strconv.Itoa(n))},
	}
}

// run starts c and returns the function that stops it and gives the error of Run.
func run(t *testing.T, c *Collector, sources ...Source) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, sources...) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { stop() })
	return stop
}

func newCollector(t *testing.T, base string, opts Options) *Collector {
	t.Helper()
	if opts.Now == nil {
		opts.Now = func() time.Time { return start }
	}
	c, err := New(base, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// eventually waits until ok; the test's own timeout ends what never comes.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for tick := time.NewTicker(time.Millisecond); !ok(); <-tick.C {
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
}

// records returns the field n of the records in path.
func records(t *testing.T, path string) (ns []string) {
	t.Helper()
	for _, line := range lines(t, path) {
		e, _, err := rfc5424.ParseJSON([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, e.Value("n"))
	}
	return ns
}

// hostileEvents are events whose values try everything.
func hostileEvents() (list []decnet.Event) {
	for i, v := range []string{"plain", "a\nb", "\x00\xff]\"\\", "\u2028", strings.Repeat("x", 1<<20), "trailing \t "} {
		e := event(i, "command")
		e.Fields = append(slices.Clone(e.Fields), decnet.F("command", v))
		e.Msg = v
		list = append(list, e)
	}
	bare := event(9, "login")
	bare.Fields = nil
	return append(list, bare, decnet.Event{Type: "nothing"}, event(10, "connect"), event(11, "connect"))
}

func TestInProcessAndTextPathGiveEqualEvents(t *testing.T) {
	direct, text := filepath.Join(t.TempDir(), "decnet.log"), filepath.Join(t.TempDir(), "decnet.log")
	var stream bytes.Buffer
	c := newCollector(t, direct, Options{})
	for _, e := range hostileEvents() {
		c.Emit(e)
		stream.Write(append(rfc5424.Append(nil, &e), '\n'))
	}
	if err := run(t, c)(); err != nil {
		t.Fatal(err)
	}
	c = newCollector(t, text, Options{})
	stop := run(t, c, Reader(&stream))
	eventually(t, func() bool { return c.Status().Lines == uint64(len(hostileEvents())) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{".log", ".json"} {
		a, b := lines(t, strings.TrimSuffix(direct, ".log")+suffix), lines(t, strings.TrimSuffix(text, ".log")+suffix)
		if !slices.Equal(a, b) {
			t.Errorf("%s differs: %d and %d lines", suffix, len(a), len(b))
		}
	}
	if n := len(lines(t, Records(direct))); n != len(hostileEvents())-1 {
		t.Errorf("%d records", n)
	}
}

func TestRunWritesAllThatWasAccepted(t *testing.T) {
	base := filepath.Join(t.TempDir(), "new", "decnet.log")
	c := newCollector(t, base, Options{})
	stop := run(t, c)
	const emitters, each = 8, 500
	var wg sync.WaitGroup
	for i := range emitters {
		wg.Go(func() {
			for j := range each {
				c.Emit(event(i*each+j, "command"))
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	got := records(t, Records(base))
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != emitters*each || len(lines(t, base)) != n {
		t.Errorf("%d records", n)
	}
	if s := c.Status(); s.Running || s.Err != nil || s.Dropped != 0 || s.Records != emitters*each || s.Waiting != 0 {
		t.Errorf("status %+v", s)
	}
	if info, _ := os.Stat(base); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	c.Emit(event(0, "command"))
	if c.Status().Dropped != 1 {
		t.Error("an event after the end was not counted")
	}
}

func TestFloodsMakeOneRecordAWindow(t *testing.T) {
	other := event(3, "connect")
	other.Decky = "decky-02"
	stranger := event(4, "connect")
	stranger.Fields, stranger.Attacker = nil, netip.MustParseAddr("2001:db8::1")
	events := []decnet.Event{event(0, "connect"), event(1, "connect"), event(2, "disconnect"), other, stranger,
		event(5, "auth_attempt"), event(6, "auth_attempt"), event(999, "connect"), event(1000, "connect"), event(1500, "connect"), event(-5000, "connect")}
	for _, c := range []struct {
		name string
		opts Options
		want int
	}{
		{"default", Options{}, 8},
		{"off", Options{Window: -1}, 11},
		{"two seconds", Options{Window: 2 * time.Second}, 7},
		{"other types", Options{Types: []string{"auth_attempt"}}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := filepath.Join(t.TempDir(), "decnet.log")
			col := newCollector(t, base, c.opts)
			for _, e := range events {
				col.Emit(e)
			}
			if err := run(t, col)(); err != nil {
				t.Fatal(err)
			}
			if n := len(lines(t, Records(base))); n != c.want {
				t.Errorf("%d records, want %d", n, c.want)
			}
			if n := len(lines(t, base)); n != len(events) {
				t.Errorf("%d raw lines, want all %d", n, len(events))
			}
			if s := col.Status(); s.Suppressed != uint64(len(events)-c.want) {
				t.Errorf("%d suppressed", s.Suppressed)
			}
		})
	}
}

func TestFloodTableIsBounded(t *testing.T) {
	g := newFloodGate(time.Second, nil)
	for i := range 3 * floodKeys {
		e := event(0, "connect")
		e.Attacker = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if !g.admit(&e) {
			t.Fatal("a new attacker was held back")
		}
	}
	if n := g.last.Len(); n != floodKeys {
		t.Errorf("%d keys", n)
	}
}

func TestNativeLinesAreTranslated(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	text := "<14>1 2026-04-18T02:22:56Z decky-01 bash 7 - - CMD uid=0 user=root src=203.0.113.9 pwd=/root cmd=id\r\n\n" +
		"not syslog at all\n" +
		"<38>1 2026-04-18T02:22:57Z decky-01 sshd 7 - - Accepted password for root from 203.0.113.9 port 51022 ssh2\n"
	c := newCollector(t, base, Options{})
	stop := run(t, c, Reader(strings.NewReader(text)))
	eventually(t, func() bool { return c.Status().Lines == 3 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := c.Status(); s.Malformed != 1 || s.Records != 2 || len(lines(t, base)) != 3 {
		t.Errorf("status %+v", s)
	}
	var got []string
	for _, line := range lines(t, Records(base)) {
		e, raw, err := rfc5424.ParseJSON([]byte(line))
		if err != nil || !strings.Contains(text, raw) {
			t.Errorf("%s: %v", line, err)
		}
		got = append(got, e.Service+" "+e.Type+" "+e.Attacker.String())
	}
	if want := []string{"ssh command 203.0.113.9", "ssh auth_attempt 203.0.113.9"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestW4_AReattachNeverReplaysALine(t *testing.T) {
	dir := t.TempDir()
	base, in := filepath.Join(dir, "decnet.log"), filepath.Join(dir, "pot.out")
	n := 0
	for _, rotate := range []bool{false, true, false} {
		f, err := os.OpenFile(in, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			e := event(n, "command")
			fmt.Fprintf(f, "%s\n", rfc5424.Append(nil, &e))
			n++
		}
		f.Close()
		c := newCollector(t, base, Options{})
		stop := run(t, c, &File{Path: in, State: filepath.Join(dir, "pot.pos")})
		eventually(t, func() bool { return c.Status().Lines == 50 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if rotate {
			if err := os.Rename(in, in+".1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := records(t, Records(base))
	if len(got) != n || !slices.IsSortedFunc(got, func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y }) {
		t.Errorf("%d records of %d", len(got), n)
	}
}

func TestW5_ASecondWriterIsRefused(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := newCollector(t, base, Options{})
	stop := run(t, c)
	eventually(t, func() bool { return c.Status().Running })
	if err := newCollector(t, base, Options{}).Run(t.Context()); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("second writer: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := run(t, newCollector(t, base, Options{}))(); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

func TestW10_OwnEventsAreMarked(t *testing.T) {
	c := newCollector(t, filepath.Join(t.TempDir(), "decnet.log"), Options{})
	if e := c.ownEvent("events_dropped", decnet.SeverityWarning); !e.FromSensor() {
		t.Error("the collector's own event counts as an attacker's")
	}
}

func TestW40_SpoolIsBoundedAndSaysWhatItGivesUp(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := newCollector(t, base, Options{MaxSize: 2000, Keep: 2, KeepUnread: 3, Sync: time.Millisecond})
	stop := run(t, c)
	for i := range 200 {
		c.Emit(event(i, "command"))
		eventually(t, func() bool { return c.Status().Lines > uint64(i) })
	}
	eventually(t, func() bool {
		files, _ := filepath.Glob(filepath.Join(filepath.Dir(base), "*"))
		return len(files) <= 3+2+3
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	said := uint64(0)
	files, _ := filepath.Glob(Records(base) + "*")
	for _, file := range files {
		for _, line := range lines(t, file) {
			e, _, err := rfc5424.ParseJSON([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if e.Type == "records_discarded" {
				n, _ := strconv.ParseUint(e.Value("bytes"), 10, 64)
				said += n
			}
		}
	}
	if d := c.Status().Discarded; d == 0 || said == 0 || said > d {
		t.Errorf("%d bytes given up, events say %d", d, said)
	}
}

func TestRotationByOthers(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := newCollector(t, base, Options{})
	stop := run(t, c)
	emit := func(n int) {
		c.Emit(event(n, "command"))
		eventually(t, func() bool { return c.Status().Lines == uint64(n+1) && c.Status().Waiting == 0 })
		eventually(t, func() bool {
			got, _ := os.ReadFile(Records(base))
			return bytes.Contains(got, fmt.Appendf(nil, `"n":"%d"`, n))
		})
	}
	emit(0)
	if err := os.Rename(Records(base), Records(base)+".1"); err != nil {
		t.Fatal(err)
	}
	emit(1)
	if err := os.Truncate(Records(base), 0); err != nil {
		t.Fatal(err)
	}
	emit(2)
	if err := os.Remove(Records(base)); err != nil {
		t.Fatal(err)
	}
	emit(3)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := append(records(t, Records(base)+".1"), records(t, Records(base))...); !slices.Equal(got, []string{"0", "3"}) {
		t.Errorf("records %v", got)
	}
}

func TestTornLineOfACrashIsEnded(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	for _, path := range []string{base, Records(base)} {
		if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := newCollector(t, base, Options{})
	c.Emit(event(0, "command"))
	if err := run(t, c)(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{base, Records(base)} {
		if got := lines(t, path); len(got) != 2 || got[0] != "torn\n" {
			t.Errorf("%s is %q", path, got)
		}
	}
}

// TestDiskFull replaces the records file by /dev/full, to which every write fails with ENOSPC.
func TestDiskFull(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	if err := os.Symlink("/dev/full", Records(base)); err != nil {
		t.Fatal(err)
	}
	pipe, feed := io.Pipe()
	c := newCollector(t, base, Options{Sync: 5 * time.Millisecond, Memory: 64 << 10})
	stop := run(t, c, Reader(pipe))
	emitted := 0
	for ; c.Status().Dropped < 5; emitted++ {
		c.Emit(event(emitted, "command"))
	}
	eventually(t, func() bool {
		err := c.Status().Err
		return err != nil && strings.Contains(err.Error(), "no space left")
	})
	if err := os.Remove(Records(base)); err != nil {
		t.Fatal(err)
	}
	e := event(0, "delivered")
	if _, err := feed.Write(append(rfc5424.Append(nil, &e), '\n')); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		got, _ := os.ReadFile(Records(base))
		return bytes.Contains(got, []byte("delivered")) && bytes.Contains(got, []byte("events_dropped"))
	})
	if s := c.Status(); s.Err != nil {
		t.Errorf("status %+v", s)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	kept, counted := 0, 0
	for _, line := range lines(t, Records(base)) {
		e, _, err := rfc5424.ParseJSON([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		switch e.Type {
		case "command":
			kept++
		case "events_dropped":
			n, _ := strconv.Atoi(e.Value("count"))
			counted += n
		}
	}
	if kept+counted != emitted || counted < 5 {
		t.Errorf("emitted %d, kept %d, reported lost %d", emitted, kept, counted)
	}
}

func TestStopWithAFullDiskSaysWhatIsLost(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	for _, path := range []string{base, Records(base)} {
		if err := os.Symlink("/dev/full", path); err != nil {
			t.Fatal(err)
		}
	}
	c := newCollector(t, base, Options{})
	e := event(0, "command")
	stop := run(t, c, Reader(strings.NewReader(string(rfc5424.Append(nil, &e))+"\n")))
	c.Emit(event(1, "command"))
	eventually(t, func() bool { return c.Status().Err != nil })
	if err := stop(); err == nil || !strings.Contains(err.Error(), "unwritten") {
		t.Errorf("ended with %v", err)
	}
}

func TestLineForPartsOfALine(t *testing.T) {
	// The disk takes the first half of a line, and then the file is rotated away by
	// somebody: the line is written whole to the next.
	dir := t.TempDir()
	s := spoolFile{path: filepath.Join(dir, "x"), maxSize: 1 << 20}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.f.WriteString("first\nsec"); err != nil {
		t.Fatal(err)
	}
	s.pending, s.partial, s.size = []byte("second\n"), 3, 9
	if err := os.Rename(s.path, s.path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.prepare(), s.flush()); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, s.path); !slices.Equal(got, []string{"second\n"}) {
		t.Errorf("next file has %q", got)
	}
}

func TestSourceThatFailsIsReported(t *testing.T) {
	c := newCollector(t, filepath.Join(t.TempDir(), "decnet.log"), Options{})
	stop := run(t, c, Reader(io.MultiReader(strings.NewReader("a\n"), errReader{})))
	eventually(t, func() bool { return errors.Is(c.Status().Err, io.ErrNoProgress) })
	c.Emit(event(0, "command"))
	eventually(t, func() bool { return c.Status().Records == 1 })
	if err := stop(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("ended with %v", err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

func TestLongLineOfAReaderIsCut(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := newCollector(t, base, Options{})
	stop := run(t, c, Reader(io.MultiReader(strings.NewReader(strings.Repeat("x", maxLine+5<<20)), strings.NewReader("\nnext\nlast"))))
	eventually(t, func() bool { return c.Status().Lines == 3 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, base); len(got[0]) != cutLine+1 || got[1] != "next\n" || got[2] != "last\n" {
		t.Errorf("first line has %d bytes, then %q", len(got[0]), got[1:])
	}
}

func TestNewRefuses(t *testing.T) {
	for _, base := range []string{"", "x.json"} {
		if _, err := New(base, Options{}); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%q: %v", base, err)
		}
	}
}

// FuzzLine feeds lines of anybody: the spool must stay a spool.
func FuzzLine(f *testing.F) {
	f.Add("<14>1 2026-04-18T02:22:56Z d bash 7 - - CMD uid=0 user=root src=203.0.113.9 pwd=/root cmd=id")
	f.Add("<38>1 2026-04-18T02:22:57Z d sshd 7 - - Failed password for invalid user x from 203.0.113.9 port 51022 ssh2\r\n")
	f.Add(`<134>1 - d ssh - login [relay@55555 src_ip="203.0.113.9" password="\x0A\]"] m`)
	f.Add("\x00\xff<1")
	f.Fuzz(func(t *testing.T, line string) {
		line, _, _ = strings.Cut(line, "\n")
		c, err := New("decnet.log", Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.line(line)
		if n := bytes.Count(c.raw.pending, []byte{'\n'}); n != int(c.status.Lines) || n > 1 {
			t.Fatalf("%q became %d raw lines", line, n)
		}
		for record := range bytes.Lines(c.json.pending) {
			if _, raw, err := rfc5424.ParseJSON(record); err != nil || raw != strings.TrimRight(line, "\r\n") {
				t.Fatalf("%q became %q: %v", line, record, err)
			}
		}
		if n := bytes.Count(c.json.pending, []byte{'\n'}); n != int(c.status.Records) {
			t.Fatalf("%q became %d records", line, n)
		}
	})
}
