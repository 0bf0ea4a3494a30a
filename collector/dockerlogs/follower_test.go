package dockerlogs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/decnet/decnet/collector"
)

// engineLog writes and rotates a log as the engine does, one system call after the other.
type engineLog struct {
	path string
	keep int
	f    *os.File
	now  time.Time
	err  error
}

func newEngineLog(dir string, keep int) *engineLog {
	l := &engineLog{path: filepath.Join(dir, "c-json.log"), keep: keep, now: time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)}
	l.open()
	return l
}

func (l *engineLog) open() {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	l.f, l.err = f, errors.Join(l.err, err)
}

// entry writes one entry, at a new time unless it goes on with the one before.
func (l *engineLog) entry(text, stream string, goesOn bool) {
	if !goesOn {
		l.now = l.now.Add(time.Microsecond)
	}
	b, err := json.Marshal(struct {
		Log    string    `json:"log"`
		Stream string    `json:"stream"`
		Time   time.Time `json:"time"`
	}{text, stream, l.now})
	_, err2 := l.f.Write(append(b, '\n'))
	l.err = errors.Join(l.err, err, err2)
}

func (l *engineLog) rotate() {
	l.err = errors.Join(l.err, l.f.Close())
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.err = errors.Join(l.err, err)
		}
	}
	for i := l.keep - 1; i > 1; i-- {
		rename(fmt.Sprintf("%s.%d", l.path, i-1), fmt.Sprintf("%s.%d", l.path, i))
	}
	rename(l.path, l.path+".1")
	l.open()
}

// recorder is a sink that keeps what it is given, and the spool's position.
type recorder struct {
	lines []string
	gaps  []string
	cut   int
	err   int
	kept  string
}

func (r *recorder) line(_ *follower, text, _ string, cut bool) {
	r.lines = append(r.lines, text)
	if cut {
		r.cut++
	}
}
func (r *recorder) stderr(*follower, entry) { r.err++ }
func (r *recorder) gap(_ *follower, reason, _ string) {
	r.gaps = append(r.gaps, reason)
	r.lines = append(r.lines, "GAP")
}

// attached returns a follower of l that goes on at the position of r.
func (r *recorder) attached(t fatal, l *engineLog, maxLine int) *follower {
	t.Helper()
	room := 1 << 20
	f := &follower{containerID: containerID{id: "c", decky: "decky-01", service: "ssh"}, key: "docker/lab/c"}
	f.lines = lines{maxLine: maxLine, room: &room}
	f.chain.path, f.keep = l.path, l.keep
	var pos position
	if r.kept != "" {
		if err := json.Unmarshal([]byte(r.kept), &pos); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := f.attach(pos, r.kept != "", make([]byte, maxStart)); err != nil {
		t.Fatalf("%v", err)
	}
	return f
}

type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

var testBuf = make([]byte, readSize)

func (r *recorder) read(t fatal, f *follower) {
	t.Helper()
	if err := f.chain.extend(); err != nil {
		t.Fatalf("%v", err)
	}
	for more := true; more; {
		var err error
		if more, err = f.read(testBuf, r); err != nil {
			t.Fatalf("%v", err)
		}
	}
	r.keep(f)
}

func (r *recorder) keep(f *follower) {
	if p, ok := f.moved(); ok {
		r.kept = p.Value
	}
}

// TestW4_EveryLineOnceWhateverTheEngineDoes writes, rotates, reads and restarts in any order.
func TestW4_EveryLineOnceWhateverTheEngineDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		l := newEngineLog(dir, rapid.IntRange(2, 4).Draw(t, "files"))
		defer func() { l.f.Close() }()
		var got recorder
		f := got.attached(t, l, 1000)
		var want []string
		open, rotations := "", 0
		outrun := false
		for i, op := range rapid.SliceOfN(rapid.IntRange(0, 6), 1, 60).Draw(t, "ops") {
			switch op {
			case 0, 1:
				text := open + fmt.Sprint("line ", i)
				l.entry(fmt.Sprint("line ", i, "\n"), "stdout", open != "")
				want, open = append(want, text), ""
			case 2:
				piece := fmt.Sprintf("%d%s", i, strings.Repeat("x", 20))
				l.entry(piece, "stdout", open != "")
				open += piece
			case 3:
				l.entry("err\n", "stderr", false)
				if open != "" { // an entry in between has another time than the line goes on with
					want, open = append(want, open), ""
				}
			case 4:
				l.rotate()
				if rotations++; rotations >= l.keep {
					outrun = true
				}
			case 5:
				got.read(t, f)
				rotations = 0
			case 6:
				f.chain.close()
				f = got.attached(t, l, 1000)
				if got.kept == "" && rotations >= l.keep-1 {
					outrun = true
				}
			}
		}
		got.read(t, f)
		f.finish(&got)
		f.chain.close()
		if open != "" {
			want = append(want, open)
		}
		if l.err != nil {
			t.Fatal(l.err)
		}
		if len(got.gaps) == 0 && !outrun {
			if !slices.Equal(got.lines, want) {
				t.Fatalf("got  %q\nwant %q", got.lines, want)
			}
			return
		}
		rest := want
		for i, line := range got.lines {
			if line == "GAP" {
				continue
			}
			if i+1 < len(got.lines) && got.lines[i+1] == "GAP" && slices.ContainsFunc(rest, func(s string) bool { return strings.HasPrefix(s, line) }) {
				continue // a line, or the beginning of one whose end is gone
			}
			at := slices.Index(rest, line)
			if at < 0 && i > 0 && got.lines[i-1] == "GAP" { // the end of a line whose beginning is gone
				at = slices.IndexFunc(rest, func(s string) bool { return strings.HasSuffix(s, line) })
			}
			if at < 0 {
				t.Fatalf("%q is invented, or comes again; got %q of %q", line, got.lines, want)
			}
			if at > 0 && (i == 0 || got.lines[i-1] != "GAP") && !outrun {
				t.Fatalf("%q are missing, and nothing says so", rest[:at])
			}
			rest = rest[at+1:]
		}
	})
}

