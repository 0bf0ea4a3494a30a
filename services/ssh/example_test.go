package ssh_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh"
)

func ExampleService() {
	heard := make(chan string, 1)
	sink := decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "session" {
			heard <- e.Decky + " heard " + e.Value("client_banner")
		}
	})
	srv, err := ssh.Service{}.New(services.Env{Decky: "decky-01", Sink: sink},
		services.Config{"version": "OpenSSH_9.6", "password": "letmein"})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error)
	go func() {
		served <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 22}, Stream: l}})
	}()

	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	c.Close()
	stop()
	fmt.Println(<-heard, <-served)
	// Output:
	// SSH-2.0-OpenSSH_9.6
	// Invalid SSH identification string.
	// decky-01 heard GET / HTTP/1.0 <nil>
}
