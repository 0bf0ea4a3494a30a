package decnet_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/decnet/decnet"
)

func TestAttackerOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fields []decnet.Field
		want   netip.Addr
	}{
		{"none", nil, netip.Addr{}},
		{"first of the list wins, whatever their order", []decnet.Field{{Key: "ip", Value: "192.0.2.1"}, {Key: "src_ip", Value: "192.0.2.2"}}, netip.MustParseAddr("192.0.2.2")},
		{"target of a probe", []decnet.Field{{Key: "target_ip", Value: "192.0.2.3"}}, netip.MustParseAddr("192.0.2.3")},
		{"IPv6", []decnet.Field{{Key: "remote_addr", Value: "2001:db8::1"}}, netip.MustParseAddr("2001:db8::1")},
		{"mapped", []decnet.Field{{Key: "src", Value: "::ffff:192.0.2.4"}}, netip.MustParseAddr("192.0.2.4")},
		{"not an address", []decnet.Field{{Key: "src_ip", Value: "evil"}, {Key: "ip", Value: "192.0.2.5"}}, netip.Addr{}},
	} {
		if got := decnet.AttackerOf(c.fields); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestW10_InstrumentsAreNoAttackers(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]bool{"prober": true, "sniffer": true, "correlator": true, "collector": true, "mutator": true, "ssh": false, "http": false} {
		if e := (decnet.Event{Service: service}); e.FromSensor() != want {
			t.Errorf("%s: %v", service, !want)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	whole := func() decnet.Fleet {
		return decnet.Fleet{Mode: "local", Deckies: []decnet.Decky{{
			Name: "a", Services: []string{"ssh"}, Egress: []string{"dns:10.0.0.53"}, Config: map[string]map[string]string{"ssh": {"tries": "3"}},
		}, {Name: "b"}}}
	}
	of := whole()
	clone := of.Clone()
	if !reflect.DeepEqual(clone, of) {
		t.Errorf("the clone is %+v", clone)
	}
	of.Mode, of.Deckies[0].Name, of.Deckies[0].Services[0], of.Deckies[0].Egress[0] = "macvlan", "c", "ftp", ""
	of.Deckies[0].Config["ssh"]["tries"] = "4"
	of.Deckies[0].Config["ftp"] = nil
	if !reflect.DeepEqual(clone, whole()) {
		t.Errorf("what was changed of the original changed the clone: %+v", clone)
	}
}

func Example() {
	sink := decnet.Tee(
		decnet.SinkFunc(func(e decnet.Event) { fmt.Println("first sees", e.Type, "by", e.Attacker) }),
		decnet.SinkFunc(func(e decnet.Event) { fmt.Println("second sees", e.Value("username")) }),
	)
	sink.Emit(decnet.Event{
		Decky: "decky-01", Service: "ssh", Type: "auth_attempt", Attacker: netip.MustParseAddr("192.0.2.7"),
		Fields: []decnet.Field{decnet.F("username", "root")},
	})
	// Output:
	// first sees auth_attempt by 192.0.2.7
	// second sees root
}
