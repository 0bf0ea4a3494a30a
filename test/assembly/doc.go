// Package assembly tests decnetd as a whole: the program runs as a process, real clients
// attack it, and what they did is read through its API. It has no code of its own.
package assembly
