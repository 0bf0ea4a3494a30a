package fingerprint_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// pipeListener accepts one end of a pipe.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.IPAddr{} }

// accepted returns a connection of NewListener and its other end.
func accepted(t *testing.T, max int) (*fingerprint.Conn, net.Conn) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	l := pipeListener{make(chan net.Conn, 1)}
	l.conns <- server
	c, err := fingerprint.NewListener(l, max).Accept()
	if err != nil {
		t.Fatal(err)
	}
	if c.(*fingerprint.Conn).NetConn() != server {
		t.Error("NetConn is another connection")
	}
	return c.(*fingerprint.Conn), client
}

// write sends b in pieces and closes.
func write(client net.Conn, b []byte, piece int) {
	for part := range slices.Chunk(b, piece) {
		if _, err := client.Write(part); err != nil {
			break
		}
	}
	client.Close()
}

func TestConnHandsTheBytesOn(t *testing.T) {
	t.Parallel()
	stream := slices.Concat(records(browserHello(), 100), []byte("what follows"))
	for _, piece := range []int{1, 7, 4096} {
		for _, before := range []int{0, 1, 50, len(stream)} { // bytes that are read before the hello is asked for
			c, client := accepted(t, 0)
			go write(client, stream, piece)
			got := make([]byte, before)
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				h, err := c.ClientHello()
				if err != nil || h.JA4(fingerprint.TCP) != "t13d1715h2_5b57614c22b0_3d5424432f57" {
					t.Fatalf("pieces of %d, %d before: %v", piece, before, err)
				}
			}
			rest, err := io.ReadAll(c)
			if got = append(got, rest...); err != nil || !bytes.Equal(got, stream) {
				t.Fatalf("pieces of %d, %d before: %d of %d bytes, %v", piece, before, len(got), len(stream), err)
			}
		}
	}
}

func TestConnWithoutAHello(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stream []byte
		max    int
		want   error
	}{
		"HTTP":     {[]byte("GET / HTTP/1.1\r\n\r\n"), 0, fingerprint.ErrMalformed},
		"ends":     {records(browserHello(), 100)[:200], 0, io.EOF},
		"too long": {records(browserHello(), 100), 300, fingerprint.ErrTruncated},
		"broken":   {records(clientMessage(3, nil, [][]byte{{1}}), 100), 0, fingerprint.ErrMalformed},
	} {
		c, client := accepted(t, test.max)
		go write(client, test.stream, 64)
		for range 2 {
			if h, err := c.ClientHello(); !errors.Is(err, test.want) || h != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if rest, err := io.ReadAll(c); err != nil || !bytes.Equal(rest, test.stream) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(rest), len(test.stream), err)
		}
	}
	c, _ := accepted(t, 0)
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ClientHello(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	closed := pipeListener{make(chan net.Conn)}
	close(closed.conns)
	if _, err := fingerprint.NewListener(closed, 0).Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func testCertificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	key := ecKey(tb, elliptic.P256())
	return tls.Certificate{Certificate: [][]byte{issue(tb, key, nil, nil)}, PrivateKey: key}
}

// compare holds a hello as we read it against the same hello as crypto/tls reads it.
func compare(h *fingerprint.ClientHello, info *tls.ClientHelloInfo) error {
	list := func(b []byte) (values []uint16) {
		for ; len(b) > 1; b = b[2:] {
			values = append(values, binary.BigEndian.Uint16(b))
		}
		return values
	}
	var types []uint16
	h.EachExtension(func(typ uint16, _ []byte) bool { types = append(types, typ); return true })
	curves := make([]uint16, 0)
	for _, c := range info.SupportedCurves {
		curves = append(curves, uint16(c))
	}
	schemes := make([]uint16, 0)
	for _, s := range info.SignatureSchemes {
		schemes = append(schemes, uint16(s))
	}
	switch {
	case !slices.Equal(list(h.CipherSuites), info.CipherSuites):
		return fmt.Errorf("cipher suites %x, want %x", list(h.CipherSuites), info.CipherSuites)
	case !slices.Equal(types, info.Extensions):
		return fmt.Errorf("extensions %x, want %x", types, info.Extensions)
	case !slices.Equal(list(h.Groups), curves):
		return fmt.Errorf("groups %x, want %x", list(h.Groups), curves)
	case !slices.Equal(list(h.SignatureAlgs), schemes):
		return fmt.Errorf("signature algorithms %x, want %x", list(h.SignatureAlgs), schemes)
	case !bytes.Equal(h.PointFormats, info.SupportedPoints):
		return fmt.Errorf("point formats %x, want %x", h.PointFormats, info.SupportedPoints)
	case !slices.Equal(h.ALPNProtocols(), info.SupportedProtos):
		return fmt.Errorf("protocols %q, want %q", h.ALPNProtocols(), info.SupportedProtos)
	case string(h.ServerName) != info.ServerName:
		return fmt.Errorf("name %q, want %q", h.ServerName, info.ServerName)
	case h.SupportedVersions != nil && !slices.Equal(list(h.SupportedVersions), info.SupportedVersions):
		return fmt.Errorf("versions %x, want %x", list(h.SupportedVersions), info.SupportedVersions)
	}
	return nil
}

