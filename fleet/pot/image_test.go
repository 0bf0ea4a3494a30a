package pot_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/pot"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	program, text := filepath.Join(dir, pot.Executable), filepath.Join(dir, "text")
	for path, mode := range map[string]os.FileMode{program: 0o755, text: 0o644} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for given, kind := range map[string]error{text: decnet.ErrInvalid, dir: decnet.ErrInvalid, filepath.Join(dir, "none"): decnet.ErrNotFound} {
		if _, err := pot.Find(given); !errors.Is(err, kind) {
			t.Errorf("%s: %v, want %v", given, err, kind)
		}
	}
	if got, err := pot.Find(program); err != nil || got != program {
		t.Errorf("given %s, found %s, %v", program, got, err)
	}
	t.Setenv("PATH", t.TempDir()+":"+dir)
	if got, err := pot.Find(""); err != nil || got != program {
		t.Errorf("in PATH: %s, %v", got, err)
	}
	t.Setenv("PATH", t.TempDir())
	if got, err := pot.Find(""); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("nowhere: %s, %v", got, err)
	}
}

func TestProgramsThatNeedMore(t *testing.T) {
	for name, program := range map[string]string{"text": "#!/bin/sh\n", "nothing": ""} {
		if image, err := pot.NewImage([]byte(program)); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%s: %s, %v", name, image.Name, err)
		}
	}
	dynamic, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	if image, err := pot.NewImage(dynamic); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("a program that is linked dynamically: %s, %v", image.Name, err)
	}
}
