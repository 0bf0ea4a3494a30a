package probe_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/probe"
	"github.com/decnet/decnet/store/sqlite"
)

func ExampleJARM() {
	server := httptest.NewUnstartedServer(nil)
	server.TLS = &tls.Config{
		MaxVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	result, err := probe.JARM(context.Background(), server.Listener.Addr().String(), probe.Config{})
	if err != nil {
		log.Fatal(err)
	}
	// What the server chose when it was offered everything: cipher suite, version, ALPN.
	fmt.Println(strings.Split(result.Results[0], "|")[:3])
	fmt.Println(result.Hash[:12], len(result.Hash))
	// Output:
	// [c02f 0303 http/1.1]
	// 29d29d000000 62
}

func ExampleHASSHServer() {
	target := sshServer("127.0.0.1:0")
	defer target.Close()
	result, err := probe.HASSHServer(context.Background(), target.Addr().String(), probe.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s\n%s\n", result.Hello.Banner, result.Raw, result.Hash)
	// Output:
	// SSH-2.0-example
	// kex1;enc2;mac2;comp2
	// 6d5379b36e3c35fd83dc398f6c7dd544
}

// A worker follows the events of the deckies. Here one attacker comes, from an address of
// 127.0.0.0/8, which it may only probe because it is allowed by name.
func ExampleWorker() {
	attacker := sshServer("127.8.0.1:0")
	defer attacker.Close()
	from := netip.MustParseAddrPort(attacker.Addr().String())

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "decnet.db"), sqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	ctx, stop := context.WithCancel(context.Background())
	sink := decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "hassh_fingerprint" {
			fmt.Println(e.Attacker, e.Value("ssh_banner"), e.Value("hassh_server_hash"))
			stop()
		}
	})
	worker := probe.NewWorker(sink, probe.NewStateMemory(db), probe.WorkerConfig{
		JARMPorts: []uint16{}, SSHPorts: []uint16{from.Port()}, TCPPorts: []uint16{},
		Allow: []netip.Prefix{netip.MustParsePrefix("127.8.0.0/16")},
	})
	worker.Emit(decnet.Event{Decky: "decky-01", Service: "ssh", Type: "connect", Attacker: from.Addr()})
	if err := worker.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 127.8.0.1 SSH-2.0-example 6d5379b36e3c35fd83dc398f6c7dd544
}

// sshServer serves the opening of an SSH server at addr.
func sshServer(addr string) net.Listener {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "SSH-2.0-example\r\n"+kexPacket())
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	return l
}
