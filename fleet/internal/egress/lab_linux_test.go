package egress_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/egress"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/internal/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

const (
	addr4, addr6     = "10.99.0.11", "fd00:99::11"
	attacker4        = enginetest.AttackerAddr
	attacker6        = "fd00:99::50"
	gateway6         = "fd00:99::1"
	outside4         = "192.0.2.53"
	outside6         = "2001:db8::53"
	mac              = "02:00:00:00:00:11"
	deckyNS          = "/run/netns/decky"
	attackerNS       = "/run/netns/attacker"
	longest          = time.Minute
	served, unserved = "8080", "8081"
)

// newDecky makes a decky on a LAN, with IPv4 and IPv6, whose attacker has the addresses of
// the gateways too, so that whatever is sent anywhere passes the bridge.
func newDecky(t *testing.T) enginetest.LAN {
	t.Helper()
	for _, p := range []string{"tcpdump", "nc", "nping", "busybox", "curl"} {
		if _, err := exec.LookPath(p); err != nil && os.Geteuid() == 0 {
			t.Skipf("%s is not installed", p)
		}
	}
	lan := enginetest.NewLAN(t)
	t.Cleanup(func() { run(t, "ip netns del decky") })
	for _, args := range []string{
		"ip -n attacker addr add " + enginetest.Gateway + "/24 dev att0",
		"ip -n attacker addr add " + gateway6 + "/64 dev att0 nodad",
		"ip -n attacker addr add " + attacker6 + "/64 dev att0 nodad",
		"ip netns add decky",
		"ip link add eth0 netns decky link " + enginetest.Parent + " address " + mac + " type macvlan mode bridge",
		"ip -n decky link set lo up",
		"ip -n decky addr add " + addr4 + "/24 dev eth0",
		"ip -n decky addr add " + addr6 + "/64 dev eth0 nodad",
		"ip -n decky link set eth0 up",
		"ip -n decky route add default via " + enginetest.Gateway,
		"ip -n decky -6 route add default via " + gateway6,
	} {
		run(t, args)
	}
	return lan
}

func run(t *testing.T, command string) string {
	t.Helper()
	words := strings.Fields(command)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// inside runs a shell command as root in the namespace of the decky, however it ends.
func inside(t *testing.T, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	err := exec.CommandContext(ctx, "nsenter", "--net="+deckyNS, "sh", "-c", command).Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
}

// within calls f on a thread in a network namespace, which ends after it.
func within(t *testing.T, namespace string, f func()) {
	t.Helper()
	ns, err := os.Open(namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		entered <- err
	}()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
}

// recorder keeps events.
type recorder struct{ fleettest.Events }

// of returns what was refused of a protocol to an address and port; "" is any.
func (r *recorder) of(protocol, addr, port string) []decnet.Event {
	return slices.DeleteFunc(r.Of("egress_blocked"), func(e decnet.Event) bool {
		return e.Service != "egress" || e.Decky != "web" ||
			e.Value("protocol") != protocol || e.Value("dst_ip") != addr || port != "" && e.Value("dst_port") != port
	})
}

// lock locks the decky and reports what is dropped until the test ends.
func lock(t *testing.T, seen decnet.Sink, exits ...string) *egress.Watch {
	t.Helper()
	parsed, err := fleet.ParseExits(exits)
	if err != nil {
		t.Fatal(err)
	}
	return lockAs(t, seen, egress.Options{Decky: "web", Exits: parsed})
}

func lockAs(t *testing.T, seen decnet.Sink, opt egress.Options) (watch *egress.Watch) {
	t.Helper()
	r, err := egress.NewReporter(seen, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	within(t, deckyNS, func() { watch, err = r.Lock(opt) })
	if err != nil {
		t.Fatal(err)
	}
	return watch
}

// serve answers on a TCP port of a namespace with "hello", until the test ends.
func serve(t *testing.T, namespace, port string) {
	t.Helper()
	var l net.Listener
	var err error
	within(t, namespace, func() { l, err = net.Listen("tcp", ":"+port) })
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello\n")) // a client that is gone has failed its own test
			_ = c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
}

// greeting is what a server says to a client in a namespace; "" when there is none.
func greeting(t *testing.T, namespace, addr string) string {
	t.Helper()
	var c net.Conn
	var err error
	within(t, namespace, func() { c, err = net.DialTimeout("tcp", addr, longest) })
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(longest)) // of an open connection
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(line)
}

// capture records what the decky sends.
func capture(t *testing.T, lan enginetest.LAN) func() []string {
	t.Helper()
	return lan.Capture(t, "ether src "+mac, addr4)
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for until := time.Now().Add(longest); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("no %s", what)
		}
	}
}
