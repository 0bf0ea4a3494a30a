package lan_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/lan"
)

// TestThousandDeckies builds 1,000 deckies with three services each, asks every one of
// them from the attacker's machine, and takes them down. The limits leave room for a busy
// machine; what was measured is logged.
func TestThousandDeckies(t *testing.T) {
	needs(t, "bridge")
	l := newLab(t)
	reg := registry(t)
	var ini strings.Builder
	families := []string{"linux", "windows", "embedded", "bsd", "windows_server"}
	for i := range 10 {
		fmt.Fprintf(&ini, "[%c]\nservices = ftp, redis, ssh\nnmap_os = %s\namount = 100\n", 'a'+i, families[i%len(families)])
	}
	f := plan(t, reg, ini.String())
	rt := lan.New(reg, lan.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- rt.Run(ctx) }()

	empty := emptyNamespaces(t)
	debug.FreeOSMemory()
	kernel, process := kernelMemory(t), processMemory(t)
	began := time.Now()
	apply(t, rt, f)
	built := time.Since(began)
	debug.FreeOSMemory()
	kernel, process = kernelMemory(t)-kernel, processMemory(t)-process

	l.pingAll(t, f)

	began = time.Now()
	apply(t, rt, f)
	again := time.Since(began)
	began = time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	down := time.Since(began)
	if n := l.links(t); n != 0 {
		t.Errorf("%d links are left", n)
	}
	t.Logf("1,000 deckies with three services each: built in %.1f s, %d MB all in: %d MB of kernel memory, of which %d MB are that of empty namespaces, and %d MB in the process; applied again in %d ms, taken down in %.1f s",
		built.Seconds(), (kernel+process)>>20, kernel>>20, 1000*empty>>20, process>>20, again.Milliseconds(), down.Seconds())
	if built > 2*time.Minute || again > 10*time.Second || down > 20*time.Second {
		t.Error("that takes too long")
	}
	if kernel > 300<<20 || process > 60<<20 && !raceDetector() {
		t.Error("that takes too much memory")
	}
}

// emptyNamespaces returns what a namespace takes in which nothing was done. Those that it
// makes last until the test ends, so that nothing after them is made of what they leave.
func emptyNamespaces(t *testing.T) (bytes int) {
	t.Helper()
	const count = 200
	before := kernelMemory(t)
	inside(t, "/proc/self/ns/net", func() { // which brings its thread back
		for range count {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Error(err)
				return
			}
			ns, err := os.Open("/proc/thread-self/ns/net")
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { ns.Close() })
		}
	})
	return (kernelMemory(t) - before) / count
}

// raceDetector reports whether this program has the race detector, which takes memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// kernelMemory returns how much the kernel has in use for itself.
func kernelMemory(t *testing.T) (bytes int) {
	t.Helper()
	for _, key := range []string{"SUnreclaim", "KernelStack", "Percpu", "VmallocUsed"} {
		bytes += kilobytes(t, "/proc/meminfo", key) << 10
	}
	return bytes
}

// processMemory returns how much of this process is resident.
func processMemory(t *testing.T) int {
	t.Helper()
	return kilobytes(t, "/proc/self/status", "VmRSS") << 10
}

func kilobytes(t *testing.T, file, key string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + key + `:\s+(\d+) kB$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in %s", key, file)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pingAll asks every decky of f from the attacker's machine, and checks the TTL of the
// answer and the MAC address that it comes from.
func (l lab) pingAll(t *testing.T, f decnet.Fleet) {
	t.Helper()
	macs, err := fleet.MACs(f)
	if err != nil {
		t.Fatal(err)
	}
	var raw *net.IPConn
	inside(t, "/run/netns/"+l.attacker, func() { raw, err = net.ListenIP("ip4:icmp", &net.IPAddr{IP: net.IPv4zero}) })
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	control, err := raw.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const batch = 50
	for at := 0; at < len(f.Deckies); at += batch {
		waiting := make(map[netip.Addr]decnet.Decky)
		for _, d := range f.Deckies[at : at+batch] {
			waiting[d.Addr] = d
		}
		for round := 0; len(waiting) > 0; round++ {
			if round == 15 {
				t.Fatalf("%d deckies do not answer: %v", len(waiting), slices.Collect(maps.Keys(waiting)))
			}
			for addr := range waiting {
				if _, err := raw.WriteToIP(echoRequest(), &net.IPAddr{IP: addr.AsSlice()}); err != nil {
					t.Fatal(err)
				}
			}
			if err := raw.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
				t.Fatal(err)
			}
			for len(waiting) > 0 {
				packet := receive(control)
				if packet == nil {
					break
				}
				from, ttl := netip.AddrFrom4([4]byte(packet[12:16])), packet[8]
				d, ok := waiting[from]
				if !ok || packet[20] != 0 { // not an echo reply
					continue
				}
				delete(waiting, from)
				sysctls, err := fleet.Sysctls(d.OSFamily)
				if err != nil {
					t.Fatal(err)
				}
				if want := sysctls["net.ipv4.ip_default_ttl"]; strconv.Itoa(int(ttl)) != want {
					t.Errorf("%s answers with TTL %d, want %s", d.Name, ttl, want)
				}
			}
		}
		neighbours := run(t, "ip", "-n", l.attacker, "neigh", "show", "dev", "att0")
		for _, d := range f.Deckies[at : at+batch] {
			if !strings.Contains(neighbours, d.Addr.String()+" lladdr "+macs[d.Name].String()+" ") {
				t.Errorf("%s has %s, which the attacker does not know", d.Name, macs[d.Name])
			}
		}
		run(t, "ip", "-n", l.attacker, "neigh", "flush", "dev", "att0") // the table of the kernel is small
	}
}

// receive reads a packet with its IP header; nil after the deadline.
func receive(control interface {
	Read(func(fd uintptr) bool) error
}) []byte {
	buf := make([]byte, 256)
	n := 0
	err := control.Read(func(fd uintptr) bool {
		var err error
		n, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		return err == nil
	})
	if err != nil || n < 28 {
		return nil
	}
	return buf[:n]
}

// echoRequest makes an ICMP echo request (RFC 792).
func echoRequest() []byte {
	p := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1}
	binary.BigEndian.PutUint16(p[2:], ^(uint16(0x0800) + 0x1234 + 1))
	return p
}
