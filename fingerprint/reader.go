package fingerprint

import "encoding/binary"

// reader consumes bytes from the front of b. After a read that does not fit, bad is set
// and everything reads as empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	head := r.b[:n:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) u8() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) u16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) u24() int {
	if b := r.take(3); b != nil {
		return int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	}
	return 0
}

// vec8, vec16 and vec24 read a vector that its length precedes.
func (r *reader) vec8() []byte  { return r.take(r.u8()) }
func (r *reader) vec16() []byte { return r.take(r.u16()) }
func (r *reader) vec24() []byte { return r.take(r.u24()) }

// prefix reads a vector of n bytes as far as it goes.
func (r *reader) prefix(n int) reader {
	return reader{b: r.take(min(n, len(r.b))), bad: r.bad}
}

// done reports whether all was read and everything fitted.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

// The following are for the hot paths, where a reader would go through memory.

// messageBody returns the body of a handshake message of the given type.
func messageBody(message []byte, typ byte) ([]byte, error) {
	switch {
	case len(message) > 0 && message[0] != typ:
		return nil, ErrMalformed
	case len(message) < 4 || len(message) < messageSize(message):
		return nil, ErrTruncated
	}
	return message[4:messageSize(message)], nil
}

// cut8 and cut16 cut off a vector that its length precedes.
func cut8(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	return b[1:end:end], b[end:], true
}

func cut16(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
		return nil, nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:end:end], b[end:], true
}

// list8 and list16 return a vector that fills b behind its length.
func list8(b []byte) (v []byte, ok bool) {
	if len(b) < 1 || len(b) != 1+int(b[0]) {
		return nil, false
	}
	return b[1:], true
}

func list16(b []byte) (v []byte, ok bool) {
	if len(b) < 2 || len(b) != 2+int(binary.BigEndian.Uint16(b)) {
		return nil, false
	}
	return b[2:], true
}