// TestW4_RotationWhileReading has a log rotated at 10 kB as fast as it can be written.
func TestW4_RotationWhileReading(t *testing.T) {
	l := newEngineLog(t.TempDir(), 5)
	const count = 20_000
	var done atomic.Bool
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for i, size := 0, 0; i < count; i++ {
			text := fmt.Sprintf("%d\n", i)
			if size += len(text) + 60; size > 10_000 {
				l.rotate()
				size = 0
			}
			l.entry(text, "stdout", false)
		}
		done.Store(true)
	}()
	var got recorder
	f := got.attached(t, l, 1000)
	for over := false; !over; {
		over = done.Load()
		got.read(t, f)
		if len(got.lines)%7 == 0 { // as after a kill -9
			f.chain.close()
			f = got.attached(t, l, 1000)
		}
	}
	<-finished
	f.chain.close()
	if l.err != nil {
		t.Fatal(l.err)
	}
	next, missing := 0, 0
	for i, line := range got.lines {
		if line == "GAP" {
			continue
		}
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil || n < next {
			t.Fatalf("%q after %d", line, next-1)
		}
		if n > next && (i == 0 || got.lines[i-1] != "GAP") {
			t.Fatalf("%d to %d are missing, and nothing says so", next, n-1)
		}
		missing += n - next
		next = n + 1
	}
	if next != count {
		t.Errorf("ended at %d", next)
	}
	t.Logf("%d missing, %d gaps told", missing, len(got.gaps))
}

// TestW4_AttachedDuringARotation goes on after a kill -9 at a moment when the log has its next
// name and the new one is not there yet.
func TestW4_AttachedDuringARotation(t *testing.T) {
	l := newEngineLog(t.TempDir(), 5)
	l.entry("one\n", "stdout", false)
	l.entry("two\n", "stdout", false)
	var got recorder
	f := got.attached(t, l, 1000)
	got.read(t, f)
	f.chain.close()
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		t.Fatal(err)
	}
	f = got.attached(t, l, 1000)
	defer func() { f.chain.close() }()
	got.read(t, f)
	l.entry("three\n", "stdout", false) // the engine has the old file open
	if l.err = errors.Join(l.err, l.f.Close()); l.err != nil {
		t.Fatal(l.err)
	}
	l.open()
	l.entry("four\n", "stdout", false)
	got.read(t, f)
	if want := []string{"one", "two", "three", "four"}; !slices.Equal(got.lines, want) {
		t.Errorf("got %q, want %q", got.lines, want)
	}
}

func TestTornEntryOfACrash(t *testing.T) {
	l := newEngineLog(t.TempDir(), 2)
	l.entry("one\n", "stdout", false)
	if _, err := l.f.WriteString(`{"log":"tor`); err != nil {
		t.Fatal(err)
	}
	l.entry(`two {"log":"x`+"\n", "stdout", false)
	if _, err := l.f.WriteString("not JSON\n"); err != nil {
		t.Fatal(err)
	}
	l.entry("three\n", "stdout", false)
	var got recorder
	f := got.attached(t, l, 1000)
	defer f.chain.close()
	got.read(t, f)
	if want := []string{"one", "GAP", `two {"log":"x`, "GAP", "three"}; !slices.Equal(got.lines, want) {
		t.Errorf("got %q, want %q", got.lines, want)
	}
}

