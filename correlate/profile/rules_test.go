package profile

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
)

func timing(n int, mean, cv float64) Timing {
	return Timing{Events: n, Mean: &mean, CV: &cv}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	none := math.NaN()
	for _, tt := range []struct {
		n, services int
		mean, cv    float64
		want        string
	}{
		{2, 1, 1, 0, "unknown"},
		{0, 0, none, none, "unknown"},
		{4, 2, 10, 1, "slow_scan"},
		{3, 2, 10, 1, "mixed"},
		{3, 3, 9.999, 1, "scanning"},
		{3, 2, 1.999, 1, "scanning"},
		{5, 2, 2, 0.4, "mixed"},
		{8, 1, 4.999, 0.599, "brute_force"},
		{8, 1, 4.999, 0.6, "interactive"},
		{7, 1, 4.999, 0.4, "mixed"},
		{4, 1, 5, 0.349, "beaconing"},
		{4, 1, 5, 0.35, "mixed"},
		{3, 1, 5, 0.1, "mixed"},
		{6, 1, 4.999, 0.5, "interactive"},
		{5, 1, 4.999, 0.5, "mixed"},
		{9, 1, 0, none, "mixed"}, // all events at one moment: no coefficient of variation
	} {
		tm := timing(tt.n, tt.mean, tt.cv)
		if math.IsNaN(tt.mean) {
			tm.Mean = nil
		}
		if math.IsNaN(tt.cv) {
			tm.CV = nil
		}
		if got := Classify(tt.services, tm); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestBeaconTools(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mean, cv float64
		want     string
	}{
		{60, 0.20, "[cobalt_strike]"},
		{68, 0.25, "[cobalt_strike sliver]"},
		{52, 0.15, "[cobalt_strike]"},
		{70, 0.38, "[sliver]"},
		{70.1, 0.38, "[]"},
		{37, 0.13, "[havoc]"},
		{36, 0.12, "[mythic]"},
		{24, 0.18, "[mythic]"},
		{23.9, 0.18, "[]"},
		{600, 0.2, "[]"},
	} {
		if got := fmt.Sprint(BeaconTools(timing(9, tt.mean, tt.cv))); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	if got := BeaconTools(Timing{}); got != nil {
		t.Errorf("without timing: %v", got)
	}
}

func TestHeaderTools(t *testing.T) {
	t.Parallel()
	for ua, want := range map[string]string{
		"Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)": "[nmap]",
		"curl/8.5.0":                  "[curl]",
		"my curl/8.5.0":               "[]",
		"CURL/1":                      "[curl]",
		"python-requests/2.31.0":      "[python_requests]",
		"sqlmap/1.8#stable + Nuclei ": "[sqlmap nuclei]",
		"Mozilla/5.0 zgrab/0.x":       "[zgrab]",
		"Mozilla/4.0 (Hydra)":         "[hydra]",
		"Wfuzz/3.1.0":                 "[wfuzz]",
		"Mozilla/5.00 (Nikto/2.5.0)":  "[nikto]",
		"masscan/1.3":                 "[masscan]",
		"Metasploit RSPEC":            "[metasploit]",
		"gobuster/3.6":                "[gobuster]",
		"DirBuster-1.0-RC1":           "[dirbuster]",
		"":                            "[]",
	} {
		if got := fmt.Sprint(HeaderTools(map[string]string{"user-agent": ua})); got != want {
			t.Errorf("%q: %s", ua, got)
		}
	}
	if got := HeaderTools(map[string]string{"x-mailer": "GoPhish", "user-agent": "curl/8"}); !slices.Equal(got, []string{"gophish", "curl"}) {
		t.Errorf("%v", got)
	}
}

func TestHeadersOfRequests(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		`{"User-Agent":"curl/8","X-A":["b","c",1]}`: {"user-agent": "curl/8", "x-a": "b, c"},
		`not JSON`: {"user-agent": "fallback"},
		`{"a":1}`:  {"user-agent": "fallback"},
	} {
		e := decnet.Event{Type: "request", Fields: []decnet.Field{{Key: "headers", Value: text}, {Key: "user_agent", Value: "fallback"}}}
		if diff := cmp.Diff(want, headers(&e)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// TestTimingEqualsTheStatisticsOfAllIntervals holds the fold against the definition.
func TestTimingEqualsTheStatisticsOfAllIntervals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 3*window).Draw(rt, "events")
		times := make([]int64, n)
		now := int64(1_700_000_000_000_000)
		for i := range times {
			now += rapid.Int64Range(0, 20_000_000).Draw(rt, "gap")
			times[i] = now
		}
		// Events arrive up to half a window early or late.
		arrival := slices.Clone(times)
		for i := 0; i+window/2 < n; i += window / 2 {
			part := rapid.Permutation(arrival[i:i+window/2]).Draw(rt, "order")
			copy(arrival[i:], part)
		}
		var iv intervals
		for _, at := range arrival {
			iv.add(time.UnixMicro(at))
		}
		if n == 0 {
			if got := iv.timing(0, time.Time{}, time.Time{}); got != (Timing{}) {
				rt.Fatalf("of nothing: %+v", got)
			}
			return
		}
		got := iv.timing(n, time.UnixMicro(times[0]), time.UnixMicro(times[n-1]))
		if diff := cmp.Diff(naiveTiming(times), got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 0.00101 })); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// naiveTiming follows the definition: times are sorted.
func naiveTiming(times []int64) Timing {
	n := len(times)
	t := Timing{Events: n, Duration: seconds(times[n-1] - times[0])}
	if n < 2 {
		return t
	}
	var gaps []float64
	sum := 0.0
	for i := 1; i < n; i++ {
		gaps = append(gaps, seconds(times[i]-times[i-1]))
		sum += gaps[i-1]
	}
	mean, squares := sum/float64(n-1), 0.0
	for _, g := range gaps {
		squares += (g - mean) * (g - mean)
	}
	stdev := math.Sqrt(squares / float64(n-1))
	last := slices.Sorted(slices.Values(gaps[max(0, len(gaps)-window):]))
	median := (last[(len(last)-1)/2] + last[len(last)/2]) / 2
	lo, hi := slices.Min(gaps), slices.Max(gaps)
	t.Mean, t.Median, t.Stdev, t.Min, t.Max = &mean, &median, &stdev, &lo, &hi
	if mean > 0 {
		cv := stdev / mean
		t.CV = &cv
	}
	return t
}

func TestTimesThatComeTooLateChangeOnlyTheMean(t *testing.T) {
	t.Parallel()
	var iv intervals
	base := time.Unix(1_700_000_000, 0)
	for i := range 3 * window {
		iv.add(base.Add(time.Duration(i) * time.Second))
	}
	before := iv.timing(3*window, base, base.Add((3*window-1)*time.Second))
	iv.add(base.Add(500 * time.Millisecond))
	after := iv.timing(3*window+1, base, base.Add((3*window-1)*time.Second))
	if *after.Stdev != *before.Stdev || *after.Min != 1 || *after.Mean >= *before.Mean {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestStack(t *testing.T) {
	t.Parallel()
	ev := func(kind string, pairs ...string) decnet.Event {
		e := decnet.Event{Type: kind}
		for i := 0; i < len(pairs); i += 2 {
			e.Fields = append(e.Fields, decnet.F(pairs[i], pairs[i+1]))
		}
		return e
	}
	syn := func(os, ttl, hops, wscale string) decnet.Event {
		return ev("tcp_syn_fingerprint", "os_guess", os, "ttl", ttl, "hop_distance", hops, "window", "64240", "mss", "1460",
			"wscale", wscale, "options_sig", "M,S,T,N,W", "has_sack", "true", "has_timestamps", "true")
	}
	for _, tt := range []struct {
		name     string
		events   []decnet.Event
		os       string
		distance int
		tcp      string
	}{
		{"nothing", nil, "", 0, ""},
		{"guess wins", []decnet.Event{syn("windows", "57", "7", "7"), syn("unknown", "57", "8", "")}, "windows", 7,
			`{"window":64240,"wscale":null,"mss":1460,"options_sig":"M,S,T,N,W","has_sack":true,"has_timestamps":true}`},
		{"most frequent, then first", []decnet.Event{syn("a", "1", "0", "7"), syn("b", "1", "-1", "7"), syn("b", "1", "x", "7"), syn("a", "1", "0", "7")}, "a", 0,
			`{"window":64240,"wscale":7,"mss":1460,"options_sig":"M,S,T,N,W","has_sack":true,"has_timestamps":true}`},
		{"linux by TTL", []decnet.Event{ev("session", "ttl", "55"), ev("session", "ttl", "120"), ev("session", "ttl", "55")}, "linux", 0, ""},
		{"windows by TTL", []decnet.Event{ev("session", "ttl", "135")}, "windows", 0, ""},
		{"embedded by TTL", []decnet.Event{ev("session", "ttl", "235")}, "embedded", 0, ""},
		{"no OS has this TTL", []decnet.Event{ev("session", "ttl", "100"), ev("session", "ttl", "999")}, "", 0, ""},
		{"prober", []decnet.Event{ev("tcpfp_fingerprint", "ttl", "118", "window_size", "8192", "window_scale", "-1", "mss", "1400", "sack_ok", "1", "timestamp", "0", "options_order", "M,N,N,S"),
			ev("tcpfp_fingerprint", "ttl", "60"), ev("tcpfp_fingerprint", "ttl", "250")}, "linux", 5,
			`{"window":8192,"wscale":null,"mss":1400,"options_sig":"M,N,N,S","has_sack":true,"has_timestamps":false}`},
		{"median truncates", []decnet.Event{ev("session", "hop_distance", "3"), ev("session", "hop_distance", "4")}, "", 3, ""},
		{"other events", []decnet.Event{ev("connect", "ttl", "64", "os_guess", "linux")}, "", 0, ""},
	} {
		var s stack
		for i := range tt.events {
			s.add(&tt.events[i])
		}
		if s.os() != tt.os || s.distance() != tt.distance || string(s.tcp()) != tt.tcp {
			t.Errorf("%s: %q, %d, %s", tt.name, s.os(), s.distance(), s.tcp())
		}
	}
	var s stack
	for i := range 100 {
		e := syn(fmt.Sprint("os", i), fmt.Sprint(i), fmt.Sprint(i*1000), "1")
		s.add(&e)
		e = ev("tcp_flow_timing", "retransmits", "2")
		s.add(&e)
	}
	if len(s.Guesses) != maxLabels || s.Retransmits != 200 || len(s.Hops) > 256 {
		t.Errorf("%d labels, %d retransmits, %d distances", len(s.Guesses), s.Retransmits, len(s.Hops))
	}
}
