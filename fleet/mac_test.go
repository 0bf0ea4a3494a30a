package fleet_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// deckiesOf makes n deckies of a kind, with seeds that differ.
func deckiesOf(archetype, family string, n int) []decnet.Decky {
	list := make([]decnet.Decky, n)
	for i := range list {
		list[i] = decnet.Decky{Name: fmt.Sprint("d", i), Archetype: archetype, OSFamily: family, Seed: fmt.Sprintf("%064x", i)}
	}
	return list
}

func macsOf(t *testing.T, f decnet.Fleet) []net.HardwareAddr {
	t.Helper()
	list, err := fleet.MACs(f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestMACsAreUniqueAndStay(t *testing.T) {
	t.Parallel()
	f := decnet.Fleet{Deckies: deckiesOf("voip-server", "linux", 10_000)} // all of one maker: some seeds collide
	list := macsOf(t, f)
	seen := make(map[string]bool)
	for _, m := range list {
		if len(m) != 6 || m[0]&3 != 0 {
			t.Fatalf("%s is not the address of one card, as its maker gave it", m)
		}
		if seen[m.String()] {
			t.Errorf("%s is given twice", m)
		}
		seen[m.String()] = true
	}
	fewer := macsOf(t, decnet.Fleet{Deckies: f.Deckies[:100]})
	if !slices.EqualFunc(fewer, list[:100], func(a, b net.HardwareAddr) bool { return a.String() == b.String() }) {
		t.Error("deckies that are added change the addresses of others")
	}
	if _, err := fleet.MACs(decnet.Fleet{Deckies: []decnet.Decky{{Name: "x"}}}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("without a seed: %v", err)
	}
}

// TestMACsAreOfFittingMakers compares with the list of the IEEE as Nmap has it.
func TestMACsAreOfFittingMakers(t *testing.T) {
	t.Parallel()
	file, err := os.Open("/usr/share/nmap/nmap-mac-prefixes")
	if err != nil {
		t.Skip("needs the list of makers that comes with nmap:", err)
	}
	defer file.Close()
	makers := make(map[string]string)
	for s := bufio.NewScanner(file); s.Scan(); {
		prefix, maker, _ := strings.Cut(s.Text(), " ")
		makers[prefix] = maker
	}
	server := []string{"Dell", "Hewlett Packard", "Super Micro", "Intel", "VMware"}
	for _, c := range []struct {
		archetype, family string
		makers            []string
	}{
		{"printer", "embedded", []string{"Brother", "Canon", "Kyocera", "Xerox", "Lexmark", "Ricoh", "Epson"}},
		{"iot-device", "embedded", []string{"Raspberry Pi", "Espressif"}},
		{"industrial-control", "embedded", []string{"Siemens", "Rockwell", "Telemecanique"}},
		{"voip-server", "linux", []string{"Grandstream"}},
		{"windows-workstation", "windows", []string{"Dell", "Hewlett Packard"}},
		{"windows-server", "windows_server", append(server, "Microsoft")},
		{"linux-server", "linux", server},
		{"", "bsd", server},
		{"", "embedded", []string{"Raspberry Pi", "Espressif"}},
		{"", "cisco", []string{"Cisco"}},
	} {
		for _, m := range macsOf(t, decnet.Fleet{Deckies: deckiesOf(c.archetype, c.family, 200)}) {
			maker := makers[strings.ToUpper(strings.ReplaceAll(m.String()[:8], ":", ""))]
			if !slices.ContainsFunc(c.makers, func(want string) bool { return strings.Contains(maker, want) }) {
				t.Errorf("%s %s has %s of %q", c.archetype, c.family, m, maker)
			}
		}
	}
}

func TestArchetypesFitTheirFamilies(t *testing.T) {
	t.Parallel()
	for _, a := range fleet.Archetypes() {
		if !a.Fits(a.OSFamily) {
			t.Errorf("%s does not fit its own family", a.Slug)
		}
		var fitting []string
		for _, family := range fleet.OSFamilies() {
			if a.Fits(family) {
				fitting = append(fitting, family)
			}
		}
		want := map[string]string{
			"windows": "windows windows_server", "windows_server": "windows windows_server",
			"linux": "bsd linux", "embedded": "bsd embedded linux",
		}[a.OSFamily]
		if got := strings.Join(fitting, " "); got != want {
			t.Errorf("%s fits %s, want %s", a.Slug, got, want)
		}
	}
}
