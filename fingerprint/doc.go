// Package fingerprint turns the first bytes of a connection into the fingerprints that
// name the software on the other side: HASSH and HASSHServer for SSH.
//
//	hello, err := fingerprint.ParseSSH(opening)
//	fmt.Println(hello.HASSH())
//
// It is pure: bytes in, values out, nothing but the standard library. Parsed values alias
// the input and are valid as long as it is not changed. Every function is safe for
// concurrent use and for hostile input: lengths are checked, nothing is allocated for
// what was only claimed, nothing panics.
package fingerprint
