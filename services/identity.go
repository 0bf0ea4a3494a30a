package services

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Identity makes the services of one decky agree: one host name, one operating system
// release, one boot time, one set of keys. All that is invented for a decky derives from
// its seed, so it survives a restart and no two deckies share bait, ids, salts or keys.
// The zero value is usable; every decky with it is the same machine.
type Identity struct {
	Hostname string // short name or FQDN as the machine itself would print it
	Domain   string // DNS domain, may be empty
	Distro   string // slug of a distribution, see ReleaseOf
	Addr     netip.Addr
	Seed     [32]byte
}

// FQDN returns the host name with the domain, or the host name alone when there is no
// domain or the name has one already.
func (id Identity) FQDN() string {
	for _, c := range id.Hostname {
		if c == '.' {
			return id.Hostname
		}
	}
	if id.Domain == "" {
		return id.Hostname
	}
	return id.Hostname + "." + id.Domain
}

// Key returns 32 secret bytes for label: HMAC-SHA256 of the label under the seed.
// Different labels give independent keys.
func (id Identity) Key(label string) [32]byte {
	m := hmac.New(sha256.New, id.Seed[:])
	m.Write([]byte(label))
	return [32]byte(m.Sum(nil))
}

// Rand returns a generator whose sequence depends on the seed and label alone. It is for
// invented details (bait, numbers, choices); it is not safe for concurrent use.
func (id Identity) Rand(label string) *rand.Rand {
	return rand.New(rand.NewChaCha8(id.Key(label)))
}

// Hex returns n hexadecimal digits (at most 64) that depend on the seed and label alone.
func (id Identity) Hex(label string, n int) string {
	k := id.Key(label)
	return hex.EncodeToString(k[:])[:n]
}

// BootTime returns when the machine was last started, as seen at now. The machine is
// restarted every 20 to 90 days at a moment fixed by the seed, so uptimes grow, differ
// between deckies and agree between the services of one.
func (id Identity) BootTime(now time.Time) time.Time {
	r := id.Rand("boot")
	period := 20*24*3600 + r.Int64N(70*24*3600)
	phase := r.Int64N(period)
	return time.Unix((now.Unix()-phase)/period*period+phase, 0).UTC()
}

// Release returns the facts of the distribution that the decky claims to run.
func (id Identity) Release() Release { return ReleaseOf(id.Distro) }

// Pick returns one of choices, which one being fixed by the seed and label. It returns
// "" when there are none.
func (id Identity) Pick(label string, choices ...string) string {
	if len(choices) == 0 {
		return ""
	}
	return choices[id.Rand(label).IntN(len(choices))]
}
