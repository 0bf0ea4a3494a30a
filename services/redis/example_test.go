package redis_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/redis"
)

func Example() {
	sink := decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "auth_attempt" {
			fmt.Println(e.Decky, e.Value("username"), e.Value("password"), e.Value("outcome"))
		}
	})
	srv, err := redis.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, services.Config{"password": "s3cret"})
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
	go func() { done <- srv.Serve(ctx, []services.Socket{{Port: redis.Service{}.Info().Ports[0], Stream: l}}) }()

	attacker, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprintf(attacker, "AUTH letmein\r\n")
	answer, _ := bufio.NewReader(attacker).ReadString('\n')
	fmt.Println(strings.TrimSpace(answer))
	attacker.Close()
	cancel()
	fmt.Println(<-done)
	// Output:
	// decky-01 default letmein failure
	// -WRONGPASS invalid username-password pair or user is disabled.
	// <nil>
}
