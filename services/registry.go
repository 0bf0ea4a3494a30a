package services

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// Registry is an immutable set of services, safe for concurrent use. The zero value is
// an empty set.
type Registry struct {
	sorted []Service
}

// NewRegistry makes a Registry. Two services of one name, or a service whose name is not
// a slug, give an error that wraps decnet.ErrConflict or decnet.ErrInvalid.
func NewRegistry(list ...Service) (*Registry, error) {
	r := &Registry{sorted: slices.Clone(list)}
	slices.SortFunc(r.sorted, byName)
	for i, s := range r.sorted {
		name := s.Info().Name
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || name == "" {
			return nil, fmt.Errorf("services: name %q is not a slug of a-z, 0-9, _ and -: %w", name, decnet.ErrInvalid)
		}
		if i > 0 && r.sorted[i-1].Info().Name == name {
			return nil, fmt.Errorf("services: %s is registered twice: %w", name, decnet.ErrConflict)
		}
	}
	return r, nil
}

func byName(a, b Service) int { return cmp.Compare(a.Info().Name, b.Info().Name) }

// Lookup returns the service called name. An unknown name gives an error that wraps
// decnet.ErrNotFound and lists the known ones.
func (r *Registry) Lookup(name string) (Service, error) {
	i, ok := slices.BinarySearchFunc(r.sorted, name, func(s Service, name string) int {
		return cmp.Compare(s.Info().Name, name)
	})
	if !ok {
		return nil, fmt.Errorf("services: %q is not one of %s: %w", name, strings.Join(r.Names(), ", "), decnet.ErrNotFound)
	}
	return r.sorted[i], nil
}

// All returns every service, sorted by name.
func (r *Registry) All() []Service { return slices.Clone(r.sorted) }

// Names returns the sorted names of the services that a decky can have, that is without
// the singletons.
func (r *Registry) Names() []string {
	var names []string
	for _, s := range r.sorted {
		if info := s.Info(); !info.Singleton {
			names = append(names, info.Name)
		}
	}
	return names
}

// With returns a Registry that has the services of r and s.
func (r *Registry) With(s ...Service) (*Registry, error) {
	return NewRegistry(append(r.All(), s...)...)
}
