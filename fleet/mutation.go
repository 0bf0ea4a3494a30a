package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// ErrImmutable says that a decky cannot have any other set of services, as one whose
// archetype has a single service. It wraps decnet.ErrConflict.
var ErrImmutable = fmt.Errorf("no other set of services is possible: %w", decnet.ErrConflict)

// maxMutated is the number of services that a decky has at most after a mutation.
const maxMutated = 3

// Interval returns how often d, one of f, changes: as it says, or else f. 0: never.
func Interval(f decnet.Fleet, d decnet.Decky) time.Duration {
	return max(cmp.Or(d.MutateInterval, f.MutateInterval), 0)
}

// Due returns the names of the deckies of f whose time to change has come at now, in the
// order of the fleet, and when the next of the others is due: zero when none ever is.
func Due(f decnet.Fleet, now time.Time) (names []string, next time.Time) {
	for _, d := range f.Deckies {
		interval := Interval(f, d)
		if interval == 0 {
			continue
		}
		switch due := d.LastMutated.Add(interval); {
		case !due.After(now):
			names = append(names, d.Name)
		case next.IsZero() || due.Before(next):
			next = due
		}
	}
	return names, next
}

// Mutate returns d with another set of services and with LastMutated set to now: one to
// three of those of its archetype, or of all in reg when it has no archetype; of custom
// services, those that its settings define (see [WithCustom]). The choice depends on the decky's seed and on when it last changed. Where there is only one set
// that the decky can have, it returns d with LastMutated set to now, so that it is not due
// again at once, and ErrImmutable.
func Mutate(reg *services.Registry, d decnet.Decky, now time.Time) (decnet.Decky, error) {
	id, err := Identity(d)
	if err != nil {
		return d, err
	}
	r := id.Rand("mutation:" + d.LastMutated.UTC().Format(time.RFC3339Nano))
	d.LastMutated = now.UTC()
	sets := otherSets(reg, d)
	if len(sets) == 0 {
		return d, fmt.Errorf("fleet: %s: %w", d.Name, ErrImmutable)
	}
	same := sets[r.IntN(len(sets))]
	d.Services = slices.Clone(same[r.IntN(len(same))])
	return d, nil
}

// otherSets returns the sets of services that d could have instead of its own, grouped by
// their size and sorted.
func otherSets(reg *services.Registry, d decnet.Decky) [][][]string {
	var pool []string
	for _, s := range reg.All() {
		name := s.Info().Name
		if _, custom := s.(Custom); !custom || d.Config[name]["binary"] != "" {
			pool = append(pool, name)
		}
	}
	slices.Sort(pool)
	if a, err := ArchetypeOf(d.Archetype); err == nil {
		pool = slices.DeleteFunc(a.Services, func(name string) bool { return !slices.Contains(pool, name) })
		slices.Sort(pool)
	}
	own := slices.Sorted(slices.Values(d.Services))
	var bySize [maxMutated][][]string
	var extend func(set []string, from int)
	extend = func(set []string, from int) {
		if len(set) > 0 {
			if _, err := Ports(reg, set); err != nil {
				return // and no larger set can do better
			}
			if !slices.Equal(set, own) {
				bySize[len(set)-1] = append(bySize[len(set)-1], slices.Clone(set))
			}
		}
		if len(set) == maxMutated {
			return
		}
		for i := from; i < len(pool); i++ {
			extend(append(set, pool[i]), i+1)
		}
	}
	extend(nil, 0)
	return slices.DeleteFunc(bySize[:], func(sets [][]string) bool { return len(sets) == 0 })
}

// sameServices reports whether two lists name the same services in any order.
func sameServices(a, b []string) bool {
	return strings.Join(slices.Sorted(slices.Values(a)), ",") == strings.Join(slices.Sorted(slices.Values(b)), ",")
}
