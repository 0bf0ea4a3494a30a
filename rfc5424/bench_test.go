package rfc5424_test

import (
	"testing"

	syslog "github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

var benchEvent = rfc5424.Canonical(decnet.Event{
	Time: login.Time, Decky: "decky-01", Service: "http", Type: "request", Severity: decnet.SeverityInfo,
	Fields: []decnet.Field{
		decnet.F("src_ip", "203.0.113.9"), decnet.F("src_port", "51022"), decnet.F("method", "POST"), decnet.F("path", "/wp-login.php"),
		decnet.F("host", "www.example.com"), decnet.F("user_agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
		decnet.F("body_size", "42"), decnet.F("status", "200"), decnet.F("username", "admin"), decnet.F("password", "correct horse"),
	},
})

var benchLine = string(rfc5424.Append(nil, &benchEvent))

func BenchmarkEncode(b *testing.B) {
	buf := make([]byte, 0, 1<<10)
	b.SetBytes(int64(len(benchLine)))
	b.ReportAllocs()
	for b.Loop() {
		buf = rfc5424.Append(buf[:0], &benchEvent)
	}
}

func BenchmarkDecode(b *testing.B) {
	var d rfc5424.Decoder
	b.SetBytes(int64(len(benchLine)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(benchLine); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(benchLine)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rfc5424.Parse(benchLine); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeGoSyslog is the yardstick: the generated parser of go-syslog on the
// same line.
func BenchmarkDecodeGoSyslog(b *testing.B) {
	p := syslog.NewParser()
	line := []byte(benchLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	buf := make([]byte, 0, 2<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = rfc5424.AppendJSON(buf[:0], &benchEvent, benchLine)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParseJSON(b *testing.B) {
	record := rfc5424.AppendJSON(nil, &benchEvent, benchLine)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := rfc5424.ParseJSON(record); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = rfc5424.Canonical(benchEvent)
	}
}
