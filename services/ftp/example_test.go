package ftp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ftp"
)

// A guest logs in; the attempt becomes an event.
func Example() {
	events := make(chan decnet.Event, 100)
	env := services.Env{Decky: "decky-01", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}
	srv, err := ftp.Service{}.New(env, services.Config{"banner": "Welcome"})
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
	done := make(chan error)
	go func() {
		done <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 21}, Stream: l}})
	}()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(conn, "USER anonymous\r\nPASS me@example.com\r\nQUIT\r\n")
	for s := bufio.NewScanner(conn); s.Scan(); {
		fmt.Println(s.Text())
	}
	cancel()
	fmt.Println(<-done)
	close(events)
	for e := range events {
		if e.Type == "auth_attempt" {
			fmt.Println(e.Decky, e.Type, e.Value("username"), e.Value("password"), e.Value("outcome"))
		}
	}
	// Output:
	// 220 Welcome
	// 331 Please specify the password.
	// 230 Login successful.
	// 221 Goodbye.
	// <nil>
	// decky-01 auth_attempt anonymous me@example.com success
}
