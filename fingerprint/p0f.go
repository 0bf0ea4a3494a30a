package fingerprint

import "strconv"

// Quirks are oddities of the headers of a SYN, a set of bits.
type Quirks uint32

// The quirks, with the name that each has in a p0f signature.
const (
	QuirkDF              Quirks = 1 << iota // df: must not be fragmented
	QuirkDFWithID                           // id+: that, and a packet ID all the same
	QuirkZeroID                             // id-: may be fragmented, but has no packet ID
	QuirkECN                                // ecn: explicit congestion notification
	QuirkReserved                           // 0+: a bit that must be zero is not
	QuirkFlow                               // flow: IPv6 flow label
	QuirkZeroSeq                            // seq-
	QuirkAckWithoutFlag                     // ack+: an acknowledgement number without the flag
	QuirkZeroAck                            // ack-: the flag without a number
	QuirkUrgentPointer                      // uptr+: a pointer without the flag
	QuirkURG                                // urgf+
	QuirkPSH                                // pushf+
	QuirkZeroTimestamp                      // ts1-
	QuirkPeerTimestamp                      // ts2+: an echoed timestamp in the first packet
	QuirkOptionsAfterEnd                    // opt+: bytes other than zero behind the end of the options
	QuirkLargeScale                         // exws: window scale over 14
	QuirkBadOptions                         // bad: malformed options
)

// quirkNames are in the order of the bits, which is that of a signature.
var quirkNames = [...]string{
	"df", "id+", "id-", "ecn", "0+", "flow", "seq-", "ack+", "ack-", "uptr+", "urgf+", "pushf+",
	"ts1-", "ts2+", "opt+", "exws", "bad",
}

func (q *Quirks) set(bit Quirks, on bool) {
	if on {
		*q |= bit
	} else {
		*q &^= bit
	}
}

// String returns the names of the quirks joined by commas.
func (q Quirks) String() string { return string(q.append(nil)) }

func (q Quirks) append(dst []byte) []byte {
	first := true
	for i, name := range quirkNames {
		if q&(1<<i) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, name...)
	}
	return dst
}

// P0f returns the packet in the notation of p0f 3 signatures:
// version:ttl+distance:options length:mss:window,scale:options:quirks:payload class, such
// as 4:64+0:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0. A window that is a
// multiple of the MSS or MTU is written as mss*n or mtu*n. For a SYN-ACK, peer is the SYN
// that it answers, or nil when that is not known.
func (s *SYN) P0f(peer *SYN) string {
	var buf [160]byte
	return string(s.AppendP0f(buf[:0], peer))
}

// AppendP0f appends P0f to dst. It allocates nothing when dst has room.
func (s *SYN) AppendP0f(dst []byte, peer *SYN) []byte {
	decimal := func(v int, end byte) {
		dst = append(strconv.AppendInt(dst, int64(v), 10), end)
	}
	decimal(int(s.IPVersion), ':')
	decimal(int(s.TTL), '+')
	if distance := int(s.InitialTTL()) - int(s.TTL); distance <= maxP0fDistance {
		decimal(distance, ':')
	} else {
		dst = append(dst, "?:"...)
	}
	decimal(int(s.IPOptions), ':')
	decimal(int(s.MSS), ':')
	switch unit, n := s.windowUnit(peer); unit {
	case "":
		decimal(int(s.Window), ',')
	default:
		dst = append(append(dst, unit...), '*')
		decimal(n, ',')
	}
	decimal(int(s.Scale), ':')
	dst = s.appendLayout(dst)
	dst = append(dst, ':')
	dst = s.Quirks.append(dst)
	if s.PayloadLen > 0 {
		return append(dst, ":+"...)
	}
	return append(dst, ":0"...)
}

// maxP0fDistance is the greatest distance that is believed.
const maxP0fDistance = 35

// appendLayout appends the names of the options.
func (s *SYN) appendLayout(dst []byte) []byte {
	first := true
	s.EachOption(func(kind uint8, value []byte, _ bool) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		switch kind {
		case optionEnd:
			dst = strconv.AppendInt(append(dst, "eol+"...), int64(len(value)), 10)
		case optionNop:
			dst = append(dst, "nop"...)
		case optionMSS:
			dst = append(dst, "mss"...)
		case optionScale:
			dst = append(dst, "ws"...)
		case optionSACKPermitted:
			dst = append(dst, "sok"...)
		case optionSACK:
			dst = append(dst, "sack"...)
		case optionTimestamps:
			dst = append(dst, "ts"...)
		default:
			dst = strconv.AppendInt(append(dst, '?'), int64(kind), 10)
		}
		return true
	})
	return dst
}

// windowUnit returns what the window is a multiple of, "mss" or "mtu", and the factor; or
// "" for neither. Systems count in their own MSS or MTU, less the twelve bytes that
// timestamps take, in those of an Ethernet, or in those of the peer.
func (s *SYN) windowUnit(peer *SYN) (unit string, n int) {
	const ipv4, ipv6, timestamps, ethernet, leastMSS = 40, 60, 12, 1500, 100
	if s.Window == 0 || s.MSS < leastMSS {
		return "", 0
	}
	mss, peerMSS := int(s.MSS), 0
	if peer != nil {
		peerMSS = int(peer.MSS)
	}
	for _, u := range [...]struct {
		name string
		size int
		ok   bool
	}{
		{"mss", mss, true},
		{"mss", mss - timestamps, s.TSValue != 0},
		{"mss", ethernet - ipv4, true},
		{"mss", ethernet - ipv4 - timestamps, true},
		{"mss", ethernet - ipv6, s.IPVersion == 6},
		{"mss", ethernet - ipv6 - timestamps, s.IPVersion == 6},
		{"mtu", mss + ipv4, true},
		{"mtu", mss + int(s.headers), true},
		{"mtu", mss + ipv6, s.IPVersion == 6},
		{"mtu", ethernet, true},
		{"mss", peerMSS, peerMSS >= leastMSS},
		{"mss", peerMSS - timestamps, peerMSS >= leastMSS},
	} {
		if u.ok && int(s.Window)%u.size == 0 {
			return u.name, int(s.Window) / u.size
		}
	}
	return "", 0
}
