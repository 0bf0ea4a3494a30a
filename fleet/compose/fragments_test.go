package compose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

func TestContainerFragments(t *testing.T) {
	t.Parallel()
	doc, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{
		Image:  "example/odd:1",
		Env:    map[string]string{"MODE": "${HOME} {{ .Node }}\n- x: y", "HOSTNAME": "other"},
		CapAdd: []string{"SETUID", "CHOWN"},
		Tmpfs:  []services.Tmpfs{{Dir: "/var/log"}, {Dir: "/tmp", Size: 1 << 20, Mode: 0o755, Exec: true}},
		Volumes: []services.Volume{
			{Source: "/srv/odd", Target: "/data", ReadOnly: true},
			{Source: "spool", Target: "/var/spool"},
		},
	}, nil})
	if err != nil {
		t.Fatal(err)
	}
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	s := p.Services["box-odd"]
	if s.Image != "example/odd:1" || s.PullPolicy != "" || s.User != "" || len(s.Command) != 0 {
		t.Errorf("image %q, pulled %q, user %q, command %q", s.Image, s.PullPolicy, s.User, s.Command)
	}
	if *s.Environment["MODE"] != "${HOME} {{ .Node }}\n- x: y" || *s.Environment["HOSTNAME"] != p.Services["box"].Hostname {
		t.Errorf("environment %q, %q", *s.Environment["MODE"], *s.Environment["HOSTNAME"])
	}
	if !slices.Equal(s.CapAdd, []string{"CHOWN", "SETUID"}) || len(s.Tmpfs) != 2 || !s.ReadOnly || s.MemLimit != 256<<20 {
		t.Errorf("capabilities %v, tmpfs %v, read-only %t, memory %d", s.CapAdd, s.Tmpfs, s.ReadOnly, s.MemLimit)
	}
	if p.Volumes["box-odd-spool"].Name != "decnet_box-odd-spool" || s.Volumes[1].Source != "box-odd-spool" {
		t.Errorf("volumes %+v of %+v", s.Volumes, p.Volumes)
	}
	thief := overriding{declare("thief", tcp(8)), mounting("volume", "box-odd-spool", "/evidence")}
	owner := contained{declare("odd", tcp(7)), services.Container{Volumes: []services.Volume{{Source: "spool", Target: "/var/spool"}}}, nil}
	reg := registry(t, owner, thief)
	_, err = compose.New(reg, planned(t, reg, lan+"[box]\nservices = odd\n[other]\nservices = thief\n"), compose.Options{})
	if !errors.Is(err, decnet.ErrForbidden) {
		t.Errorf("a volume of another decky: %v", err)
	}
	if personaOf(t, s).Service != "odd" {
		t.Error("the container does not know its persona")
	}

	doc, err = deckyWith(t, contained{declare("odd", tcp(7)), services.Container{CapAdd: []string{"SYS_CHROOT"}}, nil})
	if err != nil {
		t.Fatal(err)
	}
	if s := doc.Project.Services["box-odd"]; s.Image != compose.DefaultImage || s.User != "0:0" || !slices.Equal(s.CapAdd, []string{"SYS_CHROOT"}) {
		t.Errorf("a pot with a capability: %s as %s with %v", s.Image, s.User, s.CapAdd)
	}

	for name, c := range map[string]services.Container{
		"volume":                     {Volumes: []services.Volume{{Source: "../x", Target: "/x"}}},
		"tmpfs":                      {Tmpfs: []services.Tmpfs{{Dir: "/x:exec"}}},
		"mount on":                   {Tmpfs: []services.Tmpfs{{Dir: "relative"}}},
		`environment variable "A=B"`: {Env: map[string]string{"A=B": "c"}},
		"image":                      {Image: "UPPER"},
	} {
		_, err := deckyWith(t, contained{declare("odd", tcp(7)), c, nil})
		if !errors.Is(err, decnet.ErrInvalid) || !strings.Contains(err.Error(), "compose: box: odd: "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("cannot be")
	if _, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{}, broken}); !errors.Is(err, broken) {
		t.Errorf("the error of the honeypot is lost: %v", err)
	}
}

func TestW30_CustomServicesAreImages(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	const ini = lan + "[web]\nservices = billing, ssh\n[crm]\nservices = billing\n" +
		"[custom-billing]\nbinary = registry.example/billing:3\nexec = /run.sh --say \"a $HOME b\"\nports = 8080, 9000/udp\n"
	f := planned(t, reg, ini)
	doc := translated(t, reg, f, compose.Options{})
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	s := p.Services["web-billing"]
	if s.Image != "registry.example/billing:3" || !slices.Equal(s.Command, []string{"/run.sh", "--say", "a $HOME b"}) {
		t.Errorf("image %s runs %q", s.Image, s.Command)
	}
	if len(s.CapAdd) != 0 || !s.ReadOnly || s.NetworkMode != "service:web" || s.Labels[compose.LabelService] != "billing" {
		t.Errorf("%+v", s)
	}
	if _, told := s.Environment[fleet.PersonaVar]; told {
		t.Error("a foreign image is told the seed of the decky")
	}

	change := func(do func(cfg map[string]string)) decnet.Fleet {
		f := planned(t, reg, ini)
		do(f.Deckies[1].Config["billing"])
		return f
	}
	for _, c := range []struct {
		says string
		kind error
		f    decnet.Fleet
	}{
		{"defined differently", decnet.ErrConflict, change(func(cfg map[string]string) { cfg["exec"] = "/other" })},
		{`image "A B"`, decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["binary"] = "A B" })},
		{`port "x"`, decnet.ErrSemantic, change(func(cfg map[string]string) { cfg["ports"] = "x" })},
		{"command line", decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["exec"] = `"open` })},
		{"or name a shell", decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["exec"] = "/run.sh; /other" })},
		{"or name a shell", decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["exec"] = `/run.sh \` })},
		{"port 22/tcp", decnet.ErrSemantic, change(func(cfg map[string]string) { cfg["ports"] = "22" })},
	} {
		if c.says == "port 22/tcp" {
			c.f.Deckies[1].Services = []string{"billing", "ssh"}
		}
		_, err := compose.New(reg, c.f, compose.Options{})
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "crm") {
			t.Errorf("%v: want %q and the kind %v", err, c.says, c.kind)
		}
	}
}
