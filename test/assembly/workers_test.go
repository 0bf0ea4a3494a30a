package assembly

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/daemontest"
)

// TestWorkersApart takes what a fleet has left in a spool, without its database, and has
// collect, api and profile make of it on one data directory what up makes of it in one
// process. Each of them is there once, and not beside an up.
func TestWorkersApart(t *testing.T) {
	t.Parallel()
	spool := attacked(t)

	data := t.TempDir()
	for _, name := range []string{"decnet.log", "decnet.json"} {
		if err := os.WriteFile(filepath.Join(data, name), spool[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(data, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	workers := map[string]*daemontest.Daemon{
		"collect": daemontest.Worker(t, binaries.plain, "collect", data, "--engine", "unix:///nowhere.sock"),
		"profile": daemontest.Worker(t, binaries.plain, "profile", data),
	}
	d := daemontest.Worker(t, binaries.plain, "api", data, "--api", "127.0.0.1:0", "--engine", "unix:///nowhere.sock")
	workers["api"] = d
	d.LogIn(t)

	daemontest.WaitFor(t, "the attack in the database", func() bool { return len(d.Logs(t, "event:auth_attempt password:letmein")) == 1 })
	daemontest.WaitFor(t, "the profile of the attacker", func() bool {
		a := d.Attacker(t, "127.0.0.1")
		return a != nil && a.Credentials == 1
	})
	daemontest.WaitFor(t, "what the operator did", func() bool { return len(d.Logs(t, "service:audit event:password_changed")) == 1 })
	var health struct {
		Status     string
		Components map[string]any
	}
	if err := d.Call(t.Context(), "GET", "/health", nil, &health); err != nil || health.Status != "healthy" {
		t.Errorf("health: %+v, %v", health, err)
	}
	if got, want := slices.Sorted(maps.Keys(health.Components)), []string{"audit_log", "database", "ingestion_worker", "job_runner", "live_stream"}; !slices.Equal(got, want) {
		t.Errorf("health tells of %q, want %q", got, want)
	}
	if err := d.Call(t.Context(), "POST", "/deckies/deploy", map[string]string{"ini_content": "[x]\nservices = ssh\n"}, nil); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("deploying without an engine: %v", err)
	}

	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for command, holder := range map[string]string{"collect": "collect", "profile": "profile", "api": "api", "up": "collect"} {
		who := fmt.Sprintf("the decnetd %s on %s, process %d", holder, host, workers[holder].Process.Pid)
		if said := refused(t, command, "--data", data); !strings.Contains(said, "data directory "+data+" is in use by "+who+": stop it") {
			t.Errorf("a second %s on the data directory says %s", command, said)
		}
		if command == "up" {
			continue // which is refused the first of its roles that it finds taken
		}
		said := refused(t, command, "--data", t.TempDir(), "--db", "sqlite:"+filepath.Join(data, "decnet.db"))
		if !strings.Contains(said, "is in use by "+who+", data directory "+data+": stop that one") {
			t.Errorf("a second %s on the database says %s", command, said)
		}
	}
	if said := refused(t, "db", "reset", "--yes", "--data", data); !strings.Contains(said, "in use by the decnetd collect") || !strings.Contains(said, "and by the decnetd api") {
		t.Errorf("a reset says %s", said)
	}

	workers["profile"].Kill() // whose successor need not wait for its lease
	workers["profile"] = daemontest.Worker(t, binaries.plain, "profile", data)
	for _, w := range workers {
		w.Stop(t)
	}
	whole := daemontest.Start(t, binaries.plain, data, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.62.61", "--port-offset", strconv.Itoa(offset))
	whole.LogIn(t)
	if n := len(whole.Logs(t, "event:auth_attempt password:letmein")); n != 1 {
		t.Errorf("up on the same data directory has the attack %d times", n)
	}
	if said := refused(t, "profile", "--data", data); !strings.Contains(said, "in use by the decnetd up on") {
		t.Errorf("a profile beside an up says %s", said)
	}
	whole.Stop(t)
}

// TestUpTakesWhatAnAPIHasLeft: what operators did at an api that was killed is in the spool of its
// data directory, and in the database of the up that comes after it, once.
func TestUpTakesWhatAnAPIHasLeft(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	// The database of the api is another, so that nothing is in that of up.
	killed := daemontest.Worker(t, binaries.plain, "api", data, "--api", "127.0.0.1:0", "--engine", "unix:///nowhere.sock", "--db", "sqlite:"+filepath.Join(t.TempDir(), "other.db"))
	killed.LogIn(t)
	daemontest.WaitFor(t, "the change of the password in the spool", func() bool {
		text, err := os.ReadFile(filepath.Join(data, "audit.json"))
		return err == nil && strings.Contains(string(text), "password_changed")
	})
	killed.Kill()
	for range 2 {
		up := daemontest.Start(t, binaries.plain, data, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.62.62", "--port-offset", strconv.Itoa(offset))
		up.LogIn(t)
		daemontest.WaitFor(t, "what was done at both", func() bool { return len(up.Logs(t, "service:audit event:password_changed")) == 2 })
		up.Stop(t)
	}
	api := daemontest.Worker(t, binaries.plain, "api", data, "--api", "127.0.0.1:0", "--engine", "unix:///nowhere.sock")
	api.LogIn(t)
	daemontest.WaitFor(t, "the log-in", func() bool { return len(api.Logs(t, "service:audit event:login")) > 0 })
	if n := len(api.Logs(t, "service:audit event:password_changed")); n != 2 {
		t.Errorf("the password was changed %d times", n)
	}
	api.Stop(t)
}

// attacked is the spool of a decky that was attacked.
func attacked(t *testing.T) map[string][]byte {
	t.Helper()
	data := t.TempDir()
	d := daemontest.Start(t, binaries.plain, data, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.62.60", "--port-offset", strconv.Itoa(offset))
	daemontest.Client(t, "", "redis-cli", "-h", "127.0.62.60", "-p", port(6379), "-a", "letmein", "ping")
	d.Stop(t)
	spool := make(map[string][]byte)
	for _, name := range []string{"decnet.log", "decnet.json"} {
		text, err := os.ReadFile(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		spool[name] = text
	}
	return spool
}

// refused runs a command that fails and returns its one line.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	if args[0] == "up" || args[0] == "api" {
		args = append(args, "--api", "127.0.0.1:0")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, binaries.plain, args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Count(string(said), "\n") != 1 {
		t.Errorf("decnetd %s: %v, %s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// TestFewOpenFilesAreToldOf starts the API where few files may be open at once, and where
// enough may.
func TestFewOpenFilesAreToldOf(t *testing.T) {
	t.Parallel()
	limited := filepath.Join(t.TempDir(), "decnetd")
	if err := os.WriteFile(limited, []byte("#!/bin/sh\nulimit -n 1000\nexec '"+binaries.plain+"' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for binary, few := range map[string]bool{limited: true, binaries.plain: false} {
		d := daemontest.Worker(t, binary, "api", t.TempDir(), "--api", "127.0.0.1:0", "--engine", "unix:///nowhere.sock")
		if said := d.Said(); strings.Contains(said, "few files may be open") != few || few && !strings.Contains(said, `limit="1000"`) {
			t.Errorf("few files %v: %s", few, said)
		}
		d.Stop(t)
	}
}
