package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/pot"
)

const (
	labelHash  = "com.docker.compose.config-hash"
	labelMaker = "com.docker.compose.version" // on what docker compose made
)

// plan is what Apply does to converge, in its order.
type plan struct {
	fleet   decnet.Fleet
	there   []existing         // of the fleet
	seen    map[string]details // of there, by ID
	doc     *compose.Document
	images  []imageWork
	network networkWork
	remove  []containerWork // of what the fleet no longer has
	deckies []deckyWork
	volumes []string     // names of those that are no longer used
	probe   []netip.Addr // that the LAN is asked for
	host    hostWork
}

// hostWork is the interface of this machine.
type hostWork struct {
	*Step // nil: nothing
	link  *hostLink
}

// containerWork is one container and what is to be done with it.
type containerWork struct {
	*Step // nil: nothing

	service types.ServiceConfig
	is      existing // zero: there is none
}

// replaced reports whether the container is removed and made anew.
func (c containerWork) replaced() bool { return c.Step != nil && c.Action == ActionReplace }

// deckyWork is a decky with its containers, that of the address first.
type deckyWork struct {
	decky    decnet.Decky
	holder   containerWork
	services []containerWork
}

// Plan returns the steps by which Apply would make the deckies those of f, without doing
// any. Nothing is returned for what is as it should be. Its errors are those of Apply
// before it changes anything, except that the LAN is not asked for addresses.
func (r *Runtime) Plan(ctx context.Context, f decnet.Fleet) ([]Step, error) {
	p, err := r.planAny(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	return p.steps(), nil
}

// Document returns the compose document whose containers Apply would make.
func (r *Runtime) Document(f decnet.Fleet) (*compose.Document, error) {
	doc, _, err := r.document(f)
	return doc, err
}

func (r *Runtime) document(f decnet.Fleet) (*compose.Document, pot.Image, error) {
	built, err := r.potImage()
	if err != nil {
		return nil, built, err
	}
	opt := r.opt.Compose
	opt.Image = cmp.Or(opt.Image, built.Name)
	doc, err := compose.New(r.reg, f, opt)
	return doc, built, err
}

// owns reports whether a container is one of the fleet. Whatever has an image of the fleet
// has the first label too.
func (r *Runtime) owns(c existing) bool {
	return c.labels[compose.LabelFleet] == r.opt.Compose.Project && c.labels[compose.LabelDecky] != ""
}

// planAny is plan, also for a fleet without deckies, which has nothing to be translated.
func (r *Runtime) planAny(ctx context.Context, f decnet.Fleet) (*plan, error) {
	if len(f.Deckies) > 0 {
		return r.plan(ctx, f)
	}
	all, err := r.engine.containers(ctx)
	p := new(plan)
	for _, c := range all {
		if r.owns(c) {
			p.remove = append(p.remove, removal(c, "the fleet has it no more"))
		}
	}
	return p, err
}

func (r *Runtime) plan(ctx context.Context, f decnet.Fleet) (*plan, error) {
	p := &plan{fleet: f}
	doc, built, err := r.document(f)
	if err != nil {
		return nil, err
	}
	p.doc = doc
	all, err := r.engine.containers(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[string]existing)
	for _, c := range all {
		if _, wanted := doc.Project.Services[c.name]; wanted && !r.owns(c) {
			return nil, fmt.Errorf("container %s exists and is not one of the fleet %s: %w", c.name, r.opt.Compose.Project, decnet.ErrConflict)
		}
		if r.owns(c) {
			there[c.name] = c
			p.there = append(p.there, c)
		}
	}
	if p.network, err = r.networkFor(ctx, doc, all); err != nil {
		return nil, err
	}
	images, ids, err := r.imagesFor(ctx, doc, built)
	if err != nil {
		return nil, err
	}
	p.images = images
	if p.seen, err = r.seen(ctx, there); err != nil {
		return nil, err
	}
	byDecky := make(map[string][]types.ServiceConfig)
	for _, name := range slices.Sorted(maps.Keys(doc.Project.Services)) {
		s := doc.Project.Services[name]
		if s.Labels[compose.LabelService] != "" {
			byDecky[s.Labels[compose.LabelDecky]] = append(byDecky[s.Labels[compose.LabelDecky]], s)
		}
	}
	for _, d := range f.Deckies {
		w := deckyWork{decky: d, holder: containerWork{service: doc.Project.Services[d.Name], is: there[d.Name]}}
		w.holder.Step = r.compare(w.holder, ids, p.network)
		for _, s := range byDecky[d.Name] {
			c := containerWork{service: s, is: there[s.ContainerName]}
			if c.Step = r.compare(c, ids, networkWork{}); c.Step == nil || c.Step.Action == ActionStart {
				if step := dependent(c, w.holder, p.seen); step != nil {
					c.Step = step
				}
			}
			w.services = append(w.services, c)
		}
		p.deckies = append(p.deckies, w)
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if _, wanted := doc.Project.Services[name]; !wanted {
			p.remove = append(p.remove, removal(there[name], "the fleet has it no more"))
		}
	}
	p.probe = r.unknown(p)
	if p.host, err = r.hostFor(f); err != nil {
		return nil, err
	}
	return p, r.staleVolumes(ctx, p)
}

// unknown lists the addresses of deckies that no container of the fleet has on the LAN.
func (r *Runtime) unknown(p *plan) []netip.Addr {
	if r.opt.Probe < 0 || !r.engine.local() {
		return nil
	}
	known := map[netip.Addr]bool{{}: true}
	for _, d := range p.seen {
		for _, a := range d.addrs {
			known[a] = true
		}
	}
	// A decky whose holder does not run has its addresses as long as another container is
	// in the network.
	alive := make(map[string]bool)
	for _, c := range p.there {
		if c.running || c.paused {
			alive[c.labels[compose.LabelDecky]] = true
		}
	}
	var addrs []netip.Addr
	for _, d := range p.deckies {
		if alive[d.decky.Name] && !d.holder.is.running {
			continue
		}
		for _, a := range []netip.Addr{d.decky.Addr, d.decky.Addr6} {
			if !known[a] {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}

// hostFor says what is to be done with the interface of this machine.
func (r *Runtime) hostFor(f decnet.Fleet) (hostWork, error) {
	if r.opt.NoHostInterface || !r.engine.local() {
		return hostWork{}, nil
	}
	link, err := newHostLink(r.opt.Compose.Project, f)
	if err != nil || link == nil {
		return hostWork{}, err
	}
	stands, name, err := link.stands()
	if err != nil || stands {
		return hostWork{}, err
	}
	return hostWork{&Step{Action: ActionCreate, Object: ObjectInterface, Name: name, Reason: "this machine cannot reach the deckies without it"}, link}, nil
}

// step is what is to be done with the container.
func (c containerWork) step(a Action, reason string) *Step {
	return &Step{Action: a, Object: ObjectContainer, Name: c.service.ContainerName, Decky: c.service.Labels[compose.LabelDecky], Reason: reason}
}

// compare says what is to be done with a container for itself.
func (r *Runtime) compare(c containerWork, ids map[string]string, network networkWork) *Step {
	id, imageStays := ids[c.service.Image]
	switch {
	case c.is.id == "":
		return c.step(ActionCreate, "")
	case c.is.labels[labelHash] != c.service.CustomLabels[labelHash] && c.is.labels[labelMaker] != "":
		return c.step(ActionReplace, "docker compose made it")
	case c.is.labels[labelHash] != c.service.CustomLabels[labelHash]:
		return c.step(ActionReplace, "its settings changed")
	case !imageStays || c.is.image != id:
		return c.step(ActionReplace, "its image changed")
	case network.Step != nil:
		return c.step(ActionReplace, "its network is made anew")
	case c.is.created:
		return c.step(ActionReplace, "it never started")
	case c.is.paused:
		return c.step(ActionReplace, "it is paused")
	case !c.is.running:
		return c.step(ActionStart, "it does not run")
	}
	return nil
}

const otherHolder = "the container with its network is another one"

// dependent says what is to be done with a service because of the container that has its
// network. It is in the network of one container, not of whichever has a name; and when
// that one has started anew, in the network that it had before.
func dependent(c, holder containerWork, seen map[string]details) *Step {
	switch {
	case holder.Step != nil && holder.Action != ActionStart, c.is.network != "container:"+holder.is.id:
		return c.step(ActionReplace, otherHolder)
	case c.is.running && (holder.Step != nil || seen[c.is.id].started.Before(seen[holder.is.id].started)):
		return c.step(ActionRestart, "it runs in a network that is gone")
	}
	return nil
}

// removal is the step that removes a container.
func removal(c existing, reason string) containerWork {
	return containerWork{is: c, Step: &Step{Action: ActionRemove, Object: ObjectContainer, Name: c.name, Decky: c.labels[compose.LabelDecky], Reason: reason}}
}

// seen looks at the containers that run. The result is by ID.
func (r *Runtime) seen(ctx context.Context, there map[string]existing) (map[string]details, error) {
	var mu sync.Mutex
	all := make(map[string]details)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, c := range there {
		if !c.running {
			continue
		}
		g.Go(func() error {
			d, err := r.engine.inspect(ctx, c.id)
			if errors.Is(err, decnet.ErrNotFound) {
				return nil // it has just gone, which the step that needs it will find
			}
			mu.Lock()
			defer mu.Unlock()
			all[c.id] = d
			return err
		})
	}
	return all, g.Wait()
}

// staleVolumes finds the volumes of containers that the fleet no longer has.
func (r *Runtime) staleVolumes(ctx context.Context, p *plan) error {
	names, err := r.engine.volumes(ctx, r.opt.Compose.Project)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool)
	for _, v := range p.doc.Project.Volumes {
		wanted[v.Name] = true
	}
	for _, name := range names {
		if !wanted[name] {
			p.volumes = append(p.volumes, name)
		}
	}
	slices.Sort(p.volumes)
	return nil
}

// probeStep is the question to the LAN.
func (p *plan) probeStep() *Step {
	s := &Step{Action: ActionProbe, Object: ObjectAddress, Name: p.probe[0].String(), Reason: "another machine may have it"}
	if more := len(p.probe) - 1; more > 0 {
		s.Name += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// steps lists what the plan does, in its order.
func (p *plan) steps() []Step {
	var list []Step
	add := func(s *Step) {
		if s != nil {
			list = append(list, *s)
		}
	}
	for _, w := range p.images {
		add(&w.Step)
	}
	if len(p.probe) > 0 {
		add(p.probeStep())
	}
	for _, c := range p.remove {
		add(c.Step)
	}
	add(p.network.Step)
	for _, d := range p.deckies {
		add(d.holder.Step)
		for _, s := range d.services {
			add(s.Step)
		}
	}
	add(p.host.Step)
	for _, name := range p.volumes {
		list = append(list, Step{Action: ActionRemove, Object: ObjectVolume, Name: name, Reason: "no container has it any more"})
	}
	return list
}

// volumesOf returns s with the names that the engine has for its volumes.
func (p *plan) volumesOf(s types.ServiceConfig) (types.ServiceConfig, []types.VolumeConfig) {
	var named []types.VolumeConfig
	s.Volumes = slices.Clone(s.Volumes)
	for i, v := range s.Volumes {
		if config, ok := p.doc.Project.Volumes[v.Source]; ok && v.Type == types.VolumeTypeVolume && !strings.HasPrefix(v.Source, "/") {
			s.Volumes[i].Source = config.Name
			named = append(named, config)
		}
	}
	return s, named
}
