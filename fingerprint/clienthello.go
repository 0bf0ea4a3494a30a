package fingerprint

import "encoding/binary"

// Extension types (IANA TLS ExtensionType Values) that fingerprints look into.
const (
	extServerName        = 0
	extGroups            = 10
	extPointFormats      = 11
	extSignatureAlgs     = 13
	extALPN              = 16
	extSessionTicket     = 35
	extPreSharedKey      = 41
	extEarlyData         = 42
	extSupportedVersions = 43
)

// Transport is what carried a hello; JA4 and JA4S begin with it.
type Transport byte

// The transports of TLS.
const (
	TCP  Transport = 't'
	QUIC Transport = 'q'
	DTLS Transport = 'd'
)

// ClientHello is a parsed TLS ClientHello (RFC 8446 section 4.1.2, RFC 5246 section
// 7.4.1.2). Its slices alias the bytes it was parsed from and hold lists as they were on
// the wire, GREASE included. The zero value is ready for Parse and may be reused.
type ClientHello struct {
	Version            uint16 // of the body, not of the record
	Random             []byte
	SessionID          []byte
	Cookie             []byte // DTLS only
	CipherSuites       []byte // two bytes each
	CompressionMethods []byte
	Extensions         []byte // the whole block; see EachExtension

	HasServerName     bool   // the extension is there, in whatever form
	ServerName        []byte // the first host name
	ALPN              []byte // the list of protocol names, each behind its length
	Groups            []byte // two bytes each
	PointFormats      []byte // one byte each
	SignatureAlgs     []byte // two bytes each
	SupportedVersions []byte // two bytes each

	ticket, psk, earlyData bool
	types                  typeList
}

// Parse reads the ClientHello at the start of a TLS connection: one or more records. It
// returns ErrTruncated when the hello goes on past the end of records, and ErrMalformed
// when what stands there is none. A hello in which a length does not fit, down to those in
// the extensions that a field is for, is malformed: there is no fingerprint of half a hello.
func (h *ClientHello) Parse(records []byte) error {
	var handshake Handshake
	message, _, err := handshake.Next(records)
	if err != nil {
		return err
	}
	return h.ParseMessage(message)
}

// ParseMessage reads a handshake message, as QUIC carries it in CRYPTO frames and as
// Handshake returns it: type, length, body.
func (h *ClientHello) ParseMessage(message []byte) error { return h.parse(message, false) }

// ParseDTLSMessage reads a handshake message as DTLSHandshake returns it. A ClientHello
// of DTLS differs from that of TLS by the cookie (RFC 6347 section 4.2.1).
func (h *ClientHello) ParseDTLSMessage(message []byte) error { return h.parse(message, true) }

func (h *ClientHello) parse(message []byte, dtls bool) error {
	*h = ClientHello{}
	body, err := messageBody(message, handshakeClientHello)
	if err != nil {
		return err
	}
	const fixed = 2 + 32
	if len(body) < fixed {
		return ErrMalformed
	}
	h.Version, h.Random = binary.BigEndian.Uint16(body), body[2:fixed:fixed]
	var ok bool
	if h.SessionID, body, ok = cut8(body[fixed:]); !ok || len(h.SessionID) > 32 {
		return ErrMalformed
	}
	if dtls {
		if h.Cookie, body, ok = cut8(body); !ok {
			return ErrMalformed
		}
	}
	if h.CipherSuites, body, ok = cut16(body); !ok || len(h.CipherSuites)%2 != 0 {
		return ErrMalformed
	}
	if h.CompressionMethods, body, ok = cut8(body); !ok {
		return ErrMalformed
	}
	if len(body) == 0 {
		return nil
	}
	if h.Extensions, body, ok = cut16(body); !ok || len(body) > 0 || !h.parseExtensions() {
		return ErrMalformed
	}
	return nil
}

// parseExtensions reports whether all lengths in the extensions are right.
func (h *ClientHello) parseExtensions() bool {
	b := h.Extensions
	for start, end := 0, 0; end < len(b); {
		if start = end + 4; start > len(b) {
			return false
		}
		head := b[start-4 : start : start]
		typ := binary.BigEndian.Uint16(head)
		if end = start + int(binary.BigEndian.Uint16(head[2:])); end > len(b) {
			return false
		}
		h.types.add(typ)
		body, ok := b[start:end:end], true
		switch typ {
		case extServerName:
			h.HasServerName = true
			ok = h.parseServerName(body)
		case extGroups:
			h.Groups, ok = list16(body)
			ok = ok && len(h.Groups)%2 == 0
		case extPointFormats:
			h.PointFormats, ok = list8(body)
		case extSignatureAlgs:
			h.SignatureAlgs, ok = list16(body)
			ok = ok && len(h.SignatureAlgs)%2 == 0
		case extALPN:
			h.ALPN, ok = list16(body)
			ok = ok && wholeNames(h.ALPN)
		case extSupportedVersions:
			h.SupportedVersions, ok = list8(body)
			ok = ok && len(h.SupportedVersions)%2 == 0
		case extSessionTicket:
			h.ticket = len(body) > 0
		case extPreSharedKey:
			h.psk = true
		case extEarlyData:
			h.earlyData = true
		}
		if !ok {
			return false
		}
	}
	return true
}

// wholeNames reports whether the names in an ALPN list (RFC 7301 section 3.1) fit in it.
func wholeNames(list []byte) bool {
	for len(list) > 0 {
		var ok bool
		if _, list, ok = cut8(list); !ok {
			return false
		}
	}
	return true
}

// parseServerName reads the server_name extension (RFC 6066 section 3), which may be empty.
func (h *ClientHello) parseServerName(body []byte) bool {
	if len(body) == 0 {
		return true
	}
	list, ok := list16(body)
	for len(list) > 0 {
		kind := list[0]
		var name []byte
		if name, list, ok = cut16(list[1:]); !ok {
			return false
		}
		if kind == 0 && h.ServerName == nil {
			h.ServerName = name
		}
	}
	return ok
}

// EachExtension calls f with the type and body of each extension in wire order, until it
// returns false.
func (h *ClientHello) EachExtension(f func(typ uint16, body []byte) bool) {
	eachExtension(h.Extensions, f)
}

// ALPNProtocols returns the protocol names that the client offers.
func (h *ClientHello) ALPNProtocols() []string {
	var names []string
	for r := (reader{b: h.ALPN}); len(r.b) > 0; {
		name := r.vec8()
		if r.bad {
			break
		}
		names = append(names, string(name))
	}
	return names
}

// Resumption names the ways in which the client offers to resume a session, of
// session_ticket, psk, early_data_0rtt and session_id. A session ID alone says little:
// TLS 1.3 clients send one for the sake of middle boxes.
func (h *ClientHello) Resumption() []string {
	var ways []string
	for _, w := range []struct {
		offered bool
		name    string
	}{
		{h.ticket, "session_ticket"},
		{h.psk, "psk"},
		{h.earlyData, "early_data_0rtt"},
		{len(h.SessionID) > 0, "session_id"},
	} {
		if w.offered {
			ways = append(ways, w.name)
		}
	}
	return ways
}

// IsGREASE reports whether v is one of the sixteen values of RFC 8701.
func IsGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
