package local_test

import (
	"net/netip"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ftp"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/redis"
)

func TestW26_AnEmptySystemTakesAFleetAndGivesBackOneDecky(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	apply(t, rt, plan(t, reg, "127.0.71.100", "[a]\nservices = alpha\n[b]\nservices = alpha\n"))
	if err := rt.Down(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if !refused("127.0.71.100:21700") {
		t.Error("a still listens")
	}
	if line := dial(t, "127.0.71.101:21700").line(t); !strings.HasPrefix(line, "alpha b ") {
		t.Errorf("b greets with %q", line)
	}
	status, err := rt.Status(t.Context())
	if err != nil || len(status) != 1 || status[0].Name != "b" {
		t.Errorf("after a was taken down: %+v, %v", status, err)
	}
}

// TestW47_AServiceOfADeckyTakesKilobytes runs 150 services in one process. It must not run
// beside other tests, whose memory it would count.
func TestW47_AServiceOfADeckyTakesKilobytes(t *testing.T) {
	const deckies, limit = 50, 32 << 20 // bytes for all of them
	reg, err := services.NewRegistry(ftp.Service{}, http.Service{}, redis.Service{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := fleet.FromFlags(reg, fleet.Flags{Deckies: deckies, Services: reg.Names()}, fleet.Options{Seed: "test", First: netip.MustParseAddr("127.0.71.110")})
	if err != nil {
		t.Fatal(err)
	}
	before := held()
	apply(t, start(t, reg, local.Options{}), f)
	if took := held() - before; took > limit {
		t.Errorf("%d services take %d bytes", deckies*len(reg.Names()), took)
	} else {
		t.Logf("%d services take %d KiB", deckies*len(reg.Names()), took>>10)
	}
}

// held returns the bytes that the process has from the operating system and needs.
func held() int64 {
	debug.FreeOSMemory()
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64())
}
