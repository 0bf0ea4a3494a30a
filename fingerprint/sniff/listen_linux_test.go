package sniff_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/sniff"
)

// network is a pair of network namespaces with a cable between them.
type network struct{ attacker, decky string }

const (
	attackerAddr = "10.99.0.1"
	deckyAddr    = "10.99.0.2"
)

func newNetwork(t *testing.T) network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	n := network{fmt.Sprintf("decnet-a%d", os.Getpid()), fmt.Sprintf("decnet-d%d", os.Getpid())}
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "del", n.attacker).Run()
		_ = exec.Command("ip", "netns", "del", n.decky).Run()
	})
	for _, args := range []string{
		"netns add " + n.attacker, "netns add " + n.decky,
		"link add veth0 netns " + n.attacker + " type veth peer name veth0 netns " + n.decky,
		"-n " + n.attacker + " addr add " + attackerAddr + "/24 dev veth0", "-n " + n.decky + " addr add " + deckyAddr + "/24 dev veth0",
		"-n " + n.attacker + " link set veth0 up", "-n " + n.decky + " link set veth0 up",
		"-n " + n.attacker + " link set lo up", "-n " + n.decky + " link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made here: ip %s: %v %s", args, err, out)
		}
	}
	return n
}

// run runs a client in the attacker's namespace.
func (n network) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.attacker}, args...)...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Logf("%s: %v", args[0], err)
	}
	return string(out)
}

// serve runs a server in the decky's namespace until the test ends.
func (n network) serve(t *testing.T, port int, args ...string) {
	t.Helper()
	c := exec.Command("ip", append([]string{"netns", "exec", n.decky}, args...)...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for range 200 {
		out, err := exec.Command("ip", "netns", "exec", n.decky, "ss", "-Htln", "sport", "=", fmt.Sprint(port)).Output()
		if err == nil && len(out) > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond) // another process: there is nothing to wait on
	}
	t.Fatalf("%s does not listen on port %d", args[0], port)
}

// listen runs Listen in a namespace and returns what ends it.
func listen(t *testing.T, s *sniff.Sniffer, namespace string, i sniff.Interface) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended, entered := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		fd, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			_ = unix.Close(fd)
		}
		if entered <- err; err != nil {
			ended <- err
			return
		}
		ended <- s.Listen(ctx, i)
	}()
	if err := <-entered; err != nil {
		cancel()
		t.Skipf("namespace cannot be entered: %v", err)
	}
	return func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
			return errors.New("Listen goes on after its context ended")
		}
	}
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

