package fleet

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// The modes of a fleet: where its deckies live.
const (
	ModeLocal   = "local"   // in this process, on loopback or the host's own addresses
	ModeMACVLAN = "macvlan" // on the LAN, each with a MAC address of its own
	ModeIPVLAN  = "ipvlan"  // on the LAN, all with the MAC address of the host
)

// Options says what a plan needs to know beside the deckies that are asked for. The zero
// value plans a new fleet for the local runtime with a random seed.
type Options struct {
	Mode      string       // "": ModeLocal
	Interface string       // of the host, towards the LAN
	Subnet    netip.Prefix // may be left out in ModeLocal, and where an INI document names it
	Gateway   netip.Addr   // never given to a decky
	Host      netip.Addr   // the host's own address in Subnet, never given to a decky

	// Subnet6 gives each decky a second address, of IPv6: the one that such a machine
	// makes itself, or another where that is taken. Gateway6 may be link-local.
	Subnet6  netip.Prefix
	Gateway6 netip.Addr
	Host6    netip.Addr // the host's own address in Subnet6, never given to a decky

	// First is the first address to give out. Zero: 127.0.10.1 in ModeLocal without a
	// Subnet, otherwise the first of Subnet.
	First netip.Addr

	// MutateInterval is how often a decky changes that does not say so itself, before what
	// [general] of an INI document says. 0: as said there, or in Existing, or never;
	// negative: never. It is kept in the MutateInterval of the fleet.
	MutateInterval time.Duration

	// Seed makes the plan reproducible; any text will do. "": that of Existing, or else a
	// random one. It is kept in the Seed of the fleet.
	Seed string

	// Existing is a fleet that the plan adds to: its deckies stay, unless the plan has
	// one of the same name, which replaces it and takes over its first address where it
	// asks for no other. What Options leaves open is taken from it too.
	Existing decnet.Fleet

	// NoFiles refuses settings that name files of this machine. It is for documents of
	// people who may deploy deckies and not read such files: a decky would show them.
	NoFiles bool

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // where a random seed comes from; nil: crypto/rand
}

// draft is a decky that is asked for, before the plan fills in the rest.
type draft struct {
	name      string
	group     string // section that it is of; "": of no document
	ordinal   int    // in its group, for cycling through distributions
	addr      netip.Addr
	addr6     netip.Addr
	services  []string
	random    bool // no services are named, and there is no archetype
	archetype string
	distros   []string // to cycle through
	osFamily  string
	mutate    time.Duration
	config    map[string]map[string]string
	egress    []string

	// at says where the setting called key was made, for errors; "" is the decky itself.
	at func(key string) string
}

func (d *draft) fault(key string, err error) error {
	return fmt.Errorf("fleet: %s: %w", d.at(key), err)
}

// planner turns drafts into deckies.
type planner struct {
	reg       *services.Registry
	opt       Options
	fleet     decnet.Fleet
	kept      []decnet.Decky        // deckies of opt.Existing that stay
	replaced  map[string]netip.Addr // addresses of those that do not
	reserved  map[string]string     // host names of those, for themselves or nobody
	addrs     map[netip.Addr]string // who has which address
	hostnames map[string]bool       // lower-case
	sets      map[string]bool       // random sets of services in use
}

