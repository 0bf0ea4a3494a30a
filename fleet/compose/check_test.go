package compose_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
)

const lan = "[general]\nnet = 10.1.0.0/24\ngw = 10.1.0.1\ninterface = eth0\n"

// twoDeckies is a fleet without a fault.
func twoDeckies(t testing.TB) decnet.Fleet {
	t.Helper()
	return planned(t, everyService(t), lan+"[web]\nservices = http, ssh\n[db]\nservices = mysql\n")
}

// withIPv6 gives f second addresses.
func withIPv6(f *decnet.Fleet) {
	f.Subnet6, f.Gateway6 = netip.MustParsePrefix("fd00::/64"), netip.MustParseAddr("fd00::1")
	f.Deckies[0].Addr6, f.Deckies[1].Addr6 = netip.MustParseAddr("fd00::10"), netip.MustParseAddr("fd00::11")
}

func TestContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(f *decnet.Fleet, opt *compose.Options)
		at   compose.Fault
		kind error
		says string
	}{
		{"two services on one port", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Services = []string{"smtp", "smtp_relay"} },
			compose.Fault{Decky: "web", Service: "smtp_relay"}, decnet.ErrSemantic, "both need port 25/tcp"},
		{"a service twice", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Services = []string{"ssh", "ssh"} },
			compose.Fault{Decky: "web", Service: "ssh"}, decnet.ErrSemantic, "given twice"},
		{"an unknown service", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Services = []string{"gopher"} },
			compose.Fault{Decky: "db", Service: "gopher"}, decnet.ErrSemantic, `"gopher" is not one of`},
		{"no service", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Services = nil },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, "runs no service"},
		{"a setting that is not known", func(f *decnet.Fleet, _ *compose.Options) {
			f.Deckies[0].Config = map[string]map[string]string{"ssh": {"colour": "red"}}
		}, compose.Fault{Decky: "web", Service: "ssh"}, decnet.ErrSemantic, `unknown key "colour"`},
		{"address outside of the subnet", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Addr = netip.MustParseAddr("10.2.0.2") },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, "outside of the subnet 10.1.0.0/24"},
		{"address of the other family", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Addr = netip.MustParseAddr("fd00::2") },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, "outside of the subnet"},
		{"address taken", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr = f.Deckies[0].Addr },
			compose.Fault{Decky: "db"}, decnet.ErrSemantic, "already that of web"},
		{"address of the gateway", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr = f.Gateway },
			compose.Fault{Decky: "db"}, decnet.ErrSemantic, "the gateway"},
		{"address of the host", func(f *decnet.Fleet, opt *compose.Options) { opt.Host = f.Deckies[1].Addr },
			compose.Fault{Decky: "db"}, decnet.ErrSemantic, "the host itself"},
		{"address of the network", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr = f.Subnet.Addr() },
			compose.Fault{Decky: "db"}, decnet.ErrSemantic, "the network address"},
		{"address of everybody", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr = netip.MustParseAddr("10.1.0.255") },
			compose.Fault{Decky: "db"}, decnet.ErrSemantic, "the broadcast address"},
		{"no address", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr = netip.Addr{} },
			compose.Fault{Decky: "db"}, decnet.ErrInvalid, "no address"},
		{"second address without a subnet", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr6 = netip.MustParseAddr("fd00::2") },
			compose.Fault{Decky: "db"}, decnet.ErrSemantic, "net6 = in [general]"},
		{"second address of IPv4", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Addr6 = netip.MustParseAddr("10.1.0.9") },
			compose.Fault{Decky: "db"}, decnet.ErrInvalid, "10.1.0.9 is not of IPv6"},
		{"second address outside of the subnet", func(f *decnet.Fleet, _ *compose.Options) {
			withIPv6(f)
			f.Deckies[1].Addr6 = netip.MustParseAddr("fd01::2")
		}, compose.Fault{Decky: "db"}, decnet.ErrSemantic, "outside of the subnet fd00::/64"},
		{"second address taken", func(f *decnet.Fleet, _ *compose.Options) {
			withIPv6(f)
			f.Deckies[1].Addr6 = f.Deckies[0].Addr6
		}, compose.Fault{Decky: "db"}, decnet.ErrSemantic, "already that of web"},
		{"second address of the gateway", func(f *decnet.Fleet, _ *compose.Options) {
			withIPv6(f)
			f.Deckies[1].Addr6 = f.Gateway6
		}, compose.Fault{Decky: "db"}, decnet.ErrSemantic, "the gateway"},
		{"second address of the host", func(f *decnet.Fleet, opt *compose.Options) {
			withIPv6(f)
			opt.Host6 = f.Deckies[1].Addr6
		}, compose.Fault{Decky: "db"}, decnet.ErrSemantic, "the host itself"},
		{"IPv6 without a gateway", func(f *decnet.Fleet, _ *compose.Options) {
			withIPv6(f)
			f.Gateway6 = netip.Addr{}
		}, compose.Fault{}, decnet.ErrSemantic, "no gateway in fd00::/64, give gw6 ="},
		{"IPv6 with a gateway that the engine cannot have", func(f *decnet.Fleet, _ *compose.Options) {
			withIPv6(f)
			f.Gateway6 = netip.MustParseAddr("fe80::1")
		}, compose.Fault{}, decnet.ErrSemantic, "gateway fe80::1 is not in the subnet fd00::/64"},
		{"two subnets of IPv4", func(f *decnet.Fleet, _ *compose.Options) {
			f.Subnet6, f.Gateway6 = netip.MustParsePrefix("10.2.0.0/24"), netip.MustParseAddr("10.2.0.1")
		}, compose.Fault{}, decnet.ErrSemantic, "not one of IPv4 and one of IPv6"},
		{"a name that the engine refuses", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Name = "d" },
			compose.Fault{Decky: "d"}, decnet.ErrInvalid, "single character"},
		{"a name that no decky can have", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Name = "d b" },
			compose.Fault{Decky: "d b"}, decnet.ErrSemantic, "not made of letters"},
		{"a name twice", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Name = "WEB" },
			compose.Fault{Decky: "WEB"}, decnet.ErrConflict, "of this name already"},
		{"two containers of one name", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[1].Name = "web-ssh" },
			compose.Fault{Decky: "web-ssh"}, decnet.ErrConflict, "container web-ssh is already that of web: ssh"},
		{"a host name that no machine has", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Hostname = "a_b" },
			compose.Fault{Decky: "web"}, decnet.ErrInvalid, `host name "a_b"`},
		{"a host name that is too long", func(f *decnet.Fleet, _ *compose.Options) {
			f.Deckies[0].Hostname = strings.Repeat("abcdefg.", 8) + "x"
		}, compose.Fault{Decky: "web"}, decnet.ErrInvalid, "at most 64"},
		{"no host name", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Hostname = "" },
			compose.Fault{Decky: "web"}, decnet.ErrInvalid, "host name"},
		{"archetype against OS family", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Archetype = "windows-server" },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, "archetype windows-server does not go with the OS family linux"},
		{"an unknown archetype", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Archetype = "toaster" },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, `archetype "toaster" is not one of`},
		{"an unknown OS family", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].OSFamily = "beos" },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, `OS family "beos" is not one of`},
		{"an unknown distribution", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Distro = "slackware" },
			compose.Fault{Decky: "web"}, decnet.ErrSemantic, `distribution "slackware" is not one of`},
		{"no seed", func(f *decnet.Fleet, _ *compose.Options) { f.Deckies[0].Seed = "" },
			compose.Fault{Decky: "web"}, decnet.ErrInvalid, "seed"},
		{"a mode without containers", func(f *decnet.Fleet, _ *compose.Options) { f.Mode = fleet.ModeLocal },
			compose.Fault{}, decnet.ErrSemantic, "macvlan or ipvlan"},
		{"no interface", func(f *decnet.Fleet, _ *compose.Options) { f.Interface = "" },
			compose.Fault{}, decnet.ErrSemantic, "interface = in [general]"},
		{"an interface that cannot be", func(f *decnet.Fleet, _ *compose.Options) { f.Interface = "../eth0" },
			compose.Fault{}, decnet.ErrSemantic, `"../eth0" is not the name`},
		{"no subnet", func(f *decnet.Fleet, _ *compose.Options) { f.Subnet = netip.Prefix{} },
			compose.Fault{}, decnet.ErrSemantic, "net = in [general]"},
		{"no gateway", func(f *decnet.Fleet, _ *compose.Options) { f.Gateway = netip.Addr{} },
			compose.Fault{}, decnet.ErrSemantic, "gw = in [general]"},
		{"gateway outside of the subnet", func(f *decnet.Fleet, _ *compose.Options) { f.Gateway = netip.MustParseAddr("10.9.0.1") },
			compose.Fault{}, decnet.ErrSemantic, "gateway 10.9.0.1 is not in the subnet"},
		{"gateway that is no machine", func(f *decnet.Fleet, _ *compose.Options) { f.Gateway = netip.MustParseAddr("10.1.0.255") },
			compose.Fault{}, decnet.ErrSemantic, "the broadcast address"},
		{"a project name that the engine refuses", func(_ *decnet.Fleet, opt *compose.Options) { opt.Project = "My Fleet" },
			compose.Fault{}, decnet.ErrInvalid, `project "My Fleet"`},
		{"a network name that the engine refuses", func(_ *decnet.Fleet, opt *compose.Options) { opt.Network = "-lan" },
			compose.Fault{}, decnet.ErrInvalid, `network "-lan"`},
		{"an image name that the engine refuses", func(_ *decnet.Fleet, opt *compose.Options) { opt.Image = "Pot:latest:2" },
			compose.Fault{}, decnet.ErrInvalid, `image "Pot:latest:2"`},
		{"a persona that no environment holds", func(f *decnet.Fleet, _ *compose.Options) {
			f.Deckies[0].Config = map[string]map[string]string{"http": {"server_header": strings.Repeat("x", fleet.MaxPersona)}}
		}, compose.Fault{Decky: "web", Service: "http"}, decnet.ErrInvalid, "at most"},
		{"a persona that is no text", func(f *decnet.Fleet, _ *compose.Options) {
			f.Deckies[0].Config = map[string]map[string]string{"http": {"server_header": "\xff"}}
		}, compose.Fault{Decky: "web", Service: "http"}, decnet.ErrInvalid, "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, opt := twoDeckies(t), compose.Options{}
			c.do(&f, &opt)
			_, err := compose.New(everyService(t), f, opt)
			faults := faultsOf(t, err)
			if len(faults) != 1 {
				t.Fatalf("%d faults, want one: %v", len(faults), err)
			}
			if got := faults[0]; got.Decky != c.at.Decky || got.Service != c.at.Service {
				t.Errorf("at %q, %q, want %q, %q: %v", got.Decky, got.Service, c.at.Decky, c.at.Service, err)
			}
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: want %q and the kind %v", err, c.says, c.kind)
			}
			for _, place := range []string{"compose: ", c.at.Decky, c.at.Service} {
				if !strings.Contains(err.Error(), place) {
					t.Errorf("%q is not in %v", place, err)
				}
			}
		})
	}
}

