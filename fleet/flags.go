package fleet

import (
	"fmt"
	"slices"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Flags asks for a fleet of like deckies, called decky-01, decky-02 and so on. The zero
// value asks for three deckies of different archetypes.
type Flags struct {
	Deckies   int    // 0: 3
	Archetype string // of all deckies
	// Services of all deckies. Without them a decky has those of its archetype.
	Services []string
	// RandomServices gives each decky one to three services of its own.
	RandomServices bool
	// Distros are cycled through. None: those of the archetype, or else all.
	Distros []string
	// RandomDistros picks one for each decky instead.
	RandomDistros bool
}

// maxDeckies bounds what one plan can ask for.
const maxDeckies = 10_000

// FromFlags plans the fleet that f asks for. Without an archetype, services or random
// services every decky gets an archetype of its own, drawn by the seed from those that
// reg has all services of. Errors wrap decnet.ErrSemantic, for an unknown mode decnet.ErrInvalid.
func FromFlags(reg *services.Registry, f Flags, opt Options) (decnet.Fleet, error) {
	if f.Deckies == 0 {
		f.Deckies = 3
	}
	if f.Deckies < 1 || f.Deckies > maxDeckies {
		return decnet.Fleet{}, fmt.Errorf("fleet: %d deckies were asked for, from 1 to %d are possible: %w", f.Deckies, maxDeckies, decnet.ErrSemantic)
	}
	if f.RandomServices && (len(f.Services) > 0 || f.Archetype != "") {
		return decnet.Fleet{}, fmt.Errorf("fleet: random services cannot be combined with named services or an archetype: %w", decnet.ErrSemantic)
	}
	p, err := newPlanner(reg, opt)
	if err != nil {
		return decnet.Fleet{}, err
	}
	var kinds []string
	if f.Archetype == "" && len(f.Services) == 0 && !f.RandomServices {
		if kinds = p.shuffledArchetypes(); len(kinds) == 0 {
			return decnet.Fleet{}, fmt.Errorf("fleet: no archetype can be run with the services %v: %w", reg.Names(), decnet.ErrSemantic)
		}
	}
	drafts := make([]draft, f.Deckies)
	for i := range drafts {
		name := fmt.Sprintf("decky-%02d", i+1)
		d := draft{
			name: name, ordinal: i, archetype: f.Archetype, services: f.Services,
			random: f.RandomServices, distros: f.Distros,
			at: func(string) string { return name },
		}
		if len(kinds) > 0 {
			d.archetype = kinds[i%len(kinds)]
		}
		if f.RandomDistros {
			pool := slices.Clone(f.Distros)
			if len(pool) == 0 {
				pool = distroSlugs()
			}
			id, err := Identity(decnet.Decky{Name: name, Seed: deckySeed(p.opt.Seed, name)})
			if err != nil {
				return decnet.Fleet{}, err
			}
			d.distros = []string{pool[id.Rand("distro").IntN(len(pool))]}
		}
		drafts[i] = d
	}
	return p.plan(drafts)
}

// shuffledArchetypes returns the archetypes that can be run, in an order fixed by the seed.
func (p *planner) shuffledArchetypes() []string {
	var slugs []string
	for _, a := range Archetypes() {
		if p.checkArchetype(a) != nil {
			continue
		}
		if _, err := Ports(p.reg, a.Services); err == nil {
			slugs = append(slugs, a.Slug)
		}
	}
	id, err := Identity(decnet.Decky{Seed: deckySeed(p.opt.Seed, "")})
	if err != nil {
		return nil
	}
	id.Rand("archetypes").Shuffle(len(slugs), func(i, j int) { slugs[i], slugs[j] = slugs[j], slugs[i] })
	return slugs
}
