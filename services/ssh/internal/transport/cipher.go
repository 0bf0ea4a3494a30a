package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 sshd of CentOS 7 offers it
	"golang.org/x/crypto/cast5"    //lint:ignore SA1019 sshd of CentOS 7 offers it
)

// sizes says how many bytes of key material a cipher takes.
type sizes struct{ key, iv int }

var ciphers = map[string]sizes{
	"chacha20-poly1305@openssh.com": {64, 0},
	"aes128-gcm@openssh.com":        {16, 12},
	"aes256-gcm@openssh.com":        {32, 12},
	"aes128-ctr":                    {16, 16},
	"aes192-ctr":                    {24, 16},
	"aes256-ctr":                    {32, 16},
	"aes128-cbc":                    {16, 16},
	"aes192-cbc":                    {24, 16},
	"aes256-cbc":                    {32, 16},
	"3des-cbc":                      {24, 8},
	"blowfish-cbc":                  {16, 8},
	"cast128-cbc":                   {16, 8},
}

// isAEAD reports whether a cipher authenticates by itself, so that no MAC is agreed on.
func isAEAD(name string) bool {
	return strings.Contains(name, "poly1305") || strings.Contains(name, "-gcm@")
}

var macKeySizes = map[string]int{
	"umac-64": 16, "umac-128": 16, "hmac-sha1": 20, "hmac-sha2-256": 32, "hmac-sha2-512": 64,
}

// splitMAC takes a MAC's name apart: "hmac-sha1-etm@openssh.com" is hmac-sha1, encrypted
// then authenticated.
func splitMAC(name string) (base string, etm bool) {
	base = strings.TrimSuffix(name, "@openssh.com")
	return strings.CutSuffix(base, "-etm")
}

func newTag(base string, key []byte) (authenticator, error) {
	var h func() hash.Hash
	switch base {
	case "umac-64":
		return newUMAC(key, 8)
	case "umac-128":
		return newUMAC(key, 16)
	case "hmac-sha1":
		h = sha1.New
	case "hmac-sha2-256":
		h = sha256.New
	case "hmac-sha2-512":
		h = sha512.New
	default:
		return nil, fmt.Errorf("ssh: no MAC %q", base)
	}
	return &hmacTag{h: hmac.New(h, key)}, nil
}

// packets can open and seal.
type packets interface {
	opener
	sealer
}

// newPackets makes one direction. material returns n bytes of the key material of the
// given kind (RFC 4253 section 7.2), which is 0 for the IV, 1 for the key, 2 for the MAC.
func newPackets(name, mac string, decrypt bool, material func(kind, n int) []byte) (packets, error) {
	size, ok := ciphers[name]
	if !ok {
		return nil, fmt.Errorf("ssh: no cipher %q", name)
	}
	iv, key := material(0, size.iv), material(1, size.key)
	if name == "chacha20-poly1305@openssh.com" {
		return newChachaPackets(key), nil
	}
	block, err := newBlock(name, key)
	if err != nil {
		return nil, err
	}
	if isAEAD(name) {
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		return &gcmPackets{aead: aead, iv: [12]byte(iv)}, nil
	}
	p := &blockPackets{block: block.BlockSize()}
	switch {
	case strings.HasSuffix(name, "-ctr"):
		p.crypt = cipher.NewCTR(block, iv).XORKeyStream
	case decrypt:
		p.crypt = cipher.NewCBCDecrypter(block, iv).CryptBlocks
	default:
		p.crypt = cipher.NewCBCEncrypter(block, iv).CryptBlocks
	}
	base, etm := splitMAC(mac)
	p.etm = etm
	p.mac, err = newTag(base, material(2, macKeySizes[base]))
	return p, err
}

func newBlock(name string, key []byte) (cipher.Block, error) {
	switch name {
	case "3des-cbc":
		return des.NewTripleDESCipher(key)
	case "blowfish-cbc":
		return blowfish.NewCipher(key)
	case "cast128-cbc":
		return cast5.NewCipher(key)
	}
	return aes.NewCipher(key)
}
