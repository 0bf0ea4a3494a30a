package enginetest

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The network that NewLAN makes. Nobody has the addresses of the gateway.
const (
	Parent       = "lab0" // the interface that decoys are put on
	Bridge       = "labbr"
	Subnet       = "10.99.0.0/24"
	Gateway      = "10.99.0.1"
	AttackerAddr = "10.99.0.50"

	Subnet6       = "fd99::/64"
	Gateway6      = "fd99::1"
	AttackerAddr6 = "fd99::50"
)

// LAN is a bridge with a cable to Parent and one to an attacker in a network namespace of
// its own.
type LAN struct{}

// NewLAN makes a LAN that lasts until the test ends. It skips the test without root.
func NewLAN(t testing.TB) LAN {
	t.Helper()
	needs(t, "ip", "nsenter")
	t.Cleanup(func() {
		ip(t, "link del att0p")
		ip(t, "netns del attacker")
		ip(t, "link del "+Bridge)
		ip(t, "link del "+Parent)
	})
	for _, args := range []string{
		"netns add attacker",
		"link add " + Bridge + " type bridge", "link set " + Bridge + " up",
		"link add " + Parent + " type veth peer name lab0p", "link set lab0p master " + Bridge + " up", "link set " + Parent + " up",
		"link add att0 netns attacker type veth peer name att0p", "link set att0p master " + Bridge + " up",
		"-n attacker addr add " + AttackerAddr + "/24 dev att0", "-n attacker addr add " + AttackerAddr6 + "/64 dev att0 nodad", "-n attacker link set att0 up", "-n attacker link set lo up",
	} {
		ip(t, args)
	}
	return LAN{}
}

func ip(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
}

// Attacker returns a command that runs on the attacker's machine.
func (LAN) Attacker(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/attacker", name}, args...)...)
}

// Attack runs a program on the attacker's machine, for a minute at most, and returns what it
// prints, however it ends.
func (l LAN) Attack(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := l.Attacker(ctx, name, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}
