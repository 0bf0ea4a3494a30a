package local_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh"
)

func TestRealDaemonsAreRefused(t *testing.T) {
	reg, err := services.NewRegistry(ssh.Service{})
	if err != nil {
		t.Fatal(err)
	}
	err = local.New(reg, local.Options{}).Apply(t.Context(), decnet.Fleet{Deckies: []decnet.Decky{{
		Name: "vault", Addr: netip.MustParseAddr("127.0.7.1"), Services: []string{"ssh"}, Seed: strings.Repeat("ab", 32),
		Config: map[string]map[string]string{"ssh": {"daemon": "real"}},
	}}})
	if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "vault: ssh needs a container") {
		t.Errorf("%v", err)
	}
	if _, err := (ssh.Service{}).New(services.Env{Decky: "vault"}, services.Config{"daemon": "real"}); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("%v", err)
	}
}
