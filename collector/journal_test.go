package collector

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sourceFunc adapts a function to Source.
type sourceFunc func(ctx context.Context, spool Spool) error

func (f sourceFunc) Run(ctx context.Context, spool Spool) error { return f(ctx, spool) }

// positions returns what a collector on base has kept, after it has recovered.
func positions(t *testing.T, base string) map[string]string {
	t.Helper()
	c := newCollector(t, base, Options{})
	var got map[string]string
	ctx, stop := context.WithCancel(t.Context())
	err := c.Run(ctx, sourceFunc(func(_ context.Context, spool Spool) error {
		got = spool.Positions("test/")
		stop()
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const someLine = `<134>1 2026-04-18T02:22:56.000000+00:00 decky-01 ssh - command [relay@55555 n="%d"]`

func TestPositionsAreKeptWithTheirLines(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := newCollector(t, base, Options{MaxSize: 2000})
	ctx, stop := context.WithCancel(t.Context())
	err := c.Run(ctx, sourceFunc(func(_ context.Context, spool Spool) error {
		defer stop()
		for n := range 100 {
			at := []Position{{Key: "test/a", Value: fmt.Sprint(n)}}
			if n == 1 {
				at = append(at, Position{Key: "test/gone", Value: "1"}, Position{Key: "other/b", Value: "x"})
			}
			if n == 50 {
				at = append(at, Position{Key: "test/gone"})
			}
			if err := spool.Deliver([]string{fmt.Sprintf(someLine, n)}, at...); err != nil {
				return err
			}
			if got := spool.Positions("test/")["test/a"]; got != fmt.Sprint(n) {
				return fmt.Errorf("kept %q after line %d", got, n)
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := positions(t, base); !maps.Equal(got, map[string]string{"test/a": "99"}) {
		t.Errorf("kept %v", got)
	}
}

// TestW4_AKillBetweenLinesAndPositionIsMadeGood stops a flush at every byte of both files
// and runs the next process on what is there.
func TestW4_AKillBetweenLinesAndPositionIsMadeGood(t *testing.T) {
	const before = "{}\n"
	fill := func(t *testing.T) (*Collector, string) {
		base := filepath.Join(t.TempDir(), "decnet.log")
		for _, path := range []string{base, Records(base)} {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := newCollector(t, base, Options{})
		if err := c.journal.open(c.raw.path, c.json.path); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		c.add(&item{lines: []string{fmt.Sprintf(someLine, 1), "no event", fmt.Sprintf(someLine, 2)}, at: []Position{{"test/a", "2"}}, done: done})
		if err := c.raw.prepare(); err != nil {
			t.Fatal(err)
		}
		if err := c.json.prepare(); err != nil {
			t.Fatal(err)
		}
		return c, base
	}
	c, base := fill(t)
	if !c.flush() {
		t.Fatal(c.Status().Err)
	}
	want := append(lines(t, base), lines(t, Records(base))...)
	rawSize, jsonSize := int(c.raw.size)-len(before), int(c.json.size)-len(before)
	if err := c.finish(); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name     string
		raw, rec int
		torn     bool // the entry itself
	}{
		{"before anything", 0, 0, false}, {"entry torn", 0, 0, true}, {"raw begun", 1, 0, false}, {"raw in a line", rawSize / 2, 0, false},
		{"raw without its end", rawSize - 1, 0, false}, {"raw whole", rawSize, 0, false}, {"record begun", rawSize, 1, false},
		{"record in a line", rawSize, jsonSize / 2, false}, {"all", rawSize, jsonSize, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			killed, base := fill(t)
			if err := killed.journal.write(&killed.raw, &killed.json, killed.at); err != nil {
				t.Fatal(err)
			}
			if c.torn {
				if err := os.Truncate(killed.journal.slotPath(1), 200); err != nil {
					t.Fatal(err)
				}
			}
			for s, n := range map[*spoolFile]int{&killed.raw: c.raw, &killed.json: c.rec} {
				if _, err := s.f.Write(s.pending[:n]); err != nil {
					t.Fatal(err)
				}
				s.f.Close()
			}
			if err := killed.journal.close(); err != nil {
				t.Fatal(err)
			}
			got := positions(t, base)
			if c.torn {
				if len(got) != 0 || len(lines(t, base)) != 1 {
					t.Errorf("kept %v, the spool has %q", got, lines(t, base))
				}
				return
			}
			if got["test/a"] != "2" {
				t.Errorf("kept %v", got)
			}
			if after := append(lines(t, base), lines(t, Records(base))...); !slices.Equal(after, want) {
				t.Errorf("the spool has\n%q, want\n%q", after, want)
			}
			if again := positions(t, base); again["test/a"] != "2" || len(lines(t, base)) != 4 {
				t.Errorf("the next run keeps %v and has %q", again, lines(t, base))
			}
		})
	}
}

// TestPositionsAreNeverAheadOfTheSpool: the machine failed, and of what was written only
// the positions are there.
func TestPositionsAreNeverAheadOfTheSpool(t *testing.T) {
	base := filepath.Join(t.TempDir(), "decnet.log")
	c := newCollector(t, base, Options{})
	if err := c.journal.open(c.raw.path, c.json.path); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		c.add(&item{lines: []string{fmt.Sprintf(someLine, n)}, at: []Position{{"test/a", fmt.Sprint(n)}}, done: make(chan error, 1)})
		if !c.flush() {
			t.Fatal(c.Status().Err)
		}
		if n == 0 {
			if err := c.sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.raw.close()
	c.json.close()
	if err := c.journal.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(base, int64(len(fmt.Sprintf(someLine, 0))+1)); err != nil {
		t.Fatal(err)
	}
	if got := positions(t, base); got["test/a"] != "0" {
		t.Errorf("kept %v", got)
	}
}

func FuzzEntry(f *testing.F) {
	j := journal{base: filepath.Join(f.TempDir(), "x"), dirty: make(map[string]string)}
	raw, records := spoolFile{path: j.base + ".log", pending: []byte("a\n")}, spoolFile{path: j.base + ".json", pending: []byte("{}\n")}
	for _, s := range []*spoolFile{&raw, &records} {
		if err := s.prepare(); err != nil {
			f.Fatal(err)
		}
		defer s.close()
	}
	if err := j.write(&raw, &records, map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(slices.Clone(j.buf))
	f.Add([]byte(entryMagic + strings.Repeat("\xff", 40)))
	if err := j.close(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e := decodeEntry(b); e != nil && len(e.Raw.data)+len(e.JSON.data) > len(b) {
			t.Errorf("more data than bytes")
		}
	})
}
