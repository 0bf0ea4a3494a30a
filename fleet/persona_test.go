package fleet_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

func samePersona(a, b fleet.Persona) string {
	return cmp.Diff(a, b, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

func TestPersonasSurviveTheWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := fleet.Persona{
			Decky:    rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,20}`).Draw(t, "decky"),
			Service:  rapid.String().Draw(t, "service"),
			Addr:     netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address"))).Unmap(),
			Hostname: rapid.String().Draw(t, "host name"),
			Distro:   rapid.String().Draw(t, "distro"),
			Seed:     rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "seed"),
			Config:   rapid.MapOfN(rapid.String(), rapid.String(), 1, 5).Draw(t, "config"),
		}
		p.Quota = rapid.Int64Min(0).Draw(t, "quota")
		if rapid.Bool().Draw(t, "holder") {
			p.OSFamily, p.Egress, p.MAC = "windows", []string{"dns:10.0.0.53"}, "18:66:da:09:c0:2a"
		}
		for _, name := range rapid.SliceOf(rapid.String()).Draw(t, "beside") {
			p.Beside = append(p.Beside, services.Served{Service: name, Product: rapid.String().Draw(t, "product"), Ports: []services.Port{{Network: "tcp", Number: 80}}})
		}
		if rapid.Bool().Draw(t, "second address") {
			p.Addr6 = netip.MustParseAddr("fd00::1")
		}
		for _, n := range rapid.SliceOf(rapid.Uint16Min(1)).Draw(t, "ports") {
			p.Ports = append(p.Ports, services.Port{Network: rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "network"), Number: n})
		}
		text, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(text, "\n\x00") {
			t.Errorf("not one line: %q", text)
		}
		got, err := fleet.ParsePersona(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := samePersona(p, got); diff != "" {
			t.Errorf("(-encoded +parsed):\n%s", diff)
		}
	})
}

func TestPersonasThatAreRefused(t *testing.T) {
	t.Parallel()
	seed := strings.Repeat("0", 64)
	for _, text := range []string{
		"", "null", "{}", "[]", "{",
		`{"decky":"web"}`,
		`{"decky":"../web","ip":"10.0.0.1"}`,
		`{"decky":"web","ip":"10.0.0.300"}`,
		`{"decky":"web","ip":"10.0.0.1","ip6":"10.0.0.2"}`,
		`{"decky":"web","ip":"10.0.0.1","ip6":"fe80::1%eth0"}`,
		`{"decky":"web","ip":"10.0.0.1","service":"ssh"}`,
		`{"decky":"web","ip":"10.0.0.1","service":"ssh","seed":"00"}`,
		`{"decky":"web","ip":"10.0.0.1","colour":"red"}`,
		`{"decky":"web","ip":"10.0.0.1"}{}`,
		`{"decky":"web","ip":"10.0.0.1","egress":["tcp:example.org:80"]}`,
		`{"decky":"web","ip":"10.0.0.1","nmap_os":"dos"}`,
		`{"decky":"web","ip":"10.0.0.1","quota":-1}`,
		`{"decky":"web","ip":"10.0.0.1","service":"ssh","seed":"` + seed + `","ports":["22"]}`,
		`{"decky":"web","ip":"10.0.0.1","service":"ssh","seed":"` + seed + `","ports":["0/tcp"]}`,
		`{"decky":"web","ip":"10.0.0.1","config":{"x":"` + strings.Repeat("x", fleet.MaxPersona) + `"}}`,
		"{\"decky\":\"web\",\"ip\":\"10.0.0.1\",\"hostname\":\"\xff\"}",
	} {
		if p, err := fleet.ParsePersona(text); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%.100s: %+v, %v", text, p, err)
		}
	}
	for _, p := range []fleet.Persona{
		{Decky: "web", Hostname: "\xff"},
		{Decky: "web", Egress: []string{"\xff"}},
		{Decky: "web", Beside: []services.Served{{Service: "\xff"}}},
		{Decky: "web", Config: map[string]string{"x": "\xff"}},
		{Decky: "web", Config: map[string]string{"x": strings.Repeat("x", fleet.MaxPersona)}},
		{Decky: "web", Ports: []services.Port{{Network: "tcp", Number: 22}}, Config: map[string]string{"\xff": "x"}},
	} {
		if text, err := p.Encode(); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%.100q, %v", text, err)
		}
	}
}

func FuzzParsePersona(f *testing.F) {
	for _, p := range []fleet.Persona{
		{Decky: "web", Addr: netip.MustParseAddr("192.0.2.7")},
		{Decky: "web", Service: "ssh", Addr: netip.MustParseAddr("2001:db8::7"), Hostname: "SRV-WEB-12", Distro: "debian",
			Seed: strings.Repeat("a0", 32), Ports: []services.Port{{Network: "udp", Number: 161}}, Config: map[string]string{"tries": "3"}},
	} {
		text, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add(`{"decky":"web","ip":"::ffff:192.0.2.7"}`)
	f.Add(`{"decky":"web","ip":"fe80::1%eth0","ports":[]}`)
	f.Add(`{"decky":"web","Decky":"other","ip":"192.0.2.7"} `)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := fleet.ParsePersona(text)
		if err != nil {
			if !errors.Is(err, decnet.ErrInvalid) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := p.Encode()
		if errors.Is(err, decnet.ErrInvalid) && len(text) > fleet.MaxPersona/6 {
			return // what was written in the shortest way may take more as we write it
		}
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", text, err)
		}
		got, err := fleet.ParsePersona(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(mustEncode(t, got), again); diff != "" {
			t.Errorf("%q (-second +first):\n%s", text, diff)
		}
	})
}

func mustEncode(t *testing.T, p fleet.Persona) string {
	t.Helper()
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
