package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

func TestParseExits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "[]",
		"dns:10.0.0.53":         "[tcp:10.0.0.53:53 udp:10.0.0.53:53]",
		"dns:2001:db8::53":      "[tcp:[2001:db8::53]:53 udp:[2001:db8::53]:53]",
		"dns:[2001:db8::53]":    "[tcp:[2001:db8::53]:53 udp:[2001:db8::53]:53]",
		"tcp:203.0.113.7:443":   "[tcp:203.0.113.7:443]",
		"udp:[2001:db8::7]:123": "[udp:[2001:db8::7]:123]",
		"tcp:[::ffff:10.0.0.7]:80,tcp:10.0.0.7:80": "[tcp:10.0.0.7:80]",
		"udp:10.0.0.53:53,dns:10.0.0.53":           "[tcp:10.0.0.53:53 udp:10.0.0.53:53]",
	} {
		exits, err := fleet.ParseExits(strings.FieldsFunc(text, func(r rune) bool { return r == ',' }))
		if got := fmt.Sprint(exits); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
		again := make([]string, len(exits))
		for i, e := range exits {
			again[i] = e.String()
		}
		if reread, err := fleet.ParseExits(again); err != nil || fmt.Sprint(reread) != want {
			t.Errorf("%q is read again as %v, %v", text, reread, err)
		}
	}
	for text, why := range map[string]string{
		"dns":                       "not dns:ADDRESS",
		"icmp:10.0.0.1":             "not dns:ADDRESS",
		"10.0.0.1:53":               "not dns:ADDRESS",
		"dns:resolver.example":      "a decky resolves none",
		"tcp:updates.example:443":   "a decky resolves none",
		"tcp:10.0.0.1":              "the port is missing",
		"tcp:[2001:db8::1]":         "the port is missing",
		"tcp:2001:db8::1:443":       "where the address ends is not clear",
		"tcp:[2001:db8::1]:443x":    "is not a port",
		"tcp:10.0.0.1:0":            "is not a port",
		"tcp:10.0.0.1:65536":        "is not a port",
		"tcp:10.0.0.1:443:":         "is not a",
		"dns:10.0.0.300":            "is not an IP address",
		"dns:":                      "is not an IP address",
		"dns:0.0.0.0":               "not the address of a single other machine",
		"dns:127.0.0.11":            "not the address of a single other machine",
		"udp:224.0.0.251:5353":      "not the address of a single other machine",
		"udp:255.255.255.255:67":    "not the address of a single other machine",
		"tcp:[fe80::1%eth0]:22":     "not the address of a single other machine",
		"udp:[ff02::fb]:5353":       "not the address of a single other machine",
		"dns: 10.0.0.53":            "is not an IP address",
		"tcp:[2001:db8::1:443":      "the port is missing",
		"tcp:10.0.0.1]:443":         "the port is missing",
		"tcp:10.0.0.1:443/tcp":      "is not a port",
		"tcp:10.0.0.1:-1":           "is not a port",
		"DNS:10.0.0.53":             "not dns:ADDRESS",
		"dns:10.0.0.0/24":           "is not an IP address",
		strings.Repeat("x", 100000): "not dns:ADDRESS",
	} {
		exits, err := fleet.ParseExits([]string{text})
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), why) || len(err.Error()) > 400 {
			t.Errorf("%.100q: %v, %v, want %s", text, exits, err, why)
		}
	}
	var many []string
	for port := range 65 {
		many = append(many, fmt.Sprintf("tcp:10.0.0.1:%d", port+1))
	}
	if _, err := fleet.ParseExits(many); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("65 ways out: %v", err)
	}
}

func FuzzParseExits(f *testing.F) {
	f.Add("dns:10.0.0.53")
	f.Add("tcp:[2001:db8::7]:443")
	f.Add("udp:10.0.0.1:123")
	f.Fuzz(func(t *testing.T, text string) {
		exits, err := fleet.ParseExits([]string{text})
		if err != nil {
			if !errors.Is(err, decnet.ErrSemantic) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, e := range exits {
			again, err := fleet.ParseExits([]string{e.String()})
			if err != nil || len(again) != 1 || again[0] != e {
				t.Errorf("%q: %v is read again as %v, %v", text, e, again, err)
			}
		}
	})
}

func TestEgressFromINI(t *testing.T) {
	t.Parallel()
	doc := func(egress string) string { return "[web]\nservices = http\negress = " + egress + "\n" }
	f, err := fleet.FromINI(registry(t), []byte(doc("dns:10.0.0.53, tcp:203.0.113.7:443")), fleet.Options{Seed: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.Deckies[0].Egress); got != "[dns:10.0.0.53 tcp:203.0.113.7:443]" {
		t.Errorf("egress is %s", got)
	}
	same, err := fleet.FromINI(registry(t), []byte(doc("tcp:203.0.113.7:443\n dns:10.0.0.53")), fleet.Options{Seed: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := fleet.Compare(f, same); !diff.Empty() {
		t.Errorf("the order of exits makes a difference: %+v", diff)
	}
	closed := f
	closed.Deckies = []decnet.Decky{f.Deckies[0]}
	closed.Deckies[0].Egress = nil
	if diff := fleet.Compare(f, closed); len(diff.Changed) != 1 {
		t.Errorf("a way out that is closed makes no difference: %+v", diff)
	}
	_, err = fleet.FromINI(registry(t), []byte(doc("tcp:updates.example:443")), fleet.Options{})
	if !errors.Is(err, decnet.ErrSemantic) || !strings.HasPrefix(err.Error(), "fleet: line 3: [web] egress: ") {
		t.Errorf("a name: %v", err)
	}
}
