package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/decnet/decnet/fingerprint"
)

const ack = 0x01020304

// packet returns an IP packet from port 22 of one host to port 50000 of another.
func packet(version int, flags fingerprint.TCPFlags, ackNumber uint32, options string) []byte {
	from, to := netip.MustParseAddrPort("198.51.100.2:22"), netip.MustParseAddrPort("198.51.100.1:50000")
	if version == 6 {
		from, to = netip.MustParseAddrPort("[2001:db8::2]:22"), netip.MustParseAddrPort("[2001:db8::1]:50000")
	}
	tcp := appendSegment(nil, from, to, 7, flags, 8192, []byte(options))
	binary.BigEndian.PutUint32(tcp[8:], ackNumber)
	if version == 6 {
		header := append([]byte{0x60, 0, 0, 0, 0, byte(len(tcp)), 6, 120}, from.Addr().AsSlice()...)
		return append(append(header, to.Addr().AsSlice()...), tcp...)
	}
	header := append([]byte{0x45, 0, 0, byte(20 + len(tcp)), 0x12, 0x34, 0, 0, 120, 6, 0, 0}, from.Addr().AsSlice()...)
	return append(append(header, to.Addr().AsSlice()...), tcp...)
}

const windowsOptions = "\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02"

func TestAnswerTo(t *testing.T) {
	t.Parallel()
	const synAck, rstAck = fingerprint.FlagSYN | fingerprint.FlagACK, fingerprint.FlagRST | fingerprint.FlagACK
	fragment := packet(4, synAck, ack, windowsOptions)
	fragment[7] = 1
	for _, c := range []struct {
		name   string
		packet []byte
		raw    string
		ipID   uint16
		done   bool
		err    error
	}{
		{"windows", packet(4, synAck, ack, windowsOptions), "120:8192:0:1460:8:1:0:M,N,W,N,N,S", 0x1234, true, nil},
		{"windows IPv6", packet(6, synAck, ack, windowsOptions), "120:8192:0:1460:8:1:0:M,N,W,N,N,S", 0, true, nil},
		{"no options", packet(4, synAck, ack, ""), "120:8192:0:0:-1:0:0:", 0x1234, true, nil},
		{"odd options", packet(4, synAck, ack, "\x63\x02\x00\x00"), "120:8192:0:0:-1:0:0:?,E", 0x1234, true, nil},
		{"reset", packet(4, rstAck, ack, ""), "", 0, true, syscall.ECONNREFUSED},
		{"reset IPv6", packet(6, rstAck, ack, ""), "", 0, true, syscall.ECONNREFUSED},
		{"reset of another", packet(4, rstAck, ack+1, ""), "", 0, false, nil},
		{"blind reset", packet(4, fingerprint.FlagRST, ack, ""), "", 0, false, nil},
		{"answer to another", packet(4, synAck, ack-1, ""), "", 0, false, nil},
		{"more flags", packet(4, synAck|fingerprint.FlagPSH, ack, ""), "", 0, false, nil},
		{"SYN alone", packet(4, fingerprint.FlagSYN, ack, ""), "", 0, false, nil},
		{"data", packet(4, fingerprint.FlagACK, ack, ""), "", 0, false, nil},
		{"fragment", fragment, "", 0, false, nil},
		{"short", packet(4, synAck, ack, "")[:39], "", 0, false, nil},
		{"nothing", nil, "", 0, false, nil},
	} {
		r, done, err := answerTo(ack, c.packet)
		if r.Raw != c.raw || r.IPID != c.ipID || done != c.done || !errors.Is(err, c.err) {
			t.Errorf("%s: %q %d %v %v", c.name, r.Raw, r.IPID, done, err)
		}
	}
	// The hash is that of the raw text, and the notation that of p0f.
	r, _, _ := answerTo(ack, packet(4, synAck, ack, windowsOptions))
	if r.Hash != "ab91124d5033152606b2e364cf870b18" || r.P0f != "4:120+8:0:1460:8192,8:mss,nop,ws,nop,nop,sok::0" {
		t.Errorf("%s %s", r.Hash, r.P0f)
	}
}

// The checksum of a segment with its checksum is zero.
func TestSegmentChecksum(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"198.51.100.1:50000", "198.51.100.2:22"}, {"[2001:db8::ffff:ffff]:65535", "[fe80::1]:1"}} {
		from, to := netip.MustParseAddrPort(pair[0]), netip.MustParseAddrPort(pair[1])
		for _, seq := range []uint32{0, 1, 0xffffffff, 0x80000001} {
			syn := appendSegment(nil, from, to, seq, fingerprint.FlagSYN, synWindow, synOptions[:])
			if sum := checksum(from.Addr(), to.Addr(), syn); sum != 0 {
				t.Errorf("%s to %s: checksum is off by %#x", from, to, sum)
			}
		}
	}
}

// FuzzAnswerTo checks that whatever arrives on the wire is either no answer, or one that
// acknowledges the SYN and has all parts of a signature.
func FuzzAnswerTo(f *testing.F) {
	for _, version := range []int{4, 6} {
		for _, flags := range []fingerprint.TCPFlags{fingerprint.FlagSYN | fingerprint.FlagACK, fingerprint.FlagRST | fingerprint.FlagACK, fingerprint.FlagSYN} {
			f.Add(uint32(ack), packet(version, flags, ack, windowsOptions))
			f.Add(uint32(ack), packet(version, flags, ack, "\x02\x00"))
			f.Add(uint32(ack), packet(version, flags, ack, "")[:39])
		}
	}
	f.Add(uint32(0), []byte{0x4f})
	f.Fuzz(func(t *testing.T, ack uint32, packet []byte) {
		r, done, err := answerTo(ack, packet)
		switch {
		case err != nil && (!done || r.Hash != ""):
			t.Errorf("%v, done %v, %+v", err, done, r)
		case done && err == nil && (r.SYNACK.Ack != ack || len(r.Hash) != 32 || strings.Count(r.Raw, ":") != 7 || r.P0f == ""):
			t.Errorf("%+v", r)
		case !done && r != (TCPResult{}):
			t.Errorf("no answer, but %+v", r)
		}
		_ = fmt.Sprint(tcpFields(&r))
	})
}
