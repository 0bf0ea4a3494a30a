package fingerprint

import (
	"encoding/binary"
	"net/netip"
)

// TCPFlags are the flag bits of a TCP header (RFC 9293 section 3.1).
type TCPFlags uint8

// The flags.
const (
	FlagFIN TCPFlags = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
	FlagURG
	FlagECE
	FlagCWR
)

// Kinds of TCP options (IANA TCP Option Kind Numbers) with a letter of their own.
const (
	optionEnd           = 0
	optionNop           = 1
	optionMSS           = 2
	optionScale         = 3
	optionSACKPermitted = 4
	optionSACK          = 5
	optionTimestamps    = 8
	optionAltChecksum   = 14
	optionUserTimeout   = 28
)

// SYN is what the first packet of one side of a TCP connection, a SYN or a SYN-ACK, shows
// of the system that sent it. The zero value is ready for Parse and may be reused; it holds
// no reference to the packet.
type SYN struct {
	Src, Dst   netip.AddrPort
	IPVersion  uint8  // 4 or 6
	TTL        uint8  // or hop limit, as received
	ID         uint16 // of IPv4
	IPOptions  uint16 // bytes of IPv4 options or of IPv6 extension headers
	Flags      TCPFlags
	Seq, Ack   uint32
	Window     uint16 // raw, unscaled
	PayloadLen int    // as the IP header says

	HasMSS, HasScale, HasTimestamps bool
	SACKPermitted                   bool
	MSS                             uint16 // the last one, like Scale
	Scale                           uint8
	TSValue, TSEcho                 uint32
	Quirks                          Quirks

	options    [40]byte
	optionsLen uint8
	headers    uint16 // bytes of the IP and TCP headers
	endPadding uint8  // bytes behind the end-of-list option
}

// Parse reads an IP packet: an IPv4 or IPv6 header, with any options and extension
// headers, and a TCP header with SYN set. The payload need not be there; TCP_SAVE_SYN of
// Linux gives packets of this form. It returns ErrTruncated when a header goes on past
// the end of packet, and ErrMalformed for anything but a SYN or SYN-ACK, a fragment of
// one included.
func (s *SYN) Parse(packet []byte) error {
	*s = SYN{}
	if len(packet) == 0 {
		return ErrTruncated
	}
	var segment []byte
	var length int
	var src, dst netip.Addr
	var err error
	switch packet[0] >> 4 {
	case 4:
		segment, length, err = s.parseIPv4(packet)
		if err == nil {
			src, dst = netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
		}
	case 6:
		segment, length, err = s.parseIPv6(packet)
		if err == nil {
			src, dst = netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
		}
	default:
		err = ErrMalformed
	}
	if err != nil {
		return err
	}
	return s.parseTCP(segment, length, src, dst)
}

const protocolTCP = 6

