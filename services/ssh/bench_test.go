package ssh_test

import (
	"crypto/ed25519"
	"net"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// BenchmarkLogin dials, logs in with a password, runs id and closes: against the honeypot,
// and against a bare server of golang.org/x/crypto/ssh with the same kind of host key and
// the same algorithms.
func BenchmarkLogin(b *testing.B) {
	b.Run("decnet", func(b *testing.B) {
		d := start(b, quick())
		addr := d.Addrs[port].String()
		cfg := clientConfig("root", gossh.Password("s3cret"))
		cfg.HostKeyAlgorithms = []string{gossh.KeyAlgoRSASHA512} // the search for this key is over once it was shown
		client, err := gossh.Dial("tcp", addr, cfg)
		if err != nil {
			b.Fatal(err)
		}
		client.Close()
		logIns(b, addr)
	})
	b.Run("bare", func(b *testing.B) { logIns(b, bare(b)) })
}

func logIns(b *testing.B, addr string) {
	cfg := clientConfig("root", gossh.Password("s3cret"))
	cfg.Ciphers = []string{"chacha20-poly1305@openssh.com"}
	b.ReportAllocs()
	for b.Loop() {
		client, err := gossh.Dial("tcp", addr, cfg)
		if err != nil {
			b.Fatal(err)
		}
		session, err := client.NewSession()
		if err != nil {
			b.Fatal(err)
		}
		if out, err := session.Output("id"); err != nil || len(out) == 0 {
			b.Fatalf("%q, %v", out, err)
		}
		client.Close()
	}
}

// bare is the shortest server that does the same.
func bare(b *testing.B) string {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		b.Fatal(err)
	}
	cfg := &gossh.ServerConfig{PasswordCallback: func(gossh.ConnMetadata, []byte) (*gossh.Permissions, error) { return nil, nil }}
	cfg.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { bareConn(c, cfg) })
		}
	})
	b.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func bareConn(c net.Conn, cfg *gossh.ServerConfig) {
	conn, channels, requests, err := gossh.NewServerConn(c, cfg)
	if err != nil {
		return
	}
	defer conn.Close()
	go gossh.DiscardRequests(requests)
	for open := range channels {
		ch, requests, err := open.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			_ = r.Reply(r.Type == "exec", nil)
			if r.Type == "exec" {
				_, _ = ch.Write([]byte("uid=0(root) gid=0(root) groups=0(root)\n"))
				_, _ = ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
				_ = ch.Close()
			}
		}
	}
}
