package docker_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/decnet/decnet/fleet/docker"
)

func TestX(t *testing.T) {
	l := newLab(t)
	f := fromINI(t, decky("d1", 10, "http, redis"), decky("d2", 11, "http, redis"), decky("d3", 12, "http, redis"))
	var killed bool
	r, err := docker.New(registry(t), docker.Options{Host: l.Host, Pot: pot(t), Retry: time.Millisecond, Probe: -1, Progress: func(s docker.Step) {
		t.Log(s.Phase, s, s.Err)
		if s.Phase == docker.PhaseDone && s.Object == docker.ObjectContainer && !killed {
			killed = true
			if err := l.Kill(); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Log(r.Apply(within(t), f))
	o, _ := exec.Command("sh", "-c", "ps -ef; ip -o link").CombinedOutput()
	t.Log(string(o))
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	o, _ = exec.Command("sh", "-c", "ps -ef; ip -o link").CombinedOutput()
	t.Log(string(o))
	t.Log(l.Docker(t, "ps", "-a"))
	err = r.Apply(within(t), f)
	t.Log(err)
	o, _ = exec.Command("sh", "-c", "ps -ef; ip -o link").CombinedOutput()
	t.Log(string(o))
	t.Log(l.Docker(t, "ps", "-a"))
	t.Log(states(t, r))
	for _, addr := range []string{"10.99.0.10", "10.99.0.11", "10.99.0.12"} {
		t.Log(l.answers(t, addr, 6379))
	}
}
