package enginetest

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Capture records the packets on Bridge that a filter of tcpdump selects, ARP apart, until
// the test ends. The function that it returns, which is called once, gives a line for each
// that came before: it pings addr, whose answer the filter must select too.
func (l LAN) Capture(t testing.TB, filter, addr string) func() []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pcap")
	dump := exec.Command("tcpdump", "-i", Bridge, "-U", "--immediate-mode", "-Z", "root", "-w", file, filter)
	said, err := dump.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dump.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dump.Process.Kill()
		_ = dump.Wait()
	})
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || !strings.Contains(line, "listening on") {
		t.Fatalf("tcpdump says %q, %v", line, err)
	}
	return func() []string {
		t.Helper()
		// The answer to a ping of an unusual size is the last packet.
		l.Attack(t, "busybox", "ping", "-c", "1", "-s", "1234", addr)
		for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			out, err := exec.Command("tcpdump", "-n", "-t", "-r", file, "not arp").Output() // fails while a packet is being written
			lines := strings.Split(string(out), "\n")
			if last := slices.IndexFunc(lines, func(l string) bool { return strings.HasSuffix(l, "length 1242") }); err == nil && last >= 0 {
				return lines[:last]
			}
			if time.Now().After(until) {
				t.Fatalf("the last packet is not in the capture:\n%s", out)
			}
		}
	}
}
