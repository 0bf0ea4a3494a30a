package smtp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/smtp"
)

// A client tries a password; the attempt becomes an event.
func Example() {
	events := make(chan decnet.Event, 100)
	env := services.Env{Decky: "decky-01", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}
	srv, err := smtp.Service{}.New(env, services.Config{"mta": "mail.example.org"})
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
		done <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 25}, Stream: l}})
	}()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(conn, "HELO me\r\nAUTH PLAIN AGJvYgBodW50ZXIy\r\nQUIT\r\n")
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
	// 220 mail.example.org ESMTP Postfix (Debian/GNU)
	// 250 mail.example.org
	// 535 5.7.8 Error: authentication failed: authentication failure
	// 221 2.0.0 Bye
	// <nil>
	// decky-01 auth_attempt bob hunter2 failure
}
