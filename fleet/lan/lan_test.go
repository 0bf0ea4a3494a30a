package lan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/decnet/decnet/fleet/lan"
)

func TestSlice(t *testing.T) {
	l := newLab(t)
	reg := registry(t)
	var rec recorder
	rt := start(t, reg, lan.Options{Sink: &rec, Probe: 200 * time.Millisecond})
	begin := time.Now()
	if err := rt.Apply(t.Context(), plan(t, reg, "[web]\nservices=http,ssh,redis\n[win]\nservices=http\nnmap_os=windows\n")); err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(begin))
	fmt.Println(l.attack(t, "curl", "-sv", "http://10.99.1.1/"))
	fmt.Println(l.attack(t, "ping", "-c1", "-W2", "10.99.1.2"))
	fmt.Println(l.attack(t, "ip", "neigh"))
	ns, err := rt.Namespace("web")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(run(t, "nsenter", "--net="+ns, "ip", "addr"))
	fmt.Println(run(t, "nsenter", "--net="+ns, "sh", "-c", "nc -w1 10.99.0.50 80; ping -c1 -W1 10.99.0.50; ss -tln; nft list ruleset; true"))
	for _, e := range rec.all() {
		t.Log(e)
	}
}
