package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// settingsDir is where the files that settings name are in a container.
const settingsDir = "/settings"

// The users of decnet-pot. It serves as nobody, with a number that no system gives away.
// Capabilities have an effect for root alone.
const (
	potID   = 65532
	potUser = "65532:65532"
	root    = "0:0"
)

// services adds the containers of the services of d.
func (t *translation) services(d decnet.Decky, distro fleet.Distro) {
	reg, err := fleet.WithCustom(t.reg, decnet.Fleet{Deckies: []decnet.Decky{d}})
	if err != nil {
		t.fault(place{decky: d.Name}, err)
		return
	}
	var accepted []string
	for _, name := range d.Services {
		if _, err := fleet.Ports(reg, append(accepted, name)); err != nil {
			t.fault(place{d.Name, name}, err)
			continue
		}
		accepted = append(accepted, name)
	}
	ports, err := fleet.Ports(reg, accepted)
	if err != nil {
		t.fault(place{decky: d.Name}, err)
		return
	}
	served := fleet.Served(reg, d, ports)
	for _, name := range accepted {
		at := place{d.Name, name}
		t.claim(at)
		svc, err := reg.Lookup(name)
		if err != nil {
			t.fault(at, err)
			continue
		}
		var beside []services.Served // for nobody else: who is told is made anew when it changes
		if svc.Info().Inside {
			beside = slices.DeleteFunc(slices.Clone(served), func(s services.Served) bool { return s.Service == name })
		}
		s := t.service(at, d, distro, svc, ports[name], beside)
		t.doc.Project.Services[s.Name] = s
	}
}

// service is the container of one service of d.
func (t *translation) service(at place, d decnet.Decky, distro fleet.Distro, svc services.Service, ports []services.Port, beside []services.Served) types.ServiceConfig {
	if c, ok := svc.(fleet.Custom); ok {
		return t.custom(at, d, c)
	}
	config, err := settings(svc.Info(), d.Config[at.service])
	if err != nil {
		t.fault(at, err)
		return types.ServiceConfig{Name: ContainerName(at.decky, at.service)}
	}
	var c services.Container
	if asks, ok := svc.(services.Containerizer); ok {
		if c, err = asks.Container(config); err != nil {
			t.fault(at, err)
		}
	}
	pot := c.Image == "" && c.Context == nil
	limits := t.opt.Limits.or(256<<20, 256, 1)
	if pot {
		limits = t.opt.Limits.or(64<<20, 128, 0.5)
	}
	s := t.within(at, d, limits)
	s.CapAdd = slices.Sorted(slices.Values(c.CapAdd))
	for _, m := range c.Tmpfs {
		if strings.Contains(m.Dir, ":") {
			t.fault(at, fmt.Errorf("tmpfs %.80q has a colon: %w", m.Dir, decnet.ErrInvalid))
		}
		if m.Size < 0 {
			t.fault(at, fmt.Errorf("tmpfs %.80q of %d bytes: %w", m.Dir, m.Size, decnet.ErrInvalid))
		}
		s.Tmpfs = append(s.Tmpfs, tmpfs(m))
	}
	for name, v := range c.Env {
		s.Environment[name] = &v
	}
	switch {
	case pot:
		s.Image, s.PullPolicy = t.image(), t.pullPolicy()
		s.Command = types.ShellCommand{fleet.PotServe}
		if s.User = potUser; len(c.CapAdd) > 0 {
			s.User = root
		}
		s.Tmpfs = append(s.Tmpfs, tmpfs(services.Tmpfs{Dir: "/tmp"}))
	case c.Context != nil:
		if err := suits(c, distro); err != nil {
			t.fault(at, err)
		}
		if c, err = t.withInit(c); err != nil {
			t.fault(at, err)
		}
		t.build(&s, at, c, distro)
	default:
		s.Image = c.Image
	}
	if !pot {
		s.Environment["HOSTNAME"] = &d.Hostname
		t.afterLock(&s, at)
	}
	for _, v := range c.Volumes {
		t.mount(&s, at, v)
	}
	config = t.files(&s, at, svc.Info(), config)
	p := fleet.Persona{
		Decky: d.Name, Service: at.service, Addr: d.Addr, Addr6: d.Addr6, Hostname: d.Hostname, Distro: d.Distro,
		Seed: d.Seed, Ports: ports, Config: config, Beside: beside,
	}
	if pot {
		p.Quota = t.artifacts(&s, at)
	}
	t.persona(&s, at, p)
	if told := s.Environment[fleet.PersonaVar]; c.Init != "" && told != nil {
		text := concealedPersona(*told)
		s.Environment[fleet.PersonaVar] = &text
	}
	slices.Sort(s.Tmpfs)
	s.Tmpfs = slices.Compact(s.Tmpfs)
	made := composed(s)
	if o, ok := svc.(Overrider); ok {
		o.Override(&s)
	}
	t.guard(at, made, s)
	return s
}

