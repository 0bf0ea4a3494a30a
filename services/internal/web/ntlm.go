package web

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/decnet/decnet"
)

const ntlmSignature = "NTLMSSP\x00"

// ntlm follows an NTLM handshake: it remembers the challenge for a type 1 message and
// reports the response in a type 3 message ([MS-NLMP] section 2.2.1).
func (x *exchange) ntlm(scheme, token string) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil || len(raw) < 12 || string(raw[:8]) != ntlmSignature {
		x.attempt(strings.ToLower(scheme), decnet.F("secret_kind", "http_negotiate"), decnet.F("secret", token))
		return
	}
	switch binary.LittleEndian.Uint32(raw[8:]) {
	case 1:
		x.conn.ntlm = make([]byte, 8)
		_, _ = io.ReadFull(x.env.Rand, x.conn.ntlm)
	case 3:
		m, ok := parseNTLM(raw)
		if !ok {
			x.attempt("ntlm", decnet.F("secret_kind", "ntlmssp"), decnet.F("secret", hex.EncodeToString(raw)))
			return
		}
		x.attempt("ntlm", m.fields(x.conn.ntlm)...)
		x.conn.ntlm = nil
	}
}

// ntlmChallenge returns the type 2 message that answers the type 1 message of this
// request, "" when there was none.
func (x *exchange) ntlmChallenge() string {
	v := x.request.get("Authorization")
	scheme, token, _ := strings.Cut(v, " ")
	if len(x.conn.ntlm) == 0 || !strings.EqualFold(scheme, "NTLM") {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil || len(raw) < 12 || binary.LittleEndian.Uint32(raw[8:]) != 1 {
		return ""
	}
	short, _, _ := strings.Cut(x.env.Identity.Hostname, ".")
	netbios := strings.ToUpper(short[:min(len(short), 15)])
	return base64.StdEncoding.EncodeToString(challengeMessage(x.conn.ntlm, netbios, x.env.Identity.FQDN()))
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// challengeMessage is a type 2 message of Windows Server 2016 that belongs to no domain.
func challengeMessage(challenge []byte, netbios, dns string) []byte {
	name := utf16le(netbios)
	var info []byte
	for _, av := range []struct {
		id    uint16
		value []byte
	}{{2, name}, {1, name}, {4, utf16le(dns)}, {3, utf16le(dns)}, {0, nil}} {
		info = binary.LittleEndian.AppendUint16(info, av.id)
		info = binary.LittleEndian.AppendUint16(info, uint16(len(av.value)))
		info = append(info, av.value...)
	}
	const head = 56
	m := append([]byte(ntlmSignature), 2, 0, 0, 0)
	buffer := func(n, at int) {
		m = binary.LittleEndian.AppendUint16(m, uint16(n))
		m = binary.LittleEndian.AppendUint16(m, uint16(n))
		m = binary.LittleEndian.AppendUint32(m, uint32(at))
	}
	buffer(len(name), head)
	m = binary.LittleEndian.AppendUint32(m, 0xe28a8215)
	m = append(m, challenge...)
	m = append(m, make([]byte, 8)...)
	buffer(len(info), head+len(name))
	m = append(m, 10, 0, 0x39, 0x38, 0, 0, 0, 15) // version 10.0.14393, revision 15
	return append(append(m, name...), info...)
}

// ntlmResponse is a type 3 message.
type ntlmResponse struct {
	domain, user, workstation string
	lm, nt                    []byte
}

// parseNTLM reads a type 3 message; ok is false when a part lies outside of it.
func parseNTLM(raw []byte) (m ntlmResponse, ok bool) {
	if len(raw) < 64 || string(raw[:8]) != ntlmSignature {
		return m, false
	}
	wide := binary.LittleEndian.Uint32(raw[60:])&1 != 0
	ok = true
	part := func(at int) []byte {
		n := int(binary.LittleEndian.Uint16(raw[at:]))
		start := int64(binary.LittleEndian.Uint32(raw[at+4:]))
		if start+int64(n) > int64(len(raw)) {
			ok = false
			return nil
		}
		return raw[start : start+int64(n)]
	}
	text := func(at int) string {
		b := part(at)
		if !wide {
			return string(b)
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
		return string(utf16.Decode(units))
	}
	m.lm, m.nt = part(12), part(20)
	m.domain, m.user, m.workstation = text(28), text(36), text(44)
	return m, ok
}

// fields describes the response. With the challenge it can be cracked: hashcat mode 5600
// for NTLMv2, 5500 for NTLMv1.
func (m ntlmResponse) fields(challenge []byte) []decnet.Field {
	kind := "ntlmssp_v2"
	if len(m.nt) <= 24 {
		kind = "ntlmssp_v1"
	}
	f := []decnet.Field{
		decnet.F("username", m.user), decnet.F("domain", m.domain), decnet.F("workstation", m.workstation),
		decnet.F("secret_kind", kind), decnet.F("secret", hex.EncodeToString(m.nt)), decnet.F("challenge", hex.EncodeToString(challenge)),
	}
	if len(challenge) == 0 || strings.ContainsAny(m.user+m.domain, ":\r\n\x00") {
		return f
	}
	switch {
	case len(m.nt) > 24:
		f = append(f, decnet.F("hashcat", m.user+"::"+m.domain+":"+hex.EncodeToString(challenge)+":"+
			hex.EncodeToString(m.nt[:16])+":"+hex.EncodeToString(m.nt[16:])))
	case len(m.nt) == 24:
		f = append(f, decnet.F("hashcat", m.user+"::"+m.domain+":"+hex.EncodeToString(m.lm)+":"+
			hex.EncodeToString(m.nt)+":"+hex.EncodeToString(challenge)))
	}
	return f
}
