package lan_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/signal"

	"golang.org/x/sync/errgroup"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/lan"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/ssh"
)

// Ten deckies on the LAN that the default route goes to. It needs root.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	registry, err := services.NewRegistry(ssh.Service{}, redis.Service{})
	if err != nil {
		log.Fatal(err)
	}
	around, err := lan.Detect("")
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromFlags(registry, fleet.Flags{Deckies: 10, RandomServices: true}, fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: around.Interface, Subnet: around.Subnet, Gateway: around.Gateway, Host: around.Host,
	})
	if err != nil {
		log.Fatal(err)
	}
	rt := lan.New(registry, lan.Options{Sink: decnet.SinkFunc(func(e decnet.Event) {
		fmt.Println(e.Decky, e.Service, e.Type, e.Attacker)
	})})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return rt.Run(ctx) })
	if err := rt.Apply(ctx, plan); err != nil {
		log.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		log.Fatal(err)
	}
}

// A fleet that cannot be on the LAN is refused before anything is made.
func ExampleRuntime_Apply() {
	registry, err := services.NewRegistry(redis.Service{})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromFlags(registry, fleet.Flags{Deckies: 1, Services: []string{"redis"}}, fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: "eth-none", Subnet: netip.MustParsePrefix("192.0.2.0/24"),
	})
	if err != nil {
		log.Fatal(err)
	}
	err = lan.New(registry, lan.Options{}).Apply(context.Background(), plan)
	fmt.Println(err)
	fmt.Println(errors.Is(err, decnet.ErrNotFound))
	// Output:
	// lan: interface "eth-none": not found
	// true
}