func TestTruncatedLog(t *testing.T) {
	for _, name := range []string{"shorter", "longer"} {
		t.Run(name, func(t *testing.T) {
			l := newEngineLog(t.TempDir(), 1)
			l.entry("one\n", "stdout", false)
			var got recorder
			f := got.attached(t, l, 1000)
			defer f.chain.close()
			got.read(t, f)
			if err := os.Truncate(l.path, 0); err != nil {
				t.Fatal(err)
			}
			two := "two"
			if name == "longer" {
				two += strings.Repeat("!", 100)
			}
			l.entry(two+"\n", "stdout", false)
			got.read(t, f)
			if want := []string{"one", "GAP", two}; !slices.Equal(got.lines, want) {
				t.Errorf("got %q, want %q", got.lines, want)
			}
		})
	}
}

func TestHugeEntryIsPassedOver(t *testing.T) {
	l := newEngineLog(t.TempDir(), 2)
	l.entry("one\n", "stdout", false)
	if _, err := l.f.Write(bytes.Repeat([]byte("x"), 3*readSize)); err != nil {
		t.Fatal(err)
	}
	var got recorder
	f := got.attached(t, l, 1000)
	defer f.chain.close()
	got.read(t, f)
	if _, err := l.f.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	l.entry("two\n", "stdout", false)
	got.read(t, f)
	if want := []string{"one", "GAP", "two"}; !slices.Equal(got.lines, want) {
		t.Errorf("got %q, want %q", got.lines, want)
	}
}

func TestLongLinesAreCutAndMemoryIsBounded(t *testing.T) {
	l := newEngineLog(t.TempDir(), 2)
	piece := strings.Repeat("x", 16<<10)
	for i := range 100 {
		l.entry(piece, "stdout", i > 0)
	}
	var got recorder
	f := got.attached(t, l, 1<<20)
	defer func() { f.chain.close() }()
	got.read(t, f)
	if len(got.lines) != 1 || len(got.lines[0]) != cutLine || got.cut != 1 {
		t.Fatalf("%d lines, %d cut", len(got.lines), got.cut)
	}
	f.chain.close()
	f = got.attached(t, l, 1<<20) // the rest of the line is passed over by the next process too
	l.entry("end of it\n", "stdout", true)
	l.entry("next\n", "stdout", false)
	got.read(t, f)
	if len(got.lines) != 2 || got.lines[1] != "next" {
		t.Errorf("got %d lines, the last is %.100q", len(got.lines), got.lines[len(got.lines)-1])
	}

	// Many containers share the memory for what is unfinished.
	room := 3 * len(piece)
	var all []lines
	cut := 0
	for range 10 {
		all = append(all, lines{maxLine: 1 << 20, room: &room})
	}
	for i := range all {
		all[i].add(entry{text: piece, time: "t"}, func(string, string, bool) { cut++ })
	}
	if room < 0 || cut != 7 {
		t.Errorf("%d bytes are left, %d lines were cut", room, cut)
	}
	for i := range all {
		all[i].add(entry{text: "\n", time: "t"}, func(string, string, bool) {})
	}
	if room != 3*len(piece) {
		t.Errorf("%d bytes did not come back", 3*len(piece)-room)
	}
}

func TestFilesHeldOpenAreBounded(t *testing.T) {
	l := newEngineLog(t.TempDir(), 2)
	var got recorder
	f := got.attached(t, l, 1000)
	for i := range 3 * maxOpen {
		l.entry(fmt.Sprint(i, "\n"), "stdout", false)
		if err := f.chain.extend(); err != nil {
			t.Fatal(err)
		}
		l.rotate()
	}
	if n := len(f.chain.files); n > maxOpen+1 {
		t.Errorf("%d files are open", n)
	}
	got.read(t, f)
	got.read(t, f)
	f.chain.close()
	if i := slices.Index(got.lines, "GAP"); i < 0 || !slices.Equal(got.gaps, []string{gapRotated}) || got.lines[len(got.lines)-1] != fmt.Sprint(3*maxOpen-1) {
		t.Errorf("got %q", got.lines)
	}
}

var _ collector.Source = New(Options{})
