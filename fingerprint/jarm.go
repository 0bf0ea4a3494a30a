package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// JARMProbes is the number of ClientHellos in a JARM scan.
const JARMProbes = 10

// JARMAnswerSize is how much of a server's answer JARM looks at.
const JARMAnswerSize = 1484

// noJARMAnswer is the result of a probe that got no ServerHello.
const noJARMAnswer = "|||"

// JARMAnswered reports whether a server's answer to a JARM probe is all that JARM looks
// at: one whole record, or JARMAnswerSize bytes, or what is no TLS handshake.
func JARMAnswered(answer []byte) bool {
	if len(answer) >= JARMAnswerSize || len(answer) > 0 && answer[0] != recordHandshake {
		return true
	}
	r := reader{b: answer}
	r.take(3)
	r.vec16()
	return !r.bad
}

// JARMResult turns a server's answer to a JARM probe into the text
// "cipher|version|alpn|extensions" that JARM hashes. It is "|||" for an answer without a
// sound ServerHello: an alert, another protocol, silence. Bytes after the first
// JARMAnswerSize are ignored.
func JARMResult(answer []byte) string {
	r := reader{b: answer[:min(len(answer), JARMAnswerSize)]}
	kind := r.u8()
	r.u16()
	record := r.prefix(r.u16())
	message := record.u8()
	hello := record.prefix(record.u24())
	version := hello.take(2)
	hello.take(32)
	hello.vec8()
	cipher := hello.take(2)
	hello.u8()
	var extensions reader
	if len(hello.b) > 0 {
		extensions.b = hello.vec16()
	}
	if kind != recordHandshake || message != handshakeServerHello || hello.bad {
		return noJARMAnswer
	}
	var alpn string
	var types []string
	for len(extensions.b) > 0 {
		typ := extensions.take(2)
		body := reader{b: extensions.vec16()}
		if extensions.bad {
			return noJARMAnswer
		}
		types = append(types, hex.EncodeToString(typ))
		if typ[0] == 0 && typ[1] == extALPN {
			body.u16()
			alpn = string(body.vec8())
		}
	}
	return hex.EncodeToString(cipher) + "|" + hex.EncodeToString(version) + "|" + alpn + "|" + strings.Join(types, "-")
}

// JARM returns the 62 characters of the JARM of a server that gave the results, one of
// JARMResult for each probe in order, as defined by its authors (salesforce/jarm). A
// server that answered none has 62 zeros. When a probe times out the scan ends, and all
// results are "|||". An empty result counts as "|||".
func JARM(results [JARMProbes]string) string {
	var b, names strings.Builder
	for _, result := range results {
		cipher, rest, _ := strings.Cut(result, "|")
		version, rest, _ := strings.Cut(rest, "|")
		alpn, extensions, _ := strings.Cut(rest, "|")
		b.WriteString(jarmCipher(cipher))
		b.WriteByte(jarmVersion(version))
		names.WriteString(alpn)
		names.WriteString(extensions)
	}
	if strings.Trim(b.String(), "0") == "" {
		return strings.Repeat("0", 62)
	}
	sum := sha256.Sum256([]byte(names.String()))
	return b.String() + hex.EncodeToString(sum[:16])
}

// jarmNumbered are the cipher suites that the hash numbers, from 1 on.
const jarmNumbered = "0004 0005 0007 000a 0016 002f 0033 0035 0039 003c 003d 0041 0045 0067 006b 0084 " +
	"0088 009a 009c 009d 009e 009f 00ba 00be 00c0 00c4 c007 c008 c009 c00a c011 c012 c013 c014 c023 " +
	"c024 c027 c028 c02b c02c c02f c030 c060 c061 c072 c073 c076 c077 c09c c09d c09e c09f c0a0 c0a1 " +
	"c0a2 c0a3 c0ac c0ad c0ae c0af cc13 cc14 cca8 cca9 1301 1302 1303 1304 1305 "

// jarmCipher returns the two digits for a cipher suite of four digits: its number, and
// one more than the highest for any other suite.
func jarmCipher(cipher string) string {
	if cipher == "" {
		return "00"
	}
	before, _, _ := strings.Cut(jarmNumbered, cipher+" ")
	n := byte(len(before)/5 + 1)
	return hex.EncodeToString([]byte{n})
}

// jarmVersion returns the letter for a version of four digits.
func jarmVersion(version string) byte {
	if len(version) != 4 || version[3] < '0' || version[3] > '5' {
		return '0'
	}
	return 'a' + version[3] - '0'
}
