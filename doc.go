// Package decnet holds the domain types of a deception network: events, deckies,
// fleets, bounties, attackers, the error kinds that every package wraps, and [Sink],
// the one interface through which observations flow.
//
// A decky is a fake machine with honeypot services. Whoever touches one is an attacker.
// Every interaction becomes one [Event]; everything else is built from events:
//
//	sink := decnet.SinkFunc(func(e decnet.Event) { fmt.Println(e.Decky, e.Type) })
//	sink.Emit(decnet.Event{Decky: "decky-01", Service: "ssh", Type: "connect", Severity: decnet.SeverityInfo})
//
// The package imports nothing but the standard library and does nothing: it is the
// vocabulary that the other packages share. The usual way in is one of
//
//   - services and services/all: honeypots to run on listeners of your own,
//   - fleet and fleet/local: a whole network of deckies in your process,
//   - fingerprint: JA3, JA4, HASSH and JARM from bytes,
//   - correlate: traversals from a stream of events,
//   - collector, collector/ingest and store/sqlite or store/mysql: events to a database,
//   - api: the HTTP interface over it.
package decnet
