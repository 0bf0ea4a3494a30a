package services_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// finger is a small honeypot: it answers every question with the same user.
type finger struct{}

func (finger) Info() services.Info {
	return services.Info{
		Name:  "finger",
		Title: "Finger user information (RFC 1288)",
		Ports: []services.Port{{Network: "tcp", Number: 79}},
		Keys:  []services.Key{{Name: "user", Type: services.KeyString, Default: "root", Doc: "who is logged in"}},
	}
}

func (f finger) New(env services.Env, cfg services.Config) (services.Server, error) {
	cfg, err := cfg.Check(f.Info())
	if err != nil {
		return nil, err
	}
	return &fingerServer{env.Complete(), cfg["user"]}, nil
}

type fingerServer struct {
	env  services.Env
	user string
}

func (f *fingerServer) Serve(ctx context.Context, socks []services.Socket) error {
	return f.env.Serve(ctx, "finger", socks, func(_ context.Context, s *services.Session) error {
		query, err := services.NewLines(s, 256).ReadLine()
		if err != nil {
			return err
		}
		s.Emit("query", decnet.F("query", string(query)))
		_, err = fmt.Fprintf(s, "Login: %s\r\n", f.user)
		return err
	})
}

func Example() {
	types := make(chan string, 8)
	env := services.Env{
		Decky:  "decky-01",
		Sink:   decnet.SinkFunc(func(e decnet.Event) { types <- strings.TrimSpace(e.Type + " " + e.Value("query")) }),
		Limits: services.Limits{Idle: 5 * time.Second},
	}
	srv, err := finger{}.New(env, services.Config{"user": "alice"})
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
		done <- srv.Serve(ctx, []services.Socket{{Port: finger{}.Info().Ports[0], Stream: l}})
	}()

	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(c, "alice\r\n")
	answer, _ := bufio.NewReader(c).ReadString('\n')
	fmt.Println(strings.TrimSpace(answer))
	c.Close()
	for range 3 {
		fmt.Println(<-types)
	}
	cancel()
	fmt.Println(<-done)
	// Output:
	// Login: alice
	// connect
	// query alice
	// disconnect
	// <nil>
}
