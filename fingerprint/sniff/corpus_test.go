package sniff_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

// corpusDir finds the corpus beside the module, or where DECNET_CORPUS says.
func corpusDir(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("DECNET_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "fingerprint")
	if _, err := os.Stat(filepath.Join(dir, "expected.tsv")); err != nil {
		tb.Skip("the fingerprint corpus lies neither beside the module nor where DECNET_CORPUS points")
	}
	return dir
}

// record is one line of expected.tsv.
type record struct {
	file, name             string
	stream                 string // proto, client and server
	kind, index            string
	value, sources, status string
	alternatives           string
}

func (r record) key() string { return strings.Join([]string{r.file, r.stream, r.kind, r.index}, " ") }

func readCorpus(tb testing.TB, dir string) []record {
	tb.Helper()
	f, err := os.Open(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var records []record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		if len(c) != 13 || c[0] == "pcap" {
			continue
		}
		records = append(records, record{
			file: c[0], name: c[1], stream: strings.Join(c[2:7], " "),
			kind: c[7], index: c[8], value: c[9], sources: c[10], status: c[11], alternatives: c[12],
		})
	}
	if lines.Err() != nil || len(records) == 0 {
		tb.Fatalf("%d records, %v", len(records), lines.Err())
	}
	return records
}

// forms makes the forms of JA4 that are no kind of their own in the results.
func forms(f *sniff.Fact, report func(kind string, value, raw []byte)) {
	if f.Kind != sniff.FactClientHello {
		return
	}
	report("ja4_o", f.ClientHello.AppendJA4(nil, f.Transport, fingerprint.JA4Original), nil)
	report("ja4_ro", f.ClientHello.AppendJA4(nil, f.Transport, fingerprint.JA4OriginalInRaw), nil)
}

// certificate puts the kinds into which the corpus splits x509.
func certificate(t *testing.T, r sniff.Result, put func(kind, value string)) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var details struct {
		Raw struct {
			Serial    string `json:"serial"`
			NotBefore string `json:"not_before"`
			NotAfter  string `json:"not_after"`
			Subject   string `json:"subject_cn"`
			Issuer    string `json:"issuer_cn"`
		} `json:"raw"`
	}
	if err := json.Unmarshal(text, &details); err != nil {
		t.Fatal(err)
	}
	put("x509_sha256", r.Value)
	put("x509_serial", details.Raw.Serial)
	put("x509_not_before", details.Raw.NotBefore)
	put("x509_not_after", details.Raw.NotAfter)
	put("x509_subject_cn", details.Raw.Subject)
	put("x509_issuer_cn", details.Raw.Issuer)
}

