package docker

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/decnet/decnet"
)

// request is what the engine is asked for when a container is to be made.
type request struct {
	config   *container.Config
	host     *container.HostConfig
	networks *network.NetworkingConfig
}

// request translates s. A container that is to be in the network of another one needs the
// ID of it.
func (e engine) request(s types.ServiceConfig, holder string) (request, error) {
	if field := unsupported(s); field != "" {
		return request{}, fmt.Errorf("container %s: %s is not supported with this runtime: %w", s.ContainerName, field, decnet.ErrSemantic)
	}
	r := request{
		config: &container.Config{
			Hostname: s.Hostname, Domainname: s.DomainName, User: s.User, Cmd: []string(s.Command), Entrypoint: []string(s.Entrypoint),
			Image: s.Image, Labels: merged(s.Labels, s.CustomLabels), WorkingDir: s.WorkingDir, Tty: s.Tty, OpenStdin: s.StdinOpen,
			StopSignal: s.StopSignal,
		},
		host: &container.HostConfig{
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyMode(s.Restart)},
			CapAdd:        s.CapAdd, CapDrop: s.CapDrop, SecurityOpt: securityOptions(s.SecurityOpt), ReadonlyRootfs: s.ReadOnly,
			DNS: s.DNS, DNSOptions: s.DNSOpts, DNSSearch: s.DNSSearch, GroupAdd: s.GroupAdd, Sysctls: s.Sysctls, Init: s.Init,
			OomScoreAdj: int(s.OomScoreAdj), ShmSize: int64(s.ShmSize), Annotations: s.Annotations,
			PidMode: container.PidMode(s.Pid), IpcMode: container.IpcMode(s.Ipc), UTSMode: container.UTSMode(s.Uts),
			CgroupnsMode: container.CgroupnsMode(s.Cgroup), UsernsMode: container.UsernsMode(s.UserNSMode),
			Resources: container.Resources{
				Memory: int64(s.MemLimit), MemorySwap: int64(s.MemSwapLimit), MemoryReservation: int64(s.MemReservation),
				NanoCPUs: int64(float64(s.CPUS) * 1e9), CPUShares: s.CPUShares, CpusetCpus: s.CPUSet, PidsLimit: &s.PidsLimit,
			},
		},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if v := s.Environment[name]; v != nil {
			r.config.Env = append(r.config.Env, name+"="+*v)
		}
	}
	if s.StopGracePeriod != nil {
		seconds := int(time.Duration(*s.StopGracePeriod).Seconds())
		r.config.StopTimeout = &seconds
	}
	r.config.Healthcheck = healthcheck(s.HealthCheck)
	if s.Logging != nil {
		r.host.LogConfig = container.LogConfig{Type: s.Logging.Driver, Config: s.Logging.Options}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Ulimits)) {
		u := s.Ulimits[name]
		limit := &container.Ulimit{Name: name, Soft: int64(u.Soft), Hard: int64(u.Hard)}
		if u.Single != 0 {
			limit.Soft, limit.Hard = int64(u.Single), int64(u.Single)
		}
		r.host.Ulimits = append(r.host.Ulimits, limit)
	}
	for _, t := range s.Tmpfs {
		dir, options, _ := strings.Cut(t, ":")
		if r.host.Tmpfs == nil {
			r.host.Tmpfs = make(map[string]string)
		}
		r.host.Tmpfs[dir] = options
	}
	for _, v := range s.Volumes {
		m := mount.Mount{Type: mount.Type(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
		if v.Tmpfs != nil {
			m.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: int64(v.Tmpfs.Size)}
		}
		r.host.Mounts = append(r.host.Mounts, m)
	}
	return r, e.join(&r, s, holder)
}

// securityOptions separates names and values as engines want it.
func securityOptions(list []string) []string {
	out := make([]string, len(list))
	for i, o := range list {
		if out[i] = o; !strings.Contains(o, "=") {
			out[i] = strings.Replace(o, ":", "=", 1)
		}
	}
	return out
}

// interfaceSysctls names the settings of IPv6 that an interface takes when it comes, which
// engines may make before they set the defaults.
var interfaceSysctls = []string{"hop_limit", "accept_ra"}

