package local_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
)

func Example() {
	registry, err := services.NewRegistry(greeter{"hello", []services.Port{{Network: "tcp", Number: 799}}})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromFlags(registry, fleet.Flags{Deckies: 2, Services: []string{"hello"}}, fleet.Options{Seed: "blue"})
	if err != nil {
		log.Fatal(err)
	}

	events := make(chan decnet.Event, 10)
	rt := local.New(registry, local.Options{
		Sink:       decnet.SinkFunc(func(e decnet.Event) { events <- e }),
		PortOffset: 10_000,
	})
	ctx, stop := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return rt.Run(ctx) })
	if err := rt.Apply(ctx, plan); err != nil {
		log.Fatal(err)
	}

	c, err := net.Dial("tcp", "127.0.10.2:10799")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	greeting, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(greeting)
	e := <-events
	fmt.Println(e.Decky, e.Service, e.Type, e.Attacker)
	status, err := rt.Status(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range status {
		fmt.Println(d.Name, d.Addr, d.Services[0].Name, d.State())
	}

	stop()
	if err := g.Wait(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello decky-02 c55d2521
	// decky-02 hello connect 127.0.0.1
	// decky-01 127.0.10.1 hello up
	// decky-02 127.0.10.2 hello up
}
