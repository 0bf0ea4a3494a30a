package fingerprint

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Errors of the parsers. ErrTruncated means that the bytes so far are right and more are
// needed; ErrMalformed that more bytes will not help.
var (
	ErrTruncated = errors.New("fingerprint: truncated")
	ErrMalformed = errors.New("fingerprint: malformed")
)

// Limits of RFC 4253 sections 4.2 and 6.1, the line limit widened to what real servers
// accept before they give up.
const (
	maxSSHLine     = 8 << 10
	maxSSHPreamble = 64 << 10 // of the lines before the identification
	maxSSHPacket   = 35000
)

// SSHHello is what one side of an SSH connection says in the clear: its identification
// line (RFC 4253 section 4.2) and the name-lists of its KEXINIT (section 7.1), verbatim.
type SSHHello struct {
	Banner            []byte // "SSH-2.0-…", without its line end
	Kex               []byte
	HostKey           []byte
	CipherC2S         []byte // client to server
	CipherS2C         []byte // server to client
	MACC2S, MACS2C    []byte
	CompC2S, CompS2C  []byte
	LangC2S, LangS2C  []byte
	FirstKexFollows   bool
	KexInitIsComplete bool // false: only Banner is set
}

// ParseSSH reads an identification line, lines before it that a server may send, and the
// KEXINIT that follows. With an incomplete or malformed KEXINIT it returns the Banner
// together with ErrTruncated or ErrMalformed.
func ParseSSH(b []byte) (SSHHello, error) {
	var h SSHHello
	for preamble := 0; ; {
		end := bytes.IndexByte(b, '\n')
		if end < 0 && len(b) <= maxSSHLine {
			return h, ErrTruncated
		}
		if end < 0 || end > maxSSHLine {
			return h, ErrMalformed
		}
		line := bytes.TrimSuffix(b[:end], []byte("\r"))
		b = b[end+1:]
		if bytes.HasPrefix(line, []byte("SSH-")) {
			h.Banner = line
			break
		}
		if preamble += end + 1; preamble > maxSSHPreamble {
			return h, ErrMalformed
		}
	}
	if !bytes.HasPrefix(h.Banner, []byte("SSH-2.0-")) && !bytes.HasPrefix(h.Banner, []byte("SSH-1.99-")) {
		return h, ErrMalformed
	}
	payload, err := sshPacket(b)
	if err != nil {
		return h, err
	}
	err = h.parseKexInit(payload)
	return h, err
}

// sshPacket returns the payload of the unencrypted binary packet at the start of b
// (RFC 4253 section 6).
func sshPacket(b []byte) ([]byte, error) {
	if len(b) < 5 {
		return nil, ErrTruncated
	}
	length, padding := binary.BigEndian.Uint32(b), uint32(b[4])
	if length > maxSSHPacket || length < padding+2 {
		return nil, ErrMalformed
	}
	if uint32(len(b)-4) < length {
		return nil, ErrTruncated
	}
	return b[5 : 4+length-padding], nil
}

func (h *SSHHello) parseKexInit(p []byte) error {
	const msgKexInit, cookie = 20, 16
	if p[0] != msgKexInit || len(p) < 1+cookie {
		return ErrMalformed
	}
	p = p[1+cookie:]
	lists := [...]*[]byte{
		&h.Kex, &h.HostKey, &h.CipherC2S, &h.CipherS2C, &h.MACC2S, &h.MACS2C,
		&h.CompC2S, &h.CompS2C, &h.LangC2S, &h.LangS2C,
	}
	for _, list := range lists {
		if len(p) < 4 {
			return ErrMalformed
		}
		n := binary.BigEndian.Uint32(p)
		if uint64(n) > uint64(len(p)-4) {
			return ErrMalformed
		}
		*list, p = p[4:4+n], p[4+n:]
	}
	h.FirstKexFollows = len(p) > 0 && p[0] != 0
	h.KexInitIsComplete = true
	return nil
}

// AppendHASSHRaw appends the string that HASSH hashes: the client's key exchange, cipher,
// MAC and compression lists joined by semicolons, for a hello that a client sent.
func (h *SSHHello) AppendHASSHRaw(dst []byte) []byte {
	return appendJoined(dst, h.Kex, h.CipherC2S, h.MACC2S, h.CompC2S)
}

// AppendHASSHServerRaw appends the string that HASSHServer hashes, for a hello that a
// server sent.
func (h *SSHHello) AppendHASSHServerRaw(dst []byte) []byte {
	return appendJoined(dst, h.Kex, h.CipherS2C, h.MACS2C, h.CompS2C)
}

func appendJoined(dst []byte, lists ...[]byte) []byte {
	for i, l := range lists {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, l...)
	}
	return dst
}

// HASSH returns the MD5 of AppendHASSHRaw in hexadecimal, as defined by the HASSH authors
// (salesforce/hassh). It means nothing unless KexInitIsComplete.
func (h *SSHHello) HASSH() string {
	var buf [workspace]byte
	return string(h.AppendHASSH(buf[:0]))
}

// AppendHASSH appends the HASSH to dst.
func (h *SSHHello) AppendHASSH(dst []byte) []byte {
	return hashMD5(h.AppendHASSHRaw(dst), len(dst))
}

// HASSHServer returns the MD5 of AppendHASSHServerRaw in hexadecimal.
func (h *SSHHello) HASSHServer() string {
	var buf [workspace]byte
	return string(h.AppendHASSHServer(buf[:0]))
}

// AppendHASSHServer appends the HASSHServer to dst.
func (h *SSHHello) AppendHASSHServer(dst []byte) []byte {
	return hashMD5(h.AppendHASSHServerRaw(dst), len(dst))
}
