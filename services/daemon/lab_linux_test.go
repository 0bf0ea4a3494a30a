package daemon_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/internal/enginetest"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh"
	"github.com/decnet/decnet/services/telnet"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// patience is how long a condition may take to come true on a machine that is busy.
const patience = 90 * time.Second

// initExecutable is cmd/decnet-init as it is shipped.
var initExecutable = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "init")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+"/init", "../../cmd/decnet-init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(dir + "/init")
})

// lab is an engine with a network, on which deckies run their real daemons.
type lab struct {
	*enginetest.Engine
	lan enginetest.LAN
	doc *compose.Document
}

// newLab deploys the fleet of an INI text. Its deckies claim to be the distributions that
// they are named after, or else Debian.
func newLab(t *testing.T, ini string) *lab {
	t.Helper()
	l := &lab{Engine: enginetest.Start(t), lan: enginetest.NewLAN(t)}
	l.ImportBase(t)
	if strings.Contains(ini, "[ubuntu") {
		l.ImportUbuntu(t)
	}
	reg, err := services.NewRegistry(ssh.Service{}, telnet.Service{})
	if err != nil {
		t.Fatal(err)
	}
	init, err := initExecutable()
	if err != nil {
		t.Fatal(err)
	}
	general := "[general]\nnet = " + enginetest.Subnet + "\ngw = " + enginetest.Gateway + "\ninterface = " + enginetest.Parent + "\n" +
		"net6 = " + enginetest.Subnet6 + "\ngw6 = " + enginetest.Gateway6 + "\n"
	f, err := fleet.FromINI(reg, []byte(general+ini), fleet.Options{Mode: fleet.ModeMACVLAN, Seed: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range f.Deckies {
		if f.Deckies[i].Distro = "debian"; strings.HasPrefix(d.Name, "ubuntu") {
			f.Deckies[i].Distro = d.Name
		}
	}
	l.doc, err = compose.New(reg, f, compose.Options{Init: init})
	if err != nil {
		t.Fatal(err)
	}
	custom := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": helloImage, "hello.pl": helloScript} {
		if err := os.WriteFile(filepath.Join(custom, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.Docker(t, "build", "-q", "-t", "example/hello:1", custom)
	dir := t.TempDir()
	if err := l.doc.WriteFile(filepath.Join(dir, "fleet.yml")); err != nil {
		t.Fatal(err)
	}
	l.Docker(t, "network", "create", "-d", "macvlan", "--subnet", enginetest.Subnet, "--gateway", enginetest.Gateway,
		"--ipv6", "--subnet", enginetest.Subnet6, "--gateway", enginetest.Gateway6, "-o", "parent="+enginetest.Parent, "lan")
	for _, name := range slices.Sorted(maps.Keys(l.doc.Project.Services)) {
		s := l.doc.Project.Services[name]
		if s.Build == nil {
			continue
		}
		l.Docker(t, "build", "-q", "--network", "none", "--build-arg", "BASE_IMAGE="+*s.Build.Args["BASE_IMAGE"], "-t", s.Image, filepath.Join(dir, s.Build.Context))
	}
	for _, d := range f.Deckies {
		l.holder(t, d)
		for _, name := range d.Services {
			l.run(t, l.doc.Project.Services[compose.ContainerName(d.Name, name)])
		}
	}
	return l
}

// holder runs a container that has the address of a decky.
func (l *lab) holder(t *testing.T, d decnet.Decky) {
	l.Docker(t, "run", "-d", "--name", d.Name, "--hostname", d.Hostname, "--network", "lan", "--ip", d.Addr.String(), "--ip6", d.Addr6.String(),
		"--sysctl", "net.ipv4.ip_unprivileged_port_start=0", enginetest.Base, "sleep", "infinity")
}

// run runs a service of the document as docker compose does.
func (l *lab) run(t *testing.T, s types.ServiceConfig) {
	t.Helper()
	args := []string{"run", "-d", "--name", s.ContainerName, "--restart", s.Restart, "--network", "container:" + strings.TrimPrefix(s.NetworkMode, types.ServicePrefix),
		"--memory", strconv.FormatInt(int64(s.MemLimit), 10), "--memory-swap", strconv.FormatInt(int64(s.MemSwapLimit), 10),
		"--pids-limit", strconv.FormatInt(s.PidsLimit, 10), "--cpus", fmt.Sprint(s.CPUS), "--log-driver", s.Logging.Driver}
	if s.ReadOnly {
		args = append(args, "--read-only")
	}
	for _, c := range s.CapDrop {
		args = append(args, "--cap-drop", c)
	}
	for _, c := range s.CapAdd {
		args = append(args, "--cap-add", c)
	}
	for _, o := range s.SecurityOpt {
		args = append(args, "--security-opt", o)
	}
	for _, m := range s.Tmpfs {
		args = append(args, "--tmpfs", m)
	}
	for k, v := range s.Environment {
		args = append(args, "-e", k+"="+*v)
	}
	for k, v := range s.Labels {
		args = append(args, "--label", k+"="+v)
	}
	l.Docker(t, append(append(args, s.Image), s.Command...)...)
}

// events returns the events that a container has printed. A line that is none fails the test.
func (l *lab) events(t *testing.T, container string) []decnet.Event {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", "logs", container)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+l.Host)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("logs of %s: %v: %s", container, err, errs.Bytes())
	}
	if errs.Len() > 0 {
		t.Errorf("%s complains:\n%s", container, errs.Bytes())
	}
	var list []decnet.Event
	for line := range strings.Lines(out.String()) {
		e, err := rfc5424.Parse(line)
		if err != nil {
			t.Errorf("%s prints %q: %v", container, line, err)
		}
		list = append(list, e)
	}
	return list
}

// wait waits for an event that has all the fields, and returns it.
func (l *lab) wait(t *testing.T, container, typ string, fields ...string) decnet.Event {
	t.Helper()
	var seen []decnet.Event
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		seen = l.events(t, container)
		if i := slices.IndexFunc(seen, func(e decnet.Event) bool { return e.Type == typ && has(e, fields) }); i >= 0 {
			return seen[i]
		}
	}
	var text strings.Builder
	for _, e := range seen {
		fmt.Fprintf(&text, "%s %v\n", e.Type, e.Fields)
	}
	t.Fatalf("%s: no %s with %q among\n%s", container, typ, fields, text.String())
	return decnet.Event{}
}

// has reports whether an event has every field of a list of keys and values.
func has(e decnet.Event, fields []string) bool {
	for i := 0; i < len(fields); i += 2 {
		if e.Value(fields[i]) != fields[i+1] {
			return false
		}
	}
	return true
}

// ready waits until a daemon greets.
func (l *lab) ready(t *testing.T, addr, port string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		ask := []string{"curl", "-s", "-m", "5", "telnet://" + addr + ":" + port}
		if port == "23" { // telnetd greets only whom it has negotiated with
			ask = []string{"nmap", "-Pn", "-n", "-p", port, "-oG", "-", addr}
		}
		if out := l.lan.Attack(t, ask[0], ask[1:]...); strings.Contains(out, "SSH-2.0") || strings.Contains(out, "/open/") {
			return
		}
	}
	t.Fatalf("%s:%s does not answer", addr, port)
}

// ssh runs the OpenSSH client on the attacker's machine.
func (l *lab) ssh(t *testing.T, password, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args = append([]string{"-p", password, args[0], "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "NumberOfPasswordPrompts=1"}, args[1:]...)
	cmd := l.lan.Attacker(ctx, "sshpass", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("sshpass %v: %v: %s", args, err, out)
	}
	return string(out)
}
