package fleet

import (
	"net"

	"github.com/decnet/decnet"
)

// The makers of network cards by the first three bytes of their addresses, as the IEEE
// assigned them.
var (
	serverCards = []uint32{
		0xF8BC12, 0x1866DA, 0xB083FE, // Dell
		0xB47AF1, 0x1402EC, 0x48DF37, // Hewlett Packard Enterprise
		0x002590, 0x0CC47A, 0xAC1F6B, // Super Micro
		0x001B21, 0xA0369F, // Intel
		0x000C29, // VMware
	}
	windowsCards = []uint32{
		0xF8BC12, 0xB083FE, // Dell
		0xB47AF1, 0x1402EC, // Hewlett Packard Enterprise
		0x00155D, // Microsoft
		0x000C29, // VMware
	}
	desktopCards = []uint32{
		0x54BF64, 0x8CEC4B, 0x98E743, 0x509A4C, 0xD89EF3, // Dell
		0x3CD92B, 0x9457A5, 0x480FCF, // Hewlett Packard
	}
	boardCards   = []uint32{0xB827EB, 0xDCA632, 0x240AC4, 0x30AEA4}                               // Raspberry Pi, Espressif
	printerCards = []uint32{0x008077, 0x001E8F, 0x00C0EE, 0x0000AA, 0x000400, 0x002673, 0x0026AB} // Brother, Canon, Kyocera, Xerox, Lexmark, Ricoh, Epson
	plantCards   = []uint32{0x000E8C, 0x001B1B, 0x0000BC, 0x001D9C, 0x0080F4}                     // Siemens, Rockwell, Telemecanique
	phoneCards   = []uint32{0x000B82}                                                             // Grandstream
	ciscoCards   = []uint32{0x00000C, 0x001B54}
)

// cards returns the makers that a machine like d has its network card from.
func cards(d decnet.Decky) []uint32 {
	switch d.Archetype {
	case "windows-workstation":
		return desktopCards
	case "printer":
		return printerCards
	case "iot-device":
		return boardCards
	case "industrial-control":
		return plantCards
	case "voip-server":
		return phoneCards
	}
	switch d.OSFamily {
	case "windows", "windows_server":
		return windowsCards
	case "embedded":
		return boardCards
	case "cisco":
		return ciscoCards
	}
	return serverCards
}

// MACs returns the hardware addresses of the deckies of f, in their order. Each is of a
// maker that fits the archetype or else the OS family, follows from the seed of the decky,
// and is different from all before it. A seed that is not 64 hexadecimal digits gives an
// error that wraps decnet.ErrInvalid.
func MACs(f decnet.Fleet) ([]net.HardwareAddr, error) {
	list := make([]net.HardwareAddr, 0, len(f.Deckies))
	taken := make(map[[6]byte]bool, len(f.Deckies))
	for _, d := range f.Deckies {
		id, err := Identity(d)
		if err != nil {
			return nil, err
		}
		r, makers := id.Rand("mac"), cards(d)
		maker := makers[r.IntN(len(makers))]
		mac := [6]byte{byte(maker >> 16), byte(maker >> 8), byte(maker)}
		for {
			n := r.Uint32()
			mac[3], mac[4], mac[5] = byte(n>>16), byte(n>>8), byte(n)
			if !taken[mac] {
				break
			}
		}
		taken[mac] = true
		list = append(list, mac[:])
	}
	return list, nil
}
