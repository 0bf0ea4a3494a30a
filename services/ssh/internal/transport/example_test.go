package transport_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services/ssh/internal/transport"
)

func Example() {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := &transport.Config{
		Version:     "OpenSSH_9.2p1",
		Kex:         []string{"curve25519-sha256"},
		HostKeys:    []transport.HostKey{{Algorithm: "ssh-ed25519", Signer: func() ssh.AlgorithmSigner { return signer.(ssh.AlgorithmSigner) }}},
		Ciphers:     []string{"chacha20-poly1305@openssh.com"},
		MACs:        []string{"hmac-sha2-256"},
		Compression: []string{"none"},
		Rand:        rand.Reader,
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	gone := make(chan error)
	go func() {
		_, err := ssh.Dial("tcp", l.Addr().String(), &ssh.ClientConfig{
			HostKeyCallback: ssh.InsecureIgnoreHostKey(), ClientVersion: "SSH-2.0-demo",
		})
		gone <- err
	}()
	server, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	t := transport.New(server, cfg)
	err = t.Handshake()
	server.Close()
	<-gone
	fmt.Println(err, t.ClientVersion(), t.Agreement().CipherC2S)
	// Output: <nil> SSH-2.0-demo chacha20-poly1305@openssh.com
}
