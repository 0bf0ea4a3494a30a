package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// errTooMany is answered with 429.
var errTooMany = errors.New("api: too many attempts")

// A log-in is tried at most loginBurst times at once and then every loginEvery, per
// address and per user name; loginHashes of them are checked at a time, because each costs
// a processor a quarter of a second.
const (
	loginBurst  = 10
	loginEvery  = 6 * time.Second
	loginHashes = 2
	loginKeys   = 10000
)

type loginLimits struct {
	now    func() time.Time
	hashes chan struct{}

	mu   sync.Mutex
	keys *simplelru.LRU[string, *rate.Limiter]
}

func newLoginLimits(now func() time.Time) *loginLimits {
	keys, _ := simplelru.NewLRU[string, *rate.Limiter](loginKeys, nil) // fails for a size below 1 alone
	return &loginLimits{now: now, hashes: make(chan struct{}, loginHashes), keys: keys}
}

// admit reports whether an attempt from host for user may go on, and waits for a
// processor. The caller calls release when it is done.
func (l *loginLimits) admit(ctx context.Context, host, user string) (release func(), ok bool) {
	if !l.allow("host "+host) || !l.allow("user "+user) {
		return nil, false
	}
	select {
	case l.hashes <- struct{}{}:
		return func() { <-l.hashes }, true
	case <-ctx.Done():
		return nil, false
	}
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

// forgive forgets the attempts of somebody who knew the password.
func (l *loginLimits) forgive(host, user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys.Remove("host " + host)
	l.keys.Remove("user " + user)
}
