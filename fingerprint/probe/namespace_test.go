//go:build linux

package probe_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/probe"
	"github.com/decnet/decnet/services"
)

// The two ends of the wire that wire lays.
var (
	here4, there4 = netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	here6, there6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

const (
	namespaceVariable = "PROBE_TEST_NAMESPACE" // the test that runs in a network namespace of its own
	hostVariable      = "PROBE_TEST_HOST"      // set in the process that is the host at the other end
)

// inNamespace runs the calling test again, in a process with a network namespace of its
// own, and reports whether this is that process.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceVariable) == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceVariable+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("a network namespace is not allowed: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in its network namespace: %v\n%s", err, out)
	}
	t.Logf("in its network namespace:\n%s", out)
	return false
}

// host is another machine: a process in a network namespace of its own at the other end of
// a wire.
type host struct {
	pid int
	in  io.Writer
	out *bufio.Reader
}

// wire starts a host and connects it with this namespace.
func wire(t *testing.T) *host {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), hostVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := &host{cmd.Process.Pid, in, bufio.NewReader(out)}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	run(t, "", "ip", "link", "set", "lo", "up")
	run(t, "", "ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", strconv.Itoa(h.pid))
	run(t, "", "ip", "addr", "add", here4.String()+"/24", "dev", "near")
	run(t, "", "ip", "addr", "add", here6.String()+"/64", "dev", "near", "nodad")
	run(t, "", "ip", "link", "set", "near", "up")
	h.run(t, "ip", "addr", "add", there4.String()+"/24", "dev", "far")
	h.run(t, "ip", "addr", "add", there6.String()+"/64", "dev", "far", "nodad")
	h.run(t, "ip", "link", "set", "far", "up")
	return h
}

// run runs a program in the network namespace of h.
func (h *host) run(t *testing.T, args ...string) {
	t.Helper()
	run(t, "", "nsenter", append([]string{"-t", strconv.Itoa(h.pid), "-n", "--"}, args...)...)
}

// do has h carry out a command of serveHost.
func (h *host) do(t *testing.T, command string) {
	t.Helper()
	if _, err := fmt.Fprintln(h.in, command); err != nil {
		t.Fatal(err)
	}
	if answer, err := h.out.ReadString('\n'); answer != "ok\n" {
		t.Fatalf("%s: %q %v", command, answer, err)
	}
}

// serveHost is the process of a host. It carries out one command for each line of standard
// input: listen PORT, connect ADDR:PORT, spoof SOURCE ADDR:PORT.
func serveHost() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		err := errors.New("no such command")
		switch word := strings.Fields(in.Text()); word[0] {
		case "listen":
			for _, network := range []string{"tcp4", "tcp6"} {
				var l net.Listener
				if l, err = net.Listen(network, ":"+word[1]); err != nil {
					break
				}
				go func() {
					for {
						if c, err := l.Accept(); err == nil {
							c.Close()
						}
					}
				}()
			}
		case "connect":
			var c net.Conn
			if c, err = net.Dial("tcp", word[1]); err == nil {
				err = c.Close()
			}
		case "spoof":
			err = spoof(netip.MustParseAddr(word[1]), netip.MustParseAddrPort(word[2]))
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("ok")
	}
}

// spoof sends an IPv4 SYN to a port in the name of another host.
func spoof(from netip.Addr, to netip.AddrPort) error {
	packet := make([]byte, 40)
	packet[0], packet[3], packet[8], packet[9] = 0x45, 40, 64, unix.IPPROTO_TCP
	copy(packet[12:], from.AsSlice())
	copy(packet[16:], to.Addr().AsSlice())
	tcp := packet[20:]
	binary.BigEndian.PutUint16(tcp, 40000)
	binary.BigEndian.PutUint16(tcp[2:], to.Port())
	tcp[12], tcp[13], tcp[14] = 5<<4, 2, 0xff
	sum := uint32(unix.IPPROTO_TCP + 20)
	for i := 12; i < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	binary.BigEndian.PutUint16(tcp[16:], ^uint16(sum>>16+sum&0xffff))
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, packet, 0, &unix.SockaddrInet4{Addr: to.Addr().As4()})
}