// parseIPv4 returns the TCP segment as far as it is there, and its whole length.
func (s *SYN) parseIPv4(b []byte) (segment []byte, length int, err error) {
	if len(b) < 20 {
		return nil, 0, ErrTruncated
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	fragment := binary.BigEndian.Uint16(b[6:])
	const reserved, dontFragment, offset = 0x8000, 0x4000, 0x1fff
	if header < 20 || total < header || b[9] != protocolTCP || fragment&offset != 0 {
		return nil, 0, ErrMalformed
	}
	if len(b) < header {
		return nil, 0, ErrTruncated
	}
	s.IPVersion, s.TTL, s.IPOptions = 4, b[8], uint16(header-20)
	s.ID = binary.BigEndian.Uint16(b[4:])
	s.Quirks.set(QuirkECN, b[1]&3 != 0)
	s.Quirks.set(QuirkReserved, fragment&reserved != 0)
	s.Quirks.set(QuirkDF, fragment&dontFragment != 0)
	s.Quirks.set(QuirkDFWithID, fragment&dontFragment != 0 && s.ID != 0)
	s.Quirks.set(QuirkZeroID, fragment&dontFragment == 0 && s.ID == 0)
	return b[header:min(len(b), total)], total - header, nil
}

// Next header values of IPv6 (IANA Assigned Internet Protocol Numbers) that lead on to
// TCP.
const (
	nextHopByHop     = 0
	nextRouting      = 43
	nextFragment     = 44
	nextAuth         = 51
	nextDestination  = 60
	nextMobility     = 135
	maxIPv6Extension = 8
)

// parseIPv6 returns the TCP segment as far as it is there, and its whole length.
func (s *SYN) parseIPv6(b []byte) (segment []byte, length int, err error) {
	if len(b) < 40 {
		return nil, 0, ErrTruncated
	}
	flow := binary.BigEndian.Uint32(b)
	s.IPVersion, s.TTL = 6, b[7]
	s.Quirks.set(QuirkECN, flow>>20&3 != 0)
	s.Quirks.set(QuirkFlow, flow&0xfffff != 0)
	next, length := b[6], int(binary.BigEndian.Uint16(b[4:]))
	segment = b[40:min(len(b), 40+length)]
	for range maxIPv6Extension {
		size := 8
		switch next {
		case protocolTCP:
			return segment, length, nil
		case nextHopByHop, nextRouting, nextDestination, nextMobility, nextFragment, nextAuth:
			if len(segment) < size {
				return nil, 0, ErrTruncated
			}
		default:
			return nil, 0, ErrMalformed
		}
		switch next {
		case nextFragment:
			if binary.BigEndian.Uint16(segment[2:])>>3 != 0 {
				return nil, 0, ErrMalformed
			}
		case nextAuth:
			size = (int(segment[1]) + 2) * 4
		default:
			size = (int(segment[1]) + 1) * 8
		}
		if len(segment) < size {
			return nil, 0, ErrTruncated
		}
		next, segment, length = segment[0], segment[size:], length-size
		s.IPOptions += uint16(size)
	}
	return nil, 0, ErrMalformed
}

// parseTCP reads the header of a segment that is length bytes long.
func (s *SYN) parseTCP(b []byte, length int, src, dst netip.Addr) error {
	if length < 20 {
		return ErrMalformed
	}
	if len(b) < 20 {
		return ErrTruncated
	}
	header := int(b[12]>>4) * 4
	if s.Flags = TCPFlags(b[13]); s.Flags&FlagSYN == 0 || header < 20 || header > length {
		return ErrMalformed
	}
	if len(b) < header {
		return ErrTruncated
	}
	s.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
	s.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	s.Seq, s.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	s.Window = binary.BigEndian.Uint16(b[14:])
	s.PayloadLen = length - header
	s.optionsLen = uint8(copy(s.options[:], b[20:header]))
	s.headers = uint16(header) + s.IPOptions + 20
	if s.IPVersion == 6 {
		s.headers += 20
	}
	urgent := binary.BigEndian.Uint16(b[18:])
	s.Quirks.set(QuirkECN, s.Quirks&QuirkECN != 0 || s.Flags&(FlagECE|FlagCWR) != 0)
	s.Quirks.set(QuirkZeroSeq, s.Seq == 0)
	s.Quirks.set(QuirkAckWithoutFlag, s.Flags&FlagACK == 0 && s.Ack != 0 && s.Flags&FlagRST == 0)
	s.Quirks.set(QuirkZeroAck, s.Flags&FlagACK != 0 && s.Ack == 0)
	s.Quirks.set(QuirkURG, s.Flags&FlagURG != 0)
	s.Quirks.set(QuirkUrgentPointer, s.Flags&FlagURG == 0 && urgent != 0)
	s.Quirks.set(QuirkPSH, s.Flags&FlagPSH != 0)
	s.parseOptions()
	return nil
}

// parseOptions reads the options that have a field of their own.
func (s *SYN) parseOptions() {
	s.EachOption(func(kind uint8, value []byte, ok bool) bool {
		switch {
		case !ok:
			s.Quirks.set(QuirkBadOptions, true)
		case kind == optionMSS && len(value) == 2:
			s.HasMSS, s.MSS = true, binary.BigEndian.Uint16(value)
		case kind == optionScale && len(value) == 1:
			s.HasScale, s.Scale = true, value[0]
			s.Quirks.set(QuirkLargeScale, value[0] > 14)
		case kind == optionSACKPermitted && len(value) == 0:
			s.SACKPermitted = true
		case kind == optionTimestamps && len(value) == 8:
			s.HasTimestamps = true
			s.TSValue, s.TSEcho = binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])
			s.Quirks.set(QuirkZeroTimestamp, s.TSValue == 0)
			s.Quirks.set(QuirkPeerTimestamp, s.TSEcho != 0 && s.Flags&FlagACK == 0)
		case kind == optionMSS, kind == optionScale, kind == optionSACKPermitted, kind == optionTimestamps:
			s.Quirks.set(QuirkBadOptions, true)
		case kind == optionEnd:
			s.endPadding = uint8(len(value))
			for _, c := range value {
				if c != 0 {
					s.Quirks.set(QuirkOptionsAfterEnd, true)
				}
			}
			return false
		}
		return true
	})
}