func TestListen(t *testing.T) {
	needs(t, "ip", "ss", "curl", "openssl", "ssh", "dropbear", "dropbearkey", "chromium")
	n := newNetwork(t)
	dir := t.TempDir()
	cert, key, host := filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "host")
	for _, args := range [][]string{
		{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=decky.test", "-days", "2", "-keyout", key, "-out", cert},
		{"dropbearkey", "-t", "ed25519", "-f", host},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	n.serve(t, 443, "openssl", "s_server", "-quiet", "-www", "-accept", "443", "-cert", cert, "-key", key)
	n.serve(t, 2222, "dropbear", "-F", "-E", "-p", "2222", "-r", host)

	events, results := make(chan decnet.Event, 256), make(chan sniff.Result, 256)
	var deckies sniff.Deckies
	deckies.Set([]decnet.Decky{{Name: "decky-01", Addr: netip.MustParseAddr(deckyAddr)}})
	s := sniff.New(sniff.Config{
		Sink:    decnet.SinkFunc(func(e decnet.Event) { events <- e }),
		Results: func(r sniff.Result) { results <- r },
		Deckies: deckies.Lookup,
	})
	stop := listen(t, s, n.decky, sniff.Interface{Name: "veth0", Promiscuous: true})
	for i := 0; s.Counters().Packets == 0; i++ { // the ring is there once the first packet came
		if i == 20 {
			t.Fatalf("nothing captured: %v", stop())
		}
		n.run(t, "", "curl", "-s", "-m", "1", "http://"+deckyAddr+":9/")
	}

	n.run(t, "", "curl", "-sk", "--tls-max", "1.2", "https://"+deckyAddr+"/")
	n.run(t, "Q\n", "openssl", "s_client", "-connect", deckyAddr+":443", "-servername", "openssl.test", "-tls1_3")
	n.run(t, "", "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-p", "2222", "nobody@"+deckyAddr)
	n.run(t, "", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--ignore-certificate-errors",
		"--host-resolver-rules=MAP chromium.test "+deckyAddr, "--dump-dom", "https://chromium.test/")

	want := map[string]int{"curl": 1, "openssl": 1, "chromium": 1, "session": 3, "certificate": 1, "syn": 1, "hassh": 1, "hassh_server": 1, "ja3": 3}
	// Chromium opens as many connections as it likes, and resumes its session in some.
	browser := map[string]bool{"chromium": true, "session": true, "ja3": true}
	got := map[string]int{}
	complete := func() bool {
		for k, v := range want {
			if got[k] < v {
				return false
			}
		}
		return true
	}
	count := func(e decnet.Event) {
		if e.Decky != "decky-01" || e.Service != "sniffer" || e.Attacker.String() != attackerAddr ||
			e.Value("src_ip") != attackerAddr || e.Value("dst_ip") != deckyAddr {
			t.Errorf("wrong way round: %+v", e)
		}
		switch e.Type {
		case "tcp_syn_fingerprint":
			got["syn"]++
			if e.Value("os_guess") != "linux" || e.Value("hop_distance") != "0" || e.Value("initial_ttl") != "64" {
				t.Errorf("%+v", e)
			}
		case "tls_client_hello":
			switch e.Value("sni") {
			case "openssl.test":
				got["openssl"]++
			case "chromium.test":
				got["chromium"]++
				if e.Value("alpn") != "h2,http/1.1" || !strings.HasPrefix(e.Value("ja4"), "t13d15") {
					t.Errorf("%+v", e)
				}
			default:
				got["curl"]++
			}
			if e.Value("ja4l_client_ttl") != "64" {
				t.Errorf("no latency: %+v", e)
			}
		case "tls_session":
			got["session"]++
		case "tls_certificate":
			got["certificate"]++
			if e.Value("subject_cn") != "decky.test" || e.Value("self_signed") != "true" {
				t.Errorf("%+v", e)
			}
		}
	}
	deadline := time.After(time.Minute)
	for !complete() {
		select {
		case e := <-events:
			count(e)
		case r := <-results:
			got[r.Kind]++
			if r.Client.String() != attackerAddr || r.Server.String() != deckyAddr {
				t.Errorf("wrong way round: %+v", r)
			}
		case <-deadline:
			t.Fatalf("got %v, want %v; %+v", got, want, s.Counters())
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	close(events)
	close(results)
	for e := range events {
		count(e)
	}
	for r := range results {
		got[r.Kind]++
	}
	for k, v := range want {
		if got[k] != v && !browser[k] {
			t.Errorf("%s seen %d times, want %d", k, got[k], v)
		}
	}
	if c := s.Counters(); c.KernelDropped > 0 || c.Panics > 0 {
		t.Errorf("%+v", c)
	}
}

// TestListenFlood sends a million SYNs from random sources over a real cable. Memory is
// bounded by MaxFlows, and what the kernel had no room for is counted.
func TestListenFlood(t *testing.T) {
	needs(t, "ip")
	n := newNetwork(t)
	const (
		flood    = 1_000_000
		maxFlows = 1 << 14
		limit    = maxFlows*1536 + 1<<16*256 // the flows, and the events that are remembered
	)
	s := sniff.New(sniff.Config{MaxFlows: maxFlows, Sink: decnet.SinkFunc(func(decnet.Event) {})})
	stop := listen(t, s, n.decky, sniff.Interface{Name: "veth0"})
	fd := plug(t, n.attacker)
	frame := segment("1.1.1.1:1000", deckyAddr+":22", 1, 2, nil)
	random := rand.New(rand.NewPCG(3, 4))
	send := func() {
		binary.BigEndian.PutUint32(frame[14+12:], random.Uint32())
		binary.BigEndian.PutUint16(frame[14+20:], uint16(random.Uint32()))
		binary.BigEndian.PutUint32(frame[14+20+4:], random.Uint32())
		if _, err := unix.Write(fd, frame); err != nil && !errors.Is(err, unix.ENOBUFS) {
			t.Fatal(err)
		}
	}
	arrived := func(packets uint64) sniff.Counters {
		t.Helper()
		deadline := time.After(15 * time.Second)
		for {
			c := s.Counters()
			if c.Packets+c.KernelDropped >= packets {
				return c
			}
			select {
			case <-deadline:
				t.Fatalf("%d packets were to come: %+v", packets, c)
			case <-time.After(10 * time.Millisecond):
				if c.Packets == 0 { // the ring is there once the first packet came
					send()
				}
			}
		}
	}
	arrived(1)
	before := heap()
	begin := time.Now()
	for range flood {
		send()
	}
	sent := time.Since(begin)
	c := arrived(flood)
	grown := int64(heap()) - int64(before)
	t.Logf("sent in %v, seen after %v: %d captured, %d dropped by the kernel, %d bytes more than before",
		sent, time.Since(begin), c.Packets, c.KernelDropped, grown)
	if c.Flows-c.Evicted > maxFlows || c.Evicted == 0 {
		t.Errorf("%d flows, %d evicted, the limit is %d", c.Flows, c.Evicted, maxFlows)
	}
	if grown > limit {
		t.Errorf("%d bytes more than before, the limit is %d", grown, limit)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := s.Counters(); c.Panics > 0 {
		t.Errorf("%+v", c)
	}
}

// plug returns a socket that writes frames to the cable of a namespace, past its queues.
func plug(t *testing.T, namespace string) int {
	t.Helper()
	type socket struct {
		fd  int
		err error
	}
	made := make(chan socket)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		fd, err := packetSocket(namespace)
		made <- socket{fd, err}
	}()
	s := <-made
	if s.err != nil {
		t.Fatal(s.err)
	}
	t.Cleanup(func() { _ = unix.Close(s.fd) })
	return s.fd
}

// packetSocket moves the thread into a namespace and opens a socket on its end of the cable.
func packetSocket(namespace string) (int, error) {
	ns, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(ns)
	if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
		return -1, err
	}
	cable, err := net.InterfaceByName("veth0")
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: cable.Index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func TestListenRefuses(t *testing.T) {
	err := sniff.New(sniff.Config{}).Listen(t.Context(), sniff.Interface{Name: "no-such-interface"})
	if !errors.Is(err, decnet.ErrNotFound) || !strings.HasPrefix(err.Error(), `sniff: there is no interface "no-such-interface"`) {
		t.Errorf("%v", err)
	}
}
