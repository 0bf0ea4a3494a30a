package compose

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
)

// Overrider is an add-on interface for services that need of their container what
// services.Container has no words for. Override is called last, once per container, and
// may change s as long as the container stays in the network of its decky, keeps its name,
// labels, log and limits, and gains no way to the host: anything else is refused.
type Overrider interface {
	Override(s *types.ServiceConfig)
}

// capabilities are those that a service may ask for. Missing are the ones that reach the
// kernel or the host, and those that go around the egress lock: NET_ADMIN takes it away,
// and packets from the raw sockets of NET_RAW do not pass it.
var capabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// guard refuses what the container of a service may not have. made holds what the
// composer made of its own fields.
func (t *translation) guard(at place, made map[string]string, s types.ServiceConfig) {
	forbid := func(format string, args ...any) {
		t.fault(at, fmt.Errorf(format+": %w", append(args, decnet.ErrForbidden)...))
	}
	is := composed(s)
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if is[field] != made[field] {
			forbid("%s belongs to the composer and cannot be changed", field)
		}
	}
	for _, ns := range []struct{ field, is string }{
		{"pid", s.Pid}, {"uts", s.Uts}, {"ipc", s.Ipc}, {"cgroup", s.Cgroup}, {"userns_mode", s.UserNSMode},
	} {
		switch ns.is {
		case "", "private", "none", "shareable":
		default:
			forbid("%s: %.80q shares what is not the container's own", ns.field, ns.is)
		}
	}
	hooks := slices.Concat(s.PostStart, s.PreStop)
	for _, way := range []struct {
		field string
		open  bool
	}{
		{"privileged", s.Privileged},
		{"use_api_socket", s.UseAPISocket},
		{"devices", len(s.Devices) > 0},
		{"device_cgroup_rules", len(s.DeviceCgroupRules) > 0},
		{"gpus", len(s.Gpus) > 0},
		{"volumes_from", len(s.VolumesFrom) > 0},
		{"provider", s.Provider != nil},
		{"credential_spec", s.CredentialSpec != nil},
		{"oom_kill_disable", s.OomKillDisable},
		{"pre_start", len(s.PreStart) > 0},
		{"a privileged hook", slices.ContainsFunc(hooks, func(h types.ServiceHook) bool { return h.Privileged })},
		{"a privileged build", s.Build != nil && (s.Build.Privileged || len(s.Build.Entitlements) > 0 || s.Build.Network == "host")},
	} {
		if way.open {
			forbid("%s gives the container a way to the host", way.field)
		}
	}
	if !slices.Contains(s.CapDrop, "ALL") {
		forbid("cap_drop is not ALL")
	}
	for _, c := range s.CapAdd {
		if !slices.Contains(capabilities, strings.TrimPrefix(c, "CAP_")) {
			forbid("capability %.40q is not one of %s", c, strings.Join(capabilities, ", "))
		}
	}
	for _, o := range s.SecurityOpt {
		profile := strings.HasPrefix(o, "seccomp") || strings.HasPrefix(o, "apparmor")
		if !strings.HasPrefix(o, "no-new-privileges") && (!profile || strings.Contains(o, "unconfined")) {
			forbid("security option %.80q takes a protection away", o)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Sysctls)) {
		if strings.HasPrefix(key, "net") {
			forbid("sysctl %s is that of the decky", key)
		}
	}
	if s.MemLimit <= 0 || s.MemSwapLimit <= 0 || s.PidsLimit <= 0 || s.CPUS <= 0 {
		forbid("a limit of memory, swap, processes or processors is missing")
	}
	t.guardVolumes(at, s)
	t.guardTexts(at, s)
}

