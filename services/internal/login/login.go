// Package login is the policy by which honeypots with a login prompt let attackers in.
//
//	policy, err := login.New(cfg, machine)
//	if !policy.Try(s.Attacker.Addr(), user, password) {
//		policy.Punish(ctx, env.Rand)
//	}
package login

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// The values of the persona key "accept".
const (
	AcceptList   = "list"   // the accounts that the persona names
	AcceptAny    = "any"    // also whatever an attacker sends at every so many tries
	AcceptNobody = "nobody" // nobody, with any password
)

// maxAttackers bounds how many attackers a Policy remembers; maxAccounts how many accounts
// it remembers of one.
const (
	maxAttackers = 4096
	maxAccounts  = 16
)

// Keys returns the persona keys that New reads. delay is the default of fail_delay: what
// the product's log-in stack waits after a wrong password.
func Keys(delay time.Duration) []services.Key {
	return []services.Key{
		{Name: "password", Type: services.KeySecret, Default: "admin", Doc: "password of root"},
		{Name: "users", Type: services.KeySecret, Doc: "more accounts, as user:password separated by commas"},
		{Name: "accept", Type: services.KeyEnum, Default: AcceptList, Enum: []string{AcceptList, AcceptAny, AcceptNobody},
			Doc: "who gets in: the accounts listed, also anybody at every so many tries, or nobody"},
		{Name: "tries", Type: services.KeyInt, Default: "3", Min: 1, Max: 1000,
			Doc: "with accept=any, at which attempt of one attacker any password is taken"},
		{Name: "fail_delay", Type: services.KeyInt, Default: strconv.FormatInt(delay.Milliseconds(), 10), Min: 0, Max: 60_000,
			Doc: "milliseconds to wait after a wrong password, on average"},
		{Name: "hostname", Type: services.KeyString, Doc: "host name shown to attackers; empty: the decky's own"},
	}
}

// Accounts tells what attackers have made of the accounts of the machine behind a log-in.
// It is safe for concurrent use.
type Accounts interface {
	// CheckPassword reports whether password is right for user since the attacker at from
	// changed it. changed is false when from has changed nothing.
	CheckPassword(from netip.Addr, user, password string) (right, changed bool)
}

// Policy decides who gets in. It is safe for concurrent use.
type Policy struct {
	behind   Accounts
	accept   string
	tries    int
	delay    time.Duration
	accounts map[string]string

	mu        sync.Mutex
	attackers *simplelru.LRU[netip.Addr, *attacker] // nil before the first try
}

// attacker is what a Policy remembers of one address with accept=any.
type attacker struct {
	tries int
	won   map[string]string // user to the password that worked
}

// New makes the Policy of a checked configuration that has the keys of Keys, for a log-in
// to behind, which is nil where nobody can change a password. A malformed account gives an
// error that wraps decnet.ErrSemantic.
func New(cfg services.Config, behind Accounts) (*Policy, error) {
	p := &Policy{
		behind:   behind,
		accept:   cfg["accept"],
		tries:    cfg.Int("tries"),
		delay:    time.Duration(cfg.Int("fail_delay")) * time.Millisecond,
		accounts: map[string]string{"root": cfg["password"]},
	}
	for account := range strings.SplitSeq(cfg["users"], ",") {
		if account = strings.TrimSpace(account); account == "" {
			continue
		}
		user, password, ok := strings.Cut(account, ":")
		if !ok || password == "" || !plausible.MatchString(user) {
			return nil, fmt.Errorf("users: %q is not user:password: %w", account, decnet.ErrSemantic)
		}
		p.accounts[user] = password
	}
	return p, nil
}

// plausible is what useradd(8) takes as a name; others are never let in.
var plausible = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}\$?$`)

// Users returns the sorted names of the accounts besides root.
func (p *Policy) Users() []string {
	names := slices.Sorted(maps.Keys(p.accounts))
	return slices.DeleteFunc(names, func(n string) bool { return n == "root" })
}

// Passwords returns the passwords of the accounts that the persona names, by user.
func (p *Policy) Passwords() map[string]string { return maps.Clone(p.accounts) }

// Try reports whether from gets in as user with password. An empty password never works.
// What worked once for an attacker goes on working, and with accept=any no other password
// does for that user, until that attacker changes the password behind the log-in.
func (p *Policy) Try(from netip.Addr, user, password string) bool {
	if p.accept == AcceptNobody || password == "" || !plausible.MatchString(user) {
		return false
	}
	if p.behind != nil {
		if right, changed := p.behind.CheckPassword(from, user, password); changed {
			return right
		}
	}
	if want, ok := p.accounts[user]; ok && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 {
		return true
	}
	return p.accept == AcceptAny && p.tryAny(from, user, password)
}

// Any reports whether who fails often enough gets in.
func (p *Policy) Any() bool { return p.accept == AcceptAny }

// Closed reports whether nobody gets in, whatever the proof.
func (p *Policy) Closed() bool { return p.accept == AcceptNobody }

func (p *Policy) tryAny(from netip.Addr, user, password string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attackers == nil {
		p.attackers, _ = simplelru.NewLRU[netip.Addr, *attacker](maxAttackers, nil) // fails only for sizes below 1
	}
	a, ok := p.attackers.Get(from)
	if !ok {
		a = &attacker{won: make(map[string]string)}
		p.attackers.Add(from, a)
	}
	if won, ok := a.won[user]; ok {
		return won == password
	}
	a.tries++
	if a.tries%p.tries != 0 || len(a.won) >= maxAccounts {
		return false
	}
	a.won[user] = password
	return true
}

// Punish waits as libpam does after a wrong password: half to one and a half times the
// configured delay. It returns early when ctx ends.
func (p *Policy) Punish(ctx context.Context, rand io.Reader) {
	if p.delay == 0 {
		return
	}
	timer := time.NewTimer(spread(p.delay, rand))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// spread varies d by the mean of three numbers, which is how libpam makes its delays
// hard to tell from work.
func spread(d time.Duration, rand io.Reader) time.Duration {
	var raw [12]byte
	_, _ = io.ReadFull(rand, raw[:]) // without randomness the delay is the shortest
	sum := 0.0
	for i := range 3 {
		sum += float64(binary.LittleEndian.Uint32(raw[4*i:])) / (1 << 32)
	}
	return time.Duration(float64(d) * (0.5 + sum/3))
}
