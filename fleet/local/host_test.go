package local_test

import (
	"sync"
	"testing"

	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
)

// witness is a greeter that keeps the Host that it was given.
type witness struct {
	greeter
	mu    *sync.Mutex
	hosts map[string]*services.Host // by decky and service
}

func (w witness) New(env services.Env, cfg services.Config) (services.Server, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[env.Decky+" "+w.Info().Name] = env.Host
	return w.greeter.New(env, cfg)
}

func TestServicesOfADeckyShareAHost(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	hosts := map[string]*services.Host{}
	at := func(name string) *services.Host {
		mu.Lock()
		defer mu.Unlock()
		return hosts[name]
	}
	reg := registry(t, witness{greeter{"one", port(710)}, &mu, hosts}, witness{greeter{"two", port(711)}, &mu, hosts})
	rt := start(t, reg, local.Options{})
	apply(t, rt, plan(t, reg, "127.0.91.1", "[a]\nservices = one, two\n[b]\nservices = one\n"))
	first := at("a one")
	if first == nil || at("a two") != first || at("b one") == first {
		t.Fatalf("hosts: %v", hosts)
	}
	apply(t, rt, plan(t, reg, "127.0.91.1", "[a]\nservices = one, two\n[a.two]\nbanner = other\n[b]\nservices = one\n"))
	if at("a two") != first {
		t.Error("a service that was changed has another host")
	}
	if err := rt.Down(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	apply(t, rt, plan(t, reg, "127.0.91.1", "[a]\nservices = one, two\n[b]\nservices = one\n"))
	if h := at("a one"); h == first || at("a two") != h {
		t.Error("a decky that was removed has left its host behind")
	}
}
