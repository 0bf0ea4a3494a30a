package fingerprint

import "math/bits"

// jarmHellos are the values that the ten hellos of a JARM scan have, for any host.
var jarmHellos = [JARMProbes]struct{ ja4, ja3 string }{
	{"t12d6912hq_ea0618708e31_1da015a32102", "db8d4ad49cb378fa370b43a61a9b06b6"},
	{"t12d6912h9_ea0618708e31_1da015a32102", "013c30c8ce44c8b27e9ceb2a14db7283"},
	{"t12d3511h9_66c735deec94_52c4d8bb91c9", "03a3ad27040f733ee5c9915e0903d028"},
	{"t12d3411h9_a634f799a498_52c4d8bb91c9", "a96dc3876784813c57d302241e620acd"},
	{"t12d6911hq_ea0618708e31_52c4d8bb91c9", "1289771a3fce256d5fb4cb5c95b43ee6"},
	{"t11d6911h9_ea0618708e31_52c4d8bb91c9", "006315b3ad276906ff11527f9594e5ba"},
	{"t13d6912hq_ea0618708e31_1da015a32102", "db8d4ad49cb378fa370b43a61a9b06b6"},
	{"t13d6912h9_ea0618708e31_1da015a32102", "013c30c8ce44c8b27e9ceb2a14db7283"},
	{"t13d6412h9_0f757fa8abd0_1da015a32102", "917fde1bf3bcb67f961b77b18d9ee14a"},
	{"t13d6912hq_ea0618708e31_1da015a32102", "7f9ae904ef5a8d37a4028ce5c57bc099"},
}

// JARMProbe returns which of the ten probes of a JARM scan, 1 to 10, has this JA3 and
// this JA4 over TCP; 0 if none has. Nothing else is known to send such hellos.
func JARMProbe(ja3, ja4 string) int {
	for i, h := range jarmHellos {
		if h.ja4 == ja4 && h.ja3 == ja3 {
			return i + 1
		}
	}
	return 0
}

// JARMScan remembers which of the ten probes one source has sent. The zero value has seen
// none.
type JARMScan uint16

// See records a probe as JARMProbe numbers it and reports whether it is the one that
// completes the scan: once, until the JARMScan is set to zero. Other numbers are ignored.
func (s *JARMScan) See(probe int) (complete bool) {
	const all = 1<<JARMProbes - 1
	if probe < 1 || probe > JARMProbes {
		return false
	}
	before := *s
	*s |= 1 << (probe - 1)
	return before != all && *s == all
}

// Seen returns how many different probes were seen.
func (s JARMScan) Seen() int { return bits.OnesCount16(uint16(s)) }
