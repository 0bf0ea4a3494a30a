package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// maxAmount bounds how many deckies one section makes.
const maxAmount = 100

// NetworkOf returns what [general] of an INI document says of the LAN: the fields
// Interface, Subnet, Gateway, Subnet6 and Gateway6, each zero where it says nothing. Errors
// wrap decnet.ErrSemantic.
func NetworkOf(text []byte) (Options, error) {
	var opt Options
	doc, err := parseINI(text)
	if err == nil {
		_, err = doc.readGeneral(&opt)
	}
	return opt, err
}

// DescribesDeckies reports whether an INI document has a section that is a decky, and not only
// [general] and definitions of custom services. Its errors are those of FromINI.
func DescribesDeckies(text []byte) (bool, error) {
	doc, err := parseINI(text)
	return err == nil && len(doc.others) > 0, err
}

// FromINI plans the fleet that an INI document describes; the package comment shows the
// format. A document with nothing but [general] gives a fleet without deckies. What the
// document says about the network wins over opt.
//
// An error names the line, the section and the key, and what is accepted. It wraps
// decnet.ErrInvalid when text is larger than MaxINI (ErrTooLarge) or not UTF-8, or when the
// mode of opt is unknown, and decnet.ErrSemantic in all other cases.
func FromINI(reg *services.Registry, text []byte, opt Options) (decnet.Fleet, error) {
	doc, err := parseINI(text)
	if err != nil {
		return decnet.Fleet{}, err
	}
	g, err := doc.readGeneral(&opt)
	if err != nil {
		return decnet.Fleet{}, err
	}
	p, err := newPlanner(reg, opt)
	if err != nil {
		return decnet.Fleet{}, err
	}
	p.fleet.LogTarget = cmp.Or(g.logTarget, p.fleet.LogTarget)
	p.fleet.MutateInterval = cmp.Or(opt.MutateInterval, g.mutate, p.fleet.MutateInterval)
	customs, err := doc.readCustoms(p)
	if err != nil {
		return decnet.Fleet{}, err
	}
	drafts, err := doc.readDeckies(p, customs)
	if err != nil {
		return decnet.Fleet{}, err
	}
	return p.plan(drafts)
}

// iniDocument is an INI document by the roles of its sections.
type iniDocument struct {
	general *section
	customs []*section
	others  []*section // deckies, and settings of their services
	config  map[string]map[string]*section
}

func parseINI(text []byte) (*iniDocument, error) {
	sections, err := readINI(text)
	if err != nil {
		return nil, err
	}
	doc := &iniDocument{config: make(map[string]map[string]*section)}
	return doc, doc.sort(sections)
}

func (doc *iniDocument) sort(sections []*section) error {
	for _, s := range sections {
		switch {
		case s.name == "general":
			doc.general = s
		case strings.HasPrefix(s.name, "custom-"):
			doc.customs = append(doc.customs, s)
		case strings.EqualFold(s.name, "general"), strings.EqualFold(s.name, "default"):
			return fmt.Errorf("fleet: %s: a section of this name has no meaning, settings of the fleet belong into [general]: %w", s.at(""), decnet.ErrSemantic)
		default:
			doc.others = append(doc.others, s)
		}
	}
	return nil
}

// general holds what [general] says beside the network.
type general struct {
	logTarget string
	mutate    time.Duration
}

// checkTarget refuses what is no address of a log server.
func checkTarget(v string) error {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(v, "tls:"))
	number, unnumbered := strconv.Atoi(port) // a name, such as syslog-tls, is for whoever connects
	if err != nil || host == "" || port == "" || unnumbered == nil && (number < 1 || number > 65535) {
		return fmt.Errorf("%q is not HOST:PORT or tls:HOST:PORT: %w", v, decnet.ErrSemantic)
	}
	return nil
}

