package fleet

import (
	"fmt"
	"net"

	"github.com/decnet/decnet"
)

// maker is the part of a MAC address that IEEE gives to who makes network cards.
type maker = [3]byte

// makersOf lists whose network cards an archetype has.
var makersOf = map[string][]maker{
	"windows-workstation": workstation,
	"printer": {
		{0x3c, 0x2a, 0xf4}, {0x00, 0x80, 0x77}, // Brother
		{0x00, 0x1e, 0x8f}, {0x18, 0x0c, 0xac}, // Canon
		{0x00, 0x26, 0xab}, // Seiko Epson
		{0x00, 0x21, 0xb7}, // Lexmark
		{0x00, 0x17, 0xc8}, // Kyocera
		{0x00, 0x26, 0x73}, // Ricoh
	},
	"iot-device": {
		{0x08, 0x3a, 0xf2}, {0x08, 0xb6, 0x1f}, // Espressif
		{0xb8, 0x27, 0xeb}, {0xdc, 0xa6, 0x32}, {0xe4, 0x5f, 0x01}, // Raspberry Pi
	},
	"industrial-control": {
		{0x00, 0x0e, 0x8c}, {0x00, 0x1b, 0x1b}, // Siemens
		{0x00, 0x00, 0xbc}, {0x00, 0x1d, 0x9c}, // Rockwell
		{0x00, 0xa0, 0x45}, // Phoenix Contact
		{0x00, 0x30, 0xde}, // WAGO
		{0x00, 0x90, 0xe8}, // Moxa
	},
	"voip-server": {
		{0x00, 0x0b, 0x82}, {0xc0, 0x74, 0xad}, // Grandstream
		{0x00, 0x50, 0x58}, // Sangoma
		{0x00, 0x0f, 0xd3}, // Digium
	},
}

// makersOfFamily lists them for an OS family, which counts for all other archetypes.
var makersOfFamily = map[string][]maker{
	"linux": {
		{0x18, 0x66, 0xda}, {0xd0, 0x94, 0x66}, // Dell
		{0x94, 0x57, 0xa5}, {0x3c, 0xd9, 0x2b}, // Hewlett Packard
		{0xac, 0x1f, 0x6b}, {0x00, 0x25, 0x90}, // Supermicro
		{0x00, 0x0c, 0x29}, // VMware
		{0x52, 0x54, 0x00}, // QEMU
	},
	"windows": workstation,
	"windows_server": {
		{0x18, 0x66, 0xda}, {0xd0, 0x94, 0x66}, // Dell
		{0x94, 0x57, 0xa5}, {0x3c, 0xd9, 0x2b}, // Hewlett Packard
		{0x00, 0x0c, 0x29}, // VMware
		{0x00, 0x15, 0x5d}, // Microsoft
	},
	"bsd": {
		{0xac, 0x1f, 0x6b}, {0x00, 0x25, 0x90}, // Supermicro
		{0xa0, 0x36, 0x9f}, // Intel
	},
	"embedded": {
		{0xb8, 0x27, 0xeb}, {0xdc, 0xa6, 0x32}, // Raspberry Pi
		{0x00, 0x90, 0xe8}, // Moxa
	},
	"cisco": {{0x00, 0x01, 0x42}, {0x00, 0x01, 0x63}, {0x00, 0x01, 0x64}},
}

var workstation = []maker{
	{0x18, 0x66, 0xda},                     // Dell
	{0x3c, 0xd9, 0x2b},                     // Hewlett Packard
	{0x28, 0xd2, 0x44}, {0x54, 0x05, 0xdb}, // LCFC, which makes for Lenovo
	{0xd4, 0x3d, 0x7e}, // Micro-Star
}

// MACs returns a MAC address for each decky of f, by its name: that of a maker whose
// network cards such a machine has (its archetype says which, or else its OS family), and
// different for each. It derives from the seed of the decky, so a decky keeps it. A seed
// that is not one gives an error that wraps decnet.ErrInvalid, an unknown OS family one
// that wraps decnet.ErrSemantic.
func MACs(f decnet.Fleet) (map[string]net.HardwareAddr, error) {
	macs := make(map[string]net.HardwareAddr, len(f.Deckies))
	used := make(map[[6]byte]bool, len(f.Deckies))
	for _, d := range f.Deckies {
		id, err := Identity(d)
		if err != nil {
			return nil, err
		}
		makers, ok := makersOf[d.Archetype]
		if !ok {
			if makers, ok = makersOfFamily[d.OSFamily]; !ok {
				_, err := Sysctls(d.OSFamily)
				return nil, fmt.Errorf("fleet: %s: %w", d.Name, err)
			}
		}
		r := id.Rand("mac")
		m := makers[r.IntN(len(makers))]
		mac := [6]byte{m[0], m[1], m[2]}
		for ok := true; ok; ok = used[mac] {
			n := r.Uint32()
			mac[3], mac[4], mac[5] = byte(n>>16), byte(n>>8), byte(n)
		}
		used[mac] = true
		macs[d.Name] = mac[:]
	}
	return macs, nil
}
