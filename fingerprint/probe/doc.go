// Package probe asks a host for the fingerprints of its servers: JARM of TLS servers,
// HASSHServer of SSH servers, and the SYN-ACK signature of its TCP stack.
//
//	result, err := probe.JARM(ctx, "198.51.100.7:443", probe.Config{})
//	fmt.Println(result.Hash)
//
// [JARM], [HASSHServer] and [TCP] each make one probe of one port. They go to whatever
// address they are given, so a caller that did not type the address should ask a [Worker]
// instead. Definitions: JARM by salesforce/jarm, HASSHServer by salesforce/hassh, the
// SYN-ACK signature in the notation of p0f.
//
// # Whom a Worker probes
//
// A [Worker] follows the attackers of a deception network and probes each once. Probing
// reaches out to somebody else's machine, so a Worker runs only where the caller starts
// one, and it is careful:
//
//   - only an address that completed a TCP handshake with a decky is probed, never one that
//     a datagram or a lone SYN claims to come from;
//   - each address, method and port is probed at most once, also over restarts: see [Memory];
//   - its own addresses, those of deckies, and loopback, link-local, private and other
//     special networks are left alone unless [WorkerConfig] names them;
//   - the rate of connections is limited, overall and for each target.
package probe
