package compose_test

import (
	"fmt"
	"log"
	"time"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services/all"
)

func ExampleNew() {
	registry, err := all.Registry()
	if err != nil {
		log.Fatal(err)
	}
	plan, err := fleet.FromINI(registry, []byte(`
[general]
net = 192.168.1.0/24
gw = 192.168.1.1
interface = eth0

[web]
services = http, ssh
ip = 192.168.1.50
`), fleet.Options{Mode: fleet.ModeMACVLAN, Seed: "blue", Now: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	doc, err := compose.New(registry, plan, compose.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range doc.Project.ServiceNames() {
		s := doc.Project.Services[name]
		fmt.Println(name, "runs", s.Image, s.Command[0])
	}

	plan.Deckies[0].Addr = plan.Gateway
	plan.Deckies[0].Services = []string{"smtp", "smtp_relay"}
	_, err = compose.New(registry, plan, compose.Options{})
	fmt.Println(err)
	// Output:
	// web runs decnet-pot hold
	// web-http runs decnet-pot serve
	// web-ssh runs decnet-pot serve
	// compose: web: address 192.168.1.1 is the gateway: semantic
	// compose: web: smtp_relay: services smtp and smtp_relay both need port 25/tcp, a decky can run only one of them: semantic
}
