package compose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

// contained is a service with a container of its own.
type contained struct {
	declared
	c   services.Container
	err error
}

func (c contained) Container(services.Config) (services.Container, error) { return c.c, c.err }

// overriding is a service that changes its container.
type overriding struct {
	declared
	do func(*types.ServiceConfig)
}

func (o overriding) Override(s *types.ServiceConfig) { o.do(s) }

// deckyWith plans one decky that runs svc and returns what becomes of it.
func deckyWith(t testing.TB, svc services.Service) (*compose.Document, error) {
	t.Helper()
	reg := registry(t, svc)
	return compose.New(reg, planned(t, reg, lan+"[box]\nservices = "+svc.Info().Name+"\n"), compose.Options{})
}

func TestOverride(t *testing.T) {
	t.Parallel()
	doc, err := deckyWith(t, overriding{declare("odd", tcp(7)), func(s *types.ServiceConfig) {
		level := "$HOME"
		s.Image = "example/odd:1"
		s.Command = types.ShellCommand{"run", "--level", "$level"}
		s.Environment["LEVEL"] = &level
		s.CapAdd = []string{"CHOWN", "CAP_SETUID"}
		s.ReadOnly = false
		s.SecurityOpt = nil
		s.MemLimit, s.MemSwapLimit = 1<<30, 1<<30
		s.Labels["example.com/tier"] = "${x}"
		s.Ulimits = map[string]*types.UlimitsConfig{"nofile": {Single: 1024}}
		s.Runtime = "runsc"
		s.Tmpfs = append(s.Tmpfs, "/data")
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := loaded(t, textOf(t, doc))
	sameProject(t, doc, got)
	s := got.Services["box-odd"]
	if s.Image != "example/odd:1" || s.ReadOnly || *s.Environment["LEVEL"] != "$HOME" || s.Labels["example.com/tier"] != "${x}" {
		t.Errorf("the override has no effect: %+v", s)
	}
}

func TestOverridesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says string
		do   func(*types.ServiceConfig)
	}{
		{"network_mode", func(s *types.ServiceConfig) { s.NetworkMode = "host" }},
		{"net ", func(s *types.ServiceConfig) { s.Net = "host" }},
		{"networks", func(s *types.ServiceConfig) { s.Networks = map[string]*types.ServiceNetworkConfig{"bridge": nil} }},
		{"ports", func(s *types.ServiceConfig) { s.Ports = []types.ServicePortConfig{{Target: 80, Published: "80"}} }},
		{"dns", func(s *types.ServiceConfig) { s.DNS = types.StringList{"9.9.9.9"} }},
		{"extra_hosts", func(s *types.ServiceConfig) { s.ExtraHosts = types.HostsList{"a": {"10.0.0.1"}} }},
		{"privileged", func(s *types.ServiceConfig) { s.Privileged = true }},
		{"use_api_socket", func(s *types.ServiceConfig) { s.UseAPISocket = true }},
		{"pid: \"host\"", func(s *types.ServiceConfig) { s.Pid = "host" }},
		{"pid", func(s *types.ServiceConfig) { s.Pid = "service:box" }},
		{"ipc", func(s *types.ServiceConfig) { s.Ipc = "host" }},
		{"uts", func(s *types.ServiceConfig) { s.Uts = "host" }},
		{"cgroup", func(s *types.ServiceConfig) { s.Cgroup = "host" }},
		{"userns_mode", func(s *types.ServiceConfig) { s.UserNSMode = "host" }},
		{"devices", func(s *types.ServiceConfig) { s.Devices = []types.DeviceMapping{{Source: "/dev/mem"}} }},
		{"device_cgroup_rules", func(s *types.ServiceConfig) { s.DeviceCgroupRules = []string{"a *:* rwm"} }},
		{"gpus", func(s *types.ServiceConfig) { s.Gpus = []types.DeviceRequest{{}} }},
		{"volumes_from", func(s *types.ServiceConfig) { s.VolumesFrom = []string{"container:other"} }},
		{"provider", func(s *types.ServiceConfig) { s.Provider = &types.ServiceProviderConfig{Type: "sh"} }},
		{"credential_spec", func(s *types.ServiceConfig) { s.CredentialSpec = &types.CredentialSpecConfig{File: "x"} }},
		{"oom_kill_disable", func(s *types.ServiceConfig) { s.OomKillDisable = true }},
		{"pre_start", func(s *types.ServiceConfig) { s.PreStart = []types.PreStartHook{{}} }},
		{"hook", func(s *types.ServiceConfig) { s.PostStart = []types.ServiceHook{{Privileged: true}} }},
		{"build", func(s *types.ServiceConfig) { s.Build = &types.BuildConfig{Context: ".", Privileged: true} }},
		{"build", func(s *types.ServiceConfig) { s.Build = &types.BuildConfig{Context: ".", Network: "host"} }},
		{"cap_drop", func(s *types.ServiceConfig) { s.CapDrop = nil }},
		{"SYS_ADMIN", func(s *types.ServiceConfig) { s.CapAdd = []string{"SYS_ADMIN"} }},
		{"NET_ADMIN", func(s *types.ServiceConfig) { s.CapAdd = []string{"CAP_NET_ADMIN"} }},
		{"NET_RAW", func(s *types.ServiceConfig) { s.CapAdd = []string{"NET_RAW"} }},
		{"ALL", func(s *types.ServiceConfig) { s.CapAdd = []string{"ALL"} }},
		{"seccomp=unconfined", func(s *types.ServiceConfig) { s.SecurityOpt = []string{"seccomp=unconfined"} }},
		{"label=type:spc_t", func(s *types.ServiceConfig) { s.SecurityOpt = []string{"label=type:spc_t"} }},
		{"systempaths=unconfined", func(s *types.ServiceConfig) { s.SecurityOpt = append(s.SecurityOpt, "systempaths=unconfined") }},
		{"label:disable", func(s *types.ServiceConfig) { s.SecurityOpt = []string{"label:disable"} }},
		{"sysctl net/ipv4/ip_forward", func(s *types.ServiceConfig) { s.Sysctls = types.Mapping{"net/ipv4/ip_forward": "1"} }},
		{"sysctl net.ipv4.ip_forward", func(s *types.ServiceConfig) { s.Sysctls = types.Mapping{"net.ipv4.ip_forward": "1"} }},
		{"limit", func(s *types.ServiceConfig) { s.MemLimit = 0 }},
		{"limit", func(s *types.ServiceConfig) { s.PidsLimit = -1 }},
		{"limit", func(s *types.ServiceConfig) { s.MemSwapLimit = -1 }},
		{"limit", func(s *types.ServiceConfig) { s.CPUS = 0 }},
		{"name ", func(s *types.ServiceConfig) { s.Name = "other" }},
		{"container_name", func(s *types.ServiceConfig) { s.ContainerName = "other" }},
		{"labels", func(s *types.ServiceConfig) { s.Labels[compose.LabelDecky] = "other" }},
		{"labels", func(s *types.ServiceConfig) { delete(s.Labels, compose.LabelFleet) }},
		{"labels", func(s *types.ServiceConfig) { s.Labels["com.docker.compose.project"] = "other" }},
		{"depends_on", func(s *types.ServiceConfig) { delete(s.DependsOn, "box") }},
		{"logging", func(s *types.ServiceConfig) { s.Logging.Driver = "none" }},
		{"log_driver", func(s *types.ServiceConfig) { s.LogDriver = "none" }},
		{"deploy", func(s *types.ServiceConfig) { s.Deploy = &types.DeployConfig{Mode: "global"} }},
		{"scale", func(s *types.ServiceConfig) { s.Scale = new(int) }},
		{"profiles", func(s *types.ServiceConfig) { s.Profiles = []string{"off"} }},
		{"env_file", func(s *types.ServiceConfig) { s.EnvFiles = []types.EnvFile{{Path: "/etc/shadow"}} }},
		{"extends", func(s *types.ServiceConfig) { s.Extends = &types.ExtendsConfig{File: "x", Service: "y"} }},
		{"secrets", func(s *types.ServiceConfig) { s.Secrets = []types.ServiceSecretConfig{{Source: "x"}} }},
		{"not one of this container's own", mounting("volume", "other", "/data")},
		{"could give the container the engine", mounting("bind", "/var/run/docker.sock", "/run/engine")},
		{"could give the container the engine", mounting("npipe", `\\.\pipe\docker_engine`, "/run/engine")},
		{"could give the container the engine", mounting("cluster", "x", "/run/engine")},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			doc, err := deckyWith(t, overriding{declare("odd", tcp(7)), c.do})
			if err == nil || doc != nil {
				t.Fatal("accepted")
			}
			if !errors.Is(err, decnet.ErrForbidden) || !strings.HasPrefix(err.Error(), "compose: box: odd: ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: want decnet.ErrForbidden about %q", err, c.says)
			}
		})
	}
}

