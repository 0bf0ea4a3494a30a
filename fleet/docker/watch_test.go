package docker_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/internal/enginetest"
)

// TestWatch follows the container of a custom service through its life; the one of a
// honeypot, which keeps files itself, is not told of.
func TestWatch(t *testing.T) {
	l := newLab(t)
	l.ImportBase(t)
	r, _ := l.runtime(t, docker.Options{})
	told := make(chan []docker.Process, 64)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Watch(ctx, func(list []docker.Process) { told <- list }) }()
	next := func(what string) []docker.Process {
		t.Helper()
		select {
		case list := <-told:
			return list
		case <-within(t).Done():
			t.Fatal(what + " is not told")
			return nil
		}
	}
	if got := next("that there is nothing"); len(got) != 0 {
		t.Errorf("without deckies: %v", got)
	}
	mustApply(t, r, fromINI(t, decky("web", 10, "http, billing"), "[custom-billing]\nbinary = "+enginetest.Base+"\nexec = sleep 600\nports = 8080\n"))
	first := next("a container that starts")
	if len(first) != 1 || first[0].Decky != "web" || first[0].Service != "billing" {
		t.Fatalf("told of %v", first)
	}
	if command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", first[0].PID)); err != nil || !strings.HasPrefix(string(command), "sleep\x00600") {
		t.Errorf("process %d: %q, %v", first[0].PID, command, err)
	}
	l.Docker(t, "restart", "-t", "0", "web-billing")
	again := next("a container that starts again")
	for len(again) == 0 { // between the end and the start
		again = next("a container that starts again")
	}
	if again[0].PID == first[0].PID {
		t.Errorf("the same process %v", again)
	}
	if err := r.Down(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := next("that there is nothing any more"); len(got) != 0 {
		t.Errorf("after the teardown: %v", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
