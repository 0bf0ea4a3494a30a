package docker_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/redis"
)

// daemon is a honeypot with an image and a volume of its own.
type daemon struct {
	services.Service
	context fs.FS
}

func (d daemon) Container(services.Config) (services.Container, error) {
	return services.Container{Context: d.context, Volumes: []services.Volume{{Source: "state", Target: "/state"}}}, nil
}

// readPot returns the program that containers run.
func readPot(t *testing.T) []byte {
	t.Helper()
	program, err := os.ReadFile(pot(t))
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// daemons returns a registry of http and redis as daemons, whose images say version.
func daemons(t *testing.T, version string) *services.Registry {
	t.Helper()
	program := readPot(t)
	context := func(dockerfile string) fs.FS {
		return fstest.MapFS{
			"Dockerfile": {Data: []byte("ARG BASE_IMAGE\nFROM scratch\nLABEL version=" + version + "\n" + dockerfile)},
			"bin/daemon": {Data: program, Mode: 0o755},
		}
	}
	reg, err := services.NewRegistry(
		daemon{http.Service{}, context("COPY bin/daemon /daemon\nCMD [\"/daemon\", \"serve\"]\n")},
		daemon{redis.Service{}, context("COPY bin /bin\nCMD [\"/bin/daemon\", \"serve\"]\n")},
	)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func TestImagesThatServicesBring(t *testing.T) {
	l := newLab(t)
	before := l.left(t)
	f := fromINI(t, decky("web", 10, "http"), decky("db", 11, "redis"), decky("both", 12, "http, redis"))
	for i := range f.Deckies {
		f.Deckies[i].Distro = "debian" // each has images of its own
	}
	var mu sync.Mutex
	var did []string
	said := make(map[string]bool)
	runtime := func(version string, noCache bool) *docker.Runtime {
		r, err := docker.New(daemons(t, version), docker.Options{Host: l.Host, Pot: pot(t), NoCache: noCache, Progress: func(s docker.Step) {
			mu.Lock()
			defer mu.Unlock()
			name, _, _ := strings.Cut(s.Name, ":")
			switch {
			case s.Phase == docker.PhaseSays && strings.HasPrefix(s.Text, "Successfully built"):
				said[name] = true
			case s.Phase == docker.PhaseDone && s.Object == docker.ObjectImage:
				did = append(did, string(s.Action)+" "+name)
			case s.Phase == docker.PhaseDone && s.Object == docker.ObjectContainer && s.Action != docker.ActionRemove:
				did = append(did, string(s.Action)+" "+name)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	take := func() []string {
		defer func() { did = nil }()
		slices.Sort(did)
		return did
	}
	volumes := func() []string {
		list := strings.Fields(l.Docker(t, "volume", "ls", "-q", "-f", "label=decnet.fleet=decnet"))
		slices.Sort(list)
		return list
	}

	first := runtime("1", false)
	mustApply(t, first, f)
	equal(t, "steps", take(), []string{
		"build decnet-http", "build decnet-pot", "build decnet-redis", "create both", "create both-http", "create both-redis",
		"create db", "create db-redis", "create web", "create web-http",
	})
	for _, image := range []string{"decnet-http", "decnet-redis", "decnet-pot"} {
		if !said[image] {
			t.Errorf("nothing was heard of the build of %s", image)
		}
	}
	eventually(t, "the daemons answer", func() bool {
		return l.answers(t, "10.99.0.10", 80) && l.answers(t, "10.99.0.11", 6379) && l.answers(t, "10.99.0.12", 80)
	})
	all := []string{"decnet_both-http-state", "decnet_both-redis-state", "decnet_db-redis-state", "decnet_web-http-state"}
	equal(t, "volumes", volumes(), all)
	mustApply(t, runtime("1", false), f)
	equal(t, "steps for the same", take(), nil)

	second := runtime("2", false)
	mustApply(t, second, f)
	equal(t, "steps for other contexts", take(), []string{
		"build decnet-http", "build decnet-redis", "replace both-http", "replace both-redis", "replace db-redis", "replace web-http",
	})
	equal(t, "volumes", volumes(), all)
	mustDown(t, second, "db")
	equal(t, "volumes of the others", volumes(), []string{"decnet_both-http-state", "decnet_both-redis-state", "decnet_web-http-state"})
	f.Deckies = f.Deckies[:1]
	mustApply(t, runtime("2", true), f)
	equal(t, "steps without cache", take(), []string{"build decnet-http", "build decnet-pot", "replace web", "replace web-http"})
	equal(t, "volumes of the deckies that stay", volumes(), []string{"decnet_web-http-state"})
	last := runtime("2", false)
	mustDown(t, last)
	if err := last.RemoveImages(within(t)); err != nil {
		t.Fatal(err)
	}
	if images := l.Docker(t, "images", "-aq"); images != "" {
		t.Errorf("images are left: %s", images)
	}
	if after := l.settled(t, before); after != before {
		t.Errorf("something is left:\n%s\nbefore it was\n%s", after, before)
	}
}

func TestBuildsThatFail(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct{ name, dockerfile, says string }{
		{"a file is missing", "FROM scratch\nCOPY none /none\n", "none"},
		{"an instruction is unknown", "FROM scratch\nNONSENSE\n", "NONSENSE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reg, err := services.NewRegistry(daemon{http.Service{}, fstest.MapFS{"Dockerfile": {Data: []byte(c.dockerfile)}}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := docker.New(reg, docker.Options{Host: l.Host, Pot: pot(t), Retry: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			before := l.left(t)
			err = r.Apply(within(t), fromINI(t, decky("web", 10, "http")))
			if err == nil || !strings.Contains(err.Error(), "build image decnet-http:") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if after := l.settled(t, before); after != before {
				t.Errorf("something was made:\n%s", after)
			}
		})
	}
	t.Run("decnet-pot is no program", func(t *testing.T) {
		r, err := docker.New(registry(t), docker.Options{Host: l.Host, Pot: "/etc/hostname"})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.Plan(within(t), fromINI(t, decky("web", 10, "http"))); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%v", err)
		}
	})
}

func TestCustomServices(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	mustApply(t, r, fromINI(t, decky("web", 10, "http")))
	l.Docker(t, "tag", strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.Image}}", "web")), "example/billing:3")
	mustApply(t, r, fromINI(t, decky("web", 10, "http, billing"), "[custom-billing]\nbinary = example/billing:3\nexec = none\nports = 8080\n"))
	list, err := r.Status(within(t))
	if err != nil {
		t.Fatal(err)
	}
	billing := list[0].Services[0]
	if billing.Name != "billing" || len(billing.Ports) != 1 || billing.Ports[0].Number != 8080 {
		t.Errorf("status: %+v", list)
	}
	// It ends at once, as it has a command that decnet-pot does not know.
	eventually(t, "its restarts are counted", func() bool {
		list, err := r.Status(within(t))
		return err == nil && list[0].State() == fleet.StateDegraded && list[0].Services[0].Restarts > 0 && list[0].Services[0].Err != ""
	})
}
