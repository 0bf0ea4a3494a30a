package fingerprint_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// issue makes a certificate with all that Certificate describes.
func issue(tb testing.TB, key crypto.Signer, parent *x509.Certificate, parentKey crypto.Signer) []byte {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x0af1965d11e3ff07),
		Subject: pkix.Name{
			Country: []string{"DE"}, Organization: []string{"Example, Inc."}, OrganizationalUnit: []string{"Härte"},
			Locality: []string{"Bonn"}, Province: []string{"NRW"}, CommonName: "host.example", SerialNumber: "77",
		},
		NotBefore:      time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC),
		NotAfter:       time.Date(2077, 7, 3, 11, 56, 7, 0, time.UTC),
		DNSNames:       []string{"host.example", "*.example"},
		IPAddresses:    []net.IP{net.IPv4(192, 0, 2, 7).To4(), net.ParseIP("2001:db8::1")},
		EmailAddresses: []string{"x@example"},
		URIs:           []*url.URL{{Scheme: "https", Host: "x"}},
		KeyUsage:       x509.KeyUsageDigitalSignature,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func ecKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// TestCertificateAgainstTheStandardLibrary reads certificates with both.
func TestCertificateAgainstTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key     crypto.Signer
		keyType string
		bits    int
	}{
		{rsaKey, "RSA", 2048}, {edKey, "Ed25519", 256},
		{ecKey(t, elliptic.P224()), "EC", 224}, {ecKey(t, elliptic.P256()), "EC", 256},
		{ecKey(t, elliptic.P384()), "EC", 384}, {ecKey(t, elliptic.P521()), "EC", 521},
	} {
		der := issue(t, test.key, nil, nil)
		want, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		var got fingerprint.Certificate
		if err := got.Parse(append(bytes.Clone(der), "behind it"...)); err != nil {
			t.Fatal(err)
		}
		if got.KeyType() != test.keyType || got.KeyBits() != test.bits {
			t.Errorf("key %s of %d bits", got.KeyType(), got.KeyBits())
		}
		if !bytes.Equal(got.Raw, der) || got.SHA256() != sha256.Sum256(der) || got.Version != want.Version ||
			got.SerialText() != fmt.Sprintf("%X", want.SerialNumber) || !got.SelfSigned() ||
			!got.NotBefore.Equal(want.NotBefore) || !got.NotAfter.Equal(want.NotAfter) || got.NotAfter.Location() != time.UTC {
			t.Errorf("%+v", got)
		}
		if cn := got.Subject.CommonName(); cn != want.Subject.CommonName {
			t.Errorf("common name %q", cn)
		}
		const name = "C=DE, ST=NRW, L=Bonn, O=Example, Inc., OU=Härte, CN=host.example, 2.5.4.5=77"
		if got.Subject.String() != name || got.Issuer.String() != name {
			t.Errorf("names %q %q", got.Subject, got.Issuer)
		}
		if sans := got.SANs(); !slices.Equal(sans, []string{"host.example", "*.example", "192.0.2.7", "2001:db8::1"}) {
			t.Errorf("SANs %q", sans)
		}
		var extensions []string
		got.EachExtension(func(id fingerprint.OID, critical bool, value []byte) bool {
			extensions = append(extensions, fmt.Sprintf("%s %v %x", id, critical, value))
			return true
		})
		for i, e := range want.Extensions {
			if text := fmt.Sprintf("%s %v %x", e.Id, e.Critical, e.Value); i >= len(extensions) || extensions[i] != text {
				t.Errorf("extension %s, want %s", extensions, text)
			}
		}
	}
	ca, err := x509.ParseCertificate(issue(t, edKey, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	ca.Subject.CommonName, ca.RawSubject = "The CA", nil
	var leaf fingerprint.Certificate
	if err := leaf.Parse(issue(t, rsaKey, ca, edKey)); err != nil || leaf.SelfSigned() || leaf.Issuer.CommonName() != "The CA" {
		t.Errorf("%v, self-signed %v, issuer %s", err, leaf.SelfSigned(), leaf.Issuer)
	}
}

// element makes a DER element.
func element(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	switch {
	case len(body) < 0x80:
		return slices.Concat([]byte{tag, byte(len(body))}, body)
	case len(body) < 0x100:
		return slices.Concat([]byte{tag, 0x81, byte(len(body))}, body)
	}
	return slices.Concat([]byte{tag, 0x82}, u16s(uint16(len(body))), body)
}

func oid(tb testing.TB, arcs ...int) []byte {
	tb.Helper()
	b, err := asn1.Marshal(asn1.ObjectIdentifier(arcs))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// hostileCertificate is one that crypto/x509 refuses for several reasons: a negative
// serial number, a version that does not exist, curve parameters in full, names in odd
// encodings, a time with a zone.
func hostileCertificate(tb testing.TB) []byte {
	tb.Helper()
	attribute := func(tag byte, text string, arcs ...int) []byte {
		return element(0x30, oid(tb, arcs...), element(tag, []byte(text)))
	}
	name := element(0x30,
		element(0x31, attribute(0x1e, "\x00H\x00i", 2, 5, 4, 10), attribute(0x14, "M\xfcnchen", 2, 5, 4, 7)),
		element(0x31, attribute(0x1c, "\x00\x00\x00C\x00\x00\x00N", 2, 5, 4, 3)),
		element(0x31, attribute(0x0c, "second", 2, 5, 4, 3)))
	algorithm := element(0x30, oid(tb, 1, 2, 840, 10045, 4, 3, 2))
	prime := slices.Concat([]byte{0}, bytes.Repeat([]byte{0xff}, 32))
	curve := element(0x30, element(2, []byte{1}), element(0x30, oid(tb, 1, 2, 840, 10045, 1, 1), element(2, prime)))
	key := element(0x30, element(0x30, oid(tb, 1, 2, 840, 10045, 2, 1), curve), element(3, []byte{0, 4, 1, 2}))
	tbs := element(0x30,
		element(0xa0, element(2, []byte{9})),
		element(2, []byte{0xff, 0x01}),
		algorithm, name,
		element(0x30, element(0x17, []byte("4901010203+0200")), element(0x18, []byte("20500101000000.5Z"))),
		name, key,
		element(0xa3, element(0x30,
			element(0x30, oid(tb, 2, 5, 29, 17), element(1, []byte{0xff}), element(4, element(0x30, element(0x82, []byte("a")), element(0x87, []byte{1, 2, 3})))),
			element(0x30, oid(tb, 1, 2, 3), element(4)),
			element(0x30, oid(tb, 1, 2, 3), element(4)))))
	return element(0x30, tbs, algorithm, element(3, []byte{0}))
}

func TestCertificateIsReadWithTolerance(t *testing.T) {
	t.Parallel()
	der := hostileCertificate(t)
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Error("crypto/x509 takes it")
	}
	var c fingerprint.Certificate
	if err := c.Parse(der); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Subject.String(), "O=Hi, L=München, CN=CN, CN=second"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	if c.Version != 10 || c.SerialText() != "-FF" || c.KeyType() != "EC" || c.KeyBits() != 256 || c.Subject.CommonName() != "CN" ||
		c.SignatureAlgorithm.String() != "1.2.840.10045.4.3.2" || !slices.Equal(c.SANs(), []string{"a"}) {
		t.Errorf("%+v %s %d %q", c, c.SerialText(), c.KeyBits(), c.SANs())
	}
	if got := c.NotBefore.Format(time.RFC3339Nano) + " " + c.NotAfter.Format(time.RFC3339Nano); got != "2049-01-01T00:03:00Z 2050-01-01T00:00:00.5Z" {
		t.Error(got)
	}
	// What is cut off is described as far as it goes.
	for i := range der {
		if err := c.Parse(der[:i]); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Fatalf("%d of %d bytes: %v", i, len(der), err)
		}
	}
	broken := bytes.Replace(der, []byte("4901010203"), []byte("49x1010203"), 1)
	if err := c.Parse(broken); !errors.Is(err, fingerprint.ErrMalformed) || c.Subject.CommonName() != "CN" || !c.NotBefore.IsZero() || len(c.SANs()) != 1 {
		t.Errorf("with an unreadable time: %v, %+v", err, c)
	}
}

