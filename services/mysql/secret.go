package mysql

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// nativeResponse is what a client sends for password under mysql_native_password:
// SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password))).
func nativeResponse(password string, scramble []byte) []byte {
	if password == "" {
		return nil
	}
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	h := sha1.New()
	h.Write(scramble)
	h.Write(twice[:])
	return xor(once[:], h.Sum(nil))
}

// sha2Response is what a client sends first under caching_sha2_password:
// SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble).
func sha2Response(password string, scramble []byte) []byte {
	if password == "" {
		return nil
	}
	once := sha256.Sum256([]byte(password))
	twice := sha256.Sum256(once[:])
	h := sha256.New()
	h.Write(twice[:])
	h.Write(scramble)
	return xor(once[:], h.Sum(nil))
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	subtle.XORBytes(out, a, b)
	return out
}

// hashcatNative is the line that hashcat takes in mode 11200.
func hashcatNative(scramble, response []byte) string {
	return "$mysqlna$" + hex.EncodeToString(scramble) + "*" + hex.EncodeToString(response)
}

// decryptPassword undoes what a client does with the public key of the server: OAEP over
// the password and its NUL, XORed with the scramble.
func decryptPassword(key *rsa.PrivateKey, scramble, sealed []byte) (string, bool) {
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, key, sealed, nil)
	if err != nil {
		return "", false
	}
	for i := range plain {
		plain[i] ^= scramble[i%len(scramble)]
	}
	return cString(plain), true
}

// cString returns b up to its first NUL.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
