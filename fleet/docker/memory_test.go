package docker_test

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/docker"
)

// memory is what an operator sees of a container, in bytes.
type memory struct {
	stats  int // as docker stats shows it: of the control group, with the kernel's, but for inactive pages of files
	own    int // pages of the process that nobody else has
	shared int // pages of the process that others have too: those of the program
}

// memoryOf measures a container.
func (l lab) memoryOf(t testing.TB, name string) (m memory) {
	t.Helper()
	pid := strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.State.Pid}}", name))
	groups := string(read(t, "/proc/"+pid+"/cgroup"))
	if dir, ok := controlGroup(groups, "memory"); ok { // version 1
		dir = "/sys/fs/cgroup/memory" + dir
		m.stats = number(t, read(t, dir+"/memory.usage_in_bytes")) - numbers(read(t, dir+"/memory.stat"))["total_inactive_file"]
	} else if dir, ok := controlGroup(groups, ""); ok {
		dir = "/sys/fs/cgroup" + dir
		m.stats = number(t, read(t, dir+"/memory.current")) - numbers(read(t, dir+"/memory.stat"))["inactive_file"]
	}
	kB := numbers(read(t, "/proc/"+pid+"/smaps_rollup"))
	m.own = (kB["Private_Clean"] + kB["Private_Dirty"]) << 10
	m.shared = (kB["Shared_Clean"] + kB["Shared_Dirty"]) << 10
	return m
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func number(t testing.TB, text []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// numbers reads lines of a name, perhaps a colon, and a number.
func numbers(text []byte) map[string]int {
	m := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 {
			if n, err := strconv.Atoi(f[1]); err == nil {
				m[strings.TrimSuffix(f[0], ":")] = n
			}
		}
	}
	return m
}

// controlGroup finds the directory of a controller in what /proc/PID/cgroup says.
func controlGroup(text, controller string) (dir string, ok bool) {
	for line := range strings.Lines(text) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && f[1] == controller {
			return f[2], true
		}
	}
	return "", false
}

// BenchmarkMemory measures the containers of ten deckies with three services each, after an
// attacker has been at all of them, in the mean of those that run the same.
func BenchmarkMemory(b *testing.B) {
	l := newLab(b)
	r, _ := l.runtime(b, docker.Options{})
	f := ten(b)
	mustApply(b, r, f)
	for b.Loop() {
		for _, d := range f.Deckies {
			l.everyService(b, d)
		}
	}
	for what, suffix := range map[string]string{"holder": "", "http": "-http", "ssh": "-ssh", "redis": "-redis"} {
		var sum memory
		for _, d := range f.Deckies {
			m := l.memoryOf(b, d.Name+suffix)
			sum.stats, sum.own, sum.shared = sum.stats+m.stats, sum.own+m.own, sum.shared+m.shared
		}
		n := float64(len(f.Deckies)) * 1e6
		b.ReportMetric(float64(sum.stats)/n, "MB/"+what)
		b.ReportMetric(float64(sum.own)/n, "MB-own/"+what)
		b.ReportMetric(float64(sum.shared)/n, "MB-shared/"+what)
		if mean := float64(sum.stats) / n; mean == 0 || mean > 10 {
			b.Errorf("%s has %.1f MB, the aim is 10", what, mean)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// everyService is at all three services of a decky of ten.
func (l lab) everyService(t testing.TB, d decnet.Decky) {
	t.Helper()
	addr := d.Addr.String()
	l.Attack(t, "curl", "-s", "-m", "20", "http://"+addr+"/")
	l.Attack(t, "redis-cli", "-h", addr, "info")
	l.Attack(t, "sshpass", "-p", "toor", "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "NumberOfPasswordPrompts=1", "root@"+addr, "ps aux")
}
