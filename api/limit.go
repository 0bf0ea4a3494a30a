package api

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// errTooMany is answered with 429.
var errTooMany = errors.New("api: too many attempts")

// A log-in is tried at most loginBurst times at once and then every loginEvery, per
// address and per user name; loginHashes of them are checked at a time, because each costs
// a processor a quarter of a second. Whoever has logged in from an address before has a limit
// and a turn of their own there, so that strangers who guess do not lock them out.
const (
	loginBurst  = 10
	loginEvery  = 6 * time.Second
	loginHashes = 2
	loginKeys   = 10000
	loginPlaces = 1000
)

type loginLimits struct {
	now         func() time.Time
	hashes      chan struct{}
	knownHashes chan struct{}

	mu     sync.Mutex
	keys   *simplelru.LRU[string, *rate.Limiter]
	places *simplelru.LRU[string, struct{}] // where users have logged in
}

func newLoginLimits(now func() time.Time) *loginLimits {
	keys, _ := simplelru.NewLRU[string, *rate.Limiter](loginKeys, nil) // fails for a size below 1 alone
	places, _ := simplelru.NewLRU[string, struct{}](loginPlaces, nil)
	return &loginLimits{
		now: now, hashes: make(chan struct{}, loginHashes), knownHashes: make(chan struct{}, 1), keys: keys, places: places,
	}
}

// admit counts an attempt from an address for a user and waits for a processor. The caller
// calls release when it is done. It gives errTooMany.
func (l *loginLimits) admit(ctx context.Context, addr, user string) (release func(), err error) {
	if place := placeKey(addr, user); l.known(place) {
		if !l.allow(place) {
			return nil, errTooMany
		}
		return wait(ctx, l.knownHashes)
	}
	if !l.allow(hostKey(addr)) || !l.allow("user "+user) {
		return nil, errTooMany
	}
	return l.processor(ctx)
}

// processor waits for a processor to hash on.
func (l *loginLimits) processor(ctx context.Context) (release func(), err error) {
	return wait(ctx, l.hashes)
}

func wait(ctx context.Context, hashes chan struct{}) (release func(), err error) {
	select {
	case hashes <- struct{}{}:
		return func() { <-hashes }, nil
	case <-ctx.Done():
		return nil, errTooMany
	}
}

// hostKey names whoever has the address: one host of IPv4, or a network of IPv6, because
// a host there has as many addresses as it likes.
func hostKey(addr string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return "host " + addr
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return "host " + p.String()
		}
	}
	return "host " + a.String()
}

// placeKey names a user at the address.
func placeKey(addr, user string) string { return hostKey(addr) + " as " + user }

func (l *loginLimits) known(place string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.places.Get(place)
	return ok
}

func (l *loginLimits) allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lim, ok := l.keys.Get(key)
	if !ok {
		lim = rate.NewLimiter(rate.Every(loginEvery), loginBurst)
		l.keys.Add(key, lim)
	}
	return lim.AllowN(l.now(), 1)
}

// forgive forgets the attempts of somebody who knew the password, and remembers where that
// was.
func (l *loginLimits) forgive(addr, user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := placeKey(addr, user)
	l.keys.Remove(hostKey(addr))
	l.keys.Remove("user " + user)
	l.keys.Remove(place)
	l.places.Add(place, struct{}{})
}
