package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Ports assigns the ports of a decky to its services, which are called names. The first
// port that a service declares is its own. A further port goes to the service whose own it
// is, where there is one, and its declarer serves the others. An unknown service, one that
// runs once per fleet, and two services that need the same port give an error that wraps
// decnet.ErrSemantic.
func Ports(reg *services.Registry, names []string) (map[string][]services.Port, error) {
	infos := make([]services.Info, len(names))
	owner := make(map[services.Port]string)
	for i, name := range names {
		svc, err := reg.Lookup(name)
		if err != nil {
			return nil, fmt.Errorf("service %q is not one of %s: %w", name, strings.Join(reg.Names(), ", "), decnet.ErrSemantic)
		}
		info := svc.Info()
		if info.Singleton {
			return nil, fmt.Errorf("service %s runs once per fleet and not on a decky: %w", name, decnet.ErrSemantic)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("service %s is given twice: %w", name, decnet.ErrSemantic)
		}
		infos[i] = info
		if len(info.Ports) > 0 {
			if other, ok := owner[info.Ports[0]]; ok {
				return nil, portConflict(other, name, info.Ports[0])
			}
			owner[info.Ports[0]] = name
		}
	}
	assigned := make(map[string][]services.Port, len(names))
	shared := make(map[services.Port]string)
	for _, info := range infos {
		for i, p := range info.Ports {
			if i > 0 {
				if _, taken := owner[p]; taken {
					continue
				}
				if other, ok := shared[p]; ok {
					return nil, portConflict(other, info.Name, p)
				}
				shared[p] = info.Name
			}
			assigned[info.Name] = append(assigned[info.Name], p)
		}
	}
	return assigned, nil
}

func portConflict(a, b string, p services.Port) error {
	return fmt.Errorf("services %s and %s both need port %s, a decky can run only one of them: %w", a, b, p, decnet.ErrSemantic)
}

// Served returns what d runs as its other services show it, where each has a process of its
// own. ports is what [Ports] returns. A service whose settings are refused has no product:
// whoever makes the service is told why.
func Served(reg *services.Registry, d decnet.Decky, ports map[string][]services.Port) []services.Served {
	var list []services.Served
	id, err := Identity(d)
	if err != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		s := services.Served{Service: name, Ports: ports[name]}
		svc, err := reg.Lookup(name)
		if v, ok := svc.(services.Variant); ok && err == nil {
			if product, err := v.Product(id, d.Config[name]); err == nil {
				s.Product = product
			}
		}
		list = append(list, s)
	}
	return list
}
