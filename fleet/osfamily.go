package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// sysctlKeys names the columns of osFamilies.
var sysctlKeys = [...]string{
	"ip_default_ttl", "tcp_syn_retries", "tcp_timestamps", "tcp_window_scaling", "tcp_sack",
	"tcp_ecn", "ip_no_pmtu_disc", "tcp_fin_timeout", "icmp_ratelimit", "icmp_ratemask",
}

var osFamilies = map[string][len(sysctlKeys)]string{
	"linux":          {"64", "6", "1", "1", "1", "2", "0", "60", "1000", "6168"},
	"windows":        {"128", "2", "1", "1", "1", "0", "0", "30", "0", "0"},
	"windows_server": {"128", "2", "1", "1", "1", "1", "0", "30", "0", "0"},
	"bsd":            {"64", "6", "1", "1", "1", "0", "0", "60", "250", "6168"},
	"embedded":       {"255", "3", "0", "0", "1", "0", "1", "15", "0", "0"},
	"cisco":          {"255", "2", "0", "0", "0", "0", "1", "15", "0", "0"},
}

// Sysctls6 returns those of IPv6, by their full names (net.ipv6.conf.default.hop_limit and so
// on): the hop limit agrees with the TTL, and routers of the LAN hand out no addresses beside
// the planned one. They count for interfaces that come after them. An unknown family gives
// the error of [Sysctls].
func Sysctls6(family string) (map[string]string, error) {
	m, err := Sysctls(family)
	if err != nil {
		return nil, err
	}
	ttl, limit := m["net.ipv4.ip_default_ttl"], m["net.ipv4.icmp_ratelimit"]
	return map[string]string{
		"net.ipv6.conf.all.hop_limit":     ttl,
		"net.ipv6.conf.default.hop_limit": ttl,
		"net.ipv6.conf.all.accept_ra":     "0",
		"net.ipv6.conf.default.accept_ra": "0",
		"net.ipv6.icmp.ratelimit":         limit,
	}, nil
}

// OSFamilies returns the sorted names of the OS families.
func OSFamilies() []string { return slices.Sorted(maps.Keys(osFamilies)) }

// Sysctls returns the kernel parameters that make a network stack resemble an OS family,
// by their full names (net.ipv4.ip_default_ttl and so on). The initial TTL is what active
// scans look at first; window size, option order and the generation of IP identifiers
// cannot be set in this way. An unknown family gives an error that wraps
// decnet.ErrSemantic and lists the known.
func Sysctls(family string) (map[string]string, error) {
	values, ok := osFamilies[family]
	if !ok {
		return nil, fmt.Errorf("OS family %q is not one of %s: %w", family, strings.Join(OSFamilies(), ", "), decnet.ErrSemantic)
	}
	m := make(map[string]string, len(values))
	for i, v := range values {
		m["net.ipv4."+sysctlKeys[i]] = v
	}
	return m, nil
}