// TestTCPSignatures probes a Linux host whose stack is told to answer in different ways.
func TestTCPSignatures(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	h := wire(t)
	set := func(key, value string) {
		t.Helper()
		h.run(t, "sh", "-c", "echo "+value+" > /proc/sys/net/ipv4/"+key)
	}
	set("tcp_rmem", "4096 131072 6291456") // the window scale follows from it
	type settings map[string]string
	usual := settings{"tcp_sack": "1", "tcp_timestamps": "1", "tcp_window_scaling": "1", "ip_default_ttl": "64"}
	for i, c := range []struct {
		name     string
		change   settings
		target   netip.Addr
		raw, p0f string
	}{
		{"default", nil, there4, "64:65160:1:1460:7:1:1:M,S,T,N,W", "4:64+0:0:1460:mss*45,7:mss,sok,ts,nop,ws:df:0"},
		{"no SACK", settings{"tcp_sack": "0"}, there4,
			"64:65160:1:1460:7:0:1:M,N,N,T,N,W", "4:64+0:0:1460:mss*45,7:mss,nop,nop,ts,nop,ws:df:0"},
		{"no timestamps", settings{"tcp_timestamps": "0"}, there4,
			"64:64240:1:1460:7:1:0:M,N,N,S,N,W", "4:64+0:0:1460:mss*44,7:mss,nop,nop,sok,nop,ws:df:0"},
		{"no scaling", settings{"tcp_window_scaling": "0"}, there4,
			"64:65160:1:1460:-1:1:1:M,S,T", "4:64+0:0:1460:mss*45,0:mss,sok,ts:df:0"},
		{"bare", settings{"tcp_window_scaling": "0", "tcp_timestamps": "0", "tcp_sack": "0"}, there4,
			"64:64240:1:1460:-1:0:0:M", "4:64+0:0:1460:mss*44,0:mss:df:0"},
		{"another TTL", settings{"ip_default_ttl": "128"}, there4,
			"128:65160:1:1460:7:1:1:M,S,T,N,W", "4:128+0:0:1460:mss*45,7:mss,sok,ts,nop,ws:df:0"},
		{"IPv6", nil, there6, "64:64260:0:1440:7:1:1:M,S,T,N,W", "6:64+0:0:1440:mss*45,7:mss,sok,ts,nop,ws:flow:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for key, value := range c.change {
				set(key, value)
				defer set(key, usual[key])
			}
			port := uint16(1000 + i) // a new listener, which the changes hold for
			h.do(t, fmt.Sprint("listen ", port))
			r, err := probe.TCP(t.Context(), netip.AddrPortFrom(c.target, port).String(), probe.Config{})
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(c.raw))
			if r.Raw != c.raw || r.P0f != c.p0f || r.Hash != hex.EncodeToString(sum[:])[:32] {
				t.Errorf("got  %s %s %s\nwant %s %s", r.Raw, r.P0f, r.Hash, c.raw, c.p0f)
			}
			if r.SYNACK.Src != netip.AddrPortFrom(c.target, port) {
				t.Errorf("answer from %s", r.SYNACK.Src)
			}
			h.wantNothingHalfOpen(t)
		})
	}
	t.Run("link-local", func(t *testing.T) {
		run(t, "", "ip", "addr", "add", "fe80::1/64", "dev", "near", "nodad")
		h.run(t, "ip", "addr", "add", "fe80::2/64", "dev", "far", "nodad")
		r, err := probe.TCP(t.Context(), "[fe80::2%near]:1000", probe.Config{})
		if err != nil || r.Raw != "64:64260:0:1440:7:1:1:M,S,T,N,W" {
			t.Errorf("%s %v", r.Raw, err)
		}
		if _, err := probe.TCP(t.Context(), "[fe80::2%nowhere]:1000", probe.Config{}); err == nil {
			t.Error("an interface that does not exist is no error")
		}
	})
	t.Run("closed", func(t *testing.T) {
		for _, target := range []netip.Addr{there4, there6} {
			_, err := probe.TCP(t.Context(), netip.AddrPortFrom(target, 999).String(), probe.Config{})
			wantError(t, err, syscall.ECONNREFUSED)
		}
	})
	t.Run("silent", func(t *testing.T) {
		h.run(t, "ip", "route", "add", "blackhole", here4.String()+"/32")
		before := h.counter(t, "Tcp:", "InSegs")
		_, err := probe.TCP(t.Context(), netip.AddrPortFrom(there4, 1000).String(), probe.Config{Timeout: 2 * time.Second})
		wantError(t, err, os.ErrDeadlineExceeded)
		if n := h.counter(t, "Tcp:", "InSegs") - before; n != 2 {
			t.Errorf("%d SYNs in 2 s of silence", n)
		}
	})
}