// Options returns the bytes of the TCP options.
func (s *SYN) Options() []byte { return s.options[:s.optionsLen] }

// EachOption calls f with each TCP option in order, until it returns false: its kind and
// its value, for the end-of-list option all that follows it. The last call has ok false
// when the length of an option does not fit.
func (s *SYN) EachOption(f func(kind uint8, value []byte, ok bool) bool) {
	for b := s.Options(); len(b) > 0; {
		kind := b[0]
		switch {
		case kind == optionEnd:
			f(kind, b[1:], true)
			return
		case kind == optionNop:
			if !f(kind, nil, true) {
				return
			}
			b = b[1:]
			continue
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			f(kind, nil, false)
			return
		}
		if !f(kind, b[2:b[1]], true) {
			return
		}
		b = b[b[1]:]
	}
}

// IsSYNACK reports whether the packet is a server's answer.
func (s *SYN) IsSYNACK() bool { return s.Flags&FlagACK != 0 }

// InitialTTL guesses the TTL that the packet was sent with: the smallest of 32, 64, 128
// and 255 that is not below TTL.
func (s *SYN) InitialTTL() uint8 { return InitialTTL(s.TTL) }

// HopDistance guesses how many routers the packet passed: InitialTTL less TTL, at most 64.
func (s *SYN) HopDistance() int { return min(64, int(InitialTTL(s.TTL)-s.TTL)) }

// InitialTTL guesses the TTL or hop limit that a packet received with ttl was sent with.
func InitialTTL(ttl uint8) uint8 {
	for _, initial := range [...]uint8{32, 64, 128} {
		if ttl <= initial {
			return initial
		}
	}
	return 255
}

// OptionsSignature returns the TCP options as letters joined by commas: M for the maximum
// segment size, W window scale, S SACK or SACK permitted, T timestamps, N no operation,
// E end of list, A alternate checksum, U user time-out, ? any other.
func (s *SYN) OptionsSignature() string {
	var buf [80]byte
	return string(s.AppendOptionsSignature(buf[:0]))
}

// AppendOptionsSignature appends OptionsSignature to dst.
func (s *SYN) AppendOptionsSignature(dst []byte) []byte {
	first := true
	s.EachOption(func(kind uint8, _ []byte, _ bool) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, optionLetter(kind))
		return true
	})
	return dst
}

func optionLetter(kind uint8) byte {
	switch kind {
	case optionEnd:
		return 'E'
	case optionNop:
		return 'N'
	case optionMSS:
		return 'M'
	case optionScale:
		return 'W'
	case optionSACKPermitted, optionSACK:
		return 'S'
	case optionTimestamps:
		return 'T'
	case optionAltChecksum, 15:
		return 'A'
	case optionUserTimeout:
		return 'U'
	}
	return '?'
}
