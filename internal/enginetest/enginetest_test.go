package enginetest_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestContainerOnTheLAN(t *testing.T) {
	engine := enginetest.Start(t)
	lan := enginetest.NewLAN(t)
	engine.ImportBase(t)
	engine.Docker(t, "network", "create", "-d", "macvlan", "--subnet", enginetest.Subnet, "--gateway", enginetest.Gateway,
		"-o", "parent="+enginetest.Parent, "lablan")
	engine.Docker(t, "run", "-d", "--name", "one", "--restart", "always", "--network", "lablan", "--ip", "10.99.0.11", enginetest.Base, "sleep", "600")
	reached := func(when string) {
		t.Helper()
		for range 50 {
			if out := lan.Attack(t, "nmap", "-sn", "-n", "10.99.0.11"); strings.Contains(out, "1 host up") {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("%s, the attacker cannot reach the container", when)
	}
	reached("at first")
	for _, name := range []string{"stop", "kill"} {
		if err := map[string]func() error{"stop": engine.Stop, "kill": engine.Kill}[name](); err != nil {
			t.Fatal(err)
		}
		if err := engine.Run(); err != nil {
			t.Fatal(err)
		}
		reached("after " + name)
	}
}

func TestPackagesWithoutNetwork(t *testing.T) {
	engine := enginetest.Start(t)
	engine.ImportBase(t)
	out := engine.Docker(t, "run", "--rm", "--network", "none", enginetest.Base, "sh", "-c",
		"apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server && ssh -V 2>&1")
	if !strings.Contains(out, "OpenSSH_9.2p1") {
		t.Errorf("openssh-server was not installed:\n%s", out)
	}
}
