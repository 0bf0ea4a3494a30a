// Package fleet plans fleets of deckies: which machines there are, what they claim to be,
// where they live and which honeypots they run. It is pure: it opens no socket and starts
// nothing. A [Runtime], such as fleet/local or fleet/lan, makes a plan real.
//
//	plan, err := fleet.FromINI(registry, text, fleet.Options{Seed: "blue"})
//	rt := local.New(registry, local.Options{Sink: sink})
//	err = rt.Apply(ctx, plan)
//
// A plan is a [decnet.Fleet], the one document that describes a deployment. Everything
// that is invented for a decky derives from the seed of the fleet and the name of the
// decky: the same seed gives the same fleet, and a decky that is added, wherever in a document,
// changes no other. Only the next free address goes by the place.
//
// # INI format
//
//	[general]
//	# subnet, gateway and interface; the local runtime needs none of them
//	net = 192.168.1.0/24
//	gw = 192.168.1.1
//	# of IPv6, for a second address of each decky; gw6 may be link-local
//	net6 = fd00:1::/64
//	gw6 = fe80::1
//	interface = eth0
//	# minutes, for deckies that do not say their own; Options.MutateInterval wins
//	mutate_interval = 60
//	log_target = siem:514
//
//	[web]
//	# or services = http, ftp; neither gives one to three at random
//	archetype = web-server
//	# otherwise the next free address
//	ip = 192.168.1.50
//	# otherwise the one that such a machine makes of its MAC address, or at random
//	ip6 = fd00:1::50
//	# one of these, otherwise one of the archetype's, or of all
//	distro = debian, ubuntu22
//	# OS family, otherwise the archetype's
//	nmap_os = linux
//	mutate_interval = 30
//
//	[sensor]
//	archetype = iot-device
//	# makes sensor-01 to sensor-20
//	amount = 20
//	# what the egress lock lets out beside replies, see ParseExits
//	egress = dns:10.0.0.53, tcp:203.0.113.7:443
//
//	# settings of one service of a decky, or of a whole group
//	[web.http]
//	fake_app = wordpress
//
//	# a service that is a container image
//	[custom-billing]
//	binary = example/billing:3
//	exec = /run.sh --verbose
//	ports = 8080, 9000/udp
//
// Lines that start with # or ; are comments, and there are no others: a value may hold
// these characters, and % too. Keys and values are separated by = or :. Keys are not case-sensitive. A line that is indented
// deeper than the key above it continues its value. A section or key given twice, an
// unknown key and a section for an unknown decky are errors, as is all else that would
// have to be ignored.
//
// # Ports
//
// The services of a decky share one address. The first port that a service declares is
// its own; a further port that is another service's own is left to that one. So https
// answers on 443 where a decky runs both http and https, and http alone serves 80 and 443.
// Two services with the same port of their own cannot be on one decky. See [Ports].
//
// # IPv6
//
// Where the fleet has a subnet of IPv6 (net6), each decky has a second address there. In a
// subnet of 64 bits it is the one that such a machine makes itself: of its MAC address, or,
// as Windows and the distributions with NetworkManager do, one that looks random and
// stays. fleet/lan and containers have it beside the first; fleet/local binds it as it binds
// the first, so there it must be an address of this machine, such as ip6 = ::1.
//
// # Containers
//
// A runtime that has containers tells each of them what it is as a [Persona]. Package
// fleet/compose describes them.
package fleet
