// Package sniff finds fingerprints and attackers in network traffic: capture files, a live
// interface, or packets of your own.
//
//	f, err := os.Open("traffic.pcapng")
//	…
//	err = sniff.Fingerprints(f, func(r sniff.Result) { fmt.Println(r.Client, r.Kind, r.Value) })
//
// A Sniffer follows conversations over Ethernet (with VLAN tags), Linux cooked, BSD
// loopback and raw IP links, IPv4 and IPv6, in GRE, VXLAN and IP in IP, with fragments put
// together; it reassembles TCP and decrypts the first packets of QUIC. TLS, SSH and HTTP
// are found by what they say, not by their ports, also behind a CONNECT, SOCKS or
// STARTTLS. It tells of what it finds in two ways: as Results, one for each fingerprint,
// and as events about what attackers do to deckies (tcp_syn_fingerprint, tcp_flow_timing,
// tls_client_hello, tls_session, tls_certificate), which are not repeated while they tell
// nothing new. Another order of a hello's extensions is nothing new: browsers shuffle them
// for every connection.
//
// In tls_certificate, self_signed means that the whole names of subject and issuer are
// equal, where comparing common names alone would call many a private authority's
// certificate self-signed; sans lists DNS names and the addresses of IPv4 and IPv6;
// not_before and not_after are RFC 3339 in UTC instead of the two notations that
// certificates use, and empty when unreadable.
//
// # Bounds
//
// Traffic is hostile. A conversation holds at most 60 KiB in each direction, whatever that
// is made of, so that a half-open one, of which one side was heard, takes less than 64 KiB
// in all. What does not fit is not kept, and its direction no longer followed: a hello of
// up to 30 KB fits, however it comes. All conversations together hold Config.MaxBuffer,
// and there are at most Config.MaxFlows; beyond that half-open ones, and then those longest
// silent, are dropped. A direction is no longer reassembled as soon as nothing more can
// come of it. RST and SYN segments that the other side does not take end nothing. No packet
// makes a Sniffer panic or stop; what it left out is in Counters.
//
// # Further methods
//
// JA3, JA3S, JA4, HASSH, SYN signatures in the notation of p0f and certificate details are
// built in. Others come through Config.Methods, which are called with each Fact; package
// sniff/plus has those of JA4+, which have a licence of their own.
package sniff
