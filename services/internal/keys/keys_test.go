package keys

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"testing"

	"github.com/decnet/decnet/services"
)

func TestKeysDependOnSeedAndLabelAlone(t *testing.T) {
	t.Parallel()
	a := services.Identity{Seed: [32]byte{1}}
	b := services.Identity{Seed: [32]byte{2}}
	if !Ed25519(a, "ssh").Equal(Ed25519(a, "ssh")) || Ed25519(a, "ssh").Equal(Ed25519(b, "ssh")) || Ed25519(a, "ssh").Equal(Ed25519(a, "tls")) {
		t.Error("ed25519")
	}
	if !ECDSA(a, "ssh").Equal(ECDSA(a, "ssh")) || ECDSA(a, "ssh").Equal(ECDSA(b, "ssh")) {
		t.Error("ecdsa")
	}
	ra := RSA(a, "ssh", 2048)
	if !ra.Equal(RSA(a, "ssh", 2048)) || ra.Equal(RSA(b, "ssh", 2048)) {
		t.Error("rsa")
	}
	if n := ra.N.BitLen(); n != 2048 {
		t.Errorf("rsa modulus has %d bits", n)
	}
}

func TestCertificateIsStableAndValid(t *testing.T) {
	t.Parallel()
	id := services.Identity{Seed: [32]byte{3}}
	for name, key := range map[string]crypto.Signer{"rsa": RSA(id, "tls", 2048), "ecdsa": ECDSA(id, "tls")} {
		one, err := Certificate(id, "tls", key, "web.example.org", []string{"web.example.org", "10.0.0.7"}, 365)
		if err != nil {
			t.Fatal(name, err)
		}
		two, _ := Certificate(id, "tls", key, "web.example.org", []string{"web.example.org", "10.0.0.7"}, 365)
		if !bytes.Equal(one.Certificate[0], two.Certificate[0]) {
			t.Error(name, "two certificates differ")
		}
		c, err := x509.ParseCertificate(one.Certificate[0])
		if err != nil {
			t.Fatal(name, err)
		}
		if err := c.VerifyHostname("web.example.org"); err != nil {
			t.Error(name, err)
		}
		if err := c.VerifyHostname("10.0.0.7"); err != nil {
			t.Error(name, err)
		}
	}
}
