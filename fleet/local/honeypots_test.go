package local_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ftp"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/https"
	"github.com/decnet/decnet/services/mysql"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/smtp"
)

// TestHoneypotsServeAFleet runs real honeypots on twenty deckies with services at random
// and one with all of them, and knocks on every door.
func TestHoneypotsServeAFleet(t *testing.T) {
	t.Parallel()
	reg, err := services.NewRegistry(ftp.Service{}, http.Service{}, https.Service{}, mysql.Service{}, redis.Service{}, smtp.Service{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	connects := map[string]bool{} // by decky, service and port
	rt := start(t, reg, local.Options{Sink: decnet.SinkFunc(func(e decnet.Event) {
		if e.Type == "connect" {
			mu.Lock()
			defer mu.Unlock()
			connects[e.Decky+" "+e.Service+" "+e.Value("dst_port")] = true
		}
	})})
	f, err := fleet.FromFlags(reg, fleet.Flags{Deckies: 20, RandomServices: true}, fleet.Options{Seed: "test", First: netip.MustParseAddr("127.0.90.1")})
	if err != nil {
		t.Fatal(err)
	}
	f.Deckies = append(f.Deckies, plan(t, reg, "127.0.90.100", "[all]\nservices = ftp, http, https, mysql, redis, smtp\n").Deckies...)
	apply(t, rt, f)

	doors := 0
	for _, d := range f.Deckies {
		ports, err := fleet.Ports(reg, d.Services)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range ports {
			for _, p := range list {
				knock(t, netip.AddrPortFrom(d.Addr, p.Number+offset))
				doors++
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(connects) != doors || doors < 40 {
		t.Errorf("%d of %d ports reported a connection: %v", len(connects), doors, connects)
	}
	status, err := rt.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range status {
		if d.State() != fleet.StateUp {
			t.Errorf("%+v", d)
		}
	}
}

// knock connects, says nothing, and waits until the honeypot has hung up, which it does
// only after it has served the connection.
func knock(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Error(err)
	}
	for buf := make([]byte, 1024); err == nil; {
		_, err = c.Read(buf)
	}
}
