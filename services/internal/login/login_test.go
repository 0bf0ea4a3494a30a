package login_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/login"
)

func config(t *testing.T, set services.Config) services.Config {
	t.Helper()
	cfg, err := set.Check(services.Info{Name: "test", Keys: login.Keys(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func policy(t *testing.T, set services.Config) *login.Policy {
	t.Helper()
	p, err := login.New(config(t, set), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var one, other = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")

func TestList(t *testing.T) {
	p := policy(t, services.Config{"password": "s3:cret", "users": "bob:a:b, _svc:x"})
	for _, c := range []struct {
		user, password string
		want           bool
	}{
		{"root", "s3:cret", true},
		{"root", "s3:cre", false},
		{"root", "", false},
		{"bob", "a:b", true},
		{"_svc", "x", true},
		{"alice", "s3:cret", false},
		{"", "", false},
	} {
		if got := p.Try(one, c.user, c.password); got != c.want {
			t.Errorf("%q %q: got %v", c.user, c.password, got)
		}
	}
	if got := fmt.Sprint(p.Users()); got != "[_svc bob]" {
		t.Errorf("users %s", got)
	}
}

func TestDefaultPasswordIsAdmin(t *testing.T) {
	if !policy(t, nil).Try(one, "root", "admin") {
		t.Error("root:admin is refused")
	}
}

func TestAnyLetsInAtTheNthTryAndRemembers(t *testing.T) {
	p := policy(t, services.Config{"accept": "any", "tries": "3"})
	try := func(from netip.Addr, user, password string, want bool) {
		t.Helper()
		if got := p.Try(from, user, password); got != want {
			t.Errorf("%s %s:%s got %v", from, user, password, got)
		}
	}
	try(one, "root", "1", false)
	try(one, "root", "2", false)
	try(other, "root", "3", false) // counts for itself
	try(one, "root", "3", true)
	try(one, "root", "3", true)
	try(one, "root", "1", false)
	try(other, "root", "3", false)
	try(one, "root", "admin", true) // the account of the persona
	try(one, "GET / HTTP/1.0", "x", false)
	try(one, "pi", "", false)
}

func TestNobody(t *testing.T) {
	if policy(t, services.Config{"accept": "nobody"}).Try(one, "root", "admin") {
		t.Error("somebody got in")
	}
}

func TestMemoryOfAttackersIsBounded(t *testing.T) {
	p := policy(t, services.Config{"accept": "any", "tries": "1"})
	if !p.Try(one, "root", "first") {
		t.Fatal("not let in at the first try")
	}
	a := netip.MustParseAddr("10.0.0.0")
	for range 5000 {
		a = a.Next()
		p.Try(a, "root", "x")
	}
	if !p.Try(one, "root", "second") {
		t.Error("an attacker from long ago is still remembered")
	}
	for i := range 100 {
		p.Try(other, fmt.Sprintf("u%d", i), "x")
	}
	if p.Try(other, "u99", "x") {
		t.Error("one attacker won a hundred accounts")
	}
}

func TestMalformedAccountsAreRefused(t *testing.T) {
	for _, users := range []string{"bob", "bob:", ":x", "b b:x", "root:x,Bob:y"} {
		if _, err := login.New(config(t, services.Config{"users": users}), nil); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%q: got %v", users, err)
		}
	}
}

func TestPunishTakesAsLongAsLibpam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policy(t, services.Config{"fail_delay": "2000"})
		for fill, want := range map[byte]time.Duration{0: time.Second, 0x80: 2 * time.Second} {
			start := time.Now()
			p.Punish(t.Context(), bytes.NewReader(bytes.Repeat([]byte{fill}, 12)))
			if got := time.Since(start).Round(20 * time.Millisecond); got != want {
				t.Errorf("%#x: waited %s, want %s", fill, got, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		p.Punish(ctx, bytes.NewReader(nil))
		if time.Since(start) != 0 {
			t.Error("waited although the context had ended")
		}
	})
}

func Example() {
	info := services.Info{Name: "console", Keys: login.Keys(time.Second)}
	cfg, _ := services.Config{"accept": "any", "tries": "2"}.Check(info)
	policy, _ := login.New(cfg, nil)
	from := netip.MustParseAddr("192.0.2.7")
	fmt.Println(policy.Try(from, "pi", "raspberry"), policy.Try(from, "pi", "12345"), policy.Try(from, "pi", "12345"))
	// Output: false true true
}

// changed are accounts of which one attacker has changed one.
type changed struct{}

func (changed) CheckPassword(from netip.Addr, user, password string) (right, changed bool) {
	return password == "new", from == one && user == "root"
}

func TestChangedPasswordsHoldForTheirAttacker(t *testing.T) {
	for _, accept := range []string{"list", "any", "nobody"} {
		p, err := login.New(config(t, services.Config{"password": "old", "users": "bob:old", "accept": accept, "tries": "1000"}), changed{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			from           netip.Addr
			user, password string
			want           bool
		}{
			{one, "root", "new", true}, {one, "root", "old", false}, {one, "root", "", false}, {one, "bob", "old", true}, {one, "bob", "new", false},
			{other, "root", "old", true}, {other, "root", "new", false},
		} {
			if got := p.Try(c.from, c.user, c.password); got != (c.want && accept != "nobody") {
				t.Errorf("%s: %s %s:%s got %v", accept, c.from, c.user, c.password, got)
			}
		}
		if p.Closed() != (accept == "nobody") {
			t.Errorf("%s: closed %v", accept, p.Closed())
		}
	}
}
