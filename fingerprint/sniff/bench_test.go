//go:build unix

package sniff_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

// throughputCapture writes about 150 MB of packets of the corpus, as its README says, and
// returns the file's name and size. The same conversations come again and again, and those
// that were not closed are the same ones to a Sniffer; with renumber they come from other
// addresses each time.
func throughputCapture(tb testing.TB, renumber bool) (string, int64) {
	tb.Helper()
	dir := filepath.Join(corpusDir(tb), "pcap")
	var files []string
	for _, pattern := range []string{"tls-handshake.pcapng", "latest.pcapng", "ssh2.pcapng", "cli-*.pcap", "ssh-live-1.pcap", "quic-h3-v1.pcap"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			tb.Fatalf("%s: %v", pattern, err)
		}
		files = append(files, names...)
	}
	var records []byte
	for _, name := range files {
		records = appendRecords(tb, records, name)
	}
	out, err := os.Create(filepath.Join(tb.TempDir(), "throughput.pcap"))
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	head := []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00")
	size := int64(len(head))
	if _, err := out.Write(head); err != nil {
		tb.Fatal(err)
	}
	for round := byte(0); size < 150e6; round++ {
		for b := records; renumber && len(b) > 16; {
			frame := b[16 : 16+binary.LittleEndian.Uint32(b[8:])]
			if len(frame) > 34 && frame[12] == 8 && frame[13] == 0 {
				frame[14+12+1], frame[14+16+1] = round, round
			}
			b = b[16+len(frame):]
		}
		n, err := out.Write(records)
		if err != nil {
			tb.Fatal(err)
		}
		size += int64(n)
	}
	return out.Name(), size
}

// appendRecords appends the packets of a capture file as records of a classic pcap.
func appendRecords(tb testing.TB, dst []byte, name string) []byte {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil {
		tb.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	type source interface {
		ReadPacketData() ([]byte, captureInfo, error)
	}
	var r source
	if binary.BigEndian.Uint32(magic) == 0x0a0d0d0a {
		r, err = pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	} else {
		r, err = pcapgo.NewReader(f)
	}
	if err != nil {
		tb.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return dst
		}
		if err != nil {
			tb.Fatal(err)
		}
		at := info.Timestamp
		dst = binary.LittleEndian.AppendUint32(dst, uint32(at.Unix()))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(at.Nanosecond()/1000))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data)))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data)))
		dst = append(dst, data...)
	}
}

// processorTime returns what this process and those it waited for have used. Unlike the
// time on the wall, it does not depend on what else the machine does.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// timed runs f as often as b wants and reports the processor time of each run.
func timed(b *testing.B, size int64, f func()) {
	b.Helper()
	b.SetBytes(size)
	begin := processorTime(b)
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64((processorTime(b)-begin).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}

// BenchmarkThroughput compares reading a capture with finding all that is in it.
func BenchmarkThroughput(b *testing.B) {
	name, size := throughputCapture(b, false)
	open := func() *os.File {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	b.Run("bare reading with pcapgo", func(b *testing.B) {
		timed(b, size, func() {
			f := open()
			defer f.Close()
			r, err := pcapgo.NewReader(f)
			for err == nil {
				_, _, err = r.ReadPacketData()
			}
			if !errors.Is(err, io.EOF) {
				b.Fatal(err)
			}
		})
	})
	b.Run("bare reading with pcapgo without copies", func(b *testing.B) {
		timed(b, size, func() {
			f := open()
			defer f.Close()
			r, err := pcapgo.NewReader(f)
			for err == nil {
				_, _, err = r.ZeroCopyReadPacketData()
			}
			if !errors.Is(err, io.EOF) {
				b.Fatal(err)
			}
		})
	})
	find := func(b *testing.B) {
		b.ReportAllocs()
		found := 0
		timed(b, size, func() {
			f := open()
			defer f.Close()
			if err := sniff.Fingerprints(f, func(sniff.Result) { found++ }, plus.New()); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(found)/float64(b.N), "fingerprints/op")
	}
	b.Run("fingerprints", find)
	name, size = throughputCapture(b, true)
	b.Run("fingerprints, other addresses each time", find)
}

// BenchmarkTshark is what the other side of the comparison takes for the fields that it
// knows too, on the capture of BenchmarkThroughput.
func BenchmarkTshark(b *testing.B) {
	if _, err := exec.LookPath("tshark"); err != nil {
		b.Skip("tshark is not installed")
	}
	name, size := throughputCapture(b, false)
	args := []string{"-r", name, "-T", "fields"}
	for _, f := range tsharkFields {
		args = append(args, "-e", f.field)
	}
	timed(b, size, func() {
		if err := exec.Command("tshark", args...).Run(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkUninteresting is a packet in the middle of a long download.
func BenchmarkUninteresting(b *testing.B) {
	s := sniff.New(sniff.Config{Deckies: func(a netip.Addr) (string, bool) { return "decky", a == netip.MustParseAddr("10.0.0.2") }})
	frame := segment("10.0.0.1:1000", "10.0.0.2:80", 1, 0x10, bytes.Repeat([]byte{7}, 1400))
	at := time.Unix(1e9, 0)
	seq := uint32(1)
	b.ReportAllocs()
	for b.Loop() {
		binary.BigEndian.PutUint32(frame[14+20+4:], seq)
		seq += 1400
		s.Packet(sniff.LinkEthernet, at, frame)
	}
}
