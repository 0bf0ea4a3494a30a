package telnet

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
)

// FuzzScanner compares the scanner with what it promises: nothing but text gets through,
// and no subnegotiation grows without end.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("root\r\npass\r\x00\xff\xff\n"))
	f.Add([]byte("\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0"))
	f.Add([]byte("\xff\xfa\x18\x00XTERM\xff\xff\xff\xf0\xff\xf6"))
	f.Add([]byte("\xff\xfa\x27\x00\x00A\x01b\x02\x03\xff\xfb"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s scanner
		text := 0
		for _, b := range in {
			tok := s.next(b)
			if tok.kind == data {
				text++
			}
			if len(tok.sub) > maxSub || len(s.sub) > maxSub {
				t.Fatal("subnegotiation is not bounded")
			}
		}
		if text > len(in) {
			t.Errorf("%d bytes of text out of %d", text, len(in))
		}
		if bytes.IndexByte(in, iac) < 0 && bytes.IndexByte(in, '\r') < 0 && text != len(in) {
			t.Errorf("%d of %d bytes of plain text", text, len(in))
		}
	})
}

// FuzzNegotiation plays arbitrary clients to the negotiation and the log-in.
func FuzzNegotiation(f *testing.F) {
	f.Add([]byte("\xff\xfe%\xff\xfe&\xff\xfb\x18\xff\xfb \xff\xfc#\xff\xfb'\xff\xfc$\xff\xfa\x18\x00XTERM\xff\xf0root\r\nx\r\n"))
	f.Add([]byte("\xff\xfa'\x00\x03USER\x01\x02\xff\xf0a\x7f\x15\x04\x03"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, name := range []string{inetutils, netkit, busybox} {
			var out bytes.Buffer
			session := replay(in, &out)
			d := daemonOf(name, services.ReleaseOf("debian"))
			st := &stream{session: session, quiet: !d.answers, restarts: d.restarts}
			st.options.took = possible
			if st.negotiate(d) != nil {
				continue
			}
			for range 5 {
				if _, err := st.readLine(64, true); err != nil {
					break
				}
			}
			if len(st.client.heard) > maxHeard || len(st.client.environ) > maxEnviron {
				t.Error("what is kept of a client is not bounded")
			}
			if out.Len() > 200+16*len(in) {
				t.Errorf("%d bytes answered to %d", out.Len(), len(in))
			}
		}
	})
}

// replay makes a session of a client that has said all it says.
func replay(in []byte, out io.Writer) *services.Session {
	env := services.Env{Decky: "d"}.Complete()
	return env.NewSession(name, services.NewConn(&recorded{in: bytes.NewReader(in), out: out}, services.Limits{}))
}

type recorded struct {
	net.Conn
	in  io.Reader
	out io.Writer
}

func (r *recorded) Read(p []byte) (int, error)  { return r.in.Read(p) }
func (r *recorded) Write(p []byte) (int, error) { return r.out.Write(p) }
func (r *recorded) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:23"))
}
func (r *recorded) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.2:4000"))
}
func (r *recorded) SetReadDeadline(time.Time) error  { return nil }
func (r *recorded) SetWriteDeadline(time.Time) error { return nil }
func (r *recorded) Close() error                     { return nil }
