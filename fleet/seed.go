package fleet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// deckySeed derives the seed of one decky from that of its fleet. It depends on the name
// of the decky and on nothing else of the fleet.
func deckySeed(fleetSeed, name string) string {
	m := hmac.New(sha256.New, []byte(fleetSeed))
	m.Write([]byte("decky:" + name))
	return hex.EncodeToString(m.Sum(nil))
}

// randomSeed reads a new seed of a fleet from r.
func randomSeed(r io.Reader) (string, error) {
	var raw [32]byte
	if _, err := io.ReadFull(r, raw[:]); err != nil {
		return "", fmt.Errorf("fleet: seed: %w", err)
	}
	return hex.EncodeToString(raw[:]), nil
}

// Identity returns what the services of d agree on. A seed that is not 64 hexadecimal
// digits gives an error that wraps decnet.ErrInvalid.
func Identity(d decnet.Decky) (services.Identity, error) {
	seed, err := hex.DecodeString(d.Seed)
	if err != nil || len(seed) != 32 {
		return services.Identity{}, fmt.Errorf("fleet: %s: seed is not 64 hexadecimal digits: %w", d.Name, decnet.ErrInvalid)
	}
	return services.Identity{Hostname: d.Hostname, Distro: d.Distro, Addr: d.Addr, Seed: [32]byte(seed)}, nil
}
