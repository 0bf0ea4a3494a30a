// Package arch holds the architecture tests of the module: what may import what, what
// must be documented, and what must be fuzzed. It has no code of its own.
package arch
