package lan_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/lan"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ftp"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/ssh"
)

// inLab is set in the process that the tests run in: one with a network namespace and
// mounts of its own, so that nothing of the machine changes.
const inLab = "LAN_TEST_IN_LAB"

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(inLab) != "" {
		goleak.VerifyTestMain(m)
		return
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inLab+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lab is a LAN: a bridge with a cable to the parent of the deckies and one to an attacker
// in a namespace of its own.
type lab struct{ bridge, parent, attacker string }

const (
	subnet       = "10.99.0.0/16"
	gatewayAddr  = "10.99.0.1"
	attackerAddr = "10.99.0.50"
)

func needs(t testing.TB, programs ...string) {
	t.Helper()
	if os.Getenv(inLab) == "" {
		t.Skip("network namespaces need root")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

func newLab(t testing.TB) lab {
	t.Helper()
	needs(t, "ip", "nsenter")
	l := lab{"labbr", "lab0", "attacker"}
	run(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	t.Cleanup(func() {
		run(t, "ip", "netns", "del", l.attacker)
		run(t, "ip", "link", "del", l.bridge)
		run(t, "ip", "link", "del", l.parent)
		run(t, "umount", "-l", "/run/netns")
		run(t, "umount", "/run")
	})
	for _, args := range []string{
		"netns add attacker",
		"link add labbr type bridge", "link set labbr up", "link set lo up",
		"link add lab0 type veth peer name lab0p", "link set lab0p master labbr up", "link set lab0 up",
		"link add att0 netns attacker type veth peer name att0p", "link set att0p master labbr up",
		"-n attacker addr add " + attackerAddr + "/16 dev att0", "-n attacker link set att0 up", "-n attacker link set lo up",
	} {
		run(t, "ip", strings.Fields(args)...)
	}
	return l
}

// run runs a program that must succeed, and returns what it prints.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// attack runs a program in the attacker's namespace and returns what it prints.
func (l lab) attack(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", l.attacker}, args...)...).CombinedOutput()
	if err != nil {
		t.Logf("%v: %v", args, err)
	}
	return string(out)
}

func registry(t testing.TB) *services.Registry {
	t.Helper()
	reg, err := services.NewRegistry(ftp.Service{}, http.Service{}, redis.Service{}, ssh.Service{})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// plan makes a fleet for the lab from an INI document.
func plan(t testing.TB, reg *services.Registry, text string) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromINI(reg, []byte(text), fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: "lab0", Subnet: netip.MustParsePrefix(subnet), Gateway: netip.MustParseAddr(gatewayAddr),
		First: netip.MustParseAddr("10.99.1.1"), Seed: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []decnet.Event
}

func (r *recorder) Emit(e decnet.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []decnet.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[:len(r.events):len(r.events)]
}

// start runs a runtime for the duration of the test.
func start(t testing.TB, reg *services.Registry, opt lan.Options) *lan.Runtime {
	t.Helper()
	rt := lan.New(reg, opt)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- rt.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the runtime does not stop")
		}
	})
	return rt
}