// composed returns the fields of s that belong to the composer, as text.
func composed(s types.ServiceConfig) map[string]string {
	labels := maps.Clone(s.Labels)
	maps.DeleteFunc(labels, func(k, _ string) bool {
		return !strings.HasPrefix(k, labelPrefix) && !strings.HasPrefix(k, composePrefix)
	})
	fields := make(map[string]string)
	for field, v := range map[string]any{
		"name": s.Name, "container_name": s.ContainerName, "labels": labels, "label_file": s.LabelFiles,
		"network_mode": s.NetworkMode, "networks": s.Networks, "net": s.Net, "hostname": s.Hostname,
		"domainname": s.DomainName, "mac_address": s.MacAddress, "ports": s.Ports, "links": s.Links,
		"external_links": s.ExternalLinks, "extra_hosts": s.ExtraHosts, "dns": s.DNS, "dns_opt": s.DNSOpts,
		"dns_search": s.DNSSearch, "depends_on": s.DependsOn, "logging": s.Logging, "log_driver": s.LogDriver,
		"log_opt": s.LogOpt, "deploy": s.Deploy, "scale": s.Scale, "profiles": s.Profiles, "extends": s.Extends,
		"env_file": s.EnvFiles, "configs": s.Configs, "secrets": s.Secrets, "models": s.Models,
	} {
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(err.Error())
		}
		fields[field] = string(text)
	}
	return fields
}

// guardVolumes refuses mounts of the engine's socket and of volumes of other containers.
// Paths are judged as they are written: where links lead is not looked at.
func (t *translation) guardVolumes(at place, s types.ServiceConfig) {
	targets := make(map[string]bool)
	target := func(dir string) {
		if !path.IsAbs(dir) || path.Clean(dir) == "/" || targets[path.Clean(dir)] {
			t.fault(at, fmt.Errorf("mount on %.80q: it is no absolute path, the root, or taken: %w", dir, decnet.ErrInvalid))
		}
		targets[path.Clean(dir)] = true
	}
	for _, dir := range s.Tmpfs {
		dir, _, _ = strings.Cut(dir, ":")
		target(dir)
	}
	for _, v := range s.Volumes {
		target(v.Target)
		switch {
		case v.Type == types.VolumeTypeVolume:
			if v.Source != "" && t.volumes[v.Source] != at {
				t.fault(at, fmt.Errorf("volume %.80q is not one of this container's own: %w", v.Source, decnet.ErrForbidden))
			}
		case v.Type != types.VolumeTypeBind && v.Type != types.VolumeTypeTmpfs, v.Type == types.VolumeTypeBind && reachesEngine(v.Source), engineSocket(v.Target):
			t.fault(at, fmt.Errorf("mount of %.80q on %.80q could give the container the engine: %w", v.Source, v.Target, decnet.ErrForbidden))
		}
	}
}

// engineSocket reports whether a file is called as the sockets of engines are.
func engineSocket(file string) bool {
	switch path.Base(path.Clean(file)) {
	case "docker.sock", "containerd.sock", "podman.sock", "crio.sock", "buildkitd.sock", "dockershim.sock", "cri-dockerd.sock":
		return true
	}
	return false
}

// reachesEngine reports whether a path of the host is the socket of an engine, or a
// directory that has one or a view of every other path.
func reachesEngine(source string) bool {
	source = path.Clean("/" + source)
	if source == "/var" {
		return true // has run, or a link to it
	}
	if rest, ok := strings.CutPrefix(source, "/var/run"); ok {
		source = "/run" + rest
	}
	if engineSocket(source) {
		return true
	}
	for _, root := range []string{"/proc", "/sys", "/dev", "/var/lib/docker", "/var/lib/containerd"} {
		if source == root || strings.HasPrefix(source, root+"/") {
			return true
		}
	}
	switch source {
	case "/", "/run", "/run/containerd", "/run/podman", "/run/crio", "/run/buildkit", "/run/user", "/var/lib":
		return true
	}
	return path.Dir(source) == "/run/user"
}

// guardTexts refuses names that a document or an engine cannot have.
func (t *translation) guardTexts(at place, s types.ServiceConfig) {
	if err := imageName(s.Image); err != nil && s.Image != t.image() {
		t.fault(at, err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if !named(name, letters+"_", alphanum+"_") {
			t.fault(at, fmt.Errorf("environment variable %.80q is not made of letters, digits and _, starting with no digit: %w", name, decnet.ErrInvalid))
		}
		if v := s.Environment[name]; v == nil || strings.Contains(*v, "\x00") || !utf8.ValidString(*v) {
			t.fault(at, fmt.Errorf("environment variable %.80q has no value, one with a zero byte, or one that is not UTF-8: %w", name, decnet.ErrInvalid))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		if !named(key, alphanum, alphanum+"-_./") {
			t.fault(at, fmt.Errorf("label %.80q is not made of letters, digits and ._-/, starting with a letter or digit: %w", key, decnet.ErrInvalid))
		}
	}
}
