package main_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/decnet/decnet/fleet/pot"
	"github.com/decnet/decnet/internal/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// build returns the program as it is released.
var build = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "decnet-pot-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=test", "-o", dir, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(out))
	}
	return os.ReadFile(filepath.Join(dir, pot.Executable))
})

// program returns the path of the program.
func program(t *testing.T) string {
	t.Helper()
	bytes, err := build()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), pot.Executable)
	if err := os.WriteFile(path, bytes, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTheProgramIsSmall looks for what an intruder could use or what is of no use in a decky.
func TestTheProgramIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "github.com/decnet/decnet/services/all") {
		t.Fatalf("this is not the list: %v", deps)
	}
	for _, dep := range deps {
		for _, part := range []string{
			"docker", "containerd", "compose-spec", "database/sql", "modernc.org", "go-sql-driver", "cobra",
			"decnet/store", "decnet/api", "decnet/correlate", "decnet/collector/ingest", "decnet/fleet/compose", "decnet/fleet/lan",
			"decnet/fingerprint/sniff", "decnet/fingerprint/probe", "vishvananda/netlink",
		} {
			if strings.Contains(dep, part) {
				t.Errorf("the program contains %s", dep)
			}
		}
	}
	bytes, err := build()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the program has %.1f MB", float64(len(bytes))/1e6)
	if len(bytes) > 20e6 {
		t.Errorf("the program has %d bytes, the aim is 20 MB", len(bytes))
	}
	image, err := pot.NewImage(bytes)
	if err != nil {
		t.Fatal(err)
	}
	info, err := fs.Stat(image.Context, pot.Executable)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("in the image the program has mode %v, %v", info.Mode(), err)
	}
	f, err := image.Context.Open(pot.Executable)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if inside, err := io.ReadAll(f); err != nil || string(inside) != string(bytes) {
		t.Errorf("the program in the image is another one: %v", err)
	}
}
