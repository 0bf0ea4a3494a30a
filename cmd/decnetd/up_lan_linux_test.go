package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lanBinary names the daemon in the environment of the process that has a LAN.
const lanBinary = "DECNETD_TEST_ON_THE_LAN"

// TestUpOnTheLAN runs the binary itself, because it drops privileges, in a process with a
// network namespace of its own, so that nothing of the machine changes: a bridge with a
// cable to the parent of the deckies and one to an attacker.
func TestUpOnTheLAN(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if binary := os.Getenv(lanBinary); binary != "" {
		testUpOnTheLAN(t, binary)
		return
	}
	t.Parallel()
	for _, p := range []string{"ip", "bridge", "mount", "curl", "redis-cli"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
	binary := buildBinary(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUpOnTheLAN$", "-test.v")
	cmd.Env = append(os.Environ(), lanBinary+"="+binary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestUpOnTheLAN") {
		t.Errorf("%v\n%s", err, out)
	}
}

func shell(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// startBinary runs decnetd until it is ready, and returns what it has printed.
func startBinary(t *testing.T, binary string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if lines.Text() == "decnetd: ready" {
			return cmd, said.String()
		}
	}
	t.Fatalf("not ready: %s%v", said.String(), cmd.Wait())
	return nil, ""
}

func testUpOnTheLAN(t *testing.T, binary string) {
	shell(t, `set -e
		mount -t tmpfs tmpfs /run
		ip link set lo up
		ip link add labbr type bridge; ip link set labbr up
		ip link add lab0 type veth peer name lab0p; ip link set lab0p master labbr up; ip link set lab0 up
		ip addr add 10.99.0.2/24 dev lab0; ip route add default via 10.99.0.1 dev lab0
		ip netns add attacker
		ip link add att0 netns attacker type veth peer name att0p; ip link set att0p master labbr up
		ip -n attacker addr add 10.99.0.50/24 dev att0; ip -n attacker link set att0 up
		ip -n attacker addr add fd99::50/64 dev att0 nodad; ip addr add fd99::2/64 dev lab0 nodad`)
	attack := func(command string) string { return shell(t, "ip netns exec attacker "+command) }
	data := filepath.Join(t.TempDir(), "data")
	const deckies = 3

	first, said := startBinary(t, binary, "up", "--runtime", "lan", "--data", data, "--api", "127.0.0.1:0", "--services", "http,redis", "--deckies", "3", "--base-ip", "10.99.0.11", "--subnet6", "fd99::/64", "--gateway6", "fd99::1")
	var six []string
	for i := range deckies {
		want := fmt.Sprintf(`(?m)^decky-%02d  10\.99\.0\.%d, (fd99:\S+) +\S+ +http 80\+443, redis 6379$`, i+1, 11+i)
		m := regexp.MustCompile(want).FindStringSubmatch(said)
		if m == nil {
			t.Fatalf("%s is not in:\n%s", want, said)
		}
		six = append(six, m[1])
		attack(fmt.Sprintf("curl -sf -o /dev/null -m 10 http://10.99.0.%d/", 11+i))
	}
	mac := regexp.MustCompile(`lladdr \S+`).FindString(attack("ip neigh show 10.99.0.12"))

	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", first.Process.Pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("threads: %v, %v", tasks, err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			continue // it has just ended
		}
		// CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN
		for _, want := range []string{"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000203400\n", "CapEff:\t0000000000203400\n", "CapBnd:\t0000000000203400\n", "NoNewPrivs:\t1\n"} {
			if !strings.Contains(string(status), want) {
				t.Errorf("%q is not in %s:\n%s", want, task, status)
			}
		}
	}

	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	second, _ := startBinary(t, binary, "up", "--runtime", "lan", "--data", data, "--api", "127.0.0.1:0")
	for i := range deckies {
		attack(fmt.Sprintf("redis-cli -h 10.99.0.%d --user admin --pass tried-%d ping", 11+i, i))
		attack(fmt.Sprintf("redis-cli -h %s --user admin --pass six-%d ping", six[i], i))
	}
	if now := regexp.MustCompile(`lladdr \S+`).FindString(attack("ip neigh show 10.99.0.12")); now != mac {
		t.Errorf("decky-02 had %s and has %s", mac, now)
	}
	began := time.Now()
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if left := shell(t, "bridge fdb show dev lab0 | grep -v ' master ' | grep -v '^[0-9a-f][13579bdf]' || true"); left != "" {
		t.Errorf("left on the interface:\n%s", left)
	}
	records, err := os.ReadFile(filepath.Join(data, "decnet.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range deckies {
		if !regexp.MustCompile(fmt.Sprintf(`"decky":"decky-%02d".*"auth_attempt".*10\.99\.0\.50.*tried-%d`, i+1, i)).Match(records) {
			t.Errorf("the password tried at decky-%02d is not in the spool:\n%s", i+1, records)
		}
	}
	for i := range deckies {
		if !regexp.MustCompile(fmt.Sprintf(`"decky":"decky-%02d".*"auth_attempt".*fd99::50.*six-%d`, i+1, i)).Match(records) {
			t.Errorf("the password tried at the second address of decky-%02d is not in the spool:\n%s", i+1, records)
		}
	}
	if !regexp.MustCompile(`"decky":"decky-0[1-3]".*"tcp_syn_fingerprint".*fd99::50`).Match(records) {
		t.Errorf("the sniffer has not seen the attacker on IPv6:\n%s", records)
	}
	if !regexp.MustCompile(`"decky":"decky-0[1-3]".*"tcp_syn_fingerprint".*10\.99\.0\.50`).Match(records) {
		t.Errorf("the sniffer has not seen the attacker:\n%s", records)
	}
}