func TestOID(t *testing.T) {
	t.Parallel()
	for digits, want := range map[string]string{
		"550403": "2.5.4.3", "2a864886f70d": "1.2.840.113549", "00": "0.0", "27": "0.39", "28": "1.0", "883703": "2.999.3",
		"": "", "80": "?", "5586": "2.5.?", "55ffffffffffffffffffff7f01": "2.5.?.1",
	} {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		if got := fingerprint.OID(b).String(); got != want {
			t.Errorf("%s: %s, want %s", digits, got, want)
		}
	}
}

func TestAppendCertificates(t *testing.T) {
	t.Parallel()
	message := slices.Concat([]byte{11}, vec24(vec24(vec24([]byte("one")), vec24(), vec24([]byte("three")))))
	chain, err := fingerprint.AppendCertificates(nil, message)
	if err != nil || fmt.Sprintf("%q", chain) != `["one" "" "three"]` {
		t.Errorf("%q %v", chain, err)
	}
	for name, bad := range map[string][]byte{
		"other message": browserHello(),
		"cut off":       message[:len(message)-1],
		"over the list": slices.Concat([]byte{11}, vec24(vec24(vec24([]byte("one")), []byte{0, 0, 9}))),
		"bytes behind":  slices.Concat([]byte{11}, vec24(vec24(vec24([]byte("one"))), []byte{0})),
	} {
		chain, err := fingerprint.AppendCertificates(nil, bad)
		if !errors.Is(err, fingerprint.ErrMalformed) || len(chain) > 2 {
			t.Errorf("%s: %q %v", name, chain, err)
		}
	}
}

