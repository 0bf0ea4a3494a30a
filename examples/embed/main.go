// Command embed runs three deckies inside a program of your own and prints every
// credential that somebody tries on them.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services/all"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	registry, err := all.Registry()
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromFlags(registry, fleet.Flags{Services: []string{"ssh", "redis"}}, fleet.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sink := decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "auth_attempt" {
			fmt.Printf("%s tried %q on %s of %s\n", e.Attacker, e.Value("password"), e.Service, e.Decky)
		}
	})
	rt := local.New(registry, local.Options{Sink: sink, PortOffset: local.PortOffset()})
	if err := rt.Apply(ctx, plan); err != nil {
		log.Fatal(err)
	}
	if err := rt.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
