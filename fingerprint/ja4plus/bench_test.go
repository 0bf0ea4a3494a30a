package ja4plus_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/ja4plus"
)

// BenchmarkJA4S compares the JA4S, from the bytes of a ServerHello, with its hash.
func BenchmarkJA4S(b *testing.B) {
	extensions, err := hex.DecodeString("ff01000100" + "00000000" + "000b00020100" + "00230000" + "0010000500030268" + "32" + "00170000")
	if err != nil {
		b.Fatal(err)
	}
	body := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, 0xc0, 0x2f, 0, 0, byte(len(extensions))}, extensions)
	record := slices.Concat([]byte{22, 3, 3, 0, byte(4 + len(body)), 2, 0, 0, byte(len(body))}, body)
	var h fingerprint.ServerHello
	if err := h.Parse(record); err != nil {
		b.Fatal(err)
	}
	raw := string(ja4plus.AppendJA4SRaw(nil, &h, fingerprint.TCP))
	list := []byte(raw[strings.LastIndexByte(raw, '_')+1:])
	b.Run("decnet", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			if err := h.Parse(record); err != nil {
				b.Fatal(err)
			}
			dst = ja4plus.AppendJA4S(dst[:0], &h, fingerprint.TCP)
		}
	})
	b.Run("hashes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sha256.Sum256(list)
		}
	})
}
