package probe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/probe"
)

const silentJARM = "00000000000000000000000000000000000000000000000000000000000000"

// serve accepts connections at addr until the test ends and hands each to h.
func serve(t testing.TB, addr string, h func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				h(c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr()
}

// silence reads until the peer goes away.
func silence(c net.Conn) { io.Copy(io.Discard, c) }

// say answers the first bytes with text and waits for the peer to go.
func say(text string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, text)
		silence(c)
	}
}

// The start of a ServerHello of TLS 1.2 with cipher suite c02f and no extensions.
var serverHello = "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + strings.Repeat("r", 32) + "\x00\xc0\x2f\x00"

func TestJARMOfOddServers(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler func(net.Conn)
		result  string // of each hello
		err     error
	}{
		{"whole record", say(serverHello), "c02f|0303||", nil},
		{"byte by byte", func(c net.Conn) {
			c.Read(make([]byte, 4096))
			for i := range len(serverHello) {
				if _, err := c.Write([]byte{serverHello[i]}); err != nil {
					return
				}
			}
			silence(c)
		}, "c02f|0303||", nil},
		{"record that never ends", say("\x16\x03\x03\x40\x00" + serverHello[5:] + strings.Repeat("\x00", 4096)), "c02f|0303||", nil},
		{"half a hello and hanging up", func(c net.Conn) {
			c.Read(make([]byte, 4096))
			io.WriteString(c, serverHello[:30])
		}, "|||", nil},
		{"half a hello and silence", say(serverHello[:30]), "|||", nil},
		{"another protocol", say("220 ready\r\n"), "|||", nil},
		{"alert", say("\x15\x03\x03\x00\x02\x02\x28"), "|||", nil},
		{"hanging up", func(net.Conn) {}, "|||", errHungUp},
		{"silence", silence, "|||", os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, "127.0.0.1:0", c.handler).String()
			cfg := probe.Config{Parallel: 10}
			if strings.Contains(c.name, "silence") {
				cfg.Timeout = time.Second
			}
			r, err := probe.JARM(t.Context(), addr, cfg)
			for i, got := range r.Results {
				if got != c.result {
					t.Errorf("hello %d: %q, want %q", i+1, got, c.result)
				}
			}
			if r.Hash != fingerprint.JARM(r.Results) || (c.result == "|||") != (r.Hash == silentJARM) {
				t.Errorf("hash %s", r.Hash)
			}
			wantError(t, err, c.err)
		})
	}
}

// errHungUp stands for a closed connection, which the prober sees as the end of input or,
// when its own data was not read yet, as a reset.
var errHungUp = errors.New("hung up")

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if want == errHungUp {
		if !errors.Is(got, io.EOF) && !errors.Is(got, syscall.ECONNRESET) && !errors.Is(got, syscall.EPIPE) {
			t.Errorf("error %v, want the end of the connection", got)
		}
	} else if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

// A probe that times out ends the scan, and what others brought does not count.
func TestJARMTimeoutEndsTheScan(t *testing.T) {
	t.Parallel()
	conns := make(chan int, 100)
	n := 0
	addr := serveSerial(t, func(c net.Conn) {
		n++
		conns <- n
		if n == 1 {
			go func() { silence(c); c.Close() }()
			return
		}
		say(serverHello)(c)
		c.Close()
	})
	r, err := probe.JARM(t.Context(), addr, probe.Config{Timeout: 400 * time.Millisecond, Parallel: 3})
	if r.Hash != silentJARM || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s %v", r.Hash, err)
	}
	for i, got := range r.Results {
		if got != "|||" {
			t.Errorf("hello %d: %q counts", i+1, got)
		}
	}
}

// serveSerial accepts connections on loopback and hands them to h one after the other.
func serveSerial(t *testing.T, h func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// Every hello comes over a connection of its own, names the host as it was written, and has
// random bytes that no other has; no more than Parallel connections are open at once.
func TestJARMHellos(t *testing.T) {
	t.Parallel()
	hellos, open := make(chan []byte, 20), make(chan int, 40)
	addr := serve(t, "127.0.0.1:0", func(c net.Conn) {
		open <- 1
		b := make([]byte, 4096)
		n, _ := c.Read(b)
		io.WriteString(c, "no TLS here")
		hellos <- b[:n]
		silence(c)
		open <- -1
	})
	_, port, _ := net.SplitHostPort(addr.String())
	if _, err := probe.JARM(t.Context(), net.JoinHostPort("localhost", port), probe.Config{Parallel: 2}); err != nil {
		t.Fatal(err)
	}
	randoms, kinds := map[string]bool{}, map[int]bool{}
	for range fingerprint.JARMProbes {
		var h fingerprint.ClientHello
		if err := h.Parse(<-hellos); err != nil {
			t.Fatal(err)
		}
		if string(h.ServerName) != "localhost" {
			t.Errorf("server name %q", h.ServerName)
		}
		randoms[string(h.Random)] = true
		kinds[fingerprint.JARMProbe(h.JA3(), h.JA4(fingerprint.TCP))] = true
	}
	if len(randoms) != fingerprint.JARMProbes || len(kinds) != fingerprint.JARMProbes {
		t.Errorf("%d different randoms, %d different hellos", len(randoms), len(kinds))
	}
	for now, i := 0, 0; i < 2*fingerprint.JARMProbes; i++ {
		// The server hears of the end of a connection a little later than the prober.
		if now += <-open; now > 4 {
			t.Errorf("%d connections at once", now)
		}
	}
}

func TestErrorsOfProbes(t *testing.T) {
	type call func(ctx context.Context, target string, cfg probe.Config) error
	methods := map[string]call{
		"jarm": func(ctx context.Context, target string, cfg probe.Config) error {
			r, err := probe.JARM(ctx, target, cfg)
			if r.Hash != silentJARM {
				t.Errorf("jarm of nothing is %q", r.Hash)
			}
			return err
		},
		"hassh": func(ctx context.Context, target string, cfg probe.Config) error {
			_, err := probe.HASSHServer(ctx, target, cfg)
			return err
		},
	}
	if probe.CanTCP() == nil {
		methods["tcp"] = func(ctx context.Context, target string, cfg probe.Config) error {
			_, err := probe.TCP(ctx, target, cfg)
			return err
		}
	}
	for name, f := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, f(t.Context(), address(freePort(t)), probe.Config{}), syscall.ECONNREFUSED)

			silent := serve(t, "127.0.0.1:0", silence).String()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantError(t, f(ctx, silent, probe.Config{}), context.Canceled)
			for _, target := range []string{"", "127.0.0.1", "127.0.0.1:", ":443", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "a:b:c", "::1"} {
				wantError(t, f(t.Context(), target, probe.Config{Dial: nobody(t)}), decnet.ErrInvalid)
			}
		})
	}
}

