// Package correlate finds traversals: attackers who touch several deckies, and the path
// that they take.
//
//	var engine correlate.Engine
//	for _, event := range events {
//		engine.Add(event)
//	}
//	for _, t := range engine.Traversals(2) {
//		fmt.Println(t.Attacker, t.Path()) // 192.0.2.7 decky-01 → decky-03
//	}
//
// An [Engine] is a fold: it keeps a small state for each attacker and no events, so it can
// follow a stream for ever. Its state can be saved and restored as JSON. Events may come in
// any order; what counts is when they happened.
//
// # Memory
//
// An engine keeps at most Limits.Attackers attackers. When there are more, it forgets the
// one that it has heard of least recently among those who have touched a single decky, and
// only when there are none of these the least recent of the others: a flood of forged
// sources does not displace a traversal. Of each attacker it keeps the first and the last
// hops, half of Limits.Hops each, and at most [MaxDeckies] deckies. Numbers of events and
// times are exact all the same.
package correlate
