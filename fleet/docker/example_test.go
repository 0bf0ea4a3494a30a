package docker_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services/all"
)

// What Apply would do on an engine that has the image of decnet-pot and no containers.
func ExampleRuntime_Plan() {
	engine := newFake("1.41") // in a program: one that runs
	defer engine.server.Close()

	registry, err := all.Registry()
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromINI(registry, []byte("[mail]\nservices = smtp\n[files]\nservices = ftp, ssh\n"), fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: "eth0", Seed: "blue",
		Subnet: netip.MustParsePrefix("192.168.40.0/24"), Gateway: netip.MustParseAddr("192.168.40.1"),
	})
	if err != nil {
		log.Fatal(err)
	}
	runtime, err := docker.New(registry, docker.Options{
		Host:    engine.host(),
		Compose: compose.Options{Image: "example/decnet-pot:1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer runtime.Close()
	steps, err := runtime.Plan(context.Background(), plan)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range steps {
		fmt.Println(s)
	}
	// Output:
	// create network decnet_lan
	// create container mail
	// create container mail-smtp
	// create container files
	// create container files-ftp
	// create container files-ssh
}
