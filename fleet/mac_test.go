package fleet

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet"
)

// crowd makes n deckies of an archetype and an OS family.
func crowd(n int, archetype, family string) decnet.Fleet {
	var f decnet.Fleet
	for i := range n {
		name := fmt.Sprintf("d%05d", i)
		f.Deckies = append(f.Deckies, decnet.Decky{Name: name, Seed: deckySeed("test", name), Archetype: archetype, OSFamily: family})
	}
	return f
}

func TestMACsAreUniqueAndStay(t *testing.T) {
	t.Parallel()
	f := crowd(20_000, "voip-server", "linux")
	macs, err := MACs(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, mac := range macs {
		seen[mac.String()] = true
		if mac[0]&1 != 0 {
			t.Errorf("%s is a group address", mac)
		}
	}
	if len(seen) != len(f.Deckies) {
		t.Errorf("%d deckies have %d addresses", len(f.Deckies), len(seen))
	}
	f.Deckies = slices.Insert(f.Deckies[:100], 50, decnet.Decky{Name: "new", Seed: deckySeed("test", "new"), OSFamily: "linux"})
	more, err := MACs(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Deckies {
		if d.Name != "new" && more[d.Name].String() != macs[d.Name].String() {
			t.Errorf("%s had %s and has %s", d.Name, macs[d.Name], more[d.Name])
		}
	}

	// The second of two deckies with one seed has to draw again.
	twins := decnet.Fleet{Deckies: []decnet.Decky{f.Deckies[0], f.Deckies[0]}}
	twins.Deckies[1].Name = "twin"
	if macs, err := MACs(twins); err != nil || macs["twin"].String() == macs[f.Deckies[0].Name].String() {
		t.Errorf("twins: %v, %v", macs, err)
	}
}

func TestMACsRefuseWhatIsNoDecky(t *testing.T) {
	t.Parallel()
	if _, err := MACs(decnet.Fleet{Deckies: []decnet.Decky{{Name: "a", OSFamily: "linux"}}}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("no seed: %v", err)
	}
	if _, err := MACs(crowd(1, "", "beos")); !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "d00000") {
		t.Errorf("unknown family: %v", err)
	}
}

// TestMACsAreThoseOfTheirMakers compares with the list that nmap names makers from.
func TestMACsAreThoseOfTheirMakers(t *testing.T) {
	t.Parallel()
	list, err := os.Open("/usr/share/nmap/nmap-mac-prefixes")
	if err != nil {
		t.Skip("nmap is not installed")
	}
	defer list.Close()
	names := make(map[string]string)
	for s := bufio.NewScanner(list); s.Scan(); {
		prefix, name, _ := strings.Cut(s.Text(), " ")
		names[strings.ToLower(prefix)] = name
	}
	for key, says := range map[[2]string][]string{
		{"windows-workstation", "windows"}:   {"Dell", "Hewlett Packard", "Lcfc", "Micro-Star"},
		{"windows-server", "windows_server"}: {"Dell", "Hewlett Packard", "VMware", "Microsoft"},
		{"linux-server", "linux"}:            {"Dell", "Hewlett Packard", "Super Micro", "VMware", "QEMU"},
		{"printer", "embedded"}:              {"Brother", "Canon", "Seiko Epson", "Lexmark", "Kyocera", "Ricoh"},
		{"iot-device", "embedded"}:           {"Espressif", "Raspberry Pi"},
		{"industrial-control", "embedded"}:   {"Siemens", "Rockwell", "Phoenix", "Wago", "Moxa"},
		{"voip-server", "linux"}:             {"Grandstream", "Sangoma", "Digium"},
		{"", "bsd"}:                          {"Super Micro", "Intel"},
		{"", "embedded"}:                     {"Raspberry Pi", "Moxa"},
		{"", "cisco"}:                        {"Cisco"},
	} {
		macs, err := MACs(crowd(200, key[0], key[1]))
		if err != nil {
			t.Fatal(err)
		}
		missing := slices.Clone(says)
		for mac := range maps.Values(macs) {
			name := names[hex.EncodeToString(mac[:3])]
			known := func(maker string) bool { return strings.Contains(strings.ToLower(name), strings.ToLower(maker)) }
			if !slices.ContainsFunc(says, known) {
				t.Errorf("%s: %s is that of %q, want one of %v", key, mac, name, says)
			}
			missing = slices.DeleteFunc(missing, known)
		}
		if len(missing) > 0 {
			t.Errorf("%s: nobody has a card of %v", key, missing)
		}
	}
}
