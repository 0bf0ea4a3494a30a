package api_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

func TestMutation(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	if status, _, body := f.do(t, f.admin, "POST", "/deckies/decky-01/mutate", ""); status != 404 {
		t.Errorf("nothing is deployed: %d %s", status, body)
	}
	doc, err := json.Marshal(decnet.Fleet{Deckies: []decnet.Decky{
		{Name: "Web_1.lan", Addr: netip.MustParseAddr("127.0.10.1"), Services: []string{"ssh"}, Seed: strings.Repeat("0", 64)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.SetState(t.Context(), store.FleetKey, doc); err != nil {
		t.Fatal(err)
	}
	state := func() deployment.Document {
		doc, err := deployment.Read(t.Context(), f.db)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	const path = "/deckies/Web_1.lan/mutate"
	for text, want := range map[string]time.Duration{
		`"30m"`: 30 * time.Minute, `"1d"`: 24 * time.Hour, `"2M"`: 60 * 24 * time.Hour, `"1y"`: 365 * 24 * time.Hour, `"3Y"`: 3 * 365 * 24 * time.Hour,
		`null`: 0, `"100y"`: 100 * 365 * 24 * time.Hour,
	} {
		status, _, body := f.do(t, f.admin, "PUT", path+"-interval", `{"mutate_interval":`+text+`}`)
		if got := state().Deckies[0].MutateInterval; status != 200 || got != want {
			t.Errorf("%s: %d %s, %v", text, status, body, got)
		}
	}
	was := state().Deckies[0].MutateInterval
	for text, want := range map[string]int{
		`{"mutate_interval":"0m"}`: 422, `{"mutate_interval":"m"}`: 422, `{"mutate_interval":""}`: 422, `{"mutate_interval":"-1m"}`: 422,
		`{"mutate_interval":"5h"}`: 422, `{"mutate_interval":"101y"}`: 422, `{"mutate_interval":"99999999999999999999m"}`: 422, `{"mutate_interval":"1 m"}`: 422,
		`{"mutate_interval":5}`: 400, `{}`: 400, `{"mutate_interval":"5m","x":1}`: 400, ``: 400,
	} {
		if status, _, body := f.do(t, f.admin, "PUT", path+"-interval", text); status != want {
			t.Errorf("%s: %d %s, want %d", text, status, body, want)
		}
	}
	if got := state().Deckies[0].MutateInterval; got != was {
		t.Errorf("what was refused changed %v to %v", was, got)
	}
	for _, p := range []string{"/deckies/nope/mutate", "/deckies/nope/mutate-interval"} {
		method, body := "POST", ""
		if strings.HasSuffix(p, "interval") {
			method, body = "PUT", `{"mutate_interval":null}`
		}
		if status, _, answer := f.do(t, f.admin, method, p, body); status != 404 {
			t.Errorf("%s: %d %s", p, status, answer)
		}
		if status, _, answer := f.do(t, f.view, method, strings.Replace(p, "nope", "Web_1.lan", 1), body); status != 403 {
			t.Errorf("a viewer: %d %s", status, answer)
		}
	}
	if status, _, body := f.do(t, f.admin, "POST", path, ""); status != 202 {
		t.Errorf("%d %s", status, body)
	}
	if r := state().Requests; len(r) != 1 || r[0].Decky != "Web_1.lan" || r[0].Now {
		t.Errorf("%+v", r)
	}
}
