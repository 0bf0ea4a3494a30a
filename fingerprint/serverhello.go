package fingerprint

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// ServerHello is a parsed TLS ServerHello or HelloRetryRequest (RFC 8446 section 4.1.3).
// Its slices alias the bytes it was parsed from. The zero value is ready for Parse and
// may be reused.
type ServerHello struct {
	Version         uint16 // legacy version of the body
	Random          []byte
	SessionID       []byte
	CipherSuite     uint16
	Compression     byte
	Extensions      []byte // the whole block
	SelectedVersion uint16 // of the supported_versions extension, 0 without
	ALPN            []byte // the chosen protocol name

	HasSelectedVersion bool // there is a supported_versions extension

	types typeList
}

// retryRandom marks a HelloRetryRequest (RFC 8446 section 4.1.3).
var retryRandom = []byte("\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c")

// Parse reads the ServerHello at the start of the server's side of a TLS connection. Its
// errors are those of ClientHello.Parse.
func (h *ServerHello) Parse(records []byte) error {
	var handshake Handshake
	message, _, err := handshake.Next(records)
	if err != nil {
		return err
	}
	return h.ParseMessage(message)
}

// ParseMessage reads a handshake message: type, length, body.
func (h *ServerHello) ParseMessage(message []byte) error {
	*h = ServerHello{}
	body, err := messageBody(message, handshakeServerHello)
	if err != nil {
		return err
	}
	const fixed = 2 + 32
	if len(body) < fixed {
		return ErrMalformed
	}
	h.Version, h.Random = binary.BigEndian.Uint16(body), body[2:fixed:fixed]
	var ok bool
	if h.SessionID, body, ok = cut8(body[fixed:]); !ok || len(h.SessionID) > 32 || len(body) < 3 {
		return ErrMalformed
	}
	h.CipherSuite, h.Compression = binary.BigEndian.Uint16(body), body[2]
	if body = body[3:]; len(body) == 0 {
		return nil
	}
	if h.Extensions, body, ok = cut16(body); !ok || len(body) > 0 || !h.parseExtensions() {
		return ErrMalformed
	}
	return nil
}

// parseExtensions reports whether all lengths in the extensions are right.
func (h *ServerHello) parseExtensions() bool {
	for b := h.Extensions; len(b) > 0; {
		typ, body, rest, ok := cutExtension(b)
		if !ok {
			return false
		}
		b = rest
		h.types.add(typ)
		switch typ {
		case extSupportedVersions:
			if len(body) != 2 {
				return false
			}
			h.SelectedVersion, h.HasSelectedVersion = binary.BigEndian.Uint16(body), true
		case extALPN:
			list, ok := list16(body)
			if ok {
				h.ALPN, _, ok = cut8(list)
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

// EachExtension calls f with the type and body of each extension in wire order, until it
// returns false.
func (h *ServerHello) EachExtension(f func(typ uint16, body []byte) bool) {
	eachExtension(h.Extensions, f)
}

// IsRetry reports whether this is a HelloRetryRequest.
func (h *ServerHello) IsRetry() bool { return bytes.Equal(h.Random, retryRandom) }

// JA3S returns the MD5 of AppendJA3SRaw in hexadecimal, as defined by the authors of JA3.
func (h *ServerHello) JA3S() string {
	var buf [workspace]byte
	return string(h.AppendJA3S(buf[:0]))
}

// AppendJA3S appends the JA3S to dst.
func (h *ServerHello) AppendJA3S(dst []byte) []byte {
	return hashMD5(h.AppendJA3SRaw(dst), len(dst))
}

// AppendJA3SRaw appends the string that JA3S hashes: version, cipher suite and extensions
// in decimal and wire order, unfiltered.
func (h *ServerHello) AppendJA3SRaw(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(h.Version), 10)
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, uint64(h.CipherSuite), 10)
	dst = append(dst, ',')
	return appendDecimals(dst, h.types.bytes(h.Extensions), false)
}
