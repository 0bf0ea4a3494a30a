package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
)

// minAPI is the oldest version of the engine's API that will do.
const minAPI = "1.41"

// ErrNoEngine says that the container engine does not answer.
var ErrNoEngine = errors.New("the container engine does not answer")

// engine is all that this package asks of a container engine. Only this file and those
// that describe requests know the client library. What the engine refuses becomes an error
// that wraps an error kind of decnet, or ErrNoEngine.
type engine struct{ c *client.Client }

// dial agrees with an engine on a version of its API.
func dial(ctx context.Context, host string) (engine, error) {
	opts := []client.Opt{client.WithHost(host), client.WithAPIVersionNegotiation()}
	if host == "" {
		opts = []client.Opt{client.WithTLSClientConfigFromEnv(), client.WithHostFromEnv(), client.WithAPIVersionNegotiation()}
	}
	c, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return engine{}, fmt.Errorf("docker: address of the engine: %w: %w", err, decnet.ErrInvalid)
	}
	p, err := c.Ping(ctx)
	if err != nil {
		_ = c.Close()
		if ctx.Err() != nil {
			return engine{}, fmt.Errorf("docker: %w: %s has not said anything: %w", ErrNoEngine, c.DaemonHost(), err)
		}
		return engine{}, fmt.Errorf("docker: %w", kind(err))
	}
	c.NegotiateAPIVersionPing(p)
	if versions.LessThan(c.ClientVersion(), minAPI) {
		_ = c.Close()
		return engine{}, fmt.Errorf("docker: the engine at %s has version %s of the API, and %s is the oldest that will do: %w",
			c.DaemonHost(), c.ClientVersion(), minAPI, errors.ErrUnsupported)
	}
	return engine{c}, nil
}

// atLeast reports whether the engine has a version of the API.
func (e engine) atLeast(version string) bool {
	return versions.GreaterThanOrEqualTo(e.c.ClientVersion(), version)
}

// local reports whether the engine is one of this machine.
func (e engine) local() bool { return strings.HasPrefix(e.c.DaemonHost(), "unix://") }

// refusal is an error of the engine that is also one of the error kinds.
type refusal struct{ err, kind error }

func (r refusal) Error() string   { return r.err.Error() }
func (r refusal) Unwrap() []error { return []error{r.err, r.kind} }

// lacking is what an engine says whose kernel has no links of a kind.
var lacking = regexp.MustCompile(`failed to create the (macvlan|ipvlan) port: operation not supported`)

// lacks says what a kernel has not that can make links of a kind.
func lacks(mode string) error {
	return fmt.Errorf("this kernel has no %s (CONFIG_%s, module %s): %w", mode, strings.ToUpper(mode), mode, errors.ErrUnsupported)
}

// kind gives an error of the client its kind.
func kind(err error) error {
	var netErr net.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case lacking.MatchString(err.Error()):
		return fmt.Errorf("%w: %w", err, lacks(lacking.FindStringSubmatch(err.Error())[1]))
	case errdefs.IsNotFound(err):
		return refusal{err, decnet.ErrNotFound}
	case errdefs.IsConflict(err):
		return refusal{err, decnet.ErrConflict}
	case errdefs.IsInvalidArgument(err):
		return refusal{err, decnet.ErrInvalid}
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		return refusal{err, decnet.ErrForbidden}
	case client.IsErrConnectionFailed(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr):
		return fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return err
}

// existing is a container that the engine has.
type existing struct {
	id, name, image string // image is the ID of the image
	labels          map[string]string
	running         bool
	ended           bool     // and nothing starts it again
	created, paused bool     // created: it never started
	restarting      bool     // by the engine, which waits for the next attempt
	network         string   // what it is in the network of: "container:ID", or a name
	networks        []string // IDs
	volumes         []string // names
}

// containers lists all containers of the engine, sorted by name.
func (e engine) containers(ctx context.Context) ([]existing, error) {
	summaries, err := e.c.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, kind(err)
	}
	list := make([]existing, 0, len(summaries))
	for _, s := range summaries {
		c := existing{id: s.ID, image: s.ImageID, labels: s.Labels, running: s.State == container.StateRunning, network: s.HostConfig.NetworkMode}
		c.created, c.paused = s.State == container.StateCreated, s.State == container.StatePaused
		c.restarting = s.State == container.StateRestarting
		c.ended = c.created || s.State == container.StateExited || s.State == container.StateDead
		for _, n := range s.Names { // a name with a further slash is that of a link
			if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
				c.name = n
			}
		}
		for _, m := range s.Mounts {
			if m.Name != "" {
				c.volumes = append(c.volumes, m.Name)
			}
		}
		if s.NetworkSettings != nil {
			for _, n := range s.NetworkSettings.Networks {
				c.networks = append(c.networks, n.NetworkID)
			}
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b existing) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// changes tells of containers that started, ended or were removed or paused, until ctx ends or the engine fails.
func (e engine) changes(ctx context.Context) (<-chan events.Message, <-chan error) {
	which := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))
	for _, action := range []events.Action{events.ActionStart, events.ActionDie, events.ActionDestroy, events.ActionPause} {
		which.Add("event", string(action))
	}
	return e.c.Events(ctx, events.ListOptions{Filters: which})
}