func (doc *iniDocument) readGeneral(opt *Options) (general, error) {
	var g general
	if doc.general == nil {
		return g, nil
	}
	set := map[string]func(string) error{
		"net": func(v string) (err error) {
			if opt.Subnet, err = netip.ParsePrefix(v); err != nil {
				return fmt.Errorf("%q is not a subnet such as 192.168.1.0/24 or fd00:1::/64: %w", v, decnet.ErrSemantic)
			}
			for _, a := range []*netip.Addr{&opt.Gateway, &opt.First} {
				if !opt.Subnet.Contains(*a) {
					*a = netip.Addr{}
				}
			}
			return nil
		},
		"gw": func(v string) (err error) { opt.Gateway, err = parseAddr(v); return err },
		"net6": func(v string) (err error) {
			if opt.Subnet6, err = netip.ParsePrefix(v); err != nil || !opt.Subnet6.Addr().Is6() {
				return fmt.Errorf("%q is not an IPv6 subnet such as fd00:1::/64: %w", v, decnet.ErrSemantic)
			}
			if !opt.Subnet6.Contains(opt.Gateway6) && !opt.Gateway6.IsLinkLocalUnicast() {
				opt.Gateway6 = netip.Addr{}
			}
			return nil
		},
		"gw6":        func(v string) (err error) { opt.Gateway6, err = parseAddr6(v); return err },
		"interface":  func(v string) error { opt.Interface = v; return nil },
		"log_target": func(v string) (err error) { g.logTarget, err = v, checkTarget(v); return err },
		"mutate_interval": func(v string) (err error) {
			g.mutate, err = parseMinutes(v)
			return err
		},
	}
	if err := doc.general.apply([]string{"net", "gw", "net6", "gw6", "interface", "mutate_interval", "log_target"}, set); err != nil {
		return g, err
	}
	check := *opt
	if !check.Subnet6.IsValid() {
		check.Subnet6 = opt.Existing.Subnet6
	}
	if key, err := checkNetwork6(check); err != nil {
		return g, fmt.Errorf("fleet: %s: %w", doc.general.at(key), err)
	}
	return g, nil
}

// apply hands the value of each key of s to its setter, in the order of keys.
func (s *section) apply(keys []string, set map[string]func(string) error) error {
	if err := s.hyphensToUnderscores(); err != nil {
		return err
	}
	for _, e := range s.entries {
		if !slices.Contains(keys, e.key) {
			return fmt.Errorf("fleet: %s: unknown key, accepted: %s: %w", s.at(e.key), strings.Join(keys, ", "), decnet.ErrSemantic)
		}
	}
	for _, key := range keys {
		i, ok := s.index[key]
		if !ok {
			continue
		}
		if s.entries[i].value == "" {
			return fmt.Errorf("fleet: %s: the value is missing: %w", s.at(key), decnet.ErrSemantic)
		}
		if err := set[key](s.entries[i].value); err != nil {
			return fmt.Errorf("fleet: %s: %w", s.at(key), err)
		}
	}
	return nil
}

// hyphensToUnderscores gives the keys that may be written either way one spelling.
func (s *section) hyphensToUnderscores() error {
	for i := range s.entries {
		e := &s.entries[i]
		key := strings.ReplaceAll(e.key, "-", "_")
		if key == e.key {
			continue
		}
		if other, ok := s.index[key]; ok {
			return fmt.Errorf("fleet: %s: %s is already set on line %d: %w", s.at(e.key), key, s.entries[other].line, decnet.ErrSemantic)
		}
		delete(s.index, e.key)
		s.index[key], e.key = i, key
	}
	return nil
}

func parseAddr(v string) (netip.Addr, error) {
	a, err := netip.ParseAddr(v)
	if err != nil {
		return a, fmt.Errorf("%q is not an IP address: %w", v, decnet.ErrSemantic)
	}
	return a.Unmap(), nil
}

func parseAddr6(v string) (netip.Addr, error) {
	a, err := netip.ParseAddr(v)
	if err != nil || !a.Is6() || a.Is4In6() {
		return a, fmt.Errorf("%q is not an IPv6 address: %w", v, decnet.ErrSemantic)
	}
	return a, nil
}

