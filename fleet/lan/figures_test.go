package lan_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"testing"
	"time"
	"net/netip"
	"strings"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/lan"
)

func TestFigures(t *testing.T) {
	newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	f := plan(t, reg, "[a]\nservices=ftp,http,redis\namount=100\n")
	ff, err := fleet.FromFlags(reg, fleet.Flags{Deckies: 1000, Services: []string{"ftp","ssh","redis"}}, fleet.Options{
		Mode: fleet.ModeMACVLAN, Interface: "lab0", Subnet: f.Subnet, Gateway: f.Gateway, Seed: "x", First: netip.MustParseAddr("10.99.1.1")})
	if err != nil { t.Fatal(err) }
	meminfo := func(s string) {
		b, _ := os.ReadFile("/proc/meminfo")
		for _, l := range strings.Split(string(b), "\n") {
			for _, k := range []string{"MemAvailable", "Slab", "Percpu", "KernelStack", "VmallocUsed", "SUnreclaim"} {
				if strings.HasPrefix(l, k) { fmt.Print(s, " ", l, "; ") }
			}
		}
		b, _ = os.ReadFile("/proc/self/status")
		for _, l := range strings.Split(string(b), "\n") { if strings.HasPrefix(l, "VmRSS") {fmt.Println(l) } }
	}
	meminfo("before")
	bb, _ := os.ReadFile("/proc/slabinfo"); os.WriteFile("/tmp/slab.before", bb, 0o600)
	begin := time.Now()
	if err := rt.Apply(t.Context(), ff); err != nil { t.Fatal(err) }
	t.Log("build", time.Since(begin))
	meminfo("after")
	debug.FreeOSMemory()
	time.Sleep(time.Second)
	meminfo("freed")
	fmt.Println("goroutines", runtime.NumGoroutine())
	pf, _ := os.Create("/tmp/heap.prof"); pprof.WriteHeapProfile(pf); pf.Close()
	var ms runtime.MemStats; runtime.ReadMemStats(&ms); fmt.Printf("heap inuse %d stack %d sys %d other %d mspan %d gcsys %d buck %d\n", ms.HeapInuse, ms.StackInuse, ms.Sys, ms.OtherSys, ms.MSpanInuse, ms.GCSys, ms.BuckHashSys)
	begin = time.Now()
	if err := rt.Apply(t.Context(), ff); err != nil { t.Fatal(err) }
	t.Log("again", time.Since(begin))
	bb, _ = os.ReadFile("/proc/slabinfo"); os.WriteFile("/tmp/slab.after", bb, 0o600)
	begin = time.Now()
	if err := rt.Down(t.Context()); err != nil { t.Fatal(err) }
	t.Log("down", time.Since(begin))
	for {
		b, _ := os.ReadFile("/proc/slabinfo")
		i := strings.Index(string(b), "\nnet_namespace")
		fmt.Println(time.Since(begin), strings.SplitN(string(b[i+1:]), "\n", 2)[0][:60])
		if time.Since(begin) > 20*time.Second { break }
		time.Sleep(2*time.Second)
	}
	meminfo("down")
}