func mounting(kind, source, target string) func(*types.ServiceConfig) {
	return func(s *types.ServiceConfig) {
		s.Volumes = append(s.Volumes, types.ServiceVolumeConfig{Type: kind, Source: source, Target: target})
	}
}

func TestOverridesThatCannotBe(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		says string
		do   func(*types.ServiceConfig)
	}{
		{"environment variable", func(s *types.ServiceConfig) { s.Environment["ZERO"] = text("a\x00b") }},
		{"environment variable", func(s *types.ServiceConfig) { s.Environment["INHERITED"] = nil }},
		{"environment variable", func(s *types.ServiceConfig) { s.Environment["BYTES"] = text("\xff") }},
		{`environment variable "A$B"`, func(s *types.ServiceConfig) { s.Environment["A$B"] = text("x") }},
		{`label "$x"`, func(s *types.ServiceConfig) { s.Labels["$x"] = "y" }},
		{`image "A b"`, func(s *types.ServiceConfig) { s.Image = "A b" }},
		{"mount on", mounting("bind", "/srv", "relative")},
		{"mount on", mounting("bind", "/srv", "/..")},
		{"mount on", mounting("bind", "/srv", "/tmp/")},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			doc, err := deckyWith(t, overriding{declare("odd", tcp(7)), c.do})
			if doc != nil || !errors.Is(err, decnet.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: want decnet.ErrInvalid about %q", err, c.says)
			}
		})
	}
}

