// Package egress keeps a decky from reaching out: it locks a network namespace with
// nftables so that nothing but replies leaves, and makes an event of every packet that
// wanted to.
//
//	reporter, err := egress.NewReporter(sink, time.Now)
//	defer reporter.Close()
//	watch, err := reporter.Lock(egress.Options{Decky: "web", Exits: exits})
//
// The lock belongs to the namespace: it stays when the watch is closed and when the
// process ends, by kill -9 too, and goes with the namespace alone. Taking it away takes
// CAP_NET_ADMIN. A packet socket, which takes CAP_NET_RAW, passes by it.
//
// # What passes
//
//   - replies: packets of a connection, or its like of UDP and ICMP, that somebody else
//     has begun, ICMP errors about such, and resets of segments that belong to none;
//   - what a host must send to be found, of which ARP is not IP: the solicitations and
//     advertisements of neighbours (RFC 4861) and group memberships (RFC 2710, RFC 3810),
//     with the hop limit that keeps them on the link;
//   - what stays inside, on the loopback interface, but for the resolver of a container
//     engine, which knows the names of all containers and asks the network;
//   - the exits that are given.
//
// Everything else, of IPv4 and IPv6, is dropped and reported as an event egress_blocked of
// service egress with the fields protocol, dst_ip and, where the protocol has ports,
// dst_port and local_port: at most ten per second after a burst of twenty. To the sender it
// looks as if it was sent, and as if something on the way does not let it through.
package egress