// seen is a hello that a server of ours got.
type seen struct {
	ja3, ja4 string
	err      error
}

// serve accepts TLS on loopback until the test ends and passes on each hello.
func serve(t *testing.T) (addr string, hellos <-chan seen) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan seen, 100)
	config := &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}, NextProtos: []string{"h2", "http/1.1"}}
	config.GetConfigForClient = func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		h, err := info.Conn.(*fingerprint.Conn).ClientHello()
		if err == nil {
			err = compare(h, info)
		}
		s := seen{err: err}
		if err == nil {
			s.ja3, s.ja4 = h.JA3(), h.JA4(fingerprint.TCP)
		}
		out <- s
		return nil, nil
	}
	l := tls.NewListener(fingerprint.NewListener(tcp, 0), config)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if c.(*tls.Conn).Handshake() == nil {
					_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return tcp.Addr().String(), out
}

// TestAgainstCryptoTLS makes hellos of many configurations with crypto/tls, whose server
// side reads them beside ours.
func TestAgainstCryptoTLS(t *testing.T) {
	t.Parallel()
	addr, hellos := serve(t)
	configs := []*tls.Config{
		{}, {ServerName: "host.example"}, {NextProtos: []string{"h2", "http/1.1"}, ServerName: "x"}, {MaxVersion: tls.VersionTLS12},
		{MinVersion: tls.VersionTLS13}, {CurvePreferences: []tls.CurveID{tls.CurveP256}},
		{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}}, {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12},
		{CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA}},
		{ClientSessionCache: tls.NewLRUClientSessionCache(1), ServerName: "resumed"},
	}
	configs = append(configs, configs[len(configs)-1]) // the second time with a ticket
	different := map[string]bool{}
	for i, config := range configs {
		config.InsecureSkipVerify = true
		c, err := tls.Dial("tcp", addr, config)
		if err != nil {
			t.Fatal(i, err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Error(i, err)
		}
		c.Close()
		s := <-hellos
		if s.err != nil {
			t.Errorf("configuration %d: %v", i, s.err)
		}
		different[s.ja4] = true
	}
	if len(different) < 8 {
		t.Errorf("only %d different JA4: %v", len(different), different)
	}
}

// TestAgainstRealClients lets programs with other TLS libraries connect.
func TestAgainstRealClients(t *testing.T) {
	t.Parallel()
	addr, hellos := serve(t)
	for _, command := range [][]string{
		{"openssl", "s_client", "-connect", addr, "-servername", "host.example", "-alpn", "h2,http/1.1"},
		{"openssl", "s_client", "-connect", addr, "-tls1_2", "-noservername"},
		{"openssl", "s_client", "-connect", addr, "-groups", "P-521:X25519", "-no_ticket", "-split_send_frag", "512"},
		{"curl", "-sk", "--max-time", "10", "https://" + addr + "/"},
		{"gnutls-cli", "--insecure", addr},
	} {
		t.Run(strings.Join(command[:min(2, len(command))], " "), func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("%s is not installed", command[0])
			}
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			if out, err := cmd.CombinedOutput(); len(hellos) == 0 {
				t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
			}
			if s := <-hellos; s.err != nil {
				t.Errorf("%s: %v", strings.Join(command, " "), s.err)
			}
		})
	}
}

func FuzzListener(f *testing.F) {
	f.Add(records(browserHello(), 100), 7, 300)
	f.Add([]byte("GET /"), 1, 0)
	f.Fuzz(func(t *testing.T, stream []byte, piece, limit int) {
		client, server := net.Pipe()
		l := pipeListener{make(chan net.Conn, 1)}
		l.conns <- server
		c, err := fingerprint.NewListener(l, limit%4096).Accept()
		if err != nil {
			t.Fatal(err)
		}
		go write(client, stream, max(1, piece%100))
		h, _ := c.(*fingerprint.Conn).ClientHello()
		var direct fingerprint.ClientHello
		if h != nil && (direct.Parse(stream) != nil || direct.JA3() != h.JA3()) {
			t.Fatal("another hello")
		}
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, stream) {
			t.Fatalf("%q of %q, %v", got, stream, err)
		}
		c.Close()
	})
}