func TestNoContainerHasTheEngine(t *testing.T) {
	t.Parallel()
	for source, refused := range map[string]bool{
		"/var/run/docker.sock":               true,
		"/run/docker.sock":                   true,
		"/run/../run//docker.sock":           true,
		"/run/containerd/containerd.sock":    true,
		"/run/user/1000/docker.sock":         true,
		"/srv/elsewhere/docker.sock":         true,
		"/var/run/podman":                    true,
		"/var/run/":                          true,
		"/run/user/1000":                     true,
		"/var":                               true,
		"/":                                  true,
		"/proc/1/root/run/docker.sock":       true,
		"/dev/sda":                           true,
		"/var/lib/docker/containers":         true,
		"/var/runner":                        false,
		"/srv/site":                          false,
		"/etc/ssl/certs/ca-certificates.crt": false,
		"/run/credentials/decnet/key.pem":    false,
	} {
		doc, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{
			Volumes: []services.Volume{{Source: source, Target: "/data", ReadOnly: true}},
		}, nil})
		if refused && (doc != nil || !errors.Is(err, decnet.ErrForbidden)) {
			t.Errorf("%s: %v, want it refused", source, err)
		} else if !refused && err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	_, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{
		Volumes: []services.Volume{{Source: "/srv/engine", Target: "/var/run/docker.sock"}},
	}, nil})
	if !errors.Is(err, decnet.ErrForbidden) {
		t.Errorf("a link to the socket: %v", err)
	}
}
