package docker_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/docker"
)

// pid returns the first process of a container.
func (l lab) pid(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.State.Pid}}", name))
}

// The kernel says what the engine made of the settings.
func TestW45_ConfinementIsInForce(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	mustApply(t, r, fromINI(t, decky("web", 10, "http")))
	for name, want := range map[string]map[string]string{
		"web-http": {"Uid": "65532", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"},
		"web":      {"Uid": "0", "CapBnd": "0000000000001000", "NoNewPrivs": "1", "Seccomp": "2"}, // NET_ADMIN
	} {
		pid := l.pid(t, name)
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			t.Fatal(err)
		}
		is := make(map[string]string)
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) > 1 {
				is[strings.TrimSuffix(f[0], ":")] = f[1]
			}
		}
		for key, value := range want {
			if is[key] != value {
				t.Errorf("%s: %s is %s, want %s", name, key, is[key], value)
			}
		}
		mounts, err := os.ReadFile("/proc/" + pid + "/mounts")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(mounts)) {
			if f := strings.Fields(line); f[1] == "/" && !strings.HasPrefix(f[3], "ro,") {
				t.Errorf("%s: the root file system can be written: %s", name, line)
			}
		}
	}
	got := strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}", "web-http"))
	if want := fmt.Sprint(64<<20, 64<<20, 128, 500000000); got != want {
		t.Errorf("limits %s, want %s", got, want)
	}
}

// A decky has the kernel parameters of its OS family, and nobody's but its own.
func TestStackOfAnOSFamilyIsInForce(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	mustApply(t, r, fromINI(t, decky("desk", 10, "http")+"nmap_os = windows\n", decky("cam", 11, "http")+"nmap_os = embedded\n"))
	for name, family := range map[string]string{"desk": "windows", "cam": "embedded"} {
		values, err := fleet.Sysctls(family)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range values {
			out, err := exec.Command("nsenter", "-n", "-t", l.pid(t, name), "cat", "/proc/sys/"+strings.ReplaceAll(key, ".", "/")).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", key, err, out)
			}
			if got := strings.Join(strings.Fields(string(out)), "\t"); got != want {
				t.Errorf("%s: %s is %s, want %s", name, key, got, want)
			}
		}
	}
	for addr, ttl := range map[string]string{"10.99.0.10": "ttl 128", "10.99.0.11": "ttl 255"} {
		eventually(t, addr+" answers with "+ttl, func() bool {
			return strings.Contains(l.Attack(t, "nmap", "-n", "-Pn", "-p80", "--reason", addr), ttl)
		})
	}
}
