// Package fingerprint turns the first bytes of a connection into the fingerprints that
// name the software on the other side: JA3, JA3S, JA4, HASSH, HASSHServer and JARM, the
// signature of a TCP SYN, and what a certificate says.
//
//	var hello fingerprint.ClientHello
//	if err := hello.Parse(opening); err == nil {
//		fmt.Println(hello.JA3(), hello.JA4(fingerprint.TCP))
//	}
//
// It takes bytes and gives values, with nothing but the standard library; only Listener
// touches a connection. The definitions are those of the methods' authors, so that the
// values compare with everybody's lists. Parsers may be reused; parsed values alias the
// input and are valid as long as it is not changed. What is not said to be unsafe is safe
// for concurrent use as long as nobody parses.
//
// Every parser is made for hostile input: lengths are checked, nothing is allocated for
// what was only claimed, nothing panics. ErrTruncated asks for more bytes, ErrMalformed
// ends the matter.
//
// Functions that begin with Append add to a slice and return it, like append. They use the
// capacity behind its length as their workspace, and allocate nothing when that is 1 KiB
// (2 KiB for HASSH) and the hello is of usual size.
//
// JA3, JA3S, JARM, HASSH (BSD 3-Clause) and JA4 (the TLS client, BSD 3-Clause) are in this
// package; the methods of the JA4+ suite with its own licence are in package ja4plus.
package fingerprint