// settings returns the settings of a service that are given, in their canonical form.
func settings(info services.Info, given map[string]string) (services.Config, error) {
	checked, err := services.Config(given).Check(info)
	if err != nil {
		return nil, err
	}
	config := make(services.Config, len(given))
	for k, v := range given {
		if v != "" {
			config[k] = checked[k]
		}
	}
	return config, nil
}

// custom is the container of a service that an operator brings as an image.
func (t *translation) custom(at place, d decnet.Decky, c fleet.Custom) types.ServiceConfig {
	first, known := t.customs[c.Name]
	if !known {
		t.customs[c.Name] = c
	} else if first.Image != c.Image || first.Exec != c.Exec || !slices.Equal(first.Ports, c.Ports) {
		t.fault(at, fmt.Errorf("the custom service is defined differently than on another decky: %w", decnet.ErrConflict))
	}
	s := t.within(at, d, t.opt.Limits.or(256<<20, 256, 1))
	s.Image = c.Image
	if c.Exec != "" {
		command, err := commandLine(c.Exec)
		if err != nil {
			t.fault(at, fmt.Errorf("command line %.80q: %w: %w", c.Exec, err, decnet.ErrInvalid))
		}
		s.Command = command
	}
	s.Environment["HOSTNAME"] = &d.Hostname
	t.afterLock(&s, at)
	s.Tmpfs = types.StringList{tmpfs(services.Tmpfs{Dir: "/run"}), tmpfs(services.Tmpfs{Dir: "/tmp"})}
	t.guard(at, composed(s), s)
	return s
}

// commandLine splits text into words as docker compose does. What docker compose would
// cut off, because it takes it for the operator of a shell, is an error.
func commandLine(text string) (types.ShellCommand, error) {
	const end = "."
	var words types.ShellCommand
	if err := words.DecodeMapstructure(text + " " + end); err != nil {
		return nil, err
	}
	if n := len(words); n > 1 && words[n-1] == end {
		return words[:n-1], nil
	}
	return nil, errors.New("an image has no shell between it and its command: quote ; & | < and >, or name a shell")
}

// container is what all containers of a fleet have in common.
func (t *translation) container(at place, l Limits) types.ServiceConfig {
	name := ContainerName(at.decky, at.service)
	s := types.ServiceConfig{Name: name, ContainerName: name}
	// An engine that was killed takes its containers for stopped by hand when it runs
	// again, and then starts no others but these.
	s.Restart = types.RestartPolicyAlways
	s.CapDrop = []string{"ALL"}
	s.SecurityOpt = []string{"no-new-privileges:true"}
	s.ReadOnly = true
	s.MemLimit, s.MemSwapLimit = types.UnitBytes(l.Memory), types.UnitBytes(l.Memory)
	s.PidsLimit, s.CPUS = l.PIDs, l.CPUs
	s.Environment = types.MappingWithEquals{}
	s.Labels = types.Labels{LabelFleet: t.opt.Project, LabelDecky: at.decky}
	if at.service != "" {
		s.Labels[LabelService] = at.service
	}
	s.Logging = &types.LoggingConfig{Driver: "json-file", Options: types.Options{"max-size": "10m", "max-file": "5"}}
	return s
}

// within is a container in the network of d.
func (t *translation) within(at place, d decnet.Decky, l Limits) types.ServiceConfig {
	s := t.container(at, l)
	s.NetworkMode = types.ServicePrefix + d.Name
	s.DependsOn = types.DependsOnConfig{d.Name: {Condition: types.ServiceConditionStarted, Restart: true, Required: true}}
	return s
}

