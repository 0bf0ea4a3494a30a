package fleet_test

import (
	"context"
	"fmt"
	"log"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// echo is a honeypot that answers nothing.
type echo struct{}

func (echo) Info() services.Info {
	return services.Info{Name: "echo", Ports: []services.Port{{Network: "tcp", Number: 7}},
		Keys: []services.Key{{Name: "greeting", Type: services.KeyString}}}
}

func (echo) New(_ services.Env, cfg services.Config) (services.Server, error) {
	_, err := cfg.Check(echo{}.Info())
	return quiet{}, err
}

type quiet struct{}

func (quiet) Serve(ctx context.Context, _ []services.Socket) error { <-ctx.Done(); return nil }

func ExampleFromINI() {
	registry, err := services.NewRegistry(echo{})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromINI(registry, []byte(`
[general]
net = 192.168.1.0/24
gw = 192.168.1.1

[sensor]
services = echo
amount = 2

[sensor.echo]
greeting = 100% ready
`), fleet.Options{Seed: "blue"})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range plan.Deckies {
		fmt.Println(d.Name, d.Addr, d.Hostname, d.Distro, d.Services, d.Config)
	}

	_, err = fleet.FromINI(registry, []byte("[sensor]\nservices = echo\nip = 192.168.1.300\n"), fleet.Options{})
	fmt.Println(err)
	// Output:
	// sensor-01 192.168.1.2 SRV-MONITOR-46 ubuntu20 [echo] map[echo:map[greeting:100% ready]]
	// sensor-02 192.168.1.3 stage48.localdomain rocky9 [echo] map[echo:map[greeting:100% ready]]
	// fleet: line 3: [sensor] ip: "192.168.1.300" is not an IP address: semantic
}

func ExampleCompare() {
	registry, err := services.NewRegistry(echo{})
	if err != nil {
		log.Fatal(err)
	}
	opt := fleet.Options{Seed: "blue"}
	old, err := fleet.FromFlags(registry, fleet.Flags{Deckies: 2, Services: []string{"echo"}}, opt)
	if err != nil {
		log.Fatal(err)
	}
	wanted, err := fleet.FromFlags(registry, fleet.Flags{Deckies: 3, Services: []string{"echo"}}, opt)
	if err != nil {
		log.Fatal(err)
	}
	diff := fleet.Compare(old, wanted)
	fmt.Println(len(diff.Added), "added,", len(diff.Changed), "changed,", len(diff.Removed), "removed")
	// Output: 1 added, 0 changed, 0 removed
}
