package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// silent is an input from which nothing comes. It tells that somebody waits.
type silent struct{ asked, until chan struct{} }

func (s silent) Read([]byte) (int, error) {
	close(s.asked)
	<-s.until
	return 0, io.EOF
}

func TestWaitingForInputEndsWithTheCommand(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	for _, command := range []string{
		"correlate -", "fingerprint -", "compose --config -", "deploy --config -", "up --config - --data " + filepath.Join(t.TempDir(), "data"), "user add ada --db " + dsn,
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			in := silent{make(chan struct{}), make(chan struct{})}
			defer close(in.until)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-in.asked
				cancel()
			}()
			var out, errs bytes.Buffer
			status := run(ctx, strings.Fields(command), streams{in, &out, &errs}, environment{}.get)
			refused(t, result{status, out.String(), errs.String()}, exitFailed, "interrupted")
		})
	}
}

// full is an output that takes nothing.
type full struct{}

var errFull = errors.New("write /dev/stdout: no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	for _, command := range []string{
		"-h", "up --help", "services", "services ssh", "services --json", "archetypes", "distros", "version", "status --db " + dsn,
		"user list --db " + dsn, "db status --db " + dsn, "correlate " + os.DevNull, "fingerprint " + captured, "fingerprint " + captured + " " + captured,
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			var errs bytes.Buffer
			status := run(t.Context(), strings.Fields(command), streams{nil, full{}, &errs}, environment{}.get)
			if status != exitFailed || errs.String() != "decnetd: "+errFull.Error()+"\n" {
				t.Errorf("status %d: %q", status, errs.String())
			}
		})
	}
}

// TestComposeThatFailsLeavesNothing asks for files where there can be none.
func TestComposeThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pot := buildBinary(t) // some program for Linux
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for output, says := range map[string]string{"folder": "is a directory", "missing/decnet.yml": "no such file or directory"} {
		args := []string{"compose", "--deckies", "1", "--services", "redis", "-i", "lo", "--subnet", "10.0.0.0/24", "--gateway", "10.0.0.1", "--pot", pot, "-o", filepath.Join(dir, output)}
		refused(t, decnetd(t, "", args...), exitFailed, filepath.Join(dir, filepath.Dir(output)), says)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}