// ownStack gives the interface of the container the settings that the defaults have, in the
// way that the version of the API knows.
func (e engine) ownStack(r *request, end *network.EndpointSettings) {
	var options []string
	own := maps.Clone(r.host.Sysctls)
	for _, key := range interfaceSysctls {
		if value, ok := r.host.Sysctls["net.ipv6.conf.default."+key]; ok {
			own["net.ipv6.conf.eth0."+key] = value
			options = append(options, "net.ipv6.conf.IFNAME."+key+"="+value)
		}
	}
	switch {
	case len(options) == 0:
	case e.atLeast("1.46"):
		end.DriverOpts = map[string]string{"com.docker.network.endpoint.sysctls": strings.Join(options, ",")}
	default:
		r.host.Sysctls = own
	}
}

// join gives the container its place on the network.
func (e engine) join(r *request, s types.ServiceConfig, holder string) error {
	if strings.HasPrefix(s.NetworkMode, types.ServicePrefix) {
		r.host.NetworkMode = container.NetworkMode("container:" + holder)
		return nil
	}
	for name, on := range s.Networks {
		r.host.NetworkMode = container.NetworkMode(name)
		end := &network.EndpointSettings{
			IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: on.Ipv4Address, IPv6Address: on.Ipv6Address},
		}
		if e.atLeast("1.44") {
			end.MacAddress = s.MacAddress
		} else {
			//lint:ignore SA1019 the only place for it before version 1.44
			r.config.MacAddress = s.MacAddress
		}
		e.ownStack(r, end)
		r.networks = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: end}}
	}
	return nil
}

func healthcheck(h *types.HealthCheckConfig) *container.HealthConfig {
	if h == nil {
		return nil
	}
	c := &container.HealthConfig{Test: h.Test}
	if h.Disable {
		c.Test = []string{"NONE"}
	}
	for _, d := range []struct {
		to   *time.Duration
		from *types.Duration
	}{{&c.Interval, h.Interval}, {&c.Timeout, h.Timeout}, {&c.StartPeriod, h.StartPeriod}, {&c.StartInterval, h.StartInterval}} {
		if d.from != nil {
			*d.to = time.Duration(*d.from)
		}
	}
	if h.Retries != nil {
		c.Retries = int(*h.Retries)
	}
	return c
}

// unsupported returns the name of a setting of s that would have no effect here.
func unsupported(s types.ServiceConfig) string {
	for _, part := range []any{s, s.ContainerSpec, s.WorkloadSpec} {
		v := reflect.ValueOf(part)
		for i := range v.NumField() {
			if f := v.Type().Field(i); !f.Anonymous && !v.Field(i).IsZero() && !supported(f.Name) {
				return f.Name
			}
		}
	}
	for _, v := range s.Volumes {
		plainBind := v.Bind == nil || v.Bind.SELinux == "" && v.Bind.Propagation == "" && v.Bind.Recursive == ""
		if !plainBind || v.Volume != nil || v.Image != nil || v.Consistency != "" {
			return "a mount option of " + v.Target
		}
	}
	return ""
}

// supported reports whether a field of a service is made use of, or has no meaning for a
// single container.
func supported(field string) bool {
	switch field {
	case "Name", "ContainerName", "Image", "Build", "PullPolicy", "DependsOn", "Restart", "Labels", "CustomLabels", "Expose", "Attach",
		"Command", "Entrypoint", "Environment", "User", "GroupAdd", "WorkingDir", "Hostname", "DomainName", "Init", "Tty", "StdinOpen",
		"StopSignal", "StopGracePeriod", "HealthCheck", "Logging", "Annotations",
		"CapAdd", "CapDrop", "SecurityOpt", "ReadOnly", "Sysctls", "Ulimits", "Cgroup", "Ipc", "Pid", "Uts", "UserNSMode",
		"CPUS", "CPUSet", "CPUShares", "MemLimit", "MemReservation", "MemSwapLimit", "PidsLimit", "OomScoreAdj", "ShmSize",
		"Networks", "NetworkMode", "MacAddress", "DNS", "DNSOpts", "DNSSearch", "Tmpfs", "Volumes":
		return true
	}
	return false
}
