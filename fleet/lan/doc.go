// Package lan runs a whole fleet in this process and on a real LAN: every decky has a
// network namespace with one MACVLAN interface, and so a MAC address, an address and a
// network stack of its own. There is no engine, no container and no image.
//
//	plan, err := fleet.FromINI(registry, text, fleet.Options{
//		Mode: fleet.ModeMACVLAN, Interface: "eth0", Subnet: subnet, Gateway: gateway,
//	})
//	rt := lan.New(registry, lan.Options{Sink: sink})
//	g, ctx := errgroup.WithContext(ctx)
//	g.Go(func() error { return rt.Run(ctx) })
//	err = rt.Apply(ctx, plan)
//
// It needs Linux with macvlan and nftables, and root or the capabilities CAP_NET_ADMIN,
// CAP_SYS_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE. The interface must be Ethernet;
// most Wi-Fi access points drop what comes from MAC addresses that have not logged in.
// The machine itself cannot reach its deckies, as with any MACVLAN interface; others can.
//
// # What a decky looks like
//
// Its MAC address is one that [fleet.MACs] gives, its kernel parameters are those that
// [fleet.Sysctls] has for its OS family. Its services are served by goroutines, as in
// fleet/local, on sockets that were opened in its namespace. Its packets are given what
// kernel parameters cannot: the order of TCP options, the first window and the identifiers
// that the family has. What scanners then read of each is in docs/os-fingerprints.md.
//
// With a second address it has IPv6, with the link-local address that [fleet.LinkLocal]
// gives and no other: it heeds no routers. It listens on both, with a hop limit that is the
// TTL. Without one it has no IPv6 at all.
//
// # Egress lock
//
// A namespace lets out replies, ARP, neighbour discovery and what the egress key of the
// decky names, and nothing else: nftables drops every other packet. No honeypot reaches
// out, so this is a second line. A packet socket would pass by nftables; no honeypot has
// one. What it drops becomes an event egress_blocked of the service egress with the fields
// protocol, dst_ip and, where the protocol has ports, dst_port and local_port; at most ten
// per second and decky after a burst of twenty.
//
// # What is left behind
//
// Nothing. The namespaces have no names: descriptors of this process hold them, and when
// it ends, by kill -9 too, the kernel takes them down with their links and addresses. A
// process that is started at once waits for that. [Runtime.Namespace] gives a path for
// tools while the process runs.
//
// # Limits of the machine
//
// A decky without IPv6 takes about 250 KB of kernel memory, and 35 KB of this process.
// Measured with three services on Linux 6.18, two processors: an empty network namespace 160
// to 190 KB, the MACVLAN interface with its address 20, three listeners 11, the egress lock
// 9, what packets are given 7. IPv6 adds 40 KB to the one and 20 to the other. The namespace
// cannot be spared as long as every decky has a stack of its own. 1,000 deckies without IPv6
// take less than 300 MB, of which this tells (as root):
//
//	go test -v -count=1 -run TestThousandDeckies ./fleet/lan
//
// A decky takes two file descriptors beside its sockets; 1,000 deckies with three services
// need 5,000 (ulimit -n). The kernel's table of neighbours is shared by all namespaces: for
// some hundreds of deckies that are talked to at a time, raise
// net.ipv4.neigh.default.gc_thresh3, and that of net.ipv6, above its 1024.
//
// The link of a decky without IPv6 has an MTU below the least of that, so that the kernel
// makes no state of it there; packets are as large as the interface takes nevertheless.
// Other MACVLAN links of this machine on the same interface, and they alone, cannot send
// such a decky single packets of more than some 1,280 bytes.
package lan
