// Package profile keeps one profile per attacker: what an address did, where, how fast,
// and what its timing and network stack give away.
//
//	p := profile.New(db, profile.Options{})
//	err := p.Run(ctx) // follows the records of db until ctx ends
//
// A [Profiler] folds each new record into the stored aggregates of its attacker and never
// looks at it again. What it needs to go on is stored with the profiles, in the same
// transaction as its position, so a crash or a restart at any point neither loses a record
// nor counts one twice, and memory does not grow with history. The profiles depend on the
// records and their order alone, not on how they were grouped into batches.
//
// # What is exact and what is not
//
// Counts, first and last times, deckies and services, the mean interval, phases and the
// sums of the network stack are exact. The median is that of the last 128 intervals. The
// standard deviation and the shortest and longest interval are exact as long as no record
// comes more than 128 records of its attacker too late; those that do are left out there.
//
// The rules are also available as functions: [Classify], [BeaconTools] and [HeaderTools].
package profile
