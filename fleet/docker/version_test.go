package docker_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
)

const potImage = "example/decnet-pot:1"

func (f *fake) runtime(t *testing.T, reg *services.Registry) *docker.Runtime {
	t.Helper()
	t.Cleanup(f.server.Close)
	r, err := docker.New(reg, docker.Options{Host: f.host(), Compose: compose.Options{Image: potImage}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestEngineThatIsTooOld(t *testing.T) {
	f := newFake("1.40")
	defer f.server.Close()
	_, err := docker.New(registry(t), docker.Options{Host: f.host()})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "version 1.40") || !strings.Contains(err.Error(), "1.41") {
		t.Errorf("%v", err)
	}
}

// TestAppliedFleetIsTheRuntimesOwn: whoever applied a fleet may go on and make the next one of it.
func TestAppliedFleetIsTheRuntimesOwn(t *testing.T) {
	f := fromINI(t, decky("web", 10, "http"))
	r := newFake("1.44").runtime(t, registry(t))
	if err := r.Apply(within(t), f); err != nil {
		t.Fatal(err)
	}
	f.Deckies[0].Name, f.Deckies[0].Services[0] = "other", "ssh"
	status, err := r.Status(within(t))
	if err != nil || len(status) != 1 || status[0].Name != "web" || len(status[0].Services) != 1 || status[0].Services[0].Name != "http" {
		t.Errorf("%+v, %v", status, err)
	}
}

// The hardware address has two places, and a network without IPv4 needs a late version.
func TestVersionsOfTheAPI(t *testing.T) {
	plan := fromINI(t, decky("web", 10, "http"))
	macs, err := fleet.MACs(plan)
	if err != nil {
		t.Fatal(err)
	}
	for version, perNetwork := range map[string]bool{"1.41": false, "1.43": false, "1.44": true, "1.47": true, "1.99": true} {
		t.Run(version, func(t *testing.T) {
			f := newFake(version)
			if err := f.runtime(t, registry(t)).Apply(within(t), plan); err != nil {
				t.Fatal(err)
			}
			var made []struct {
				MacAddress       string
				NetworkingConfig struct {
					EndpointsConfig map[string]struct {
						MacAddress string
						IPAMConfig struct{ IPv4Address string }
					}
				}
				HostConfig struct{ NetworkMode string }
			}
			if err := f.bodies("/containers/create", &made); err != nil || len(made) != 2 {
				t.Fatalf("%d containers, %v", len(made), err)
			}
			holder := made[0]
			on := holder.NetworkingConfig.EndpointsConfig[compose.DefaultNetwork]
			mac := macs["web"].String()
			if perNetwork && (on.MacAddress != mac || holder.MacAddress != "") || !perNetwork && (on.MacAddress != "" || holder.MacAddress != mac) {
				t.Errorf("hardware address %q, on the network %q, want %s once", holder.MacAddress, on.MacAddress, mac)
			}
			if on.IPAMConfig.IPv4Address != "10.99.0.10" || holder.HostConfig.NetworkMode != compose.DefaultNetwork {
				t.Errorf("place of the holder: %+v, %s", on, holder.HostConfig.NetworkMode)
			}
			if got := made[1].HostConfig.NetworkMode; got != "container:web-1" {
				t.Errorf("the service is in the network of %s", got)
			}
		})
	}

	six := plan
	six.Subnet, six.Gateway = netip.MustParsePrefix("fd99::/64"), netip.MustParseAddr("fd99::1")
	six.Deckies = []decnet.Decky{plan.Deckies[0]}
	six.Deckies[0].Addr = netip.MustParseAddr("fd99::10")
	for version, works := range map[string]bool{"1.41": false, "1.46": false, "1.47": true} {
		err := newFake(version).runtime(t, registry(t)).Apply(within(t), six)
		if works && err != nil || !works && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("IPv6 alone with version %s: %v", version, err)
		}
	}
}

// The settings of the interface have two places.
func TestSettingsOfTheInterface(t *testing.T) {
	plan := fromINI(t, decky("web", 10, "http")+"nmap_os = windows\n")
	plan.Subnet6, plan.Gateway6 = netip.MustParsePrefix("fd99::/64"), netip.MustParseAddr("fd99::1")
	plan.Deckies[0].Addr6 = netip.MustParseAddr("fd99::10")
	for version, option := range map[string]bool{"1.41": false, "1.45": false, "1.46": true, "1.99": true} {
		f := newFake(version)
		if err := f.runtime(t, registry(t)).Apply(within(t), plan); err != nil {
			t.Fatal(err)
		}
		var made []struct {
			HostConfig       struct{ Sysctls map[string]string }
			NetworkingConfig struct {
				EndpointsConfig map[string]struct{ DriverOpts map[string]string }
			}
		}
		if err := f.bodies("/containers/create", &made); err != nil || len(made) != 2 {
			t.Fatalf("%d containers, %v", len(made), err)
		}
		wantOption, wantSysctl := "", "128"
		if option {
			wantOption, wantSysctl = "net.ipv6.conf.IFNAME.hop_limit=128,net.ipv6.conf.IFNAME.accept_ra=0", ""
		}
		if got := made[0].NetworkingConfig.EndpointsConfig[compose.DefaultNetwork].DriverOpts["com.docker.network.endpoint.sysctls"]; got != wantOption {
			t.Errorf("%s: option %q, want %q", version, got, wantOption)
		}
		if got := made[0].HostConfig.Sysctls["net.ipv6.conf.eth0.hop_limit"]; got != wantSysctl {
			t.Errorf("%s: sysctl %q, want %q", version, got, wantSysctl)
		}
	}
}

// An engine on another machine says nothing of who is connected, and that is said.
func TestEngineOnAnotherMachine(t *testing.T) {
	f := newFake("1.41")
	r := f.runtime(t, registry(t))
	if !r.Remote() {
		t.Errorf("the engine at %s is taken for one of this machine", f.host())
	}
	if open, err := r.Sessions(within(t)); err != nil || len(open) != 0 {
		t.Errorf("%v, %v", open, err)
	}
}

// special is a honeypot whose container is changed by override.
type special struct {
	http.Service
	override func(*types.ServiceConfig)
}

func (s special) Override(c *types.ServiceConfig) { s.override(c) }

func TestSettingsOfContainers(t *testing.T) {
	plan := fromINI(t, decky("web", 10, "http"))
	apply := func(t *testing.T, override func(*types.ServiceConfig)) (*fake, error) {
		f := newFake("1.41")
		reg, err := services.NewRegistry(special{override: override})
		if err != nil {
			t.Fatal(err)
		}
		return f, f.runtime(t, reg).Apply(within(t), plan)
	}
	t.Run("what has no effect here is refused", func(t *testing.T) {
		_, err := apply(t, func(c *types.ServiceConfig) { c.BlkioConfig = &types.BlkioConfig{Weight: 10} })
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "BlkioConfig") {
			t.Errorf("%v", err)
		}
	})
	t.Run("all others are handed on", func(t *testing.T) {
		f, err := apply(t, func(c *types.ServiceConfig) {
			c.Ulimits = map[string]*types.UlimitsConfig{"nofile": {Soft: 10, Hard: 20}, "core": {Single: 1}}
			c.HealthCheck = &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "/true"}}
			c.Volumes = append(c.Volumes, types.ServiceVolumeConfig{Type: "tmpfs", Target: "/scratch", Tmpfs: &types.ServiceVolumeTmpfs{Size: 4096}})
			c.StopSignal = "SIGINT"
		})
		if err != nil {
			t.Fatal(err)
		}
		var made []struct {
			User, StopSignal string
			Env              []string
			Healthcheck      struct{ Test []string }
			HostConfig       struct {
				CapDrop, SecurityOpt         []string
				ReadonlyRootfs               bool
				Memory, MemorySwap, NanoCpus int64
				PidsLimit                    int64
				RestartPolicy                struct{ Name string }
				LogConfig                    struct {
					Type   string
					Config map[string]string
				}
				Tmpfs   map[string]string
				Ulimits []struct {
					Name       string
					Soft, Hard int
				}
				Mounts []struct {
					Type, Target string
					TmpfsOptions struct{ SizeBytes int }
				}
			}
		}
		if err := f.bodies("/containers/create", &made); err != nil || len(made) != 2 {
			t.Fatalf("%d containers, %v", len(made), err)
		}
		c := made[1]
		h := c.HostConfig
		for what, holds := range map[string]bool{
			"no capabilities":   len(h.CapDrop) == 1 && h.CapDrop[0] == "ALL",
			"no new privileges": len(h.SecurityOpt) == 1 && h.SecurityOpt[0] == "no-new-privileges=true",
			"read-only":         h.ReadonlyRootfs,
			"limits":            h.Memory == 64<<20 && h.MemorySwap == h.Memory && h.NanoCpus == 5e8 && h.PidsLimit == 128,
			"restarts":          h.RestartPolicy.Name == "always",
			"rotated log":       h.LogConfig.Type == "json-file" && h.LogConfig.Config["max-size"] == "10m" && h.LogConfig.Config["max-file"] == "5",
			"temporary files":   strings.Contains(h.Tmpfs["/tmp"], "noexec"),
			"user":              c.User == "65532:65532",
			"persona":           len(c.Env) == 1 && strings.HasPrefix(c.Env[0], fleet.PersonaVar+"={"),
			"ulimits":           len(h.Ulimits) == 2 && h.Ulimits[0].Soft == 1 && h.Ulimits[0].Hard == 1 && h.Ulimits[1].Soft == 10 && h.Ulimits[1].Hard == 20,
			"health check":      len(c.Healthcheck.Test) == 2,
			"mounts":            len(h.Mounts) == 1 && h.Mounts[0].Target == "/scratch" && h.Mounts[0].TmpfsOptions.SizeBytes == 4096,
			"signal":            c.StopSignal == "SIGINT",
		} {
			if !holds {
				t.Errorf("%s: the engine was asked for %+v", what, c)
			}
		}
	})
}

func TestNothingKeepsRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	f := newFake("1.41")
	r, err := docker.New(registry(t), docker.Options{Host: f.host(), Compose: compose.Options{Image: potImage}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Apply(within(t), fromINI(t, decky("web", 10, "http"), decky("db", 11, "redis"))); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	f.server.Close()
	goleak.VerifyNone(t, before)
}
