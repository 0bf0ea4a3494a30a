package http_test

import (
	"context"
	"fmt"
	"net"
	nethttp "net/http"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
)

// A fake WordPress site on a free port, and somebody who tries to log in.
func Example() {
	done := make(chan struct{})
	sink := decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "auth_attempt" {
			fmt.Println(e.Decky, e.Service, e.Value("username"), e.Value("password"), e.Value("outcome"))
			close(done)
		}
	})
	srv, err := http.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, services.Config{"fake_app": "wordpress"})
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
		served <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 80}, Stream: l}})
	}()

	request, _ := nethttp.NewRequest("POST", "http://"+l.Addr().String()+"/wp-login.php", strings.NewReader("log=admin&pwd=letmein"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Close = true
	response, err := nethttp.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(response.Status)
	<-done
	cancel()
	fmt.Println(<-served)

	// Output:
	// decky-01 http admin letmein failure
	// 200 OK
	// <nil>
}
