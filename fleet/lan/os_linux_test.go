package lan_test

import (
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/probe"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/fleet/lan"
)

var update = flag.Bool("update", false, "rewrite the table in the documents")

// osTable is the document that has the table which this test makes, and tableMark what
// stands before and after it.
const (
	osTable   = "../../docs/os-fingerprints.md"
	tableMark = "\n<!-- made by go test ./fleet/lan -run TestWhatScannersReadOfEachOSFamily -update -->\n"
)

// TestWhatScannersReadOfEachOSFamily looks at one decky of each OS family with nmap, with
// our own probe in the notation of p0f, and with ping, from the attacker's machine.
func TestWhatScannersReadOfEachOSFamily(t *testing.T) {
	needs(t, "nmap", "ping", "curl")
	l := newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	rt := start(t, reg, lan.Options{Sink: &seen})
	f := plan6(t, reg, everyFamily("ftp, http, ssh"))
	apply(t, rt, f)
	guesses := l.nmapOS(t, f)

	var table strings.Builder
	table.WriteString("| OS family | TTL, hop limit | SYN-ACK as p0f writes it | SYN-ACK of IPv6 | DECNET's own guess | nmap's first guess |\n|---|---|---|---|---|---|\n")
	for _, d := range f.Deckies {
		var four, six probe.TCPResult
		var err4, err6 error
		inside(t, "/run/netns/"+l.attacker, func() {
			four, err4 = probe.TCP(t.Context(), d.Addr.String()+":80", probe.Config{})
			six, err6 = probe.TCP(t.Context(), "["+d.Addr6.String()+"]:80", probe.Config{})
		})
		if err4 != nil || err6 != nil {
			t.Fatalf("%s: %v, %v", d.Name, err4, err6)
		}
		sysctls, err := fleet.Sysctls(d.OSFamily)
		if err != nil {
			t.Fatal(err)
		}
		ttl, hops := l.ping(t, d.Addr.String()), l.ping(t, d.Addr6.String())
		if want := sysctls["net.ipv4.ip_default_ttl"]; ttl != want || hops != want || fmt.Sprint(four.SYNACK.TTL) != want || fmt.Sprint(six.SYNACK.TTL) != want {
			t.Errorf("%s: TTL %s and %d, hop limit %s and %d, want %s", d.Name, ttl, four.SYNACK.TTL, hops, six.SYNACK.TTL, want)
		}
		fmt.Fprintf(&table, "| %s | %s, %s | `%s` | `%s` | %s | %s |\n", d.OSFamily, ttl, hops, four.P0f, six.P0f, guess(&four.SYNACK), guesses[d.Addr.String()])
		// What was changed on its way must still be taken by the client.
		for _, host := range []string{d.Addr.String(), "[" + d.Addr6.String() + "]"} {
			if page := l.attack(t, "curl", "-gs", "-m", "20", "http://"+host+"/"); !strings.Contains(page, "<html") {
				t.Errorf("%s: the page at %s is %q", d.Name, host, page)
			}
		}
	}
	if blocked := seen.Of("egress_blocked"); len(blocked) > 0 {
		t.Errorf("answers to scans were blocked: %v", blocked)
	}

	text, err := os.ReadFile(osTable)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), tableMark)
	if len(parts) != 3 {
		t.Fatalf("%s has no place for the table", osTable)
	}
	if *update {
		parts[1] = table.String()
		if err := os.WriteFile(osTable, []byte(strings.Join(parts, tableMark)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(parts[1], table.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", osTable, diff)
	}
}

func guess(s *fingerprint.SYN) string {
	g := s.OS()
	return fmt.Sprintf("%s %.2f (%s)", g.Name, g.Confidence, g.Rule)
}

// ping returns the TTL or the hop limit of the answer.
func (l lab) ping(t *testing.T, host string) string {
	t.Helper()
	out := l.attack(t, "ping", "-n", "-c", "1", "-W", "20", host)
	m := regexp.MustCompile(` ttl=(\d+) `).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("ping: %s", out)
	}
	return m[1]
}

// nmapOS returns the system that nmap takes each decky for, by address.
func (l lab) nmapOS(t *testing.T, f decnet.Fleet) map[string]string {
	t.Helper()
	args := []string{"nmap", "-n", "-Pn", "-O", "--osscan-guess", "--max-os-tries", "2", "-p", "21,22,80,81", "-oX", "-"}
	for _, d := range f.Deckies {
		args = append(args, d.Addr.String())
	}
	var result struct {
		Hosts []struct {
			Address []struct {
				Addr string `xml:"addr,attr"`
			} `xml:"address"`
			Matches []struct {
				Name     string `xml:"name,attr"`
				Accuracy int    `xml:"accuracy,attr"`
				Classes  []struct {
					Vendor string `xml:"vendor,attr"`
					Family string `xml:"osfamily,attr"`
				} `xml:"osclass"`
			} `xml:"os>osmatch"`
		} `xml:"host"`
	}
	out := l.attack(t, args...)
	if err := xml.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	guesses := make(map[string]string)
	for _, h := range result.Hosts {
		if len(h.Matches) == 0 || len(h.Matches[0].Classes) == 0 {
			continue
		}
		first := h.Matches[0]
		t.Logf("%s: %s, %d %%", h.Address[0].Addr, first.Name, first.Accuracy)
		class := first.Classes[0]
		guesses[h.Address[0].Addr] = class.Vendor + " " + class.Family
		if class.Vendor == class.Family {
			guesses[h.Address[0].Addr] = class.Family
		}
	}
	return guesses
}