func newPlanner(reg *services.Registry, opt Options) (*planner, error) {
	reg, err := WithCustom(reg, opt.Existing)
	if err != nil {
		return nil, err
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Rand == nil {
		opt.Rand = rand.Reader
	}
	old := opt.Existing
	opt.Mode = cmp.Or(opt.Mode, old.Mode, ModeLocal)
	opt.Interface = cmp.Or(opt.Interface, old.Interface)
	if !opt.Subnet.IsValid() {
		opt.Subnet = old.Subnet
	}
	if !opt.Gateway.IsValid() {
		opt.Gateway = old.Gateway
	}
	if !opt.Subnet6.IsValid() {
		opt.Subnet6 = old.Subnet6
	}
	if !opt.Gateway6.IsValid() {
		opt.Gateway6 = old.Gateway6
	}
	opt.Seed = cmp.Or(opt.Seed, old.Seed)
	switch opt.Mode {
	case ModeLocal, ModeMACVLAN, ModeIPVLAN:
	default:
		return nil, fmt.Errorf("fleet: mode %q is not one of local, macvlan, ipvlan: %w", opt.Mode, decnet.ErrInvalid)
	}
	if opt.Seed == "" {
		seed, err := randomSeed(opt.Rand)
		if err != nil {
			return nil, err
		}
		opt.Seed = seed
	}
	return &planner{
		reg: reg, opt: opt,
		fleet:     decnet.Fleet{LogTarget: old.LogTarget, Seed: opt.Seed, MutateInterval: cmp.Or(opt.MutateInterval, old.MutateInterval)},
		replaced:  make(map[string]netip.Addr),
		reserved:  make(map[string]string),
		addrs:     make(map[netip.Addr]string),
		hostnames: make(map[string]bool),
		sets:      make(map[string]bool),
	}, nil
}

// plan completes drafts, whose names have been checked one by one.
func (p *planner) plan(drafts []draft) (decnet.Fleet, error) {
	p.fleet.Mode, p.fleet.Interface = p.opt.Mode, p.opt.Interface
	p.fleet.Subnet, p.fleet.Gateway = p.opt.Subnet.Masked(), p.opt.Gateway
	p.fleet.Subnet6, p.fleet.Gateway6 = p.opt.Subnet6.Masked(), p.opt.Gateway6
	if err := p.checkNetwork(); err != nil {
		return decnet.Fleet{}, err
	}
	if err := p.checkNames(drafts); err != nil {
		return decnet.Fleet{}, err
	}
	if err := p.assignAddrs(drafts); err != nil {
		return decnet.Fleet{}, err
	}
	planned := make(map[string]decnet.Decky, len(drafts))
	errs := make([]error, len(drafts))
	for _, i := range byName(drafts) {
		d, err := p.decky(&drafts[i])
		planned[strings.ToLower(d.Name)], errs[i] = d, err
	}
	for _, err := range errs {
		if err != nil {
			return decnet.Fleet{}, err
		}
	}
	for _, old := range p.opt.Existing.Deckies {
		if d, ok := planned[strings.ToLower(old.Name)]; ok {
			p.fleet.Deckies = append(p.fleet.Deckies, d)
			delete(planned, strings.ToLower(old.Name))
		} else {
			p.fleet.Deckies = append(p.fleet.Deckies, old)
		}
	}
	for i := range drafts {
		if d, ok := planned[strings.ToLower(drafts[i].name)]; ok {
			p.fleet.Deckies = append(p.fleet.Deckies, d)
		}
	}
	return p.fleet, p.assignAddrs6(drafts)
}

// byName returns the indexes of drafts in the order in which they are planned: by name, the
// shorter first, so that of two that draw the same host name or services the same one has
// them, wherever they are in a document.
func byName(drafts []draft) []int {
	order := make([]int, len(drafts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := drafts[a].name, drafts[b].name
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	return order
}

func (p *planner) checkNetwork() error {
	if !p.opt.Subnet.IsValid() {
		if p.opt.Mode != ModeLocal {
			return fmt.Errorf("fleet: a fleet on the LAN needs a subnet, for example net = 192.168.1.0/24 in [general]: %w", decnet.ErrSemantic)
		}
		return nil
	}
	if gw := p.opt.Gateway; gw.IsValid() && !p.opt.Subnet.Contains(gw) {
		return fmt.Errorf("fleet: gateway %s is not in subnet %s: %w", gw, p.opt.Subnet, decnet.ErrSemantic)
	}
	if _, err := checkNetwork6(p.opt); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// checkNetwork6 says what is wrong with the network of second addresses, and the key of
// [general] that says so.
func checkNetwork6(opt Options) (key string, err error) {
	subnet, gw := opt.Subnet6, opt.Gateway6
	switch {
	case !subnet.IsValid() && gw.IsValid():
		return "gw6", fmt.Errorf("gateway %s has no subnet, for example net6 = fd00:1::/64: %w", gw, decnet.ErrSemantic)
	case !subnet.IsValid():
		return "", nil
	case !subnet.Addr().Is6() || subnet.Addr().Is4In6() || subnet.Addr().IsMulticast() || subnet.Addr().IsLinkLocalUnicast():
		return "net6", fmt.Errorf("%s is not an IPv6 subnet of machines such as fd00:1::/64: %w", subnet, decnet.ErrSemantic)
	case opt.Subnet.IsValid() && !opt.Subnet.Addr().Is4():
		return "net6", fmt.Errorf("the deckies have addresses of IPv6 already, in %s: %w", opt.Subnet, decnet.ErrSemantic)
	case gw.IsValid() && (!gw.Is6() || gw.Zone() != "" || !subnet.Contains(gw) && !gw.IsLinkLocalUnicast()):
		return "gw6", fmt.Errorf("gateway %s is neither in the subnet %s nor link-local: %w", gw, subnet, decnet.ErrSemantic)
	}
	return "", nil
}

// checkNames refuses two drafts of one name and sorts the existing deckies into those
// that stay and those that are replaced.
func (p *planner) checkNames(drafts []draft) error {
	first := make(map[string]*draft, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		if other, ok := first[strings.ToLower(d.name)]; ok {
			return d.fault("", fmt.Errorf("decky %s is already defined by %s, letters count without their case: %w", d.name, other.at(""), decnet.ErrSemantic))
		}
		first[strings.ToLower(d.name)] = d
	}
	for _, old := range p.opt.Existing.Deckies {
		if _, ok := first[strings.ToLower(old.Name)]; ok {
			p.replaced[strings.ToLower(old.Name)] = old.Addr
			continue
		}
		p.kept = append(p.kept, old)
		p.addrs[old.Addr] = old.Name
		if old.Addr6.IsValid() {
			p.addrs[old.Addr6] = old.Name
		}
		p.hostnames[strings.ToLower(old.Hostname)] = true
	}
	for _, old := range p.opt.Existing.Deckies {
		name, host := strings.ToLower(old.Name), strings.ToLower(old.Hostname)
		if _, ok := first[name]; ok && !p.hostnames[host] {
			p.reserved[name], p.hostnames[host] = host, true
		}
	}
	return nil
}

// assignAddrs checks the addresses that drafts ask for and gives one to each of the others.
func (p *planner) assignAddrs(drafts []draft) error {
	claim := func(d *draft, key string, a netip.Addr, s side) error {
		if !a.IsValid() {
			return nil
		}
		if why := p.refusal(a, s); why != "" {
			return d.fault(key, fmt.Errorf("address %s is %s: %w", a, why, decnet.ErrSemantic))
		}
		p.addrs[a] = d.name
		return nil
	}
	for i := range drafts {
		d := &drafts[i]
		if err := claim(d, "ip", d.addr, p.side()); err != nil {
			return err
		}
		if d.addr6.IsValid() && !p.opt.Subnet6.IsValid() && p.opt.Mode != ModeLocal {
			return d.fault("ip6", fmt.Errorf("a second address needs a subnet, for example net6 = fd00:1::/64 in [general]: %w", decnet.ErrSemantic))
		}
		if err := claim(d, "ip6", d.addr6, p.side6()); err != nil {
			return err
		}
	}
	var open []*draft
	for i := range drafts {
		d := &drafts[i]
		if d.addr.IsValid() {
			continue
		}
		if old := p.replaced[strings.ToLower(d.name)]; old.IsValid() && p.refusal(old, p.side()) == "" {
			d.addr = old
			p.addrs[old] = d.name
			continue
		}
		open = append(open, d)
	}
	free, err := p.allocate(len(open))
	if err != nil {
		return err
	}
	for i, d := range open {
		d.addr = free[i]
		p.addrs[d.addr] = d.name
	}
	return nil
}

// side is what a plan knows of where addresses of one kind are.
type side struct {
	subnet        netip.Prefix
	gateway, host netip.Addr
}

func (p *planner) side() side { return side{p.opt.Subnet, p.opt.Gateway, p.opt.Host} }

func (p *planner) side6() side { return side{p.opt.Subnet6, p.opt.Gateway6, p.opt.Host6} }

// refusal says why a cannot be the address of a decky in s, "" when it can.
func (p *planner) refusal(a netip.Addr, s side) string {
	if other, ok := p.addrs[a]; ok {
		return "already that of " + other
	}
	switch {
	case a.Zone() != "":
		return "bound to a zone, which deckies cannot have"
	case a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "not that of a single machine"
	case a == s.gateway:
		return "the gateway"
	case a == s.host:
		return "the host itself"
	case s.subnet.IsValid() && !s.subnet.Contains(a):
		return "outside of the subnet " + s.subnet.Masked().String()
	case s.subnet.IsValid():
		if r := Reserved(s.subnet, a); r != "" {
			return r + " of the subnet " + s.subnet.Masked().String()
		}
	}
	return ""
}

func (p *planner) allocate(n int) ([]netip.Addr, error) {
	taken := func(a netip.Addr) bool { return p.refusal(a, p.side()) != "" }
	if p.opt.Subnet.IsValid() {
		return Allocate(p.opt.Subnet, n, p.opt.First, taken)
	}
	a := p.opt.First
	if !a.IsValid() {
		a = loopbackBase
	}
	free := make([]netip.Addr, 0, n)
	for range n {
		if a = nextLocal(a, taken); !a.IsValid() {
			return nil, fmt.Errorf("fleet: no address is left after %d deckies: %w", len(free), decnet.ErrSemantic)
		}
		free = append(free, a)
		a = a.Next()
	}
	return free, nil
}

func (p *planner) decky(d *draft) (decnet.Decky, error) {
	seed := deckySeed(p.opt.Seed, d.name)
	decky := decnet.Decky{
		Name: d.name, Addr: d.addr, Addr6: d.addr6, Seed: seed, Archetype: d.archetype,
		Services: slices.Clone(d.services), Config: d.config, Egress: d.egress,
		MutateInterval: d.mutate, LastMutated: p.opt.Now().UTC(),
	}
	id, err := Identity(decky)
	if err != nil {
		return decky, err
	}
	decky.OSFamily = d.osFamily
	pool := d.distros
	if d.archetype != "" {
		arch, err := ArchetypeOf(d.archetype)
		if err != nil {
			return decky, d.fault("archetype", err)
		}
		if len(decky.Services) == 0 {
			decky.Services = arch.Services
			if err := p.checkArchetype(arch); err != nil {
				return decky, d.fault("archetype", err)
			}
		}
		decky.OSFamily = cmp.Or(decky.OSFamily, arch.OSFamily)
		if len(pool) == 0 {
			pool = arch.Distros
		}
	}
	if d.random {
		if decky.Services, err = p.randomServices(id); err != nil {
			return decky, d.fault("services", err)
		}
	}
	slices.Sort(decky.Services)
	if _, err := Ports(p.reg, decky.Services); err != nil {
		return decky, d.fault("services", err)
	}
	if len(pool) == 0 {
		pool = distroSlugs()
	}
	if pool, err = p.prepared(d, decky, pool); err != nil {
		return decky, err
	}
	at, err := p.cycle(d, len(pool))
	if err != nil {
		return decky, err
	}
	distro, err := DistroOf(pool[at])
	if err != nil {
		return decky, d.fault("distro", err)
	}
	decky.OSFamily = cmp.Or(decky.OSFamily, "linux")
	if _, err := Sysctls(decky.OSFamily); err != nil {
		return decky, d.fault("nmap_os", err)
	}
	decky.Distro = distro.Slug
	own, ok := p.reserved[strings.ToLower(d.name)]
	delete(p.hostnames, own)
	decky.Hostname = Hostname(distro.Style, id.Rand("hostname"), p.hostnames)
	p.hostnames[strings.ToLower(decky.Hostname)] = true
	if ok {
		p.hostnames[own] = true
	}
	return decky, p.checkConfig(d, decky)
}

// cycle returns which of n d has. Those of a group have one after the other, from one on that
// the seed and the name of the group say.
func (p *planner) cycle(d *draft, n int) (int, error) {
	if d.group == "" {
		return d.ordinal % n, nil
	}
	id, err := Identity(decnet.Decky{Name: d.group, Seed: deckySeed(p.opt.Seed, d.group)})
	if err != nil {
		return 0, err
	}
	return (id.Rand("distro").IntN(n) + d.ordinal) % n, nil
}

// prepared returns those distributions of pool that the real programs among the services of
// a decky are prepared for.
func (p *planner) prepared(d *draft, decky decnet.Decky, pool []string) ([]string, error) {
	for _, name := range decky.Services {
		svc, err := p.reg.Lookup(name)
		if err != nil {
			return nil, d.fault("services", err)
		}
		asks, ok := svc.(services.Containerizer)
		if !ok {
			continue
		}
		c, err := asks.Container(decky.Config[name])
		if err != nil || c.Distros == nil {
			continue // checkConfig says what is wrong
		}
		fits := slices.DeleteFunc(slices.Clone(pool), func(slug string) bool { return !slices.Contains(c.Distros, slug) })
		if len(fits) == 0 {
			return nil, d.fault("."+name, fmt.Errorf("the real program of %s is prepared for %s, and the decky can claim to be %s alone: %w",
				name, strings.Join(c.Distros, ", "), strings.Join(pool, ", "), decnet.ErrSemantic))
		}
		pool = fits
	}
	return pool, nil
}

// checkArchetype names every service of arch that the registry lacks.
func (p *planner) checkArchetype(arch Archetype) error {
	var missing []string
	known := p.reg.Names()
	for _, name := range arch.Services {
		if !slices.Contains(known, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("archetype %s needs %s, which this program does not have: %w", arch.Slug, strings.Join(missing, ", "), decnet.ErrSemantic)
	}
	return nil
}

// randomServices draws one to three services that fit on one decky, where possible a set
// that no other decky of the plan has.
func (p *planner) randomServices(id services.Identity) ([]string, error) {
	known := p.reg.Names()
	if len(known) == 0 {
		return nil, fmt.Errorf("there are no services to choose from: %w", decnet.ErrSemantic)
	}
	r := id.Rand("services")
	var set []string
	for range 20 {
		set = set[:0]
		want := 1 + r.IntN(min(3, len(known)))
		for _, i := range r.Perm(len(known)) {
			if len(set) == want {
				break
			}
			if _, err := Ports(p.reg, append(set, known[i])); err == nil {
				set = append(set, known[i])
			}
		}
		slices.Sort(set)
		if key := strings.Join(set, ","); !p.sets[key] {
			p.sets[key] = true
			break
		}
	}
	return set, nil
}

// checkConfig lets each service that has settings check them, as it will at the start.
func (p *planner) checkConfig(d *draft, decky decnet.Decky) error {
	id, err := Identity(decky)
	if err != nil {
		return err
	}
	for _, name := range decky.Services {
		cfg := services.Config(decky.Config[name])
		if len(cfg) == 0 {
			continue
		}
		svc, err := p.reg.Lookup(name)
		if err != nil {
			return d.fault("services", err)
		}
		if err := p.checkFiles(svc, cfg); err != nil {
			return d.fault("."+name, err)
		}
		if err := checkConfig(svc, services.Env{Decky: decky.Name, Identity: id}, cfg); err != nil {
			return d.fault("."+name, err)
		}
	}
	return nil
}

// checkFiles refuses settings that name files, where the plan may have none. It comes before
// they are looked for, so that the answer does not tell whether there is such a file.
func (p *planner) checkFiles(svc services.Service, cfg services.Config) error {
	if !p.opt.NoFiles {
		return nil
	}
	for _, k := range svc.Info().Keys {
		if k.Type == services.KeyPath && cfg[k.Name] != "" {
			return fmt.Errorf("%s names a file of the machine, which only its operator may: %w", k.Name, decnet.ErrSemantic)
		}
	}
	return nil
}

// checkConfig says why svc cannot be set as cfg says. Only what serves in this process is
// made to try.
func checkConfig(svc services.Service, env services.Env, cfg services.Config) error {
	if _, custom := svc.(Custom); custom {
		_, err := cfg.Check(svc.Info())
		return err
	}
	contained, err := services.Contained(svc, cfg)
	if err == nil && !contained {
		_, err = svc.New(env, cfg)
	}
	return err
}
