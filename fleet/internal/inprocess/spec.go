package inprocess

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// unitID names one service of one decky.
type unitID struct{ decky, service string }

// endpoint is where a socket is bound.
type endpoint struct {
	place   Place
	network string // "tcp" or "udp"
	addr    netip.AddrPort
}

// spec is all that decides how one service of one decky behaves.
type spec struct {
	id        unitID
	place     Place
	svc       services.Service
	identity  services.Identity
	host      *services.Host // that of the decky
	config    services.Config
	ports     []services.Port // as declared
	endpoints []endpoint      // as bound, in the same order for each address of the decky
}

// port returns what the endpoint of index i was declared as.
func (s *spec) port(i int) services.Port { return s.ports[i%len(s.ports)] }

func (s *spec) same(o *spec) bool {
	return s.identity == o.identity && s.place == o.place && maps.Equal(s.config, o.config) &&
		slices.Equal(s.ports, o.ports) && slices.Equal(s.endpoints, o.endpoints)
}

// in returns s with its sockets in place.
func (s spec) in(place Place) spec {
	s.place = place
	s.endpoints = slices.Clone(s.endpoints)
	for i := range s.endpoints {
		s.endpoints[i].place = place
	}
	return s
}

// listen binds a further TCP socket for the service.
func (s *spec) listen(ctx context.Context, addr netip.AddrPort) (l net.Listener, err error) {
	if addr.Addr().IsLinkLocalUnicast() && addr.Addr().Is6() {
		addr = netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port()) // the socket is told no zone
	}
	err = s.place.Within(func() error {
		l, err = services.Listen(ctx, addr)
		return err
	})
	return l, err
}

// specs says what f needs, in the order of f. It refuses what cannot be.
func (r *Runtime) specs(f decnet.Fleet) ([]spec, error) {
	reg, err := fleet.WithCustom(r.reg, f)
	if err != nil {
		return nil, err
	}
	var specs []spec
	names := make(map[string]bool)
	owners := make(map[endpoint]unitID)
	for _, d := range f.Deckies {
		if err := fleet.CheckName(d.Name); err != nil {
			return nil, r.errorf("%w", err)
		}
		if names[d.Name] {
			return nil, r.errorf("two deckies are called %s: %w", d.Name, decnet.ErrInvalid)
		}
		names[d.Name] = true
		list, err := r.deckySpecs(reg, d)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			for _, e := range s.endpoints {
				if e.addr.Addr().IsUnspecified() {
					continue // in a place of its own
				}
				if other, ok := owners[e]; ok {
					return nil, r.errorf("%s and %s both want %s/%s: %w", other.decky, d.Name, e.addr, e.network, decnet.ErrSemantic)
				}
				owners[e] = s.id
			}
		}
		specs = append(specs, list...)
	}
	return specs, nil
}

func (r *Runtime) deckySpecs(reg *services.Registry, d decnet.Decky) ([]spec, error) {
	id, err := fleet.Identity(d)
	if err != nil {
		return nil, err
	}
	if !d.Addr.IsValid() {
		return nil, r.errorf("%s has no address: %w", d.Name, decnet.ErrInvalid)
	}
	ports, err := fleet.Ports(reg, d.Services)
	if err != nil {
		return nil, r.errorf("%s: %w", d.Name, err)
	}
	host := r.host(d)
	specs := make([]spec, 0, len(d.Services))
	for _, name := range d.Services {
		svc, err := reg.Lookup(name)
		if err != nil {
			return nil, r.errorf("%s: %w", d.Name, err)
		}
		if contained, err := services.Contained(svc, d.Config[name]); err != nil || contained {
			if err == nil {
				err = fmt.Errorf("%s needs a container, which this runtime has none of; the docker runtime has: %w", name, decnet.ErrSemantic)
			}
			return nil, r.errorf("%s: %w", d.Name, err)
		}
		s := spec{
			id: unitID{d.Name, name}, svc: svc, identity: id, host: host,
			config: services.Config(maps.Clone(d.Config[name])), ports: ports[name],
		}
		for _, a := range []netip.Addr{d.Addr, d.Addr6} {
			if !a.IsValid() {
				continue
			}
			if a == d.Addr6 && r.opt.OwnIPv6 {
				a = netip.IPv6Unspecified()
			}
			for _, p := range s.ports {
				n := int(p.Number) + r.opt.PortOffset
				if n < 1 || n > 65535 {
					return nil, r.errorf("%s: %s: port %s with the offset %d is no port number: %w", d.Name, name, p, r.opt.PortOffset, decnet.ErrSemantic)
				}
				s.endpoints = append(s.endpoints, endpoint{nil, p.Network, netip.AddrPortFrom(a, uint16(n))})
			}
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// host returns the Host of the decky, which stays the same for as long as a service of it
// does.
func (r *Runtime) host(d decnet.Decky) *services.Host {
	for _, name := range d.Services {
		if u, ok := r.units[unitID{d.Name, name}]; ok {
			return u.spec.host
		}
	}
	return new(services.Host)
}

// makeServers makes the first server of each unit. Some derive keys, which takes time, so
// all processors are used.
func makeServers(units []*unit) error {
	errs := make([]error, len(units))
	busy := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, u := range units {
		busy <- struct{}{}
		wg.Go(func() {
			defer func() { <-busy }()
			if err := u.makeServer(); err != nil {
				errs[i] = fmt.Errorf("%s: %w", u.spec.id.decky, err)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
