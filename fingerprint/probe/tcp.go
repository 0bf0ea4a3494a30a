package probe

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"syscall"

	"github.com/decnet/decnet/fingerprint"
)

// TCPResult is what the TCP stack of a host answers to the SYN of TCP.
type TCPResult struct {
	Hash   string          // first 32 hexadecimal digits of the SHA-256 of Raw
	Raw    string          // ttl:window:df:mss:wscale:sack:timestamp:options, wscale -1 without one
	P0f    string          // in the notation of p0f
	IPID   uint16          // identification of the IPv4 packet
	SYNACK fingerprint.SYN // all that the answer shows
}

// answerTo reads an IP packet that came back from the port that a SYN was sent to. done is
// false when it is neither a SYN-ACK of the SYN whose acknowledgement number is ack, nor
// the reset that gives syscall.ECONNREFUSED.
func answerTo(ack uint32, packet []byte) (r TCPResult, done bool, err error) {
	if isReset(packet, ack) {
		return r, true, syscall.ECONNREFUSED
	}
	a := &r.SYNACK
	if a.Parse(packet) != nil || a.Flags != fingerprint.FlagSYN|fingerprint.FlagACK || a.Ack != ack {
		return TCPResult{}, false, nil
	}
	if a.IPVersion == 4 {
		r.IPID = binary.BigEndian.Uint16(packet[4:])
	}
	r.Raw = fmt.Sprintf("%d:%d:%d:%d:%d:%d:%d:%s", a.TTL, a.Window, bit(r.df()), a.MSS, r.scale(),
		bit(a.SACKPermitted), bit(a.HasTimestamps), a.OptionsSignature())
	sum := sha256.Sum256([]byte(r.Raw))
	r.Hash = hex.EncodeToString(sum[:16])
	r.P0f = a.P0f(&fingerprint.SYN{MSS: synMSS})
	return r, true, nil
}

func (r *TCPResult) df() bool { return r.SYNACK.Quirks&fingerprint.QuirkDF != 0 }

// scale returns the window scale, -1 when the answer has none.
func (r *TCPResult) scale() int {
	if !r.SYNACK.HasScale {
		return -1
	}
	return int(r.SYNACK.Scale)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// isReset reports whether packet refuses the SYN that ack belongs to.
func isReset(packet []byte, ack uint32) bool {
	header := 40
	if len(packet) > 0 && packet[0]>>4 == 4 {
		header = int(packet[0]&15) * 4
	}
	if len(packet) < header+20 {
		return false
	}
	tcp := packet[header:]
	return fingerprint.TCPFlags(tcp[13])&(fingerprint.FlagRST|fingerprint.FlagACK) == fingerprint.FlagRST|fingerprint.FlagACK &&
		binary.BigEndian.Uint32(tcp[8:]) == ack
}