// afterLock lets s, whose image is not ours and does not know how to wait for the egress
// lock, start after the holder of the address has said that the lock is in force. Nor does it
// keep files, so it is marked for whoever does that from the host.
func (t *translation) afterLock(s *types.ServiceConfig, at place) {
	s.Labels[LabelWatch] = "files"
	s.DependsOn = types.DependsOnConfig{at.decky: {Condition: types.ServiceConditionHealthy, Restart: true, Required: true}}
	interval, timeout, retries := types.Duration(2*time.Second), types.Duration(10*time.Second), uint64(5)
	holder := t.doc.Project.Services[at.decky]
	holder.HealthCheck = &types.HealthCheckConfig{
		Test:     types.HealthCheckTest{"CMD", "/decnet-pot", fleet.PotHealthy},
		Interval: &interval, Timeout: &timeout, Retries: &retries,
	}
	t.doc.Project.Services[at.decky] = holder
}

// artifacts mounts the directory in which s keeps captured files, and returns how many bytes
// of them it may keep: 0 when there is no such directory.
func (t *translation) artifacts(s *types.ServiceConfig, at place) (quota int64) {
	if t.opt.Artifacts == "" {
		return 0
	}
	owner := potID
	if s.User == root {
		owner = 0
	}
	inside := at.decky + "/" + at.service
	dir := filepath.Join(t.opt.Artifacts, inside)
	t.doc.Directories = append(t.doc.Directories, Directory{Path: dir, User: owner})
	t.mount(s, at, services.Volume{Source: dir, Target: fleet.PotArtifacts + "/" + inside})
	return t.opt.Quota
}

func tmpfs(m services.Tmpfs) string {
	size, mode, exec := "16m", fs.ModeSticky|0o777, "noexec"
	if m.Size > 0 {
		size = strconv.FormatInt(m.Size, 10)
	}
	if m.Mode != 0 {
		mode = m.Mode
	}
	if m.Exec {
		exec = "exec"
	}
	perm := mode.Perm()
	if mode&fs.ModeSticky != 0 {
		perm |= 0o1000
	}
	return fmt.Sprintf("%s:size=%s,mode=%o,%s,nosuid,nodev", m.Dir, size, perm, exec)
}

func (t *translation) image() string {
	if t.opt.Image == "" {
		return DefaultImage
	}
	return t.opt.Image
}

// pullPolicy keeps the engine from asking a registry for an image that is only ours.
func (t *translation) pullPolicy() string {
	if name, _, _ := strings.Cut(t.image(), ":"); name == DefaultImage || t.opt.Context != nil {
		return types.PullPolicyNever
	}
	return ""
}

// imageName says why name cannot be the name of an image.
func imageName(name string) error {
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return fmt.Errorf("image %.80q: %w: %w", name, err, decnet.ErrInvalid)
	}
	return nil
}

// mount adds a volume to s.
func (t *translation) mount(s *types.ServiceConfig, at place, v services.Volume) {
	m := types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
	if filepath.IsAbs(v.Source) {
		m.Bind = &types.ServiceVolumeBind{} // a source that is missing is an error, and not made by the engine
	} else {
		if !named(v.Source, alphanum, alphanum+"-_.") {
			t.fault(at, fmt.Errorf("volume %q is neither an absolute path nor made of letters, digits, '-', '_' and '.': %w", v.Source, decnet.ErrInvalid))
			return
		}
		m.Type, m.Source = types.VolumeTypeVolume, s.Name+"-"+v.Source
		t.volumes[m.Source] = at
		t.doc.Project.Volumes[m.Source] = types.VolumeConfig{
			Name: t.opt.Project + "_" + m.Source, Labels: types.Labels{LabelFleet: t.opt.Project},
		}
	}
	s.Volumes = append(s.Volumes, m)
}

// files mounts the files of the operator that settings name, and returns the settings as
// they are in the container.
func (t *translation) files(s *types.ServiceConfig, at place, info services.Info, config services.Config) services.Config {
	inside := maps.Clone(config)
	for _, k := range info.Keys {
		path := config[k.Name]
		if k.Type != services.KeyPath || path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			if t.opt.Dir == "" {
				t.fault(at, fmt.Errorf("%s: path %q is relative, and nothing says to what: %w", k.Name, path, decnet.ErrInvalid))
				continue
			}
			path = filepath.Join(t.opt.Dir, path)
		}
		inside[k.Name] = settingsDir + "/" + k.Name
		t.mount(s, at, services.Volume{Source: filepath.Clean(path), Target: inside[k.Name], ReadOnly: true})
	}
	return inside
}