// faultsOf returns the faults that an error joins.
func faultsOf(t testing.TB, err error) []*compose.Fault {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("no faults, but %v", err)
	}
	var faults []*compose.Fault
	for _, e := range joined.Unwrap() {
		var f *compose.Fault
		if !errors.As(e, &f) {
			t.Fatalf("not a fault: %v", e)
		}
		faults = append(faults, f)
	}
	return faults
}

func TestEveryFaultIsReported(t *testing.T) {
	t.Parallel()
	f := twoDeckies(t)
	f.Interface = ""
	f.Deckies[0].Addr = f.Gateway
	f.Deckies[0].Services = []string{"ssh", "gopher", "finger"}
	f.Deckies[1].Distro = "slackware"
	f.Deckies[1].OSFamily = "beos"
	_, err := compose.New(everyService(t), f, compose.Options{})
	var got []string
	for _, fault := range faultsOf(t, err) {
		got = append(got, fault.Decky+"/"+fault.Service)
	}
	if want := "/ web/ web/gopher web/finger db/ db/"; strings.Join(got, " ") != want {
		t.Errorf("faults at %q, want %q:\n%v", got, want, err)
	}
}

func TestW29_AddressesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"10.1.0.0", "10.1.0.1", "10.1.0.255", "10.2.0.9", "::ffff:10.1.0.9", "fd00::1", "127.0.0.1"} {
		f := twoDeckies(t)
		f.Deckies[0].Addr = netip.MustParseAddr(addr)
		if doc, err := compose.New(everyService(t), f, compose.Options{}); err == nil || doc != nil {
			t.Errorf("%s was accepted", addr)
		}
	}
}