// details is what only a look at one container tells.
type details struct {
	running  bool
	pid      int // of its first process, as the engine's machine counts
	started  time.Time
	ended    time.Time
	restarts int
	failure  string // why it does not run as it should
	healthy  bool   // its health check says so
	sick     bool   // its health check says so
	hostname string
	env      []string
	addrs    []netip.Addr // of a holder, IPv4 first
}

func (e engine) inspect(ctx context.Context, id string) (details, error) {
	c, err := e.c.ContainerInspect(ctx, id)
	if err != nil {
		return details{}, kind(err)
	}
	if c.ContainerJSONBase == nil || c.State == nil || c.Config == nil {
		return details{}, fmt.Errorf("container %s: the engine says nothing of its state", id)
	}
	s := c.State
	d := details{
		running: s.Running && !s.Paused && !s.Restarting, restarts: c.RestartCount,
		pid: s.Pid, hostname: c.Config.Hostname, env: c.Config.Env,
	}
	if s.Health != nil {
		d.healthy, d.sick = s.Health.Status == container.Healthy, s.Health.Status == container.Unhealthy
	}
	// The engine writes a zero time for what has not happened, and it is always RFC 3339.
	d.started, _ = time.Parse(time.RFC3339Nano, s.StartedAt)
	d.ended, _ = time.Parse(time.RFC3339Nano, s.FinishedAt)
	switch {
	case s.OOMKilled:
		d.failure = "out of memory"
	case s.Error != "":
		d.failure = s.Error
	case s.Paused:
		d.failure = "paused"
	case d.sick:
		d.running, d.failure = false, "unhealthy"
		if n := len(s.Health.Log); n > 0 {
			d.failure = "unhealthy: " + strings.TrimSpace(s.Health.Log[n-1].Output)
		}
	case s.ExitCode != 0:
		d.failure = fmt.Sprintf("exit status %d", s.ExitCode)
	}
	if c.NetworkSettings != nil {
		for _, n := range c.NetworkSettings.Networks {
			if n == nil || n.IPAMConfig == nil {
				continue
			}
			for _, text := range []string{n.IPAMConfig.IPv4Address, n.IPAMConfig.IPv6Address} {
				if a, err := netip.ParseAddr(text); err == nil {
					d.addrs = append(d.addrs, a)
				}
			}
		}
	}
	return d, nil
}

// create makes the container of s on a network, or in the network of the container holder.
func (e engine) create(ctx context.Context, s types.ServiceConfig, holder string) (id string, err error) {
	r, err := e.request(s, holder)
	if err != nil {
		return "", err
	}
	made, err := e.c.ContainerCreate(ctx, r.config, r.host, r.networks, nil, s.ContainerName)
	return made.ID, kind(err)
}

func (e engine) start(ctx context.Context, id string) error {
	return kind(e.c.ContainerStart(ctx, id, container.StartOptions{}))
}

// stop ends a container that has the time until it is killed.
func (e engine) stop(ctx context.Context, id string, grace time.Duration) error {
	seconds := int(grace.Seconds())
	return kind(e.c.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds}))
}

// remove ends a container, if it runs, and removes it with the volumes that have no name.
func (e engine) remove(ctx context.Context, id string) error {
	return kind(e.c.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}))
}

// present is a network that the engine has.
type present struct {
	id, driver string
	labels     map[string]string
	options    map[string]string
	pools      []types.IPAMPool
	attached   []string // names of running containers
}

func (e engine) network(ctx context.Context, name string) (present, error) {
	// By its name alone: an ID, or the beginning of one, is found first otherwise.
	list, err := e.c.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil {
		return present{}, kind(err)
	}
	for _, s := range list {
		if s.Name != name {
			continue
		}
		n, err := e.c.NetworkInspect(ctx, s.ID, network.InspectOptions{})
		if err != nil {
			return present{}, kind(err)
		}
		p := present{id: n.ID, driver: n.Driver, labels: n.Labels, options: n.Options}
		for _, c := range n.IPAM.Config {
			p.pools = append(p.pools, types.IPAMPool{Subnet: c.Subnet, Gateway: c.Gateway})
		}
		for _, c := range n.Containers {
			p.attached = append(p.attached, c.Name)
		}
		return p, nil
	}
	return present{}, fmt.Errorf("network %s: %w", name, decnet.ErrNotFound)
}

