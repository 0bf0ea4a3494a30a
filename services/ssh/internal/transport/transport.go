// Package transport is the server side of the SSH transport layer (RFC 4253) as OpenSSH's
// sshd speaks it: the identification exchange, key exchange with every algorithm that the
// emulated release offers, and the binary packet protocol.
//
//	t := transport.New(conn, cfg)
//	if err := t.Handshake(); err != nil {
//		return err
//	}
//	packet, err := t.ReadPacket()
//
// It exists because a client recognises a server by the name-lists of its KEXINIT and by
// its answers to what is wrong, and those cannot be chosen freely in golang.org/x/crypto/ssh.
package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// The message numbers of RFC 4253 section 12 and RFC 8308 that the transport handles.
const (
	msgDisconnect     = 1
	msgIgnore         = 2
	msgUnimplemented  = 3
	msgDebug          = 4
	msgServiceRequest = 5
	msgServiceAccept  = 6
	msgExtInfo        = 7
	msgKexInit        = 20
	msgNewKeys        = 21
	msgPing           = 192 // OpenSSH PROTOCOL, section 1.9
	msgPong           = 193
)

// disconnectProtocolError is the reason that OpenSSH gives with every Disconnect.
const disconnectProtocolError = 2

// HostKey is one signature algorithm that the server offers for one of its keys.
type HostKey struct {
	Algorithm string // "rsa-sha2-512", "ssh-ed25519", …
	// Signer returns the key. It may block while the key is being made.
	Signer func() ssh.AlgorithmSigner
}

// Config is what a server says of itself and offers. It may be shared by connections and
// must not be modified while in use.
type Config struct {
	Version     string   // what follows "SSH-2.0-" in the identification line
	Kex         []string // key exchange methods in order of preference, markers such as kex-strict included
	HostKeys    []HostKey
	Ciphers     []string // the same for both directions, as the two following
	MACs        []string
	Compression []string
	ExtInfo     []Extension // sent to clients that ask for it; none: no EXT_INFO at all
	Ping        bool        // answer PING (OpenSSH 9.5 and later); others take it for an error
	Rand        io.Reader
}

// Extension is a name and value of an EXT_INFO message (RFC 8308).
type Extension struct{ Name, Value string }

// ErrProtocol says that the client broke the protocol in a way that ends the connection.
var ErrProtocol = errors.New("ssh: protocol error")

// DisconnectError is what a client said when it ended the connection.
type DisconnectError struct {
	Reason  uint32
	Message string
}

// Error returns the client's words.
func (e *DisconnectError) Error() string {
	return fmt.Sprintf("ssh: client disconnected, reason %d: %s", e.Reason, e.Message)
}

// Transport is one connection. One goroutine may read while others write.
type Transport struct {
	conn net.Conn
	cfg  *Config
	r    *bufio.Reader

	clientVersion []byte
	sessionID     []byte
	strict        bool
	wantsExtInfo  bool
	agreed        Agreement

	in      opener
	inSeq   uint32
	lastSeq uint32 // of the packet read last
	inKex   bool   // the reading goroutine holds mu
	inflate *inflater

	mu      sync.Mutex // held for a whole key exchange, so that nothing else is sent
	out     sealer
	outSeq  uint32
	outBuf  []byte
	deflate *deflater

	compressed bool // what was agreed on starts after authentication (zlib@openssh.com)
}

// New returns a Transport over conn. Nothing is sent or allocated for buffers yet.
func New(conn net.Conn, cfg *Config) *Transport {
	return &Transport{conn: conn, cfg: cfg, in: &blockPackets{block: 8}, out: &blockPackets{block: 8}}
}

// ClientVersion returns the client's identification line, without its end.
func (t *Transport) ClientVersion() string { return string(t.clientVersion) }

// SessionID returns the exchange hash of the first key exchange (RFC 4253 section 7.2).
func (t *Transport) SessionID() []byte { return t.sessionID }

// Agreement returns what the last key exchange agreed on.
func (t *Transport) Agreement() Agreement { return t.agreed }

// Handshake exchanges identification lines and keys. Any error ends the connection, and
// the client has been told what OpenSSH would have told it.
func (t *Transport) Handshake() error {
	if err := t.identify(); err != nil {
		return err
	}
	defer t.beginKex()()
	ours, err := t.sendKexInit()
	if err != nil {
		return err
	}
	theirs, err := t.awaitKex(msgKexInit)
	if err != nil {
		return err
	}
	return t.exchange(append([]byte(nil), theirs...), ours, true)
}

