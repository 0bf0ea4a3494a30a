package mysql_test

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/mysql"
)

func Example() {
	seen := make(chan string, 1)
	sink := decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "auth_attempt" {
			seen <- e.Decky + " " + e.Value("username") + " " + e.Value("outcome") + " " + e.Value("hashcat")[:9]
		}
	})
	srv, err := mysql.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, services.Config{"flavor": "mariadb", "version": "10.11.11-MariaDB"})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, []services.Socket{{Port: mysql.Service{}.Info().Ports[0], Stream: l}}) }()

	attacker, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	greeting := make([]byte, 100)
	n, _ := attacker.Read(greeting)
	version, _, _ := strings.Cut(string(greeting[5:n]), "\x00")
	fmt.Println(version)
	// A HandshakeResponse for root with 20 bytes that answer to the scramble.
	answer := "\x3a\x00\x00\x01\x00\x82\x00\x00" + strings.Repeat("\x00", 28) + "root\x00\x14" + strings.Repeat("x", 20)
	fmt.Fprint(attacker, answer)
	fmt.Println(<-seen)
	attacker.Close()
	cancel()
	fmt.Println(<-done)
	// Output:
	// 5.5.5-10.11.11-MariaDB
	// decky-01 root failure $mysqlna$
	// <nil>
}
