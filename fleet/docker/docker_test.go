package docker_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/internal/enginetest"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/ssh"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func registry(t testing.TB) *services.Registry {
	t.Helper()
	reg, err := services.NewRegistry(http.Service{}, redis.Service{}, ssh.Service{})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// plan has n deckies from address 10.99.0.10 on, with the same services each.
func plan(t testing.TB, n int, honeypots ...string) decnet.Fleet {
	t.Helper()
	text := fmt.Sprintf("[general]\nnet = %s\ngw = %s\ninterface = %s\n", enginetest.Subnet, enginetest.Gateway, enginetest.Parent)
	for i := range n {
		text += fmt.Sprintf("[decoy-%02d]\nip = 10.99.0.%d\nservices = %s\n", i+1, 10+i, strings.Join(honeypots, ", "))
	}
	f, err := fleet.FromINI(registry(t), []byte(text), fleet.Options{Mode: fleet.ModeMACVLAN, Interface: enginetest.Parent,
		Subnet: netip.MustParsePrefix(enginetest.Subnet), Gateway: netip.MustParseAddr(enginetest.Gateway), Seed: "docker"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// pot builds a decnet-pot and returns its path.
func pot(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "decnet-pot")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/pot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func newRuntime(t testing.TB, e *enginetest.Engine, opt docker.Options) *docker.Runtime {
	t.Helper()
	opt.Host = e.Host
	opt.NoHostInterface = true
	opt.Progress = func(s docker.Step) { t.Logf("%s %s %s %v", s.Phase, s, s.Text, s.Err) }
	r, err := docker.New(registry(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestLife(t *testing.T) {
	engine := enginetest.Start(t)
	lan := enginetest.NewLAN(t)
	r := newRuntime(t, engine, docker.Options{Pot: pot(t), Retry: 10 * time.Millisecond, Compose: compose.Options{}})
	f := plan(t, 2, "http", "redis")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := r.Apply(ctx, f); err != nil {
		t.Fatal(err)
	}
	list, err := r.Status(ctx)
	t.Logf("%+v %v", list, err)
	t.Log(lan.Attack(t, "nmap", "-sn", "-n", "10.99.0.10-11"))
	t.Log(lan.Attack(t, "nmap", "-n", "-Pn", "-p80,6379", "10.99.0.10-11"))
	begin := time.Now()
	if err := r.Apply(ctx, f); err != nil {
		t.Fatal(err)
	}
	t.Log("again", time.Since(begin))
	if err := r.Down(ctx); err != nil {
		t.Fatal(err)
	}
	t.Log(engine.Docker(t, "ps", "-a"), engine.Docker(t, "network", "ls"))
}
