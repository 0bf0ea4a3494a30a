package compose_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

func TestBuildContexts(t *testing.T) {
	t.Parallel()
	files := func(dockerfile string) fs.FS {
		return fstest.MapFS{"Dockerfile": {Data: []byte(dockerfile)}, "etc/banner": {Data: []byte("hello")}}
	}
	built := func(context fs.FS) (*compose.Document, types.ServiceConfig) {
		doc, err := deckyWith(t, contained{declare("real_odd", tcp(7)), services.Container{Context: context}, nil})
		if err != nil {
			t.Fatal(err)
		}
		return doc, doc.Project.Services["box-real-odd"]
	}
	doc, s := built(files("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"))
	sameProject(t, doc, loaded(t, textOf(t, doc)))
	distro, err := fleet.DistroOf(personaOf(t, s).Distro)
	if err != nil {
		t.Fatal(err)
	}
	if *s.Build.Args["BASE_IMAGE"] != distro.BuildBase || s.PullPolicy != "never" || !strings.HasPrefix(s.Image, "decnet-real-odd:") {
		t.Errorf("build %+v of %s, pulled %q", s.Build, s.Image, s.PullPolicy)
	}
	if _, again := built(files("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")); again.Image != s.Image {
		t.Errorf("one context gives %s and %s", s.Image, again.Image)
	}
	if _, other := built(files("FROM scratch\n")); other.Image == s.Image {
		t.Errorf("two contexts give %s", s.Image)
	}

	path := filepath.Join(t.TempDir(), "decnet.yml")
	for range 2 {
		if err := doc.WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(text, textOf(t, doc)) {
		t.Errorf("written: %v, %s", err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the seeds: %v, %v", info.Mode(), err)
	}
	banner, err := os.ReadFile(filepath.Join(filepath.Dir(path), s.Build.Context, "etc", "banner"))
	if err != nil || string(banner) != "hello" {
		t.Errorf("context: %v, %q", err, banner)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*", ".context-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	for name, context := range map[string]fs.FS{
		"there is no Dockerfile": fstest.MapFS{"x": {}},
		"is not a regular file":  fstest.MapFS{"Dockerfile": {}, "x": {Mode: fs.ModeSymlink}},
	} {
		_, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{Context: context}, nil})
		if !errors.Is(err, decnet.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
