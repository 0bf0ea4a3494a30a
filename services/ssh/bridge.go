package ssh

import (
	"encoding/binary"
	"errors"
	"net"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

// bridge hands the connection protocol (RFC 4254) of a Transport to golang.org/x/crypto/ssh,
// whose multiplexer takes decrypted packets from what it believes to be the socket of an
// OpenSSH master in proxy mode (OpenSSH PROTOCOL.mux). It passes on only the messages that
// sshd has handlers for in this phase.
type bridge struct {
	net.Conn // for the addresses
	t        *transport.Transport

	in      []byte // what Read has not returned yet
	written int    // frames
}

// The two messages with which a proxy client begins, and the answers of the master.
const helloFrames = 2

var helloAnswers = []byte{
	0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4, // MUX_MSG_HELLO, version 4
	0, 0, 0, 8, 0x80, 0, 0, 0x0f, 0, 0, 0, 0, // MUX_S_PROXY, request 0
}

func newBridge(session *services.Session, t *transport.Transport) *bridge {
	return &bridge{Conn: session.Conn, t: t, in: helloAnswers}
}

var errFrame = errors.New("ssh: short frame")

// Read returns parts of a frame: a length, no padding, and a payload.
func (b *bridge) Read(p []byte) (int, error) {
	for len(b.in) == 0 {
		packet, err := b.t.ReadPacket()
		if err != nil {
			return 0, err
		}
		switch {
		case isConnection(packet[0]):
			b.in = binary.BigEndian.AppendUint32(b.in[:0:0], uint32(len(packet)+1))
			b.in = append(append(b.in, 0), packet...)
		case packet[0] >= 50 && packet[0] < 80: // late user authentication is ignored
		default:
			if err := b.t.Unimplemented(); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, b.in)
	b.in = b.in[n:]
	return n, nil
}

// isConnection reports whether a message belongs to the connection protocol.
func isConnection(kind byte) bool { return kind >= 80 && kind <= 82 || kind >= 90 && kind <= 100 }

// Write takes one whole frame.
func (b *bridge) Write(p []byte) (int, error) {
	const header = 5
	if b.written < helloFrames {
		b.written++
		return len(p), nil
	}
	if len(p) <= header {
		return 0, errFrame
	}
	return len(p), b.t.WritePacket(asOpenSSH(p[header:]))
}

// msgOpenFailure is CHANNEL_OPEN_FAILURE.
const msgOpenFailure = 92

// asOpenSSH gives a refusal the empty language tag that OpenSSH sends.
func asOpenSSH(packet []byte) []byte {
	if packet[0] != msgOpenFailure {
		return packet
	}
	const text, length = 9, 4 // the text follows type, channel and reason
	if len(packet) < text+length {
		return packet
	}
	end := text + length + int(binary.BigEndian.Uint32(packet[text:]))
	if end > len(packet) {
		return packet
	}
	return append(packet[:end:end], 0, 0, 0, 0)
}