// nobody is a Config.Dial that must not be asked.
func nobody(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("dialled %q", address)
		return nil, net.ErrClosed
	}
}

// A context that ends while the server keeps silent ends the probe at once.
func TestContextEndsAProbe(t *testing.T) {
	for name, f := range map[string]func(context.Context, string) error{
		"jarm": func(ctx context.Context, a string) error { _, err := probe.JARM(ctx, a, probe.Config{}); return err },
		"hassh": func(ctx context.Context, a string) error {
			_, err := probe.HASSHServer(ctx, a, probe.Config{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			addr := serve(t, "127.0.0.1:0", func(c net.Conn) { cancel(); silence(c) })
			wantError(t, f(ctx, addr.String()), context.Canceled)
		})
	}
}

// kexInit is the payload of a KEXINIT whose name-lists tell where they stand.
const kexInit = "\x14cookie-cookie-00" +
	"\x00\x00\x00\x04kex1\x00\x00\x00\x07hostkey\x00\x00\x00\x04enc1\x00\x00\x00\x04enc2\x00\x00\x00\x04mac1\x00\x00\x00\x04mac2" +
	"\x00\x00\x00\x05comp1\x00\x00\x00\x05comp2\x00\x00\x00\x02l1\x00\x00\x00\x02l2" +
	"\x00\x00\x00\x00\x00"

// kexPacket is kexInit as a packet.
func kexPacket() string {
	const padding = 7
	return string([]byte{0, 0, 0, byte(1 + len(kexInit) + padding), padding}) + kexInit + strings.Repeat("p", padding)
}

func TestHASSHServerOfOddServers(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler func(net.Conn)
		raw     string
		banner  string
		err     error
	}{
		{"lines before the banner", say("hello\r\nthere\nSSH-2.0-x y\r\n" + kexPacket()), "kex1;enc2;mac2;comp2", "SSH-2.0-x y", nil},
		{"1.99", say("SSH-1.99-old\n" + kexPacket()), "kex1;enc2;mac2;comp2", "SSH-1.99-old", nil},
		{"speaks first", func(c net.Conn) {
			io.WriteString(c, "SSH-2.0-first\r\n"+kexPacket())
			silence(c)
		}, "kex1;enc2;mac2;comp2", "SSH-2.0-first", nil},
		{"byte by byte", func(c net.Conn) {
			text := "SSH-2.0-slow\r\n" + kexPacket()
			for i := range len(text) {
				if _, err := c.Write([]byte{text[i]}); err != nil {
					return
				}
			}
			silence(c)
		}, "kex1;enc2;mac2;comp2", "SSH-2.0-slow", nil},
		{"banner and silence", say("SSH-2.0-shy\r\n"), "", "SSH-2.0-shy", os.ErrDeadlineExceeded},
		{"banner and hanging up", func(c net.Conn) {
			c.Read(make([]byte, 4096))
			io.WriteString(c, "SSH-2.0-rude\r\n")
		}, "", "SSH-2.0-rude", io.EOF},
		{"packet that is too long", say("SSH-2.0-long\r\n\xff\xff\xff\xff\x00\x14"), "", "SSH-2.0-long", fingerprint.ErrMalformed},
		{"SSH 1", say("SSH-1.5-old\n"), "", "SSH-1.5-old", fingerprint.ErrMalformed},
		{"endless lines", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("Go ahead, make my day.\r\n", 100)); err != nil {
					return
				}
			}
		}, "", "", fingerprint.ErrMalformed},
		{"web server and silence", say("HTTP/1.1 400 Bad Request\r\n\r\n"), "", "", os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, "127.0.0.1:0", c.handler).String()
			var cfg probe.Config
			if strings.Contains(c.name, "silence") {
				cfg.Timeout = time.Second
			}
			r, err := probe.HASSHServer(t.Context(), addr, cfg)
			if r.Raw != c.raw || string(r.Hello.Banner) != c.banner || (r.Hash == "") != (c.raw == "") {
				t.Errorf("raw %q, banner %q, hash %q", r.Raw, r.Hello.Banner, r.Hash)
			}
			wantError(t, err, c.err)
		})
	}
}

func TestHASSHServerIdentifiesItself(t *testing.T) {
	t.Parallel()
	for ident, want := range map[string]string{"": "SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-other": "SSH-2.0-other\r\n"} {
		lines := make(chan string, 1)
		addr := serve(t, "127.0.0.1:0", func(c net.Conn) {
			b := make([]byte, 100)
			n, _ := c.Read(b)
			lines <- string(b[:n])
		})
		if _, err := probe.HASSHServer(t.Context(), addr.String(), probe.Config{Ident: ident}); err == nil {
			t.Error("no error from a server that says nothing")
		}
		if got := <-lines; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}
