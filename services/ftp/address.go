package ftp

import (
	"net/netip"
	"strconv"
	"strings"
)

// parsePort reads the argument of PORT, h1,h2,h3,h4,p1,p2.
func parsePort(arg string) (netip.AddrPort, bool) {
	parts := strings.Split(strings.TrimLeft(arg, " "), ",")
	if len(parts) != 6 {
		return netip.AddrPort{}, false
	}
	var raw [6]byte
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return netip.AddrPort{}, false
		}
		raw[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[:4])), uint16(raw[4])<<8|uint16(raw[5])), true
}

// parseEPRT reads the argument of EPRT, |family|address|port|. The texts of the errors
// are those of vsftpd; "" means none.
func parseEPRT(arg string) (to netip.AddrPort, fault string) {
	parts := strings.Split(arg, "|")
	if parts[0] != "" || len(parts) < 2 {
		if arg == "" {
			return to, "500 Bad EPRT protocol."
		}
		return to, "500 Bad EPRT command."
	}
	family, err := strconv.Atoi(parts[1])
	if err != nil || family != 1 && family != 2 {
		return to, "500 Bad EPRT protocol."
	}
	if len(parts) < 4 || len(parts) > 5 || len(parts) == 5 && parts[4] != "" {
		return to, "500 Bad EPRT command."
	}
	addr, err := netip.ParseAddr(parts[2])
	if err != nil || addr.Zone() != "" || addr.Is4() != (family == 1) {
		return to, "500 Bad EPRT command."
	}
	port := leadingInt(parts[3])
	if port < 0 || port > 65535 || strings.HasPrefix(parts[3], "-") {
		return to, "500 Bad EPRT command."
	}
	return netip.AddrPortFrom(addr, uint16(port)), ""
}

// leadingInt returns the number that text begins with, 0 when there is none and -1 when
// it is too large, as vsftpd reads numbers.
func leadingInt(text string) int64 {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return -1
	}
	return n
}
