// Package docker makes fleets real with a container engine: on a LAN every decky has a MAC
// address, addresses and a network stack of its own, in a container that holds them, and
// its services are containers in the network of that one. Package fleet/compose says what
// these containers are; this package brings them to life and keeps them as the plan says.
//
//	plan, err := fleet.FromINI(registry, text, fleet.Options{
//		Mode: fleet.ModeMACVLAN, Interface: "eth0", Subnet: subnet, Gateway: gateway,
//	})
//	rt, err := docker.New(registry, docker.Options{Pot: "/usr/local/bin/decnet-pot"})
//	defer rt.Close()
//	err = rt.Apply(ctx, plan)
//
// It needs an engine with version 1.41 of the Docker API or later and nothing else of it:
// no compose plug-in, no BuildKit, no registry as long as no image is to be pulled. Beside
// an engine on the same machine it needs root, or CAP_NET_ADMIN, CAP_NET_RAW and
// CAP_SYS_ADMIN, to ask the LAN whether addresses are free and to reach the deckies; both
// can be turned off (Options.Probe, Options.NoHostInterface). Neither is done for an engine
// on another machine.
//
// # Convergence
//
// [Runtime.Apply] compares the plan with what the engine has, and does what is missing.
// [Runtime.Plan] tells it beforehand. What counts is on the containers themselves: their
// labels, the digest of their settings, their image and whose network they are in. So a
// Runtime of another process, or one that was started after a crash, goes on where the
// last one stopped, and docker compose ls, ps and down know the containers too.
//
// A service is in the network of one container, not of a name. When that container is made
// anew its services are too, and when it was only started again, by whomever, its services
// are restarted: the network that they had is gone, though they run. Status says so.
//
// # What belongs to the fleet
//
// A container is one of the fleet when it has the labels compose.LabelFleet, with the name
// of the project, and compose.LabelDecky. Nothing else is ever stopped, changed or removed.
// Fleets of different projects do not disturb each other; they can share a network that
// fits both, which the last of them removes. Volumes of a container go when the fleet no
// longer has the container; images stay until [Runtime.RemoveImages].
//
// # This machine and its deckies
//
// An interface cannot talk to the MACVLAN and IPvlan links on it. So this machine gets
// another link beside those of the deckies, decnet_macvlan0 or decnet_ipvlan0 or the next
// number that is free, with its own address as /32 and a route to the smallest range that
// has all deckies. It answers ARP for nobody else, so the LAN knows this machine by one MAC
// address as before. Down removes it with the last decky. It is for IPv4 alone.
//
// # An engine that ends
//
// Containers are always restarted by the engine: after it ended well and after it was
// killed. Should one start a service before the container with its network, Apply repairs
// that. During Apply an engine may
// be away for as long as the repetitions take, 15 seconds with the default of
// Options.Retry; after that Apply gives an error that wraps [ErrNoEngine], and the next one
// goes on. An engine that was killed while it started a container may lose the processes
// of it, which keep the address. Apply and Down end them, on the same machine.
package docker
