// Package ja4plus computes the fingerprints of the JA4+ suite beside JA4 itself: JA4S,
// JA4L, JA4H, JA4X, JA4SSH, JA4T and JA4TS.
//
//	var hello fingerprint.ServerHello
//	if err := hello.Parse(answer); err == nil {
//		fmt.Println(ja4plus.JA4S(&hello, fingerprint.TCP))
//	}
//
// Licence of the methods: these are methods of FoxIO, LLC, under the FoxIO License 1.1 and
// patent pending. That licence permits use for internal and academic purposes and is not
// permissive for monetisation; who sells a product or service that uses them needs an OEM
// licence from FoxIO (https://github.com/FoxIO-LLC/ja4). Therefore they are in a package
// of their own, and package fingerprint imports nothing of it: leave it out and none of
// this applies. The code is this project's own.
//
// Functions that begin with Append add to a slice and return it, like append. All
// functions are safe for concurrent use.
package ja4plus

import (
	"crypto/sha256"
	"encoding/hex"
)

// hashPart replaces the list at the end of dst by the first twelve digits of its SHA-256,
// an empty one by zeros.
func hashPart(dst []byte, start int) []byte {
	if len(dst) == start {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(dst[start:])
	return hex.AppendEncode(dst[:start], sum[:6])
}

// appendCount appends n, at most 99, in two digits.
func appendCount(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}
