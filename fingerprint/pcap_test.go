package fingerprint_test

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// packet is a TCP packet of a capture.
type packet struct {
	at       time.Time
	ip       []byte
	src, dst netip.AddrPort
	seq      uint32
	flags    fingerprint.TCPFlags
	payload  []byte
}

// readPCAP reads the TCP packets of a classic capture of Ethernet frames; it returns none
// for any other. The full range of captures is tested in package sniff.
func readPCAP(t *testing.T, name string) []packet {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	unit := time.Microsecond
	switch binary.LittleEndian.Uint32(b) {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		unit = time.Nanosecond
	case 0xd4c3b2a1:
		order = binary.BigEndian
	default:
		return nil
	}
	const ethernet = 1
	if order.Uint32(b[20:]) != ethernet {
		return nil
	}
	var packets []packet
	for b = b[24:]; len(b) >= 16; {
		at := time.Unix(int64(order.Uint32(b)), int64(order.Uint32(b[4:]))*int64(unit))
		size := int(order.Uint32(b[8:]))
		if p, ok := tcpPacket(b[16 : 16+size]); ok {
			p.at = at
			packets = append(packets, p)
		}
		b = b[16+size:]
	}
	return packets
}

func tcpPacket(frame []byte) (packet, bool) {
	if len(frame) < 54 {
		return packet{}, false
	}
	ip := frame[14:]
	var src, dst netip.Addr
	var segment []byte
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		total := int(binary.BigEndian.Uint16(ip[2:]))
		if ip[9] != 6 || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 || total > len(ip) {
			return packet{}, false
		}
		src, dst = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
		ip = ip[:total]
		segment = ip[int(ip[0]&15)*4:]
	case 0x86dd:
		total := 40 + int(binary.BigEndian.Uint16(ip[4:]))
		if ip[6] != 6 || total > len(ip) {
			return packet{}, false
		}
		src, dst = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
		ip = ip[:total]
		segment = ip[40:]
	default:
		return packet{}, false
	}
	return packet{
		ip:      ip,
		src:     netip.AddrPortFrom(src, binary.BigEndian.Uint16(segment)),
		dst:     netip.AddrPortFrom(dst, binary.BigEndian.Uint16(segment[2:])),
		seq:     binary.BigEndian.Uint32(segment[4:]),
		flags:   fingerprint.TCPFlags(segment[13]),
		payload: segment[int(segment[12]>>4)*4:],
	}, true
}

// conversation is one TCP connection. Segments that do not continue their side are left
// out: what needs more is tested in package sniff.
type conversation struct {
	client, server           netip.AddrPort
	syn, synack              []byte
	synAt, synackAt, ackAt   time.Time
	fromClient, fromServer   []byte
	nextClient, nextServer   uint32
	clientWhole, serverWhole bool
	packets                  []packet // all but the SYN and SYN-ACK
}

func conversations(packets []packet) []*conversation {
	type key struct{ client, server netip.AddrPort }
	open := map[key]*conversation{}
	var list []*conversation
	for _, p := range packets {
		syn, ack := p.flags&fingerprint.FlagSYN != 0, p.flags&fingerprint.FlagACK != 0
		if syn && !ack {
			if open[key{p.src, p.dst}] == nil {
				c := &conversation{client: p.src, server: p.dst, syn: p.ip, synAt: p.at, nextClient: p.seq + 1}
				c.clientWhole, c.serverWhole = true, true
				open[key{p.src, p.dst}] = c
				list = append(list, c)
			}
			continue
		}
		if c := open[key{p.dst, p.src}]; c != nil {
			if syn && c.synack == nil {
				c.synack, c.synackAt, c.nextServer = p.ip, p.at, p.seq+1
				continue
			}
			c.packets = append(c.packets, p)
			c.fromServer, c.nextServer, c.serverWhole = extend(c.fromServer, c.nextServer, c.serverWhole, p)
		}
		if c := open[key{p.src, p.dst}]; c != nil {
			if c.synack != nil && c.ackAt.IsZero() && ack && p.flags&fingerprint.FlagRST == 0 {
				c.ackAt = p.at
			}
			c.packets = append(c.packets, p)
			c.fromClient, c.nextClient, c.clientWhole = extend(c.fromClient, c.nextClient, c.clientWhole, p)
		}
	}
	return list
}

func extend(stream []byte, next uint32, whole bool, p packet) ([]byte, uint32, bool) {
	switch {
	case len(p.payload) == 0 || !whole:
		return stream, next, whole
	case p.seq != next:
		return stream, next, false
	}
	return append(stream, p.payload...), next + uint32(len(p.payload)), true
}
