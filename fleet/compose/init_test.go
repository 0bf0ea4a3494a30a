package compose_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

func TestRealDaemons(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	f := planned(t, reg, lan+"[vault]\nservices = ssh, telnet\n[vault.ssh]\ndaemon = real\npassword = x\n[vault.telnet]\ndaemon = real\n")
	f.Deckies[0].Distro = "debian"
	program := []byte("ELF github.com/decnet/decnet/x relay@55555 a decky, DECNET and Attacker")
	doc := translated(t, reg, f, compose.Options{Init: program})
	for _, name := range []string{"ssh", "telnet"} {
		s := doc.Project.Services["vault-"+name]
		if s.Build == nil || !s.ReadOnly || len(s.SecurityOpt) != 1 || s.User != "" {
			t.Errorf("%s: %+v", name, s)
		}
		context := doc.Contexts[strings.TrimPrefix(s.Build.Context, "./")]
		got, err := fs.ReadFile(context, "systemd")
		if err != nil || len(got) != len(program) || !bytes.Equal(got, []byte("ELF internal/systemd/service/x audit@55555 a label, SYSTEM and Endpoint")) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		info, err := fs.Stat(context, "systemd")
		if err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if err := fstest.TestFS(context, "Dockerfile", "systemd", "bash.bashrc", "factory"); err != nil {
			t.Error(err)
		}
		if told := *s.Environment[fleet.PersonaVar]; !strings.HasPrefix(told, `{"label":"vault",`) {
			t.Errorf("%s is told %.40s", name, told)
		}
	}
	if _, err := compose.New(reg, f, compose.Options{}); !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "vault: ssh: ") || !strings.Contains(err.Error(), "decnet-init") {
		t.Errorf("without its first process: %v", err)
	}
	for _, distro := range fleet.Distros() {
		f.Deckies[0].Distro = distro.Slug
		_, err := compose.New(reg, f, compose.Options{Init: program})
		if distro.Slug == "debian" || distro.Slug == "ubuntu22" {
			if err != nil {
				t.Errorf("%s: %v", distro.Slug, err)
			}
			continue
		}
		for _, service := range []string{"ssh", "telnet"} {
			says := "vault: " + service + ": the real program is prepared for debian, ubuntu22, and would give away a decky that claims to be " + distro.Slug
			if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", distro.Slug, err)
			}
		}
	}
	bad := services.Container{Context: fstest.MapFS{"Dockerfile": {}}, Init: "a/b"}
	if _, err := deckyWith(t, contained{declare("odd", tcp(7)), bad, nil}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("a path as the name of the first process: %v", err)
	}
}
