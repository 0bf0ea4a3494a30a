package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet/compose"
)

const composeINI = `
[general]
net = 192.0.2.0/24
gw = 192.0.2.1
interface = decnet-none0

[web]
services = http, ssh
ip = 192.0.2.80

[web.ssh]
tries = 3

[sensor]
services = telnet
amount = 2

[custom-billing]
binary = registry.example/billing:3
exec = /run.sh --cost $5
ports = 8080

[crm]
services = billing
`

func TestCompose(t *testing.T) {
	t.Parallel()
	ini := writeFile(t, "fleet.ini", composeINI)
	printed := succeed(t, "", "compose", "--config", ini, "--seed", "blue")
	golden(t, "compose.yml", printed)
	if fromInput := succeed(t, composeINI, "compose", "-c", "-", "--seed", "blue"); fromInput != printed {
		t.Errorf("from standard input:\n%s", fromInput)
	}

	output := filepath.Join(t.TempDir(), "decnet.yml")
	if out := succeed(t, "", "compose", "--config", ini, "--seed", "blue", "--image", compose.DefaultImage, "--output", output); out != "" {
		t.Errorf("printed %q", out)
	}
	written, err := os.ReadFile(output)
	if err != nil || string(written) != printed {
		t.Errorf("written: %v\n%s", err, written)
	}
	if info, err := os.Stat(output); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v, %v", info.Mode(), err)
	}
}

func TestComposeFromFlags(t *testing.T) {
	t.Parallel()
	lan := []string{"--interface", "decnet-none0", "--subnet", "192.0.2.0/24", "--gateway", "192.0.2.1"}
	out := succeed(t, "", append([]string{
		"compose", "--deckies", "2", "--services", "ssh,redis", "--distro", "alpine", "--ip-start", "192.0.2.40", "--ipvlan",
		"--project", "blue", "--network", "office", "--image", "registry.example/pot:2",
	}, lan...)...)
	for _, want := range []string{
		"name: blue\n", "\n  office:\n    name: office\n    driver: ipvlan\n", "ipvlan_mode: l2", "parent: decnet-none0",
		"ipv4_address: 192.0.2.40\n", "ipv4_address: 192.0.2.41\n", "\n  decky-02-redis:\n", "image: registry.example/pot:2\n",
		`"distro":"alpine"`, "ip_range: 192.0.2.40/31",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the document", want)
		}
	}
	six := succeed(t, "", append([]string{"compose", "--services", "ssh", "--subnet6", "2001:db8:7::/64", "--gateway6", "2001:db8:7::1"}, lan...)...)
	for _, want := range []string{"enable_ipv6: true\n", "gateway: 2001:db8:7::1\n", "subnet: 2001:db8:7::/64\n", "ipv6_address: 2001:db8:7:"} {
		if !strings.Contains(six, want) {
			t.Errorf("%q is not in the document with IPv6", want)
		}
	}
	if strings.Contains(out, "ipv6") {
		t.Errorf("the document has IPv6 unasked:\n%s", out)
	}
	if strings.Contains(out, "mac_address") || strings.Contains(out, compose.DefaultNetwork) {
		t.Errorf("the document has what IPvlan or another network does not:\n%s", out)
	}
	if again := succeed(t, "", append([]string{"compose", "--services", "ssh"}, lan...)...); again == succeed(t, "", append([]string{"compose", "--services", "ssh"}, lan...)...) {
		t.Error("two fleets without a seed are the same")
	}
	if out := succeed(t, "", append([]string{"compose", "--external-network"}, lan...)...); !strings.Contains(out, "external: true") {
		t.Error("the network is not external")
	}
}

// TestComposeLeavesTheAddressOfTheHost has an interface that this host has.
func TestComposeLeavesTheAddressOfTheHost(t *testing.T) {
	t.Parallel()
	lan := []string{"--interface", "lo", "--subnet", "127.0.0.0/24", "--gateway", "127.0.0.254"}
	out := succeed(t, "", append([]string{"compose", "--deckies", "1", "--services", "ssh"}, lan...)...)
	if !strings.Contains(out, "ipv4_address: 127.0.0.2\n") {
		t.Errorf("the decky has another address:\n%s", out)
	}
	out = succeed(t, "", append([]string{"compose", "--services", "ssh", "--subnet6", "::/126", "--gateway6", "::2", "--deckies", "1"}, lan...)...)
	if !strings.Contains(out, "ipv6_address: ::3\n") {
		t.Errorf("the decky has another second address:\n%s", out)
	}
	ini := "[general]\nnet = 127.0.0.0/24\ngw = 127.0.0.254\ninterface = lo\n[web]\nservices = ssh\nip = 127.0.0.1\n"
	refused(t, decnetd(t, ini, "compose", "--config", "-"), exitFailed, "line 7: [web] ip: address 127.0.0.1 is the host itself")
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	const general = "[general]\nnet = 192.0.2.0/24\ngw = 192.0.2.1\n"
	for _, c := range []struct {
		name, ini string
		says      []string
	}{
		{"no decky", general, []string{"standard input: no section describes a decky"}},
		{"a plan that cannot be", general + "[web]\nservices = gopher\n", []string{`standard input: fleet: line 5: [web]`, `"gopher"`}},
		{"every fault", general + "[w]\nservices = ssh\n[web]\narchetype = web-server\nservices = ssh\nnmap_os = cisco\n", []string{
			"compose: \"\" is not the name of a network interface of the host, give interface = in [general]; ",
			"; compose: w: the engine takes no container name of a single character; ",
			"; compose: web: archetype web-server does not go with the OS family cisco\n",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, decnetd(t, c.ini, "compose", "--config", "-"), exitFailed, c.says...)
		})
	}
	refused(t, decnetd(t, "", "compose", "--interface", "x0", "--subnet", "192.0.2.0/29", "--gateway", "192.0.2.1", "--archetype", "toaster"),
		exitUsage, `"toaster" is not one of`)
	missing := filepath.Join(t.TempDir(), "missing", "decnet.yml")
	refused(t, decnetd(t, composeINI, "compose", "-c", "-", "--image", compose.DefaultImage, "-o", missing), exitFailed, "no such file")
	refused(t, decnetd(t, composeINI, "compose", "-c", "-", "--pot", "/nowhere/decnet-pot", "-o", missing), exitFailed,
		"/nowhere/decnet-pot", "say with --pot where it is", "--image")
	refused(t, decnetd(t, composeINI, "compose", "-c", "-", "--pot", os.Args[0], "-o", missing), exitFailed, os.Args[0], "CGO_ENABLED=0")
}
