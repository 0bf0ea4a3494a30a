package sqlite_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// fullPath is the variable that makes the test binary the process which has a small file system
// at a path to itself.
const fullPath = "DECNET_STORE_FULL_PATH"

// TestFullFileSystem: where a file system is full, a batch and an open fail, say so and leave
// everything as it was, and succeed once there is room.
func TestFullFileSystem(t *testing.T) {
	dir := os.Getenv(fullPath)
	if dir == "" {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("mounts a file system: needs root")
		}
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullFileSystem$")
		child.Env = append(os.Environ(), fullPath+"="+t.TempDir())
		child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	path, filler := filepath.Join(dir, "decnet.db"), filepath.Join(dir, "filler")
	fill := func(size int) error { return os.WriteFile(filler, make([]byte, size), 0o600) }
	if err := fill(4 << 20); err != nil {
		t.Fatal(err)
	}
	db := openFile(t, path)
	var b store.Batch
	for range 50 {
		r := record(epoch, "ssh")
		r.Raw = strings.Repeat("x", 2000)
		b.Records = append(b.Records, r)
	}
	written := 0
	check := func() {
		t.Helper()
		if totals, err := db.Totals(t.Context()); err != nil || totals.Records != written || written == 0 {
			t.Fatalf("%+v, %v, want %d records", totals, err, written)
		}
	}
	var err error
	for err == nil {
		if _, err = db.Ingest(t.Context(), b); err == nil {
			written += len(b.Records)
		}
	}
	wantMessage(t, err, "ingest: database or disk is full")
	check()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	ingest(t, db, b)
	written += len(b.Records)
	check()
	if err := db.Close(); err != nil {
		t.Error(err)
	}

	if err := fill(16 << 20); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the file system is not full: %v", err)
	}
	_, err = sqlite.Open(t.Context(), path, sqlite.Config{})
	wantMessage(t, err, "open: the disk is full: ")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	db = openFile(t, path)
	check()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
