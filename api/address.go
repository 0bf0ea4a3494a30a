package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addressOf returns the address that a request came from. Of the header X-Forwarded-For,
// only what Config.Proxies added is believed: it is read from its end, where every proxy
// adds whom it heard, to the first address that is none of them. What clients wrote before
// that has no effect.
func (s *server) addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	peer, ok := parseHop(host)
	if !ok || !s.trusts(peer) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		hop, ok := parseHop(text)
		if !ok {
			break // whoever added this is the last who is known
		}
		if peer = hop; !s.trusts(peer) {
			break
		}
	}
	return peer.String()
}

// parseHop reads an address, which some proxies write with a port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// trusts reports whether a is the address of a proxy.
func (s *server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