func parseMinutes(v string) (time.Duration, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 100*365*24*60 {
		return 0, fmt.Errorf("%q is not a number of minutes, at least 1: %w", v, decnet.ErrSemantic)
	}
	return time.Duration(n) * time.Minute, nil
}

// readCustoms reads the custom services and adds them to p's registry.
func (doc *iniDocument) readCustoms(p *planner) (map[string]Custom, error) {
	customs := make(map[string]Custom)
	for _, s := range doc.customs {
		c := Custom{Name: strings.TrimPrefix(s.name, "custom-")}
		if err := checkCustomName(c.Name); err != nil {
			return nil, fmt.Errorf("fleet: %s: %w", s.at(""), err)
		}
		err := s.apply([]string{"binary", "exec", "ports"}, map[string]func(string) error{
			"binary": func(v string) error { c.Image = v; return nil },
			"exec":   func(v string) error { c.Exec = v; return nil },
			"ports":  func(v string) (err error) { c.Ports, err = parsePorts(v); return err },
		})
		if err != nil {
			return nil, err
		}
		if c.Image == "" {
			return nil, fmt.Errorf("fleet: %s: binary, the container image, is missing: %w", s.at(""), decnet.ErrSemantic)
		}
		others := p.reg.All()
		if known, err := p.reg.Lookup(c.Name); err == nil {
			if _, custom := known.(Custom); !custom {
				return nil, fmt.Errorf("fleet: %s: there is a service called %s already: %w", s.at(""), c.Name, decnet.ErrSemantic)
			}
			// That of an existing decky, which the document may define anew.
			others = slices.DeleteFunc(others, func(o services.Service) bool { return o.Info().Name == c.Name })
		}
		reg, err := services.NewRegistry(append(others, c)...)
		if err != nil {
			return nil, fmt.Errorf("fleet: %s: name %q is not made of a-z, 0-9, _ and -: %w", s.at(""), c.Name, decnet.ErrSemantic)
		}
		p.reg = reg
		customs[c.Name] = c
	}
	return customs, nil
}

