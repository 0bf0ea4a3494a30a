package fleet

import (
	"maps"

	"github.com/decnet/decnet"
)

// Diff is what turns one fleet into another.
type Diff struct {
	Added   []decnet.Decky // in the order of the new fleet
	Changed []Change       // in the order of the new fleet
	Removed []decnet.Decky // in the order of the old fleet
}

// Change is one decky that must be made another. Its name stays.
type Change struct{ Old, New decnet.Decky }

// Empty reports whether there is nothing to do.
func (d Diff) Empty() bool { return len(d.Added)+len(d.Changed)+len(d.Removed) == 0 }

// Compare returns what has to be done so that the world that shows old shows wanted. Two
// deckies are the same when whoever attacks them would find them so: neither the archetype
// nor the times of mutation count, nor do settings of services that they do not run.
func Compare(old, wanted decnet.Fleet) Diff {
	var diff Diff
	before := make(map[string]decnet.Decky, len(old.Deckies))
	for _, d := range old.Deckies {
		before[d.Name] = d
	}
	for _, d := range wanted.Deckies {
		was, ok := before[d.Name]
		switch {
		case !ok:
			diff.Added = append(diff.Added, d)
		case !sameDecky(was, d):
			diff.Changed = append(diff.Changed, Change{Old: was, New: d})
		}
		delete(before, d.Name)
	}
	for _, d := range old.Deckies {
		if _, gone := before[d.Name]; gone {
			diff.Removed = append(diff.Removed, d)
		}
	}
	return diff
}

func sameDecky(a, b decnet.Decky) bool {
	if a.Addr != b.Addr || a.Addr6 != b.Addr6 || a.Hostname != b.Hostname || a.Distro != b.Distro || a.OSFamily != b.OSFamily ||
		a.Seed != b.Seed || !sameExits(a.Egress, b.Egress) || !sameServices(a.Services, b.Services) {
		return false
	}
	for _, name := range a.Services {
		if !maps.Equal(a.Config[name], b.Config[name]) {
			return false
		}
	}
	return true
}
