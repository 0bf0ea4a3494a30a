package compose_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
)

// TestW45_EveryContainerIsConfinedAndBounded looks at every container of every archetype.
func TestW45_EveryContainerIsConfinedAndBounded(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	for _, a := range fleet.Archetypes() {
		doc := translated(t, reg, archetypeFleet(t, a.Slug), compose.Options{})
		for name, s := range loaded(t, textOf(t, doc)).Services {
			holder := s.Labels[compose.LabelService] == ""
			wantCaps := []string(nil)
			if holder {
				wantCaps = []string{"NET_ADMIN"}
			}
			for _, c := range []struct {
				what string
				ok   bool
			}{
				{"drops all capabilities", slices.Equal(s.CapDrop, []string{"ALL"})},
				{"has only its capabilities", slices.Equal(s.CapAdd, wantCaps)},
				{"has a read-only root", s.ReadOnly},
				{"gains no privileges", slices.Contains(s.SecurityOpt, "no-new-privileges:true")},
				{"has at most 64 MiB", s.MemLimit > 0 && s.MemLimit <= 64<<20},
				{"has no swap beside it", s.MemSwapLimit == s.MemLimit},
				{"has at most 128 processes", s.PidsLimit > 0 && s.PidsLimit <= 128},
				{"has at most half a processor", s.CPUS > 0 && s.CPUS <= 0.5},
				{"logs to rotated files", s.Logging.Driver == "json-file" && s.Logging.Options["max-size"] == "10m" && s.Logging.Options["max-file"] == "5"},
				{"is started again", s.Restart == "always"},
				{"mounts nothing", len(s.Volumes) == 0 && len(s.Configs) == 0 && len(s.Secrets) == 0},
				{"publishes nothing", len(s.Ports) == 0},
				{"is nobody, unless it holds the address", holder || s.User == "65532:65532"},
				{"is in the network of its decky", holder || s.NetworkMode == "service:"+s.Labels[compose.LabelDecky]},
				{"is privileged in no way", !s.Privileged && !s.UseAPISocket && s.Pid == "" && len(s.Devices) == 0},
			} {
				if !c.ok {
					t.Errorf("%s: not true that it %s: %+v", name, c.what, s)
				}
			}
			for _, mount := range s.Tmpfs {
				if !strings.Contains(mount, "size=16m") || !strings.Contains(mount, "noexec") {
					t.Errorf("%s: tmpfs %s", name, mount)
				}
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	doc := translated(t, everyService(t), twoDeckies(t), compose.Options{Limits: compose.Limits{Memory: 1 << 30, PIDs: 9, CPUs: 2}})
	p := loaded(t, textOf(t, doc))
	if s := p.Services["web-ssh"]; s.MemLimit != 1<<30 || s.MemSwapLimit != 1<<30 || s.PidsLimit != 9 || s.CPUS != 2 {
		t.Errorf("%+v", s)
	}
	if s := p.Services["web"]; s.MemLimit != 32<<20 {
		t.Errorf("the holder has %d bytes", s.MemLimit)
	}
}

func TestPotImage(t *testing.T) {
	t.Parallel()
	p := translated(t, everyService(t), twoDeckies(t), compose.Options{Image: "registry.example/pot:2"}).Project
	if s := p.Services["web-ssh"]; s.Image != "registry.example/pot:2" || s.PullPolicy != "" || !slices.Equal(s.Command, []string{"serve"}) {
		t.Errorf("%s %q %q", s.Image, s.Command, s.PullPolicy)
	}
	if s := p.Services["web"]; s.Image != "registry.example/pot:2" || !slices.Equal(s.Command, []string{"hold"}) {
		t.Errorf("%s %q", s.Image, s.Command)
	}
}
