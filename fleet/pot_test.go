package fleet_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// pot is a service that only describes itself.
type pot services.Info

func (p pot) Info() services.Info { return services.Info(p) }

func (p pot) New(_ services.Env, cfg services.Config) (services.Server, error) {
	cfg, err := cfg.Check(p.Info())
	if err != nil {
		return nil, err
	}
	if cfg["banner"] == "meaningless" {
		return nil, fmt.Errorf("banner is meaningless: %w", decnet.ErrSemantic)
	}
	return idle{}, nil
}

type idle struct{}

func (idle) Serve(ctx context.Context, _ []services.Socket) error { <-ctx.Done(); return nil }

func newPot(name string, ports ...services.Port) pot {
	return pot{Name: name, Ports: ports, Keys: []services.Key{
		{Name: "banner", Type: services.KeyString},
		{Name: "count", Type: services.KeyInt, Min: 1, Max: 9},
	}}
}

func tcp(n uint16) services.Port { return services.Port{Network: "tcp", Number: n} }
func udp(n uint16) services.Port { return services.Port{Network: "udp", Number: n} }

// registry has the services of most archetypes, with the ports that they declare, but
// neither sip nor mqtt.
func registry(t testing.TB) *services.Registry {
	t.Helper()
	sniffer := pot{Name: "sniffer", Singleton: true}
	reg, err := services.NewRegistry(
		newPot("ssh", tcp(22)), newPot("telnet", tcp(23)), newPot("ftp", tcp(21)),
		newPot("http", tcp(80), tcp(443)), newPot("https", tcp(443)),
		newPot("smtp", tcp(25), tcp(587)), newPot("smtp_relay", tcp(25), tcp(587)),
		newPot("imap", tcp(143), tcp(993)), newPot("pop3", tcp(110), tcp(995)),
		newPot("mysql", tcp(3306)), newPot("postgres", tcp(5432)), newPot("redis", tcp(6379)),
		newPot("snmp", udp(161)), newPot("conpot", tcp(502), udp(161), tcp(80)),
		newPot("k8s", tcp(6443), tcp(8080)), newPot("tomcat", tcp(8009), tcp(8080)),
		sniffer)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}
