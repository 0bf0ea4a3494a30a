package servicetest_test

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

// door is a honeypot that asks for a password and never lets in.
type door struct{}

func (door) Info() services.Info {
	return services.Info{Name: "door", Title: "A door with a password", Ports: []services.Port{{Network: "tcp", Number: 7}}}
}

func (d door) New(env services.Env, cfg services.Config) (services.Server, error) {
	_, err := cfg.Check(d.Info())
	return &doorServer{env.Complete()}, err
}

type doorServer struct{ env services.Env }

func (d *doorServer) Serve(ctx context.Context, socks []services.Socket) error {
	return d.env.Serve(ctx, "door", socks, func(_ context.Context, s *services.Session) error {
		lines := services.NewLines(s, 1024)
		for {
			if _, err := fmt.Fprintf(s, "%s password: ", d.env.Identity.Hex("door", 8)); err != nil {
				return err
			}
			word, err := lines.ReadLine()
			if err != nil {
				return err
			}
			s.Emit("auth_attempt", decnet.F("password", string(word)), decnet.F("outcome", "failure"))
		}
	})
}

// knock is what the suite needs to know about the door.
var knock = servicetest.Case{
	Service:   door{},
	Greeting:  regexp.MustCompile(`^[0-9a-f]{8} password: $`),
	Truncated: []byte("open ses"),
	Login: func(t *testing.T, c net.Conn) map[string]string {
		fmt.Fprint(c, "sesame\"]\r\n")
		return map[string]string{"password": `sesame"]`, "outcome": "failure"}
	},
	Bait: func(t *testing.T, c net.Conn) string {
		buf := make([]byte, 8)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		return string(buf)
	},
}

func TestSuiteAcceptsAGoodService(t *testing.T) {
	servicetest.Run(t, knock)
}

func ExampleRun() {
	// In the test file of a honeypot:
	conformance := func(t *testing.T) {
		servicetest.Run(t, servicetest.Case{Service: door{}, Greeting: regexp.MustCompile("password: $")})
	}
	fmt.Printf("%T\n", conformance)
	// Output: func(*testing.T)
}
