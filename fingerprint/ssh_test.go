package fingerprint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
)

// hello makes an identification line and a KEXINIT with the lists of a HASSH string.
func hello(banner, kex, cipher, mac, comp string) []byte {
	payload := append([]byte{20}, make([]byte, 16)...)
	for _, list := range []string{kex, "ssh-ed25519", cipher, cipher, mac, mac, comp, comp, "", ""} {
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(list)))
		payload = append(payload, list...)
	}
	payload = append(payload, 0, 0, 0, 0, 0)
	padding := 8 - (len(payload)+5)%8 + 4
	b := []byte(banner + "\r\n")
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(payload)+padding))
	b = append(b, byte(padding))
	b = append(b, payload...)
	return append(b, make([]byte, padding)...)
}

// The server's lists of dropbear 2022.83, with the value that its KEXINIT is published
// under.
const (
	dropbearKex  = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,kexguess2@matt.ucc.asn.au,kex-strict-s-v00@openssh.com"
	dropbearEnc  = "chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr"
	dropbearMAC  = "hmac-sha1,hmac-sha2-256"
	dropbearComp = "zlib@openssh.com,none"
	dropbearHash = "e1a0b5f8d334ec70fe937b2d5ff8d0b6"
)

func TestHASSH(t *testing.T) {
	t.Parallel()
	b := hello("SSH-2.0-dropbear_2022.83", dropbearKex, dropbearEnc, dropbearMAC, dropbearComp)
	h, err := fingerprint.ParseSSH(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.HASSHServer(); got != dropbearHash {
		t.Errorf("HASSHServer %s, want %s", got, dropbearHash)
	}
	if got := h.HASSH(); got != dropbearHash { // both directions have the same lists here
		t.Errorf("HASSH %s, want %s", got, dropbearHash)
	}
	if string(h.Banner) != "SSH-2.0-dropbear_2022.83" || string(h.HostKey) != "ssh-ed25519" || h.FirstKexFollows {
		t.Errorf("%+v", h)
	}
	for i := range b {
		h, err := fingerprint.ParseSSH(b[:i])
		if !errors.Is(err, fingerprint.ErrTruncated) || h.KexInitIsComplete {
			t.Fatalf("%d of %d bytes: %v", i, len(b), err)
		}
	}
}

func TestParseSSHRefuses(t *testing.T) {
	t.Parallel()
	good := hello("SSH-2.0-x", "a", "b", "c", "d")
	huge := bytes.Clone(good)
	binary.BigEndian.PutUint32(huge[len("SSH-2.0-x\r\n"):], 1<<31)
	list := bytes.Clone(good)
	binary.BigEndian.PutUint32(list[len("SSH-2.0-x\r\n")+5+17:], 1<<31)
	for name, b := range map[string][]byte{
		"version 1":     []byte("SSH-1.5-old\r\n"),
		"endless line":  []byte(strings.Repeat("x", 9000)),
		"huge packet":   huge,
		"huge list":     list,
		"not a KEXINIT": append([]byte("SSH-2.0-x\r\n"), 0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	} {
		if _, err := fingerprint.ParseSSH(b); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h, err := fingerprint.ParseSSH(append([]byte("Welcome\r\n"), good...)); err != nil || string(h.Banner) != "SSH-2.0-x" {
		t.Errorf("line before the identification: %v", err)
	}
}

func FuzzParseSSH(f *testing.F) {
	f.Add(hello("SSH-2.0-x", dropbearKex, dropbearEnc, dropbearMAC, dropbearComp))
	f.Add([]byte("SSH-1.99-y\n\x00\x00\x00\x02\x00\x14"))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := fingerprint.ParseSSH(b)
		if (err == nil) != h.KexInitIsComplete {
			t.Fatalf("complete %v, %v", h.KexInitIsComplete, err)
		}
		if n := len(h.AppendHASSHRaw(nil)); n > len(b)+3 {
			t.Fatalf("%d bytes of lists from %d bytes", n, len(b))
		}
	})
}

func ExampleParseSSH() {
	opening := hello("SSH-2.0-dropbear_2022.83", dropbearKex, dropbearEnc, dropbearMAC, dropbearComp)
	h, err := fingerprint.ParseSSH(opening)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(h.Banner), h.HASSH())
	// Output: SSH-2.0-dropbear_2022.83 e1a0b5f8d334ec70fe937b2d5ff8d0b6
}
