package fingerprint_test

import (
	"crypto/md5"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// BenchmarkJA3JA4 compares both fingerprints, from the bytes of a ClientHello, with the
// bare cost of the three hashes in them.
func BenchmarkJA3JA4(b *testing.B) {
	record := records(browserHello(), 1<<14)
	var h fingerprint.ClientHello
	if err := h.Parse(record); err != nil {
		b.Fatal(err)
	}
	ja3 := h.AppendJA3Raw(nil)
	parts := strings.SplitN(string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4Raw)), "_", 3)
	ciphers, extensions := []byte(parts[1]), []byte(parts[2])
	dst := make([]byte, 0, 1024)
	compareCost(b, func() {
		if err := h.Parse(record); err != nil {
			b.Fatal(err)
		}
		dst = h.AppendJA3(dst[:0])
		dst = h.AppendJA4(dst, fingerprint.TCP, fingerprint.JA4Hash)
	}, func() {
		md5.Sum(ja3)
		sha256.Sum256(ciphers)
		sha256.Sum256(extensions)
	})
}

// BenchmarkJA3S compares the JA3S, from the bytes of a ServerHello, with its hash.
func BenchmarkJA3S(b *testing.B) {
	record := records(serverMessage(0x0303, 0xc02f, [][]byte{
		ext(0xff01, []byte{0}), ext(0), ext(11, vec8([]byte{0})), ext(35), alpnExt("h2"), ext(23),
	}), 1<<14)
	var h fingerprint.ServerHello
	if err := h.Parse(record); err != nil {
		b.Fatal(err)
	}
	raw := h.AppendJA3SRaw(nil)
	dst := make([]byte, 0, 1024)
	compareCost(b, func() {
		if err := h.Parse(record); err != nil {
			b.Fatal(err)
		}
		dst = h.AppendJA3S(dst[:0])
	}, func() { md5.Sum(raw) })
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
