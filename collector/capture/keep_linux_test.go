package capture

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/quarantine"
)

// kept has a Watcher keep a file of a name, and returns the event.
func kept(t *testing.T, files *quarantine.Dir, opt Options, name, content string) decnet.Event {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // what is removed at once is kept all the same
		t.Fatal(err)
	}
	var got []decnet.Event
	w := New(nil, files, decnet.SinkFunc(func(e decnet.Event) { got = append(got, e) }), opt)
	w.keep(t.Context(), Container{1, "vault", "ssh"}, written{f: f, path: name, origin: origin{how: unknown}})
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	return got[0]
}

func TestW19_FilesOfAnyNameCanBeFetched(t *testing.T) {
	files, err := quarantine.New(t.TempDir(), quarantine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for _, name := range []string{"/tmp/a b", "/tmp/..", "/tmp/\xff\n", "/tmp/ünicode;$(id)", "/tmp/" + string(make([]byte, 255))} {
		e := kept(t, files, Options{}, name, "content of "+name)
		if e.Type != "file_captured" || e.Value("orig_path") != name {
			t.Errorf("%q: %s %v", name, e.Type, e.Fields)
			continue
		}
		f, err := files.Open("vault", e.Value("stored_as"))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != "content of "+name {
			t.Errorf("%q: %q, %v", name, got, err)
		}
		f.Close()
	}
}

func TestW17_WhatIsTooMuchIsSkipped(t *testing.T) {
	files, err := quarantine.New(t.TempDir(), quarantine.Options{PerDecky: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for _, c := range []struct{ name, content, reason string }{
		{"/tmp/one", "1", ""}, {"/tmp/large", "more than ten bytes", "oversize"}, {"/tmp/two", "2", ""}, {"/tmp/three", "3", "quota"},
	} {
		e := kept(t, files, Options{MaxFile: 10}, c.name, c.content)
		if e.Value("reason") != c.reason || (e.Type == "file_skipped") != (c.reason != "") {
			t.Errorf("%s: %s %v", c.name, e.Type, e.Fields)
		}
	}
}
