package docker_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/internal/enginetest"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/all"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func registry(t testing.TB) *services.Registry {
	t.Helper()
	reg, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// lab is an engine beside a LAN on which this machine has the address hostAddr.
type lab struct {
	*enginetest.Engine
	enginetest.LAN
}

const hostAddr = "10.99.0.5"

func newLab(t testing.TB) lab {
	t.Helper()
	l := lab{enginetest.Start(t), enginetest.NewLAN(t)}
	ip(t, "addr add "+hostAddr+"/24 dev "+enginetest.Parent)
	return l
}

// ip runs the program ip, which must succeed, and returns what it prints.
func ip(t testing.TB, args string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// steps collects the steps that are done.
type steps struct {
	mu   sync.Mutex
	done []docker.Step
}

// take returns the containers, networks and so on that were changed since the last call,
// sorted, as in "create container web".
func (s *steps) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, d := range s.done {
		list = append(list, fmt.Sprintf("%s %s %s", d.Action, d.Object, d.Name))
	}
	s.done = nil
	slices.Sort(list)
	return list
}

// runtime makes a Runtime on the engine of l, with the defaults of the tests.
func (l lab) runtime(t testing.TB, opt docker.Options) (*docker.Runtime, *steps) {
	t.Helper()
	return l.runtimeOf(t, registry(t), opt)
}

// runtimeOf makes a Runtime that has the services of reg.
func (l lab) runtimeOf(t testing.TB, reg *services.Registry, opt docker.Options) (*docker.Runtime, *steps) {
	t.Helper()
	if opt.Host == "" {
		opt.Host = l.Host
	}
	if opt.Pot == "" && opt.Compose.Image == "" {
		opt.Pot = pot(t)
	}
	if opt.Retry == 0 {
		opt.Retry = 20 * time.Millisecond
	}
	s := new(steps)
	opt.Progress = func(step docker.Step) {
		if step.Phase == docker.PhaseDone && step.Action != docker.ActionProbe {
			s.mu.Lock()
			s.done = append(s.done, step)
			s.mu.Unlock()
		}
	}
	r, err := docker.New(reg, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, s
}

// pot builds decnet-pot, once for all tests, and returns its path.
func pot(t testing.TB) string {
	t.Helper()
	path, err := buildPot()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildPot = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("/run", "pot") // gone with the namespaces of the tests
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "decnet-pot")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/decnet/decnet/cmd/decnet-pot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// text is the INI document of a fleet with the sections given, on the LAN of the tests.
func text(sections ...string) string {
	return fmt.Sprintf("[general]\nnet = %s\ngw = %s\ninterface = %s\n", enginetest.Subnet, enginetest.Gateway, enginetest.Parent) + strings.Join(sections, "\n")
}

// decky is the section of one with the services at 10.99.0.<last>.
func decky(name string, last int, honeypots string) string {
	return fmt.Sprintf("[%s]\nip = 10.99.0.%d\nservices = %s\n", name, last, honeypots)
}

func fromINI(t testing.TB, sections ...string) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromINI(registry(t), []byte(text(sections...)), fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: enginetest.Parent,
		Subnet: netip.MustParsePrefix(enginetest.Subnet), Gateway: netip.MustParseAddr(enginetest.Gateway),
		Host: netip.MustParseAddr(hostAddr), Seed: "docker",
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// within bounds what may hang.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func mustApply(t testing.TB, r *docker.Runtime, f decnet.Fleet) {
	t.Helper()
	if err := r.Apply(within(t), f); err != nil {
		t.Fatal(err)
	}
}

func mustDown(t testing.TB, r *docker.Runtime, names ...string) {
	t.Helper()
	if err := r.Down(within(t), names...); err != nil {
		t.Fatal(err)
	}
}

// states returns the state of each service as "decky/service=state".
func states(t testing.TB, r *docker.Runtime) []string {
	t.Helper()
	list, err := r.Status(within(t))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range list {
		for _, s := range d.Services {
			all = append(all, fmt.Sprintf("%s/%s=%s", d.Name, s.Name, s.State))
		}
	}
	return all
}

// eventually waits until holds reports true.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute it does not hold that %s", what)
		}
	}
}

// answers reports whether the attacker is answered on a port.
func (l lab) answers(t testing.TB, addr string, port int) bool {
	t.Helper()
	return strings.Contains(l.Attack(t, "nmap", "-n", "-Pn", fmt.Sprint("-p", port), addr), "/tcp open")
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// left returns what the machine and the engine have beside images.
func (l lab) left(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	for _, args := range []string{"link", "addr", "route", "rule"} {
		for line := range strings.Lines(ip(t, "-o "+args)) {
			line, _, _ = strings.Cut(line, "\\")
			if args == "link" {
				line, _, _ = strings.Cut(line, "<") // its state changes by itself
			}
			fmt.Fprintln(&b, strings.TrimSpace(strings.ReplaceAll(line, " tentative", "")))
		}
	}
	b.WriteString(l.Docker(t, "ps", "-a", "--format", "container {{.Names}}"))
	b.WriteString(l.Docker(t, "network", "ls", "--format", "network {{.Name}}"))
	b.WriteString(l.Docker(t, "volume", "ls", "--format", "volume {{.Name}}"))
	return b.String()
}

// settled returns what left does once that is before, which takes an engine a moment: it removes
// the containers of builds that were cut off when it gets to it.
func (l lab) settled(t testing.TB, before string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if after := l.left(t); after == before || time.Now().After(deadline) {
			return after
		}
	}
}
