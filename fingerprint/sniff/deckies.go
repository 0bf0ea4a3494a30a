package sniff

import (
	"net/netip"
	"sync/atomic"

	"github.com/decnet/decnet"
)

// Deckies is a map from addresses to the names of deckies that can be replaced while a
// Sniffer uses it: Config.Deckies takes its Lookup. The zero value knows none. It is safe
// for concurrent use.
type Deckies struct {
	names atomic.Pointer[map[netip.Addr]string]
}

// Set replaces all that d knows. An empty list is ignored: a fleet that cannot be read
// must not blind the sniffer.
func (d *Deckies) Set(deckies []decnet.Decky) {
	if len(deckies) == 0 {
		return
	}
	names := make(map[netip.Addr]string, len(deckies))
	for _, k := range deckies {
		names[k.Addr.Unmap()] = k.Name
		if k.Addr6.IsValid() {
			names[k.Addr6] = k.Name
		}
	}
	d.names.Store(&names)
}

// Lookup returns the name of the decky with that address.
func (d *Deckies) Lookup(addr netip.Addr) (name string, ok bool) {
	names := d.names.Load()
	if names == nil {
		return "", false
	}
	name, ok = (*names)[addr]
	return name, ok
}
