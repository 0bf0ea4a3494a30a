package ssh

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/shell"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

func testMachine() *shell.Shell {
	env := services.Env{Decky: "d", Identity: services.Identity{Hostname: "web", Distro: "debian"}}.Complete()
	m := shell.NewMachine(env.Identity, time.Now, shell.Options{})
	return m.Login(env.PacketSession("ssh", netip.MustParseAddrPort("192.0.2.1:4000")), "root")
}

// FuzzSCP plays arbitrary commands and clients to scp.
func FuzzSCP(f *testing.F) {
	f.Add("scp -t /tmp", []byte("C0644 5 a.sh\nhello\x00"))
	f.Add("scp -r -p -t '/tmp/x y'", []byte("T1 0 1 0\nD0755 0 d\nC0600 1 f\nx\x00E\n"))
	f.Add("scp -f /etc/host* ~/.bashrc", []byte("\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("scp -r -f /etc", bytes.Repeat([]byte{0}, 100))
	f.Add("scp -d -t \"/tmp\"", []byte("C0644 9223372036854775807 x\n"))
	sh := testMachine()
	f.Cleanup(sh.Close)
	f.Fuzz(func(t *testing.T, command string, in []byte) {
		c, ok := parseSCP(command)
		if !ok {
			return
		}
		var out bytes.Buffer
		s := &scp{scpCommand: c, ctx: t.Context(), files: sh.Files(), in: bufio.NewReader(bytes.NewReader(in)), out: &out, observe: func(string, string) {}}
		if c.to {
			_ = s.receiveAll()
		} else {
			_ = s.sendAll()
		}
	})
}

// FuzzWords holds the splitting of a command line to the one thing that is known of it:
// quoting a word gives the word back.
func FuzzWords(f *testing.F) {
	f.Add(`scp -t "/tmp/a b" c\ d 'e"f'`)
	f.Add(`a;b $(c) d`)
	f.Fuzz(func(t *testing.T, in string) {
		_, _ = words(in)
		quoted := "'" + strings.ReplaceAll(in, "'", `'\''`) + "'"
		if got, ok := words("scp " + quoted); !ok || len(got) != 2 || got[1] != in {
			t.Errorf("%q became %q, %v", in, got, ok)
		}
	})
}

// FuzzEnvelope plays frames and packets to the bridge of the multiplexer.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte{92, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 'n', 'o', 0, 0, 0, 2, 'e', 'n'})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		got := asOpenSSH(bytes.Clone(in))
		if in[0] != msgOpenFailure && !bytes.Equal(got, in) {
			t.Errorf("%x became %x", in, got)
		}
	})
}

// FuzzRequests plays payloads to everything that reads one after the key exchange.
func FuzzRequests(f *testing.F) {
	text := func(s string) []byte { return gossh.Marshal(&struct{ S string }{s}) }
	f.Add("password", append([]byte{0}, text("x")...))
	f.Add("publickey", append([]byte{0}, append(text("ssh-ed25519"), text("blob")...)...))
	f.Add("exec", text("scp -t /tmp"))
	f.Add("subsystem", text("sftp"))
	f.Add("pty-req", append(text("xterm"), make([]byte, 20)...))
	f.Add("env", append(text("LANG"), text("C")...))
	f.Add("signal", text("TERM"))
	f.Add("tcpip-forward", append(text("0.0.0.0"), 0, 0, 0, 80))
	f.Add(hostKeysProve, text("blob"))
	env := services.Env{Decky: "d", Identity: services.Identity{Hostname: "web", Distro: "debian"}}
	made, err := Service{}.New(env, services.Config{"fail_delay": "0"})
	if err != nil {
		f.Fatal(err)
	}
	srv := made.(*server)
	session := srv.env.NewSession(name, services.NewConn(silent{}, services.Limits{}))
	t := transport.New(silent{}, &srv.config)
	u := &user{srv: srv, session: session, t: t, shell: srv.machine.Login(session, "root")}
	f.Cleanup(u.shell.Close)
	const known = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPyk1vNTvp2uLqrfK7BEbQAyBVYkNMcFFvpEcw8p0nRZ"
	if u.shell.Exec(f.Context(), "mkdir -p ~/.ssh; echo "+known+" >> ~/.ssh/authorized_keys", shell.Stdio{}) != 0 {
		f.Fatal("no key")
	}
	key, _, _, _, err := gossh.ParseAuthorizedKey([]byte(known))
	if err != nil {
		f.Fatal(err)
	}
	signature := gossh.Marshal(&gossh.Signature{Format: "ssh-ed25519", Blob: make([]byte, 64)})
	signed := gossh.Marshal(&struct {
		Signed    bool
		Algorithm string
		Blob, Sig []byte
	}{true, "ssh-ed25519", key.Marshal(), signature})
	f.Add("publickey", signed)
	f.Add(hostBound, signed)
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		a := &authentication{srv: srv, session: session, t: u.t, user: "root"}
		if in, err := a.try(t.Context(), &authRequest{Method: kind, Payload: payload}, payload); in && err != nil {
			t.Errorf("in, and %v", err)
		}
		c := &channel{user: u, cancel: func() {}}
		c.request(&gossh.Request{Type: kind, Payload: payload})
		u.globalRequest(&gossh.Request{Type: kind, Payload: payload})
	})
}

// silent is a client that takes everything and says nothing.
type silent struct{ net.Conn }

func (silent) Read([]byte) (int, error)         { return 0, io.EOF }
func (silent) Write(p []byte) (int, error)      { return len(p), nil }
func (silent) SetReadDeadline(time.Time) error  { return nil }
func (silent) SetWriteDeadline(time.Time) error { return nil }
func (silent) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4000} }
func (silent) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 22} }
