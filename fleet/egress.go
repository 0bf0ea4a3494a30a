package fleet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// maxExits bounds how many ways out one decky has.
const maxExits = 64

// Exit is a way out of a decky: what its egress lock lets pass beside replies.
type Exit struct {
	Protocol string // "tcp" or "udp"
	To       netip.AddrPort
}

// String returns the exit as "tcp:203.0.113.7:443".
func (e Exit) String() string { return e.Protocol + ":" + e.To.String() }

// ParseExits reads the exits of a decky, each in one of the forms
//
//	dns:10.0.0.53            a resolver: port 53 of both protocols
//	tcp:203.0.113.7:443
//	udp:[2001:db8::7]:123
//
// The result is sorted and has no exit twice. An entry that is none of these, that has a
// name in place of an address, or whose address is not that of a single other machine
// gives an error that wraps decnet.ErrSemantic.
func ParseExits(list []string) ([]Exit, error) {
	var exits []Exit
	for _, text := range list {
		some, err := parseExit(text)
		if err != nil {
			return nil, fmt.Errorf("egress %.80q: %w: %w", text, err, decnet.ErrSemantic)
		}
		exits = append(exits, some...)
	}
	slices.SortFunc(exits, func(a, b Exit) int { return strings.Compare(a.String(), b.String()) })
	exits = slices.Compact(exits)
	if len(exits) > maxExits {
		return nil, fmt.Errorf("egress: %d ways out, a decky has at most %d: %w", len(exits), maxExits, decnet.ErrSemantic)
	}
	return exits, nil
}

func parseExit(text string) ([]Exit, error) {
	kind, target, ok := strings.Cut(text, ":")
	if !ok || kind != "dns" && kind != "tcp" && kind != "udp" {
		return nil, errors.New("not dns:ADDRESS, tcp:ADDRESS:PORT or udp:ADDRESS:PORT")
	}
	if kind == "dns" {
		addr, err := exitAddr(target)
		if err != nil {
			return nil, err
		}
		to := netip.AddrPortFrom(addr, 53)
		return []Exit{{"tcp", to}, {"udp", to}}, nil
	}
	i := strings.LastIndexByte(target, ':')
	if i < 0 || strings.HasPrefix(target, "[") != strings.HasSuffix(target[:i], "]") {
		return nil, fmt.Errorf("the port is missing, as in %s:203.0.113.7:443", kind)
	}
	addr, err := exitAddr(target[:i])
	if err != nil {
		return nil, err
	}
	if addr.Is6() && target[0] != '[' {
		return nil, fmt.Errorf("where the address ends is not clear, write %s:[ADDRESS]:PORT", kind)
	}
	port, err := strconv.ParseUint(target[i+1:], 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("%.20q is not a port, 1 to 65535", target[i+1:])
	}
	return []Exit{{kind, netip.AddrPortFrom(addr, uint16(port))}}, nil
}

// exitAddr reads the address of a single other machine, in brackets or not.
func exitAddr(text string) (netip.Addr, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	a, err := netip.ParseAddr(bare)
	switch a = a.Unmap(); {
	case err != nil && strings.ContainsAny(bare, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ_"):
		return a, fmt.Errorf("%.80q is a name, and a decky resolves none: give the address", bare)
	case err != nil:
		return a, fmt.Errorf("%.80q is not an IP address", bare)
	case a.Zone() != "", a.IsUnspecified(), a.IsLoopback(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return a, fmt.Errorf("%s is not the address of a single other machine", a)
	}
	return a, nil
}

// sameExits reports whether two lists open the same ways out.
func sameExits(a, b []string) bool {
	exitsA, errA := ParseExits(a)
	exitsB, errB := ParseExits(b)
	return errA == nil && errB == nil && slices.Equal(exitsA, exitsB)
}