// readDeckies reads the sections of deckies and of their services.
func (doc *iniDocument) readDeckies(p *planner, customs map[string]Custom) ([]draft, error) {
	names := p.reg.Names()
	var deckies, settings []*section
	for _, s := range doc.others {
		if i := strings.LastIndexByte(s.name, '.'); i > 0 && slices.Contains(names, s.name[i+1:]) {
			settings = append(settings, s)
		} else {
			deckies = append(deckies, s)
		}
	}
	var drafts []draft
	byName := make(map[string][]int) // indexes of drafts by name and by group
	for _, s := range deckies {
		group, err := s.drafts()
		if err != nil {
			return nil, err
		}
		for _, d := range group {
			if d.name != s.name {
				byName[s.name] = append(byName[s.name], len(drafts))
			}
			byName[d.name] = append(byName[d.name], len(drafts))
			drafts = append(drafts, d)
		}
	}
	if len(drafts) > maxDeckies {
		return nil, fmt.Errorf("fleet: %d deckies were asked for, at most %d are possible: %w", len(drafts), maxDeckies, decnet.ErrSemantic)
	}
	for i := range drafts {
		for _, name := range drafts[i].services {
			if c, ok := customs[name]; ok {
				drafts[i].configure(name, c.config())
			}
		}
	}
	// Settings of a group come before those of one of its members.
	slices.SortStableFunc(settings, func(a, b *section) int {
		return len(byName[deckyOf(b)]) - len(byName[deckyOf(a)])
	})
	for _, s := range settings {
		targets := byName[deckyOf(s)]
		if len(targets) == 0 {
			return nil, fmt.Errorf("fleet: %s: there is no decky called %s: %w", s.at(""), deckyOf(s), decnet.ErrSemantic)
		}
		if err := s.configure(drafts, targets); err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

// deckyOf returns the decky or group that a section of settings is for.
func deckyOf(s *section) string { return s.name[:strings.LastIndexByte(s.name, '.')] }

// configure gives the settings in s to those of drafts that targets lists.
func (s *section) configure(drafts []draft, targets []int) error {
	service := s.name[strings.LastIndexByte(s.name, '.')+1:]
	values := make(map[string]string, len(s.entries))
	for _, e := range s.entries {
		values[e.key] = e.value
	}
	for _, i := range targets {
		d := &drafts[i]
		if !d.random && !d.canRun(service) {
			return fmt.Errorf("fleet: %s: %s does not run %s: %w", s.at(""), d.name, service, decnet.ErrSemantic)
		}
		d.configure(service, values)
		at := d.at
		d.at = func(key string) string {
			if key == "."+service {
				return s.at("")
			}
			return at(key)
		}
	}
	return nil
}

// canRun reports whether d has service now or may have it after a mutation.
func (d *draft) canRun(service string) bool {
	if slices.Contains(d.services, service) {
		return true
	}
	a, err := ArchetypeOf(d.archetype)
	return err == nil && slices.Contains(a.Services, service)
}

func (d *draft) configure(service string, values map[string]string) {
	if d.config == nil {
		d.config = make(map[string]map[string]string)
	}
	if d.config[service] == nil {
		d.config[service] = make(map[string]string)
	}
	maps.Copy(d.config[service], values)
}

// drafts reads the section of a decky or a group of deckies.
func (s *section) drafts() ([]draft, error) {
	d := draft{name: s.name, group: s.name, at: s.at}
	amount := 1
	err := s.apply([]string{"ip", "ip6", "services", "archetype", "distro", "nmap_os", "mutate_interval", "amount", "egress"}, map[string]func(string) error{
		"ip":  func(v string) (err error) { d.addr, err = parseAddr(v); return err },
		"ip6": func(v string) (err error) { d.addr6, err = parseAddr6(v); return err },
		"services": func(v string) error {
			if d.services = splitList(v); len(d.services) == 0 {
				return fmt.Errorf("%q names no service: %w", v, decnet.ErrSemantic)
			}
			return nil
		},
		"archetype": func(v string) (err error) { d.archetype = v; _, err = ArchetypeOf(v); return err },
		"distro": func(v string) error {
			if d.distros = splitList(v); len(d.distros) == 0 {
				return fmt.Errorf("%q names no distribution: %w", v, decnet.ErrSemantic)
			}
			for _, slug := range d.distros {
				if _, err := DistroOf(slug); err != nil {
					return err
				}
			}
			return nil
		},
		"nmap_os": func(v string) (err error) { d.osFamily = v; _, err = Sysctls(v); return err },
		"mutate_interval": func(v string) (err error) {
			d.mutate, err = parseMinutes(v)
			return err
		},
		"amount": func(v string) (err error) {
			if amount, err = strconv.Atoi(v); err != nil || amount < 1 || amount > maxAmount {
				return fmt.Errorf("%q is not a number from 1 to %d: %w", v, maxAmount, decnet.ErrSemantic)
			}
			return nil
		},
		"egress": func(v string) error {
			d.egress = splitList(v)
			_, err := ParseExits(d.egress)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	if err := CheckName(s.name); err != nil {
		return nil, d.fault("", err)
	}
	d.random = d.archetype == "" && len(d.services) == 0
	if amount == 1 {
		return []draft{d}, nil
	}
	for _, key := range []string{"ip", "ip6"} {
		if _, set := s.index[key]; set {
			return nil, d.fault(key, fmt.Errorf("%d deckies cannot share one address, leave out %s or amount: %w", amount, key, decnet.ErrSemantic))
		}
	}
	group := make([]draft, amount)
	for i := range group {
		group[i] = d
		group[i].name = fmt.Sprintf("%s-%02d", s.name, i+1)
		group[i].ordinal = i
		if err := CheckName(group[i].name); err != nil {
			return nil, d.fault("", err)
		}
	}
	return group, nil
}
