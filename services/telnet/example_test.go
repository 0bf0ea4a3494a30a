package telnet_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/telnet"
)

// Somebody logs in and looks around.
func ExampleService() {
	events := make(chan decnet.Event, 100)
	env := services.Env{Decky: "decky-01", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}
	srv, err := telnet.Service{}.New(env, services.Config{"password": "letmein"})
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
		served <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 23}, Stream: l}})
	}()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, step := range [][2]string{{"login: ", "root"}, {"Password: ", "letmein"}, {"# ", "whoami"}, {"# ", "exit"}} {
		for seen := ""; !strings.HasSuffix(seen, step[0]); {
			b, err := in.ReadByte()
			if err != nil {
				fmt.Println(err)
				return
			}
			seen += string(b)
		}
		fmt.Fprint(conn, step[1], "\r\n")
	}
	for err == nil {
		_, err = in.ReadByte()
	}
	cancel()
	fmt.Println(<-served)
	close(events)
	for e := range events {
		switch e.Type {
		case "auth_attempt":
			fmt.Println(e.Decky, e.Type, e.Value("username"), e.Value("password"), e.Value("outcome"))
		case "command":
			fmt.Println(e.Decky, e.Type, e.Value("command"))
		}
	}
	// Output:
	// <nil>
	// decky-01 auth_attempt root letmein success
	// decky-01 command whoami
	// decky-01 command exit
}
