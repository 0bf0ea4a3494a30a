package https_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/https"
)

// What a client says before anything is encrypted names it.
func Example() {
	events := make(chan decnet.Event, 100)
	env := services.Env{Decky: "decky-01", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}
	srv, err := https.Service{}.New(env, services.Config{"tls_cn": "intranet"})
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
	served := make(chan error, 1)
	go func() {
		served <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 443}, Stream: l}})
	}()

	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: "wiki", NextProtos: []string{"http/1.1"}, InsecureSkipVerify: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conn.ConnectionState().PeerCertificates[0].Subject)
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	head := make([]byte, len("HTTP/1.1 200"))
	_, err = conn.Read(head)
	fmt.Println(string(head), err)
	conn.Close()
	cancel()
	fmt.Println(<-served)
	close(events)
	for e := range events {
		if e.Type == "session" {
			fmt.Println(e.Decky, e.Value("sni"), e.Value("alpn"), len(e.Value("ja3")), e.Value("ja4")[:4])
		}
	}

	// Output:
	// CN=intranet
	// HTTP/1.1 200 <nil>
	// <nil>
	// decky-01 wiki http/1.1 32 t13d
}

// Settings that cannot be used are refused with what is accepted.
func ExampleService_New() {
	_, err := https.Service{}.New(services.Env{Decky: "decky-01"}, services.Config{"fake_app": "tomcat"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, decnet.ErrSemantic))

	// Output:
	// https: fake_app: "tomcat" is not one of apache_default, nginx_default, wordpress, phpmyadmin, iis_default: semantic
	// true
}