// ReadPacket returns the payload of the next packet that concerns the layers above; it is
// valid until the next call. A new key exchange is carried out on the way.
func (t *Transport) ReadPacket() ([]byte, error) {
	for {
		p, err := t.read()
		if err != nil {
			return nil, err
		}
		switch p[0] {
		case msgIgnore, msgDebug, msgUnimplemented, msgExtInfo:
		case msgDisconnect:
			return nil, disconnected(p)
		case msgKexInit:
			if err := t.rekey(append([]byte(nil), p...)); err != nil {
				return nil, err
			}
		case msgPing:
			if err := t.WritePacket(append([]byte{msgPong}, p[1:]...)); err != nil {
				return nil, err
			}
		default:
			return p, nil
		}
	}
}

// read returns the next packet of any kind that OpenSSH would hand to a handler.
func (t *Transport) read() ([]byte, error) {
	p, err := t.in.open(t.inSeq, t.r)
	if err != nil {
		return nil, err
	}
	t.lastSeq = t.inSeq
	t.inSeq++
	if t.inflate != nil {
		if p, err = t.inflate.packet(p); err != nil {
			return nil, err
		}
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("%w: empty packet", ErrProtocol)
	}
	if p[0] == 0 || p[0] >= msgPing && !(t.cfg.Ping && p[0] == msgPing) {
		return nil, t.disconnect(fmt.Sprintf("Invalid ssh2 packet type: %d", p[0]))
	}
	return p, nil
}

// WritePacket sends one payload. It is safe for concurrent use and waits for a key
// exchange in progress.
func (t *Transport) WritePacket(payload []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write(payload)
}

func (t *Transport) write(payload []byte) error {
	if t.deflate != nil {
		var err error
		if payload, err = t.deflate.packet(payload); err != nil {
			return err
		}
	}
	var err error
	if t.outBuf, err = t.out.seal(t.outBuf[:0], t.outSeq, payload, t.cfg.Rand); err != nil {
		return err
	}
	t.outSeq++
	_, err = t.conn.Write(t.outBuf)
	return err
}

// Unimplemented answers the packet that was read last as one of an unknown type.
func (t *Transport) Unimplemented() error {
	return t.WritePacket(wire.AppendUint32([]byte{msgUnimplemented}, t.lastSeq))
}

// Disconnect tells the client why the connection ends, as OpenSSH words it, and returns an
// error that wraps ErrProtocol. The caller closes the connection.
func (t *Transport) Disconnect(message string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.disconnectLocked(message)
}

// disconnect is Disconnect for the reading goroutine, which may be in a key exchange and
// then holds mu.
func (t *Transport) disconnect(message string) error {
	if t.inKex {
		return t.disconnectLocked(message)
	}
	return t.Disconnect(message)
}

func (t *Transport) disconnectLocked(message string) error {
	p := wire.AppendUint32([]byte{msgDisconnect}, disconnectProtocolError)
	p = wire.AppendString(p, message)
	p = wire.AppendString(p, "")
	if err := t.write(p); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrProtocol, message)
}

// SendDebug sends a message that clients show when asked to be verbose.
func (t *Transport) SendDebug(message string) error {
	p := wire.AppendString([]byte{msgDebug, 0}, message)
	return t.WritePacket(wire.AppendString(p, ""))
}

// StartCompression turns on what was agreed on, both ways; it is called right after the
// message that ends authentication was written by the same goroutine that reads.
func (t *Transport) StartCompression() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.compressed = true
	t.resetCompression()
}

func (t *Transport) resetCompression() {
	t.inflate, t.deflate = nil, nil
	if !t.compressed {
		return
	}
	if strings.HasPrefix(t.agreed.CompressionC2S, "zlib") {
		t.inflate = newInflater()
	}
	if strings.HasPrefix(t.agreed.CompressionS2C, "zlib") {
		t.deflate = newDeflater()
	}
}

func disconnected(p []byte) error {
	r := wire.Read(p[1:])
	e := &DisconnectError{Reason: r.Uint32()}
	e.Message = string(r.ByteString())
	return e
}
