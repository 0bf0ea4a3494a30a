// Package lab attacks fleets on a LAN of one machine with real clients: a bridge, the
// parent interface of the deckies, a container engine and an attacker's machine, all of them
// in namespaces of the tests.
package lab