// wantNothingHalfOpen waits until no connection of the host waits for the end of its
// handshake.
func (h *host) wantNothingHalfOpen(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); halfOpen(t, h.pid, ""); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a connection was not reset")
		}
	}
}

// halfOpen reports whether process pid's network namespace has a connection in the state
// SYN-RECEIVED whose line in the kernel's table holds text.
func halfOpen(t *testing.T, pid int, text string) bool {
	t.Helper()
	for _, table := range []string{"tcp", "tcp6"} {
		lines, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(lines)) {
			if cells := strings.Fields(line); cells[3] == "03" && strings.Contains(line, text) {
				return true
			}
		}
	}
	return false
}

// counter returns one of the counters of the host's kernel.
func (h *host) counter(t *testing.T, group, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/snmp", h.pid))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Fields(line)
		if cells[0] != group {
			continue
		}
		if names == nil {
			names = cells
			continue
		}
		n, err := strconv.Atoi(cells[slices.Index(names, name)])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Fatalf("no counter %s %s", group, name)
	return 0
}

// TestW11_SpoofedSourcesAreNotProbed: a host connects to a honeypot, and before sends it
// SYNs in the name of a third party. The honeypot's own events decide who is probed.
func TestW11_SpoofedSourcesAreNotProbed(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	h := wire(t)
	h.do(t, "listen 22")
	l, err := net.Listen("tcp4", netip.AddrPortFrom(here4, 23).String())
	if err != nil {
		t.Fatal(err)
	}
	out := make(findings, 100)
	w := probe.NewWorker(out, memory(t), probe.WorkerConfig{
		JARMPorts: none, SSHPorts: none, TCPPorts: []uint16{22}, Deckies: func() []netip.Addr { return []netip.Addr{here4} },
	})
	running(t, w)
	env := services.Env{Decky: "decky-01", Sink: w}.Complete()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() {
		socket := services.Socket{Port: services.Port{Network: "tcp", Number: 23}, Stream: l}
		served <- env.Serve(ctx, "telnet", []services.Socket{socket}, func(context.Context, *services.Session) error { return nil })
	}()

	const third = "198.51.100.77"
	h.do(t, "spoof "+third+" "+l.Addr().String())
	for deadline := time.Now().Add(10 * time.Second); !halfOpen(t, os.Getpid(), "4D6433C6"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the forged SYN did not reach the honeypot")
		}
	}
	h.do(t, "connect "+l.Addr().String())
	found := out.wait(t, "tcpfp_fingerprint")
	r, err := probe.TCP(t.Context(), netip.AddrPortFrom(there4, 22).String(), probe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, found, "target_ip", there4.String(), "target_port", "22", "tcpfp_hash", r.Hash, "tcpfp_raw", r.Raw,
		"ttl", "64", "window_size", "65160", "df_bit", "1", "mss", "1460", "window_scale", strconv.Itoa(int(r.SYNACK.Scale)),
		"sack_ok", "1", "timestamp", "1", "options_order", "M,S,T,N,W")
	if s := w.Status(); s.Queued != 1 || s.Probed != 1 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// withoutPrivilege runs f in a thread that has no capabilities.
func withoutPrivilege(t *testing.T, f func()) {
	t.Helper()
	ended := make(chan error)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		var none [2]unix.CapUserData
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
			ended <- err
			return
		}
		f()
	}()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestTCPNeedsPrivilege(t *testing.T) {
	t.Parallel()
	withoutPrivilege(t, func() {
		if err := probe.CanTCP(); !errors.Is(err, decnet.ErrForbidden) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
			t.Errorf("CanTCP: %v", err)
		}
		if _, err := probe.TCP(t.Context(), address(freePort(t)), probe.Config{}); !errors.Is(err, decnet.ErrForbidden) {
			t.Errorf("TCP: %v", err)
		}
		// Without the privilege a worker leaves out the method and says so.
		var text strings.Builder
		out := make(findings, 1)
		w := probe.NewWorker(out, memory(t), probe.WorkerConfig{
			JARMPorts: none, SSHPorts: []uint16{22}, TCPPorts: []uint16{80}, Log: slog.New(slog.NewTextHandler(&text, nil)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
		if e := <-out; e.Value("probe_ports") != "22" || !strings.Contains(text.String(), "CAP_NET_RAW") {
			t.Errorf("%+v, log %q", e, text.String())
		}
	})
}
