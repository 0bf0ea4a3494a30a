package fingerprint

import "encoding/binary"

// Content types of TLS records (RFC 8446 section 5.1) and types of handshake messages
// (section 4).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordHeartbeat        = 24

	handshakeClientHello = 1
	handshakeServerHello = 2
	handshakeCertificate = 11
)

const (
	recordHeader = 5
	// maxRecord is the longest payload that RFC 5246 section 6.2.3 lets a record have.
	maxRecord = 1<<14 + 2048
	// maxHandshake bounds one handshake message with its header.
	maxHandshake = 64 << 10
)

// Handshake takes the handshake messages out of one direction of a TLS connection that
// arrives piece by piece. The zero value stands at the start of a connection. A Handshake
// holds at most 64 KiB and allocates only when a message spans records; after Reset it
// does so in the memory it has. It is not safe for concurrent use.
type Handshake struct {
	left   int    // payload bytes of the current record that are not yet taken
	joined []byte // the beginning of a message that spans records
	given  bool   // joined was returned as a message
}

// Reset makes h stand at the start of another connection.
func (h *Handshake) Reset() { *h = Handshake{joined: h.joined[:0]} }

// Next returns the next handshake message, its header of four bytes included, and how
// many bytes of stream it took: the following call wants the stream from there on.
// Records of change_cipher_spec and alert are passed over, wherever they stand.
//
// The message aliases stream, or the Handshake when it spans records, and is valid until
// the next call. The error is ErrTruncated when stream ends before the message does (n
// bytes were taken all the same), and ErrMalformed when what stands there is no handshake
// message of at most 64 KiB: at the latest where encryption begins.
func (h *Handshake) Next(stream []byte) (message []byte, n int, err error) {
	if h.given {
		h.joined, h.given = h.joined[:0], false
	}
	for {
		if h.left == 0 {
			size, err := h.record(stream[n:])
			n += size
			if err != nil {
				return nil, n, err
			}
			if h.left == 0 {
				continue
			}
		}
		if len(stream)-n < h.left {
			return nil, n, ErrTruncated
		}
		payload := stream[n : n+h.left : n+h.left]
		if len(h.joined) == 0 && len(payload) >= 4 {
			size := messageSize(payload)
			if size > maxHandshake {
				return nil, n, ErrMalformed
			}
			if size <= len(payload) {
				h.left -= size
				return payload[:size:size], n + size, nil
			}
		}
		took, err := h.join(payload)
		h.left -= took
		n += took
		if err != nil {
			return nil, n, err
		}
		if h.given {
			return h.joined, n, nil
		}
	}
}

// record reads the header of the record at the start of stream into h.left and returns
// the bytes to pass over: the header, or a whole record that is no handshake.
func (h *Handshake) record(stream []byte) (int, error) {
	typ, length, err := recordHead(stream)
	switch {
	case err != nil:
		return 0, err
	case typ == recordHandshake:
		h.left = length
		return recordHeader, nil
	case typ != recordChangeCipherSpec && typ != recordAlert:
		return 0, ErrMalformed
	case len(stream) < recordHeader+length:
		return 0, ErrTruncated
	}
	return recordHeader + length, nil
}

// join adds as much of payload to the message begun in h.joined as belongs to it, and
// sets h.given when the message is whole.
func (h *Handshake) join(payload []byte) (took int, err error) {
	took = h.fill(payload, 4)
	if len(h.joined) < 4 {
		return took, nil
	}
	size := messageSize(h.joined)
	if size > maxHandshake {
		return took, ErrMalformed
	}
	took += h.fill(payload[took:], size)
	h.given = len(h.joined) == size
	return took, nil
}

// fill appends payload to h.joined until that has size bytes.
func (h *Handshake) fill(payload []byte, size int) int {
	n := min(len(payload), max(0, size-len(h.joined)))
	h.joined = append(h.joined, payload[:n]...)
	return n
}

// messageSize returns the size of the message that begins with the four bytes of b.
func messageSize(b []byte) int { return 4 + int(binary.BigEndian.Uint32(b)&0xffffff) }

// recordHead reads the header of a TLS record. One that cannot be TLS is malformed even
// when it is incomplete.
func recordHead(b []byte) (typ byte, length int, err error) {
	if len(b) > 0 && (b[0] < recordChangeCipherSpec || b[0] > recordHeartbeat) || len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 {
		return 0, 0, ErrMalformed
	}
	if len(b) < recordHeader {
		return 0, 0, ErrTruncated
	}
	length = int(binary.BigEndian.Uint16(b[3:]))
	if length > maxRecord || length == 0 {
		return 0, 0, ErrMalformed
	}
	return b[0], length, nil
}
