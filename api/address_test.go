package api_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet/api"
)

// tryLogin fails to log in, from a peer and with what is in headers X-Forwarded-For.
func (f *fixture) tryLogin(t *testing.T, peer, user string, forwarded ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://api/api/v1/auth/login", strings.NewReader(fmt.Sprintf(`{"username":%q,"password":"wrong"}`, user)))
	if err != nil {
		t.Fatal(err)
	}
	req.RemoteAddr = peer
	for _, line := range forwarded {
		req.Header.Add("X-Forwarded-For", line)
	}
	var w discarded
	f.Config.Handler.ServeHTTP(&w, req)
	return w.status
}

func proxies(nets ...string) func(*api.Config) {
	return func(c *api.Config) {
		for _, n := range nets {
			c.Proxies = append(c.Proxies, netip.MustParsePrefix(n))
		}
	}
}

func TestAddressBehindProxies(t *testing.T) {
	t.Parallel()
	trusting := newFixture(t, proxies("10.0.0.0/8", "2001:db8:ffff::/48"))
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no header":                       {"10.0.0.1:1", nil, "10.0.0.1"},
		"an empty header":                 {"10.0.0.1:1", []string{""}, "10.0.0.1"},
		"one proxy":                       {"10.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		"two proxies":                     {"10.0.0.1:1", []string{"198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		"two lines":                       {"10.0.0.1:1", []string{"198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		"IPv6":                            {"[2001:db8:ffff::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"with a port":                     {"10.0.0.1:1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		"IPv6 with a port":                {"10.0.0.1:1", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"IPv6 in brackets":                {"10.0.0.1:1", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv4 as IPv6":                    {"[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"all of them proxies":             {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a client who is no proxy":        {"198.51.100.9:1", []string{"203.0.113.1"}, "198.51.100.9"},
		"a client who says it is a proxy": {"198.51.100.9:1", []string{"10.0.0.1"}, "198.51.100.9"},
		"a forged beginning":              {"10.0.0.1:1", []string{"203.0.113.1, 198.51.100.7"}, "198.51.100.7"},
		"a forged line":                   {"10.0.0.1:1", []string{"203.0.113.1", "198.51.100.7"}, "198.51.100.7"},
		"a forged proxy":                  {"10.0.0.1:1", []string{"203.0.113.1, 10.0.0.9, 198.51.100.7"}, "198.51.100.7"},
		"garbage before the client":       {"10.0.0.1:1", []string{"<script>,,unknown, 198.51.100.7"}, "198.51.100.7"},
		"garbage for the client":          {"10.0.0.1:1", []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		"garbage between proxies":         {"10.0.0.1:1", []string{"203.0.113.1, _hidden, 10.0.0.2"}, "10.0.0.2"},
		"a zone":                          {"10.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		"a list without end":              {"10.0.0.1:1", []string{strings.Repeat(",", 60000)}, "10.0.0.1"},
		"a peer without address":          {"@", []string{"203.0.113.1"}, "@"},
		"a neighbour of the proxies":      {"11.0.0.1:1", []string{"203.0.113.1"}, "11.0.0.1"},
	} {
		trusting.audit.take()
		if status := trusting.tryLogin(t, c.peer, "nobody "+name, c.forwarded...); status != 401 && status != 422 {
			t.Errorf("%s: %d", name, status)
		}
		if got := trusting.heardFrom(t); got != c.want {
			t.Errorf("%s: from %s, want %s", name, got, c.want)
		}
	}
	f := newFixture(t, nil)
	f.audit.take()
	f.tryLogin(t, "10.0.0.1:1", "nobody", "198.51.100.7")
	if got := f.heardFrom(t); got != "10.0.0.1" {
		t.Errorf("a header is believed without a network of proxies: %s", got)
	}
}

// heardFrom returns the address that the one event since the last call tells of.
func (f *fixture) heardFrom(t *testing.T) string {
	t.Helper()
	events := f.audit.take()
	if len(events) != 1 || events[0].Type != "login_failed" {
		t.Fatalf("%+v", events)
	}
	return events[0].Value("operator_ip")
}

// FuzzForwarded looks for a header that changes whom the last proxy heard.
func FuzzForwarded(f *testing.F) {
	var steps atomic.Int64
	fix := newFixture(f, func(c *api.Config) {
		proxies("10.0.0.0/8")(c)
		c.Now = func() time.Time { return time.Unix(10*steps.Add(1), 0) } // no attempt is one too many
	})
	for _, seed := range []string{"", "203.0.113.1", "10.0.0.1", "[::1]:80", "a, b", ",", "[", "]:", "%", "::ffff:10.0.0.1", "10.0.0.1%eth0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, forwarded string) {
		fix.audit.take()
		status := fix.tryLogin(t, "10.0.0.1:1", "", forwarded, "198.51.100.7, 10.0.0.2")
		if got := fix.heardFrom(t); got != "198.51.100.7" || status != http.StatusUnauthorized {
			t.Errorf("%d from %s", status, got)
		}
	})
}

// tries counts the log-ins that are heard until one is refused, at most 100.
func tries(t *testing.T, next func(n int) int) int {
	t.Helper()
	for n := range 100 {
		switch status := next(n); status {
		case http.StatusTooManyRequests:
			return n
		case http.StatusUnauthorized:
		default:
			t.Fatalf("%d", status)
		}
	}
	return 100
}

func TestAttackForgedForwarding(t *testing.T) {
	t.Parallel()
	for name, nets := range map[string][]string{"no proxy": nil, "a proxy": {"10.0.0.1/32"}} {
		f := newFixture(t, proxies(nets...))
		if n := tries(t, func(n int) int {
			return f.tryLogin(t, "198.51.100.1:1", fmt.Sprintf("direct%d", n), fmt.Sprintf("203.0.113.%d", n))
		}); n > 12 {
			t.Errorf("%s: %d guesses past it with other headers", name, n)
		}
		if n := tries(t, func(n int) int {
			return f.tryLogin(t, "10.0.0.1:1", fmt.Sprintf("through%d", n), fmt.Sprintf("203.0.113.%d, 10.0.0.1, 198.51.100.2", n))
		}); n > 12 {
			t.Errorf("%s: %d guesses through it with other headers", name, n)
		}
	}
}

func TestClientsOfAProxyAreLimitedApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, proxies("10.0.0.1/32"))
	if n := tries(t, func(n int) int { return f.tryLogin(t, "10.0.0.1:1", fmt.Sprintf("a%d", n), "198.51.100.1") }); n > 12 {
		t.Errorf("%d guesses of one client", n)
	}
	if n := tries(t, func(n int) int {
		return f.tryLogin(t, "10.0.0.1:1", fmt.Sprintf("b%d", n), fmt.Sprintf("203.0.113.%d", n))
	}); n < 100 {
		t.Errorf("clients are in each other's way after %d", n)
	}
}