func (e engine) createNetwork(ctx context.Context, n types.NetworkConfig) error {
	opt := network.CreateOptions{
		Driver: n.Driver, Options: n.DriverOpts, Internal: n.Internal, Attachable: n.Attachable,
		EnableIPv4: n.EnableIPv4, EnableIPv6: n.EnableIPv6, IPAM: &network.IPAM{Driver: cmp.Or(n.Ipam.Driver, "default"), Options: n.Ipam.Options},
		Labels: merged(n.Labels, n.CustomLabels),
	}
	if n.EnableIPv4 != nil && !e.atLeast("1.47") {
		if !*n.EnableIPv4 {
			return fmt.Errorf("a network without IPv4 needs version 1.47 of the engine's API, it has %s: %w", e.c.ClientVersion(), errors.ErrUnsupported)
		}
		opt.EnableIPv4 = nil
	}
	for _, p := range n.Ipam.Config {
		opt.IPAM.Config = append(opt.IPAM.Config, network.IPAMConfig{Subnet: p.Subnet, IPRange: p.IPRange, Gateway: p.Gateway, AuxAddress: p.AuxiliaryAddresses})
	}
	_, err := e.c.NetworkCreate(ctx, n.Name, opt)
	return kind(err)
}

func (e engine) removeNetwork(ctx context.Context, id string) error {
	return kind(e.c.NetworkRemove(ctx, id))
}

// image returns the ID of an image and its labels.
func (e engine) image(ctx context.Context, name string) (id string, labels map[string]string, err error) {
	i, err := e.c.ImageInspect(ctx, name)
	if err != nil {
		return "", nil, kind(err)
	}
	if i.Config != nil {
		labels = i.Config.Labels
	}
	return i.ID, labels, nil
}

// images lists the images that have a label: their names, or what they are called without
// one, by their IDs.
func (e engine) images(ctx context.Context, label string) (map[string]string, error) {
	list, err := e.c.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		return nil, kind(err)
	}
	names := make(map[string]string, len(list))
	for _, i := range list {
		names[i.ID] = fmt.Sprintf("%.12s", strings.TrimPrefix(i.ID, "sha256:"))
		if len(i.RepoTags) > 0 {
			names[i.ID] = i.RepoTags[0]
		}
	}
	return names, nil
}

func (e engine) removeImage(ctx context.Context, id string) error {
	_, err := e.c.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true, Force: true})
	return kind(err)
}

// build makes the image tag of a build context, a tar archive. It calls say with what the
// engine prints.
func (e engine) build(ctx context.Context, tag string, b types.BuildConfig, context io.Reader, noCache bool, say func(string)) error {
	resp, err := e.c.ImageBuild(ctx, context, build.ImageBuildOptions{
		Tags: []string{tag}, Dockerfile: cmp.Or(b.Dockerfile, "Dockerfile"), BuildArgs: b.Args, Labels: b.Labels,
		NoCache: noCache || b.NoCache, PullParent: b.Pull, Target: b.Target, NetworkMode: b.Network,
		CacheFrom: b.CacheFrom, ShmSize: int64(b.ShmSize), Remove: true, ForceRemove: true,
	})
	if err != nil {
		return kind(err)
	}
	defer resp.Body.Close()
	return follow(resp.Body, say)
}

func (e engine) pull(ctx context.Context, name string, say func(string)) error {
	body, err := e.c.ImagePull(ctx, name, image.PullOptions{})
	if err != nil {
		return kind(err)
	}
	defer body.Close()
	return follow(body, say)
}

// follow reads what an engine says while it works, up to its end or its failure.
func follow(r io.Reader, say func(string)) error {
	var last string
	for d := json.NewDecoder(r); ; {
		var m struct {
			Stream      string `json:"stream"`
			Status      string `json:"status"`
			Error       string `json:"error"`
			ErrorDetail struct {
				Message string `json:"message"`
			} `json:"errorDetail"`
		}
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return kind(err)
		}
		if text := cmp.Or(m.ErrorDetail.Message, m.Error); text != "" {
			if last != "" && !strings.Contains(text, last) {
				text += ": " + last
			}
			return errors.New(text)
		}
		if text := strings.TrimSpace(cmp.Or(m.Stream, m.Status)); text != "" {
			last = text
			say(text)
		}
	}
}

// volumes lists the names of the volumes of a fleet.
func (e engine) volumes(ctx context.Context, project string) ([]string, error) {
	list, err := e.c.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", compose.LabelFleet+"="+project))})
	if err != nil {
		return nil, kind(err)
	}
	var names []string
	for _, v := range list.Volumes {
		names = append(names, v.Name)
	}
	return names, nil
}

// createVolume makes a volume, unless it is there.
func (e engine) createVolume(ctx context.Context, v types.VolumeConfig) error {
	_, err := e.c.VolumeCreate(ctx, volume.CreateOptions{Name: v.Name, Driver: v.Driver, DriverOpts: v.DriverOpts, Labels: merged(v.Labels, v.CustomLabels)})
	return kind(err)
}

func (e engine) removeVolume(ctx context.Context, name string) error {
	return kind(e.c.VolumeRemove(ctx, name, false))
}

func merged(sets ...types.Labels) map[string]string {
	all := make(map[string]string)
	for _, set := range sets {
		for k, v := range set {
			all[k] = v
		}
	}
	return all
}
