package deployment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// Way says what Follow leaves as it stands of what was deployed before.
type Way int

// The ways. A decky of a plan is new unless the last plan that was followed asked for the
// same: then it stays as mutations, intervals and the API have made it since.
const (
	// Replace leaves the deckies of the plan that are not new. The others go.
	Replace Way = iota
	// Add leaves those, and all that the plan does not ask for.
	Add
	// Update leaves those, and all that no plan that was followed asked for. What was
	// removed since stays away.
	Update
	// Anew leaves nothing: all is as planned.
	Anew
)

// Plan returns the fleet that is asked for. The deckies of stay keep their names, addresses
// and host names beside it: it goes to fleet.Options.Existing.
type Plan func(stay decnet.Fleet) (decnet.Fleet, error)

// Follow makes the deckies those of a plan that is kept elsewhere, such as in a file, and
// that may have been deployed before. Only what the plan asks for otherwise than before
// changes; see Way. When the network is another, all is as planned. In all else it is Deploy.
func (d *Deployment) Follow(ctx context.Context, way Way, plan Plan) (Outcome, error) {
	return d.change(ctx, order{what: "deploy", apply: d.runtime.Apply, follow: func(last Document) (decnet.Fleet, map[string]string, error) {
		return Preview(last, way, plan)
	}})
}

// Preview returns the fleet that Follow would make of the document last, and what
// Document.Planned is then.
func Preview(last Document, way Way, plan Plan) (wanted decnet.Fleet, planned map[string]string, err error) {
	header := last.Fleet
	header.Deckies = nil
	alone, err := plan(header)
	if err != nil {
		return wanted, nil, err
	}
	asked := make(map[string]decnet.Decky, len(alone.Deckies))
	for _, k := range alone.Deckies {
		asked[strings.ToLower(k.Name)] = k
	}
	moved := !sameNetwork(last.Fleet, alone)
	stay := header
	stay.Seed = alone.Seed // which may have been made up for it
	stay.Deckies = slices.DeleteFunc(slices.Clone(last.Deckies), func(k decnet.Decky) bool {
		if _, again := asked[strings.ToLower(k.Name)]; again || way == Add {
			return moved && way != Add
		}
		_, followed := last.Planned[k.Name]
		return moved || way != Update || followed || len(last.Planned) == 0
	})
	if wanted, err = plan(stay.Clone()); err != nil {
		return wanted, nil, err
	}
	planned = make(map[string]string, len(asked)+1)
	if way == Add {
		maps.Copy(planned, last.Planned)
	}
	next := wanted
	next.Deckies = nil
	planned[""] = digest(next)
	if way == Update && planned[""] == last.Planned[""] && !moved {
		next = header
	}
	for _, k := range wanted.Deckies {
		i := last.index(k.Name)
		first, isAsked := asked[strings.ToLower(k.Name)]
		if !isAsked {
			next.Deckies = append(next.Deckies, last.Deckies[i])
			continue
		}
		sum := digestOf(first)
		planned[k.Name] = sum + " " + first.Addr.String() + " " + first.Addr6.String()
		var has *decnet.Decky
		if i >= 0 {
			has = &last.Deckies[i]
		}
		same := !moved && way != Anew && asksAgain(first, has, last.Planned[k.Name])
		switch {
		case i < 0 && same && way == Update:
			continue
		case i < 0:
		case same:
			was := last.Deckies[i]
			if planned[k.Name] != last.Planned[k.Name] {
				was.Addr, was.Addr6 = k.Addr, k.Addr6
			}
			k = was
		default:
			k = keepTime(k, last.Deckies[i])
		}
		next.Deckies = append(next.Deckies, k)
	}
	if way != Add { // in the order of the plan, and then the others
		rank := make(map[string]int, len(alone.Deckies))
		for i, k := range alone.Deckies {
			rank[k.Name] = i - len(alone.Deckies)
		}
		slices.SortStableFunc(next.Deckies, func(a, b decnet.Decky) int { return rank[a.Name] - rank[b.Name] })
	}
	return next, planned, nil
}

// sameNetwork reports whether two fleets are where deckies of one can be those of the other.
func sameNetwork(a, b decnet.Fleet) bool {
	return a.Mode == b.Mode && a.Interface == b.Interface && a.Subnet == b.Subnet && a.Gateway == b.Gateway && a.Subnet6 == b.Subnet6 && a.Gateway6 == b.Gateway6
}

// keepTime returns k with the time of the last mutation of was, if it has its services.
func keepTime(k, was decnet.Decky) decnet.Decky {
	if slices.Equal(was.Services, k.Services) && !was.LastMutated.IsZero() {
		k.LastMutated = was.LastMutated
	}
	return k
}

// digestOf is the digest of what a plan asks for with a decky, whenever and at whatever address.
// Its host name is drawn, and not asked for.
func digestOf(k decnet.Decky) string {
	k.Hostname = ""
	return "2:" + firstDigestOf(k)
}

// firstDigestOf is what digestOf was at first.
func firstDigestOf(k decnet.Decky) string {
	k.LastMutated, k.Addr, k.Addr6 = time.Time{}, netip.Addr{}, netip.Addr{}
	return digest(k)
}

// asksAgain reports whether a plan asks for a decky as the entry in Document.Planned says. has is
// the decky that there is, nil when it is gone. In an entry with the first digest the
// distribution was drawn by the place in a document: that which the decky has counts.
func asksAgain(asked decnet.Decky, has *decnet.Decky, entry string) bool {
	switch {
	case entry == "":
		return false
	case strings.HasPrefix(entry, "2:"):
		return strings.HasPrefix(entry, digestOf(asked)+" ")
	case has == nil:
		return true
	}
	asked.Hostname, asked.Distro = has.Hostname, has.Distro
	return strings.HasPrefix(entry, firstDigestOf(asked)+" ")
}

func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("deployment: %v", err)) // fleets and deckies always can be
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// carriedOut returns what is known to stand of two states of Document.Planned when a change
// from one to the other came to its end half way.
func carriedOut(old, wanted map[string]string) map[string]string {
	both := make(map[string]string)
	for name, sum := range old {
		if wanted[name] == sum {
			both[name] = sum
		}
	}
	return both
}
