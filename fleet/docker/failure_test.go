package docker_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
)

func TestWithoutEngine(t *testing.T) {
	_, err := docker.New(registry(t), docker.Options{Host: "unix:///nonexistent/docker.sock"})
	if !errors.Is(err, docker.ErrNoEngine) || !strings.Contains(err.Error(), "/nonexistent/docker.sock") {
		t.Errorf("%v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, err = docker.New(registry(t), docker.Options{Host: "tcp://" + silent.Addr().String(), Dial: time.Millisecond})
	if !errors.Is(err, docker.ErrNoEngine) || !strings.Contains(err.Error(), silent.Addr().String()) {
		t.Errorf("%v", err)
	}
	if _, err := docker.New(registry(t), docker.Options{Host: "nothing"}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestEngineKilledInTheMiddle(t *testing.T) {
	l := newLab(t)
	f := fromINI(t, decky("d1", 10, "http, redis"), decky("d2", 11, "http, redis"), decky("d3", 12, "http, redis"))
	var killed bool
	r, err := docker.New(registry(t), docker.Options{Host: l.Host, Pot: pot(t), Retry: time.Millisecond, Progress: func(s docker.Step) {
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
	err = r.Apply(within(t), f)
	var partial *docker.ApplyError
	if !errors.As(err, &partial) || !partial.Unknown || !errors.Is(err, docker.ErrNoEngine) {
		t.Fatalf("error of an Apply whose engine was killed: %v", err)
	}
	t.Log(err)
	if strings.Contains(err.Error(), "\n") {
		t.Error("the error is longer than a line")
	}
	if _, err := r.Status(within(t)); !errors.Is(err, docker.ErrNoEngine) {
		t.Errorf("status without an engine: %v", err)
	}
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	mustApply(t, r, f)
	equal(t, "states", states(t, r), []string{"d1/http=up", "d1/redis=up", "d2/http=up", "d2/redis=up", "d3/http=up", "d3/redis=up"})
	for _, addr := range []string{"10.99.0.10", "10.99.0.11", "10.99.0.12"} {
		eventually(t, "the attacker is answered", func() bool { return l.answers(t, addr, 6379) })
	}
}

func TestApplyWaitsForAnEngineThatStartsAgain(t *testing.T) {
	l := newLab(t)
	f := fromINI(t, decky("d1", 10, "http"), decky("d2", 11, "redis"))
	var killed, back bool
	r, err := docker.New(registry(t), docker.Options{Host: l.Host, Pot: pot(t), Retry: time.Millisecond, Progress: func(s docker.Step) {
		switch {
		case s.Phase == docker.PhaseBegun && s.Object == docker.ObjectContainer && !killed:
			killed = true
			if err := l.Kill(); err != nil {
				t.Error(err)
			}
		case s.Phase == docker.PhaseRetry && !back:
			back = true
			if err := l.Run(); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mustApply(t, r, f)
	if !back {
		t.Error("no step was tried again")
	}
	equal(t, "states", states(t, r), []string{"d1/http=up", "d2/redis=up"})
}

func TestEngineRestarts(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("d1", 10, "http, redis"), decky("d2", 11, "redis"))
	mustApply(t, r, f)
	for name, end := range map[string]func() error{"killed": l.Kill, "stopped": l.Stop} {
		t.Run(name, func(t *testing.T) {
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			t.Logf("without Apply: %v", states(t, r))
			mustApply(t, r, f)
			equal(t, "states", states(t, r), []string{"d1/http=up", "d1/redis=up", "d2/redis=up"})
			eventually(t, "the attacker is answered", func() bool {
				return l.answers(t, "10.99.0.10", 80) && l.answers(t, "10.99.0.10", 6379) && l.answers(t, "10.99.0.11", 6379)
			})
		})
	}
}

func TestContainersChangedByHand(t *testing.T) {
	l := newLab(t)
	r, done := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("d1", 10, "http, redis"), decky("d2", 11, "redis"))
	mustApply(t, r, f)
	done.take()
	for _, c := range []struct {
		name         string
		by           []string
		state, steps []string
	}{
		{
			"service removed", []string{"rm", "-f", "d1-http"},
			[]string{"d1/http=down", "d1/redis=up", "d2/redis=up"}, []string{"create container d1-http"},
		},
		{
			"service stopped", []string{"stop", "d1-http"},
			[]string{"d1/http=down", "d1/redis=up", "d2/redis=up"}, []string{"start container d1-http"},
		},
		{
			"holder started anew", []string{"restart", "d1"},
			[]string{"d1/http=down", "d1/redis=down", "d2/redis=up"}, []string{"restart container d1-http", "restart container d1-redis"},
		},
		{
			"holder stopped", []string{"stop", "d1"},
			[]string{"d1/http=down", "d1/redis=down", "d2/redis=up"},
			[]string{"restart container d1-http", "restart container d1-redis", "start container d1"},
		},
		{
			"holder removed", []string{"rm", "-f", "d1"},
			[]string{"d1/http=down", "d1/redis=down", "d2/redis=up"},
			[]string{"create container d1", "remove container d1-http", "remove container d1-redis", "replace container d1-http", "replace container d1-redis"},
		},
		{
			"all removed", []string{"rm", "-f", "d1", "d1-http", "d1-redis"},
			[]string{"d1/http=down", "d1/redis=down", "d2/redis=up"},
			[]string{"create container d1", "create container d1-http", "create container d1-redis"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.Docker(t, c.by...)
			equal(t, "states", states(t, r), c.state)
			mustApply(t, r, f)
			equal(t, "steps", done.take(), c.steps)
			equal(t, "states after", states(t, r), []string{"d1/http=up", "d1/redis=up", "d2/redis=up"})
			eventually(t, "the attacker is answered", func() bool {
				return l.answers(t, "10.99.0.10", 80) && l.answers(t, "10.99.0.10", 6379)
			})
		})
	}
}

func TestRepetitions(t *testing.T) {
	l := newLab(t)
	proxy := newRelay(t, l.Host)
	r, _ := l.runtime(t, docker.Options{Host: proxy.Host})
	f := fromINI(t, decky("d1", 10, "http"), decky("d2", 11, "redis"))
	const create = "/containers/create?name=d1-http"

	t.Run("what may pass is repeated", func(t *testing.T) {
		left := 2
		proxy.instead(func(w http.ResponseWriter, r string) bool {
			if !strings.Contains(r, create) || left == 0 {
				return false
			}
			left--
			return refuse(w, http.StatusInternalServerError, "devmapper: out of luck")
		})
		mustApply(t, r, f)
		if n := len(proxy.seen(create)); n != 3 {
			t.Errorf("%d attempts", n)
		}
		mustDown(t, r)
	})
	t.Run("three times", func(t *testing.T) {
		proxy.instead(func(w http.ResponseWriter, r string) bool {
			return strings.Contains(r, create) && refuse(w, http.StatusInternalServerError, "devmapper: out of luck")
		})
		err := r.Apply(within(t), f)
		var partial *docker.ApplyError
		if !errors.As(err, &partial) {
			t.Fatal(err)
		}
		equal(t, "up", partial.Up, []string{"d2"})
		equal(t, "down", partial.Down, []string{"d1"})
		if n := len(proxy.seen(create)); n != 3 {
			t.Errorf("%d attempts", n)
		}
		if text := err.Error(); text != "docker: create container d1-http: Error response from daemon: devmapper: out of luck; up: d2; down: d1" {
			t.Error(text)
		}
		if text := fleet.Explain(err); text != "create container d1-http failed; up: d2; down: d1" {
			t.Errorf("for everybody: %s", text)
		}
		proxy.instead(nil)
		mustApply(t, r, f)
		equal(t, "states", states(t, r), []string{"d1/http=up", "d2/redis=up"})
		mustDown(t, r)
	})
	t.Run("an answer that was lost", func(t *testing.T) {
		var lost atomic.Bool
		proxy.instead(func(w http.ResponseWriter, request string) bool {
			if !strings.Contains(request, create) || lost.Swap(true) {
				return false
			}
			l.Docker(t, "version") // the engine lives
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return false
			}
			return c.Close() == nil
		})
		mustApply(t, r, f)
		proxy.instead(nil)
		mustDown(t, r)
	})
	for _, message := range []string{
		"manifest unknown", "manifest for example/none:1 not found", "pull access denied for example/none", "repository does not exist",
	} {
		t.Run(message, func(t *testing.T) {
			proxy.instead(func(w http.ResponseWriter, r string) bool {
				return strings.Contains(r, "/images/create") && refuse(w, http.StatusInternalServerError, message)
			})
			before := l.left(t)
			proxy.seen("")
			err := r.Apply(within(t), fromINI(t, decky("d1", 10, "http, billing"), "[custom-billing]\nbinary = example/none:1\nports = 8080\n"))
			if err == nil || !strings.Contains(err.Error(), message) {
				t.Error(err)
			}
			if n := len(proxy.seen("/images/create")); n != 1 {
				t.Errorf("%d attempts", n)
			}
			if l.settled(t, before) != before {
				t.Error("something was made")
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	l := newLab(t)
	f := fromINI(t, decky("d1", 10, "http, redis"), decky("d2", 11, "redis"))
	ctx, cancel := context.WithCancel(within(t))
	r, err := docker.New(registry(t), docker.Options{Host: l.Host, Pot: pot(t), Progress: func(s docker.Step) {
		if s.Phase == docker.PhaseDone && s.Object == docker.ObjectContainer {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Apply(ctx, f)
	var partial *docker.ApplyError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &partial) || partial.Unknown {
		t.Errorf("%v", err)
	}
	mustApply(t, r, f)
	equal(t, "states", states(t, r), []string{"d1/http=up", "d1/redis=up", "d2/redis=up"})
}

func TestImageThatNobodyBuilds(t *testing.T) {
	l := newLab(t)
	r, err := docker.New(registry(t), docker.Options{Host: l.Host})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Apply(within(t), fromINI(t, decky("d1", 10, "http")))
	if !errors.Is(err, decnet.ErrNotFound) || !strings.Contains(err.Error(), compose.DefaultImage) {
		t.Errorf("%v", err)
	}
}
