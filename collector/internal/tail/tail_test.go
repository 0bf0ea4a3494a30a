package tail_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/decnet/decnet/collector/internal/tail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reader collects what a Tail gives, and goes on to the next file by itself.
type reader struct {
	t    *testing.T
	tail *tail.Tail
	pos  tail.Position
	got  strings.Builder
}

func newReader(t *testing.T, path string, pos tail.Position, opts tail.Options) *reader {
	r := &reader{t: t, tail: tail.New(path, pos, opts), pos: pos}
	t.Cleanup(func() { r.tail.Close() })
	return r
}

// read returns all that can be read now. A broken line has its reason behind it.
func (r *reader) read() string {
	r.t.Helper()
	r.got.Reset()
	for {
		b, err := r.tail.Next()
		if errors.Is(err, io.EOF) {
			return r.got.String()
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if b.End {
			if err := r.tail.Advance(); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		r.got.Write(b.Data)
		if b.Broken != "" {
			fmt.Fprintf(&r.got, "(%s)\n", b.Broken)
		}
		r.pos = tail.Position{Generation: b.Generation, Offset: b.To}
	}
}

func (r *reader) want(want string) {
	r.t.Helper()
	if got := r.read(); got != want {
		r.t.Errorf("read %q, want %q", got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestPartialLineWaitsForItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	r := newReader(t, path, tail.Position{}, tail.Options{})
	r.want("")
	write(t, path, "a\nb")
	r.want("a\n")
	write(t, path, "c\n\n")
	r.want("bc\n\n")
	r.want("")
}

func TestRotationByTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	var done []string
	opts := tail.Options{Done: func(p string) error {
		done = append(done, filepath.Base(p))
		return os.Rename(p, p+tail.DoneSuffix)
	}}
	r := newReader(t, path, tail.Position{}, opts)
	write(t, path, "a1\na2\n")
	r.want("a1\na2\n")
	write(t, path, "a3\n")
	rename(t, path, path+".00000001")
	r.want("a3\n")
	write(t, path, "b1\n")
	rename(t, path, path+".00000002")
	write(t, path, "c1\n")
	r.want("b1\nc1\n")
	if fmt.Sprint(done) != "[x.json.00000001 x.json.00000002]" {
		t.Errorf("done: %v", done)
	}
	resumed := newReader(t, path, r.pos, opts)
	resumed.want("")
	write(t, path, "c2\n")
	resumed.want("c2\n")
}

func TestRotationsWhileNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := newReader(t, path, tail.Position{}, tail.Options{})
	write(t, path, "a1\na2\n")
	r.want("a1\na2\n")
	write(t, path, "a3\n")
	rename(t, path, path+".00000001")
	write(t, path, "b1\n")
	rename(t, path, path+".00000002")
	write(t, path, "c1\n")
	done := tail.Options{Done: func(p string) error { return os.Rename(p, p+tail.DoneSuffix) }}
	newReader(t, path, r.pos, done).want("a3\nb1\nc1\n")
	newReader(t, path, tail.Position{}, done).want("c1\n")
}

func TestRotationBySomebodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := newReader(t, path, tail.Position{}, tail.Options{})
	write(t, path, "a1\n")
	r.want("a1\n")
	resume := r.pos
	write(t, path, "a2\n")
	rename(t, path, path+".1")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path+".1", long, long); err != nil {
		t.Fatal(err)
	}
	// The writer still has the old file open, as it does until its next look.
	r.want("a2\n")
	write(t, path+".1", "a3\n")
	if err := os.Chtimes(path+".1", long, long); err != nil {
		t.Fatal(err)
	}
	write(t, path, "b1\n")
	r.want("a3\nb1\n")
	rename(t, path+".1", path+".2")
	rename(t, path, path+".1")
	write(t, path, "c1\n")
	r.want("c1\n")
	// One that was away for both rotations finds its place in a rotated file.
	newReader(t, path, resume, tail.Options{}).want("a2\na3\nb1\nc1\n")
}

func TestLastLineOfARotatedFileHasNoEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := newReader(t, path, tail.Position{}, tail.Options{})
	write(t, path, "a1\na2")
	rename(t, path, path+".00000001")
	write(t, path, "b1\n")
	r.want("a1\na2(line has no end)\nb1\n")
}

func TestTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := newReader(t, path, tail.Position{}, tail.Options{})
	write(t, path, "a1\na2\na3\n")
	r.want("a1\na2\na3\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	r.want("")
	write(t, path, "b1\n")
	r.want("b1\n")
	// Truncated and grown beyond the old position before anybody looked.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "c1\nc2\nc3\nc4\nc5\n")
	r.want("c1\nc2\nc3\nc4\nc5\n")
}

func TestCopyAndTruncate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := newReader(t, path, tail.Position{}, tail.Options{})
	write(t, path, "a1\n")
	r.want("a1\n")
	write(t, path, "a2\n")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".1", string(content))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "b1\n")
	r.want("a2\nb1\n")
}

func TestLineThatIsTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := newReader(t, path, tail.Position{}, tail.Options{MaxLine: 1000})
	long := strings.Repeat("x", 300<<10)
	write(t, path, "a1\n"+long)
	r.want("a1\n" + long[:64<<10] + "(line is longer than 1000 bytes)\n")
	write(t, path, long+"\na2\n")
	r.want("a2\n")
}

// TestEveryLineOnce writes, rotates and re-opens at random: each line must be read once,
// in order.
func TestEveryLineOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		path := filepath.Join(dir, "x.json")
		opts := tail.Options{Done: func(p string) error { return os.Rename(p, p+tail.DoneSuffix) }}
		r := newReader(t, path, tail.Position{}, opts)
		defer func() { r.tail.Close() }()
		var want, got bytes.Buffer
		line, seq := 0, 0
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "read", "rotate", "restart"}).Draw(rt, "step") {
			case "write":
				text := ""
				for range rapid.IntRange(1, 4).Draw(rt, "lines") {
					text += fmt.Sprintf("line %d\n", line)
					line++
				}
				write(t, path, text)
				want.WriteString(text)
			case "read":
				got.WriteString(r.read())
			case "rotate":
				if _, err := os.Stat(path); err == nil {
					seq++
					rename(t, path, fmt.Sprintf("%s.%08d", path, seq))
				}
			case "restart":
				r.tail.Close()
				r = newReader(t, path, r.pos, opts)
			}
		}
		write(t, path, "last\n")
		want.WriteString("last\n")
		got.WriteString(r.read())
		if got.String() != want.String() {
			rt.Fatalf("read %q, want %q", got.String(), want.String())
		}
	})
}

// TestRestartBesideRotation: a reader that begins in the middle of a file goes on there, also
// when the file is rotated at that moment.
func TestRestartBesideRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	rotate := make(chan int)
	defer close(rotate)
	rotated := make(chan error)
	go func() {
		for i := range rotate {
			for range i % 50 * 20 { // at one moment or another
				runtime.Gosched()
			}
			rotated <- errors.Join(os.Rename(path, fmt.Sprintf("%s.%08d", path, i)), os.WriteFile(path, fmt.Appendf(nil, "%d first\n", i+1), 0o600))
		}
	}()
	write(t, path, "0 first\n")
	var pos tail.Position
	for i := range 150 {
		first := newReader(t, path, pos, tail.Options{Done: os.Remove})
		first.want(fmt.Sprintf("%d first\n", i))
		pos = first.pos
		first.tail.Close()
		write(t, path, fmt.Sprintf("%d second\n", i))
		rotate <- i
		again := tail.New(path, pos, tail.Options{})
		b, err := again.Next()
		if err != nil || string(b.Data) != fmt.Sprintf("%d second\n", i) {
			t.Errorf("read %q, %v, want the second line of file %d", b.Data, err, i)
		}
		pos = tail.Position{Generation: b.Generation, Offset: b.To}
		if err := errors.Join(<-rotated, again.Close()); err != nil || t.Failed() {
			t.Fatal(err)
		}
	}
}

func TestWaitSeesAWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	tl := tail.New(path, tail.Position{}, tail.Options{Poll: time.Hour})
	defer tl.Close()
	write(t, path, "a\n")
	tl.Wait(t.Context(), time.Hour) // the test's own timeout is the failure
	if b, err := tl.Next(); err != nil || string(b.Data) != "a\n" {
		t.Errorf("read %q, %v", b.Data, err)
	}
}
