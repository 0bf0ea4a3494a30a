package assembly

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/daemontest"
)

// TestLoad makes 100,000 connections, after which the memory is that of the idle daemon;
// then it holds 10,000 idle ones while 100 new ones a second are served and slow clients
// are cut off, after which no goroutine is left.
func TestLoad(t *testing.T) {
	raiseFileLimit(t)
	const addr = "127.0.63.1"
	up := func() *daemontest.Daemon {
		return daemontest.Start(t, binaries.plain, t.TempDir(), "--port-offset", strconv.Itoa(offset), "--base-ip", addr,
			"--services", "redis,http", "--deckies", "1", "--max-conns", "20000")
	}
	redis, web := netip.MustParseAddrPort(addr+":"+port(6379)), netip.MustParseAddrPort(addr+":"+port(80))
	idler := up()
	ping(t, redis, 0)
	settledRSS(t, idler.Process.Pid, 0)
	alone := goroutines(t, idler)
	d := up()
	fresh := rss(t, d.Process.Pid)
	for n := range 1000 { // what is made once, such as pages of the program and caches, is made now
		ping(t, redis, n)
	}
	idle := settledRSS(t, d.Process.Pid, 0)
	manyConnections(t, redis, 100_000)
	after := settledRSS(t, d.Process.Pid, idle*13/10)
	t.Logf("resident: %.1f MiB when fresh, %.1f MiB idle, %.1f MiB after 100,000 connections (%.2f times)",
		mib(fresh), mib(idle), mib(after), float64(after)/float64(idle))
	if after > idle*13/10 {
		t.Errorf("memory grew to more than 1.3 times the idle figure")
	}

	held := make([]net.Conn, 10000)
	for i := range held {
		held[i] = dialFrom(t, redis, i)
		defer held[i].Close()
	}
	cutOff := slowClients(t, web, 50)
	var slowest time.Duration
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := range 1000 { // ten seconds of 100 a second
		<-tick.C
		slowest = max(slowest, ping(t, redis, n))
	}
	t.Logf("with 10,000 idle connections: %.1f MiB, slowest of 1,000 newcomers %s", mib(rss(t, d.Process.Pid)), slowest)
	if slowest > 2*time.Second {
		t.Errorf("a newcomer waited %s", slowest)
	}
	for i := 0; i < len(held); i += 100 {
		fmt.Fprint(held[i], "PING\r\n")
		_ = held[i].SetReadDeadline(time.Now().Add(10 * time.Second))
		if answer, err := bufio.NewReader(held[i]).ReadString('\n'); answer != "+PONG\r\n" {
			t.Errorf("held connection %d answers %q, %v", i, answer, err)
		}
	}
	if n := cutOff(); n != 50 {
		t.Errorf("%d of 50 slow clients were cut off", n)
	}
	for _, c := range held {
		c.Close()
	}
	settled := settledRSS(t, d.Process.Pid, idle*13/10)
	t.Logf("resident: %.1f MiB after 10,000 connections at once", mib(settled))
	const workers = 4 // of the runtime, which start when there is garbage to collect
	n := goroutines(t, d)
	t.Logf("%d goroutines are left, of a daemon that was never attacked %d", n, alone)
	if n > alone+workers {
		t.Errorf("goroutines are left: %d instead of %d", n, alone)
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// manyConnections makes n connections, 32 at a time, each with a question.
func manyConnections(t *testing.T, to netip.AddrPort, n int64) {
	t.Helper()
	begin := time.Now()
	var work sync.WaitGroup
	var next atomic.Int64
	for range 32 {
		work.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				c := dialFrom(t, to, int(i))
				fmt.Fprint(c, "PING\r\n")
				_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
				_, _ = c.Read(make([]byte, 16))
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
				c.Close()
			}
		})
	}
	work.Wait()
	t.Logf("%d connections in %s", n, time.Since(begin).Round(time.Millisecond))
}

// slowClients connects n clients that send a request byte by byte, for a minute at most,
// and returns how many of them the server cut off.
func slowClients(t *testing.T, to netip.AddrPort, n int) func() int {
	t.Helper()
	var drips sync.WaitGroup
	var cut atomic.Int32
	for i := range n {
		c := dialFrom(t, to, i)
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: ")
		drips.Go(func() {
			defer c.Close()
			for range 120 {
				_, err := fmt.Fprint(c, "x")
				_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
				if err == nil {
					_, err = io.Copy(io.Discard, c)
				}
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					cut.Add(1)
					return
				}
			}
		})
	}
	return func() int { drips.Wait(); return int(cut.Load()) }
}

// ping serves as a newcomer: it connects, asks, and is answered.
func ping(t *testing.T, addr netip.AddrPort, n int) time.Duration {
	t.Helper()
	begin := time.Now()
	c := dialFrom(t, addr, n)
	defer c.Close()
	fmt.Fprint(c, "PING\r\n")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if answer, err := bufio.NewReader(c).ReadString('\n'); answer != "+PONG\r\n" {
		t.Errorf("answer %q, %v", answer, err)
	}
	return time.Since(begin)
}

// dialFrom connects from one of many loopback addresses, so that no port runs out.
func dialFrom(t *testing.T, to netip.AddrPort, n int) net.Conn {
	t.Helper()
	from := netip.AddrFrom4([4]byte{127, 1, byte(n % 8), 1})
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 10 * time.Second}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Error(err)
		client, server := net.Pipe()
		server.Close()
		return client
	}
	return c
}

func raiseFileLimit(t *testing.T) {
	t.Helper()
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	lim.Cur = lim.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Cur < 12000 {
		t.Fatalf("at most %d open files (%v): the test needs 12,000", lim.Cur, err)
	}
}

// rss returns the resident memory of a process in bytes.
func rss(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmRSS in %s", status)
	}
	kb, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return kb << 10
}

// settledRSS waits until the resident memory no longer falls, or is at most enough, and
// returns it; it waits 90 s at most.
func settledRSS(t testing.TB, pid int, enough int64) int64 {
	t.Helper()
	low, since := rss(t, pid), time.Now()
	for begin := time.Now(); time.Since(begin) < 90*time.Second && time.Since(since) < 30*time.Second; {
		if enough > 0 && low <= enough || enough == 0 && time.Since(begin) > 5*time.Second {
			break
		}
		time.Sleep(500 * time.Millisecond)
		if now := rss(t, pid); now < low*99/100 {
			low, since = now, time.Now()
		}
	}
	return low
}

// goroutines ends the daemon with a dump of its goroutines and counts them.
func goroutines(t *testing.T, d *daemontest.Daemon) int {
	t.Helper()
	if err := d.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-d.Exited
	return strings.Count(d.Said(), "\ngoroutine ")
}
