package lan_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
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

	subnet6       = "fd99::/64"
	gatewayAddr6  = "fd99::1"
	attackerAddr6 = "fd99::50"
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
		run(t, "ip", "link", "del", "att0p")
		run(t, "ip", "netns", "del", l.attacker)
		run(t, "ip", "link", "del", l.bridge)
		run(t, "ip", "link", "del", l.parent)
		run(t, "umount", "-l", "/run/netns")
		run(t, "umount", "/run")
	})
	for _, args := range []string{
		"netns add attacker", "netns exec attacker sysctl -qw net.ipv6.conf.default.accept_dad=0",
		"link add labbr type bridge", "link set labbr up", "link set lo up",
		"link add lab0 type veth peer name lab0p", "link set lab0p master labbr up", "link set lab0 up",
		"link add att0 netns attacker type veth peer name att0p", "link set att0p master labbr up",
		"-n attacker addr add " + attackerAddr + "/16 dev att0", "-n attacker link set att0 up", "-n attacker link set lo up",
		"-n attacker addr add " + attackerAddr6 + "/64 dev att0",
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
	return within(t, "/run/netns/"+l.attacker, args...)
}

// within runs a program in a network namespace and returns what it prints, however it ends.
func within(t testing.TB, namespace string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + namespace}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return string(out)
}

// dial connects from the attacker's namespace.
func (l lab) dial(t testing.TB, addr string) (c net.Conn, err error) {
	t.Helper()
	inside(t, "/run/netns/"+l.attacker, func() {
		c, err = (&net.Dialer{Timeout: 5 * time.Second}).Dial("tcp", addr)
	})
	if err == nil {
		t.Cleanup(func() { c.Close() })
		err = c.SetDeadline(time.Now().Add(30 * time.Second))
	}
	return c, err
}

// inside calls f on a thread in a network namespace, which ends after it.
func inside(t testing.TB, namespace string, f func()) {
	t.Helper()
	ns, err := os.Open(namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
			if err = unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err == nil {
				runtime.UnlockOSThread()
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// talker is a connection to a redis decky.
type talker struct{ net.Conn }

func (l lab) talk(t testing.TB, host string) talker {
	t.Helper()
	c, err := l.dial(t, host+":6379")
	if err != nil {
		t.Fatal(err)
	}
	return talker{c}
}

// alive reports whether the decky still answers on this very connection.
func (c talker) alive() bool {
	answer := make([]byte, 7)
	_, err := io.WriteString(c, "PING\r\n")
	if err == nil {
		err = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	}
	if err == nil {
		_, err = io.ReadFull(c, answer)
	}
	return err == nil && string(answer) == "+PONG\r\n"
}

// links counts the deckies on the parent: it lets in the MAC address of each, beside group
// addresses.
func (l lab) links(t testing.TB) int {
	t.Helper()
	count := 0
	for line := range strings.Lines(run(t, "bridge", "fdb", "show", "dev", l.parent)) {
		mac, err := net.ParseMAC(strings.Fields(line)[0])
		if err != nil {
			t.Fatal(err)
		}
		if mac[0]&1 == 0 && strings.Contains(line, "self") && !strings.Contains(line, "master") {
			count++
		}
	}
	return count
}

// registry has services with open doors: redis without a password.
func registry(t testing.TB) *services.Registry {
	t.Helper()
	reg, err := services.NewRegistry(ftp.Service{}, http.Service{}, redis.Service{}, ssh.Service{})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// plan makes a fleet for the lab from an INI document, its first address 10.99.1.1.
func plan(t testing.TB, reg *services.Registry, text string) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromINI(reg, []byte(text), options())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func options() fleet.Options {
	return fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: "lab0", Subnet: netip.MustParsePrefix(subnet), Gateway: netip.MustParseAddr(gatewayAddr),
		First: netip.MustParseAddr("10.99.1.1"), Seed: "test",
	}
}

func apply(t testing.TB, rt *lan.Runtime, f decnet.Fleet) {
	t.Helper()
	if err := rt.Apply(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// everyFamily is the INI document of a fleet with one decky of each OS family.
func everyFamily(services string) string {
	var ini strings.Builder
	for _, family := range fleet.OSFamilies() {
		fmt.Fprintf(&ini, "[%s]\nservices = %s\nnmap_os = %s\n", family, services, family)
	}
	return ini.String()
}

// quick is how long the tests let owners of addresses take to answer.
const quick = 100 * time.Millisecond

// start runs a runtime for the duration of the test.
func start(t testing.TB, reg *services.Registry, opt lan.Options) *lan.Runtime {
	t.Helper()
	opt.Probe = quick
	rt := lan.New(reg, opt)
	fleettest.Run(t, rt.Run)
	return rt
}
