package sniff_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint/sniff"
)

// tsharkFields names the fields of tshark that have a kind of ours.
var tsharkFields = []struct{ field, kind string }{
	{"tls.handshake.ja3", "ja3"}, {"tls.handshake.ja3s", "ja3s"},
	{"dtls.handshake.ja3", "ja3"}, {"dtls.handshake.ja3s", "ja3s"},
	{"ssh.kex.hassh", "hassh"}, {"ssh.kex.hasshserver", "hassh_server"},
}

// TestTshark compares JA3, JA3S and HASSH of every capture with those that tshark finds:
// the same values, as often.
func TestTshark(t *testing.T) {
	dir := corpusDir(t)
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	names, err := filepath.Glob(filepath.Join(dir, "pcap", "*"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, name := range names {
		ours, theirs := ownValues(t, name), tsharkValues(t, name)
		base := filepath.Base(name)
		for _, v := range theirs {
			i := slices.Index(ours, v)
			if i < 0 {
				t.Errorf("%s: only tshark has %s", base, v)
				continue
			}
			ours = slices.Delete(ours, i, i+1)
			total++
		}
		for _, v := range ours {
			t.Errorf("%s: tshark lacks %s", base, v)
		}
	}
	t.Logf("%d values are the same", total)
}

// ownValues returns "kind value" of all that tshark knows of.
func ownValues(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var values []string
	err = sniff.Fingerprints(f, func(r sniff.Result) {
		if slices.Contains([]string{"ja3", "ja3s", "hassh", "hassh_server"}, r.Kind) {
			values = append(values, r.Kind+" "+r.Value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// tsharkValues returns the same of tshark, which must be told the ports of SSH.
func tsharkValues(t *testing.T, name string) []string {
	t.Helper()
	args := []string{"-r", name, "-2", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", "-o", "tcp.reassemble_out_of_order:TRUE"}
	if filepath.Base(name) == "ssh-live-1.pcap" {
		args = append(args, "-d", "tcp.port==2201-2205,ssh")
	}
	for _, c := range tsharkFields {
		args = append(args, "-e", c.field)
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var values []string
	for line := range strings.Lines(string(out)) {
		for i, field := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
			for _, v := range strings.Split(field, ",") {
				if v != "" {
					values = append(values, tsharkFields[i].kind+" "+v)
				}
			}
		}
	}
	return values
}