func FuzzCertificate(f *testing.F) {
	f.Add(hostileCertificate(f))
	f.Add(issue(f, ecKey(f, elliptic.P256()), nil, nil))
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, der []byte) {
		var c fingerprint.Certificate
		err := c.Parse(der)
		text := c.Issuer.String() + c.Subject.String() + c.SerialText() + c.KeyType() + strings.Join(c.SANs(), "")
		if len(text) > 400*len(der)+100 || c.KeyBits() > 8*len(der)+512 {
			t.Fatalf("%d characters, %d bits from %d bytes", len(text), c.KeyBits(), len(der))
		}
		c.SelfSigned()
		c.EachExtension(func(id fingerprint.OID, _ bool, _ []byte) bool { return id.String() != "1.2.3" })
		// What the strict reader takes, the tolerant one takes too, and alike.
		strict, strictErr := x509.ParseCertificate(der)
		if strictErr != nil {
			return
		}
		if err != nil || c.SerialText() != fmt.Sprintf("%X", strict.SerialNumber) || !c.NotAfter.Equal(strict.NotAfter) ||
			!bytes.Equal(c.Raw, strict.Raw) || c.Version != strict.Version {
			t.Fatalf("%v %s %s %v", err, c.SerialText(), c.NotAfter, strict)
		}
	})
}

func FuzzAppendCertificates(f *testing.F) {
	f.Add(slices.Concat([]byte{11}, vec24(vec24(vec24([]byte("one")), vec24()))))
	f.Fuzz(func(t *testing.T, message []byte) {
		chain, err := fingerprint.AppendCertificates(nil, message)
		size := 0
		for _, der := range chain {
			size += 3 + len(der)
		}
		if size > len(message) || err == nil && size+7 > len(message) {
			t.Fatalf("%d bytes of certificates in %d", size, len(message))
		}
	})
}
