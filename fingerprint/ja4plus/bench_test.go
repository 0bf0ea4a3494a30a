package ja4plus_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

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
	dst := make([]byte, 0, 1024)
	compareCost(b, func() {
		if err := h.Parse(record); err != nil {
			b.Fatal(err)
		}
		dst = ja4plus.AppendJA4S(dst[:0], &h, fingerprint.TCP)
	}, func() { sha256.Sum256(list) })
}

// compareCost runs ours and bare in turns, as sub-benchmarks and then in short stretches of
// which the best of each count, so that other load on the machine does not spoil the ratio.
func compareCost(b *testing.B, ours, bare func()) {
	both := [...]func(){ours, bare}
	for i, name := range [...]string{"decnet", "hashes"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				both[i]()
			}
		})
	}
	b.Run("ratio", func(b *testing.B) {
		best := [2]time.Duration{time.Hour, time.Hour}
		for b.Loop() {
			for i, f := range both {
				start := time.Now()
				for range 20 {
					f()
				}
				best[i] = min(best[i], time.Since(start))
			}
		}
		b.ReportMetric(float64(best[0])/float64(best[1]), "x")
	})
}
