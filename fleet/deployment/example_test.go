package deployment_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/ssh"
	"github.com/decnet/decnet/store/sqlite"
)

func Example() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	registry, err := services.NewRegistry(redis.Service{}, ssh.Service{})
	if err != nil {
		log.Fatal(err)
	}
	runtime := local.New(registry, local.Options{PortOffset: 20_000})
	d := deployment.New(db, runtime, deployment.Options{Runtime: "local"})
	_, err = d.Deploy(ctx, func(last decnet.Fleet) (decnet.Fleet, error) {
		return fleet.FromFlags(registry, fleet.Flags{Deckies: 1, Services: []string{"redis"}},
			fleet.Options{Seed: "blue", First: netip.MustParseAddr("127.0.80.1"), MutateInterval: time.Hour})
	})
	if err != nil {
		log.Fatal(err)
	}
	sink := decnet.SinkFunc(func(e decnet.Event) {
		fmt.Println(e.Decky, e.Type, e.Value("old_services"), e.Value("trigger"))
	})
	if _, err := deployment.NewMutator(d, registry, deployment.MutatorOptions{Sink: sink}).Mutate(ctx, "decky-01"); err != nil {
		log.Fatal(err)
	}
	if _, err := d.Remove(ctx); err != nil {
		log.Fatal(err)
	}
	doc, err := deployment.Read(ctx, db)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(doc.Deckies), "deckies are left")
	// Output:
	// decky-01 decky_mutated ["redis"] operator
	// 0 deckies are left
}