// sniffCorpus returns all that is found in the captures of the corpus, by record.key.
func sniffCorpus(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "pcap", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	got := map[string]string{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		err = sniff.Fingerprints(f, func(r sniff.Result) {
			put := func(kind, value string) {
				key := record{file: filepath.Base(name), stream: stream(r), kind: kind, index: strconv.Itoa(r.Index)}.key()
				if old, ok := got[key]; ok {
					t.Errorf("%s twice: %s, %s", key, old, value)
				}
				got[key] = value
			}
			switch r.Kind {
			case "x509":
				certificate(t, r, put)
				return
			case "ja3", "ja3s", "hassh", "hassh_server":
				put(r.Kind+"_full", r.Raw)
			case "ja4", "ja4s", "ja4x":
				put(r.Kind+"_r", r.Raw)
			}
			put(r.Kind, r.Value)
		}, forms, plus.New())
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return got
}

func stream(r sniff.Result) string {
	return fmt.Sprintf("%s %s %d %s %d", r.Proto, r.Client, r.ClientPort, r.Server, r.ServerPort)
}

// compared are the kinds of the corpus that are compared. The others are what p0f makes of
// its database, of which this project has none.
func compared(kind string) bool {
	return kind != "none_tls" && !strings.HasSuffix(kind, "_os") && !strings.HasSuffix(kind, "_dist")
}

// gated are the kinds of which nothing may differ.
func gated(kind string) bool {
	kind = strings.TrimSuffix(kind, "_full")
	switch kind {
	case "ja3", "ja3s", "ja4", "ja4_r", "ja4_o", "ja4_ro", "ja4s", "ja4s_r", "ja4l_c", "ja4l_s",
		"ja4t", "ja4ts", "ja4x", "ja4x_r", "hassh", "hassh_server":
		return true
	}
	return strings.HasPrefix(kind, "x509_")
}

// differences explains records that are not reproduced: those of a single source, and
// those of JA4SSH and JA4H, which the gate leaves out.
var differences = []struct {
	file, stream, kind, reason string
}{
	{"gre-sample.pcap", "tcp 172.27.1.66 40264 66.59.109.137 22", "", "the addresses of the tunnel; ours are the innermost"},
	{"ssh2.pcapng", "tcp 172.16.225.48 51810 142.251.32.74 443", "ja4l_", "QUIC: the tool calls UDP tcp"},
	{"ssh2.pcapng", "tcp 172.16.225.48 61861 142.251.41.46 443", "ja4l_", "QUIC: the tool calls UDP tcp"},
	{"", "239.255.255.250 1900", "ja4h", "SSDP is no request to a server; only HTTP over TCP is read"},
	{"", "", "ja4ssh", "the tools disagree on how a window ends; the text has 200 packets with payload, the last window what is left"},
}

func explained(r record) string {
	for _, d := range differences {
		if (d.file == "" || d.file == r.file) && strings.HasSuffix(r.stream, d.stream) && strings.HasPrefix(r.kind, d.kind) {
			return d.reason
		}
	}
	return ""
}

// constructed holds the captures of the corpus in which every byte was chosen, and their
// records; they are part of this project.
var constructed = filepath.Join("testdata", "edge")

// TestCorpus compares all that is found in the captures of the corpus with its records.
// Records of status disputed follow the written definition of the method, and so do we.
func TestCorpus(t *testing.T) {
	t.Run("constructed", func(t *testing.T) { compare(t, constructed) })
	t.Run("whole", func(t *testing.T) { compare(t, corpusDir(t)) })
}

func compare(t *testing.T, dir string) {
	t.Helper()
	got := sniffCorpus(t, dir)
	records := readCorpus(t, dir)
	same, differ := map[string]int{}, map[string]int{}
	expected := map[string]bool{}
	for _, r := range records {
		expected[r.key()] = true
		switch value, reason := got[r.key()], explained(r); {
		case !compared(r.kind):
		case value == r.value:
			same[r.kind]++
		case reason != "" && (r.status == "single" || !gated(r.kind)):
			differ[reason]++
		default:
			t.Errorf("%s: got %q, want %q (%s, %s; %s; %s)", r.key(), value, r.value, r.name, r.status, r.sources, r.alternatives)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(same)) {
		t.Logf("%-18s %d", kind, same[kind])
	}
	for reason, n := range differ {
		t.Logf("%d differ: %s", n, reason)
	}
	for key := range got {
		f := strings.Fields(key)
		if !expected[key] && gated(f[len(f)-2]) && !extra(key) {
			t.Errorf("surplus: %s %s", key, got[key])
		}
	}
}

// extras explains what is found beside the records. Of the constructed captures nothing
// may be.
var extras = []struct{ file, kind, reason string }{
	{"", "udp ja4l_", "there are no records of the round trip of QUIC, but from tools that call UDP tcp"},
	{"dtls-openssl.pcap", "udp ja4x", "no source reads certificates of DTLS here"},
	{"dtls-openssl.pcap", "udp x509_", "no source reads certificates of DTLS here"},
	{"dtls-udp.notest.cap", "udp x509_", "a certificate without common names"},
	{"badcurveball.pcap", "tcp x509_", "openssl, not the reference, read the second certificate: there are no names"},
	{"ssh2.pcapng", "tcp x509_issuer_cn", "a root certificate without a common name"},
}

func extra(key string) bool {
	f := strings.Fields(key)
	kind := f[1] + " " + f[len(f)-2]
	for _, e := range extras {
		if (e.file == "" || e.file == f[0]) && strings.HasPrefix(kind, e.kind) && !strings.HasPrefix(f[0], "edge-a") {
			return true
		}
	}
	return false
}

// TestCorpusNone checks that nothing is made of streams that hold no hello.
func TestCorpusNone(t *testing.T) {
	got := sniffCorpus(t, constructed)
	none := 0
	for _, r := range readCorpus(t, constructed) {
		if r.kind != "none_tls" {
			continue
		}
		none++
		for key, value := range got {
			f := strings.Fields(key)
			if kind := f[len(f)-2]; strings.HasPrefix(key, r.file+" "+r.stream+" ") &&
				(strings.HasPrefix(kind, "ja3") || strings.HasPrefix(kind, "ja4") && gated(kind) && !strings.HasPrefix(kind, "ja4l") && !strings.HasPrefix(kind, "ja4t")) {
				t.Errorf("%s (%s): %s", key, r.name, value)
			}
		}
	}
	if none == 0 {
		t.Error("the corpus has no such stream")
	}
}
