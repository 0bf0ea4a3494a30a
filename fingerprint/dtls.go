package fingerprint

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	dtlsRecordHeader  = 13
	dtlsMessageHeader = 12
	// maxDTLSFragments and maxDTLSMessages bound what a DTLSHandshake keeps.
	maxDTLSFragments = 256
	maxDTLSMessages  = 4
)

// DTLSHandshake takes the handshake messages out of one direction of a DTLS connection
// (RFC 6347 section 4.2), whose fragments may come in any order and more than once. The
// zero value stands at the start of a connection. It holds at most 64 KiB of unfinished
// messages, and is not safe for concurrent use.
type DTLSHandshake struct {
	parts  []dtlsFragment
	held   int    // bytes in parts
	done   uint32 // message numbers below 32 that were returned
	joined []byte // the message last returned
}

type dtlsFragment struct {
	typ            byte
	number         int
	length, offset int // of the message, and of body in it
	body           []byte
}

// Reset makes h stand at the start of another connection.
func (h *DTLSHandshake) Reset() { *h = DTLSHandshake{parts: h.parts[:0], joined: h.joined[:0]} }

// Next returns the next whole handshake message to which the datagram contributes, in the
// form of TLS: type, length, body; ClientHello.ParseDTLSMessage, ServerHello.ParseMessage
// and AppendCertificates read it. It returns how many bytes of the datagram it took: the
// following call wants the datagram from there on.
//
// The message is valid until the next call. The error is ErrTruncated when the datagram
// ends without completing a message (wait for the next datagram), and ErrMalformed when
// it is no DTLS, or encrypted. A message is returned once, however often it is sent.
func (h *DTLSHandshake) Next(datagram []byte) (message []byte, n int, err error) {
	for n < len(datagram) {
		payload, size, err := dtlsRecord(datagram[n:])
		if err != nil {
			return nil, n, err
		}
		n += size
		r := reader{b: payload}
		for len(r.b) > 0 {
			f, ok := readFragment(&r)
			if !ok {
				return nil, n, ErrMalformed
			}
			if !h.add(f) {
				continue
			}
			// What follows in the record is read again by the next call.
			if len(r.b) > 0 {
				n -= size
			}
			return h.joined, n, nil
		}
	}
	return nil, n, ErrTruncated
}

// dtlsRecord returns the payload of the handshake record at the start of b, nothing for
// a record of another kind, and the size of the record.
func dtlsRecord(b []byte) (payload []byte, size int, err error) {
	if len(b) < dtlsRecordHeader || b[0] < recordChangeCipherSpec || b[0] > recordHandshake || b[1] != 0xfe {
		return nil, 0, ErrMalformed
	}
	epoch, size := binary.BigEndian.Uint16(b[3:]), dtlsRecordHeader+int(binary.BigEndian.Uint16(b[11:]))
	if epoch != 0 || size > len(b) {
		return nil, 0, ErrMalformed
	}
	if b[0] != recordHandshake {
		return nil, size, nil
	}
	return b[dtlsRecordHeader:size], size, nil
}

// readFragment reads one fragment with its header (RFC 6347 section 4.2.2).
func readFragment(r *reader) (dtlsFragment, bool) {
	f := dtlsFragment{typ: byte(r.u8()), length: r.u24(), number: r.u16(), offset: r.u24()}
	f.body = r.vec24()
	return f, !r.bad && f.length <= maxHandshake && f.offset+len(f.body) <= f.length && f.number < 32
}

// add keeps a fragment and reports whether its message is now whole, in h.joined. Where
// fragments disagree, the one that came first counts.
func (h *DTLSHandshake) add(f dtlsFragment) bool {
	if h.done&(1<<f.number) != 0 || len(f.body) == 0 && f.length > 0 {
		return false
	}
	first, numbers := f, uint32(1)<<f.number
	for _, p := range h.parts {
		numbers |= 1 << p.number
		if p.number == f.number {
			if first = p; p.offset == f.offset && len(p.body) >= len(f.body) {
				return false
			}
		}
	}
	if first.typ != f.typ || first.length != f.length || bits.OnesCount32(numbers) > maxDTLSMessages ||
		len(h.parts) == maxDTLSFragments || h.held+len(f.body) > maxHandshake {
		return false
	}
	h.parts = append(h.parts, f)
	h.held += len(f.body)
	if !h.join(f) {
		h.parts[len(h.parts)-1].body = slices.Clone(f.body)
		return false
	}
	h.done |= 1 << f.number
	h.parts = slices.DeleteFunc(h.parts, func(p dtlsFragment) bool {
		if p.number == f.number {
			h.held -= len(p.body)
		}
		return p.number == f.number
	})
	return true
}

// join writes the message to which f belongs to h.joined and reports whether its
// fragments leave no gap.
func (h *DTLSHandshake) join(f dtlsFragment) bool {
	h.joined = append(h.joined[:0], f.typ, byte(f.length>>16), byte(f.length>>8), byte(f.length))
	for have := 0; have < f.length; have = len(h.joined) - 4 {
		i := slices.IndexFunc(h.parts, func(p dtlsFragment) bool {
			return p.number == f.number && p.offset <= have && p.offset+len(p.body) > have
		})
		if i < 0 {
			return false
		}
		h.joined = append(h.joined, h.parts[i].body[have-h.parts[i].offset:]...)
	}
	return true
}
