package redis

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// plant puts the bait of the decky into a fresh world.
func (s *server) plant(w *world) {
	n := s.cfg.Int("keys")
	r := s.env.Identity.Rand("redis:bait")
	now := s.env.Now().UnixMilli()
	d := w.dbs[0]
	makers := []func(*rand.Rand) (string, *value, int64){
		s.session, s.databaseSettings, s.person, s.signingKey, s.jobQueue, s.flags, s.visits, s.cachedPage, s.person, s.objectStore,
	}
	for i := 0; len(d.keys) < n && i < 4*n; i++ {
		key, v, ttl := makers[i%len(makers)](r)
		if ttl > 0 {
			v.expire = now + ttl*1000
		}
		v.used = now - r.Int64N(3600_000)
		if _, ok := d.keys[key]; !ok {
			d.put(key, v)
		}
	}
	w.dirty = r.IntN(60)
}

var (
	firstNames = []string{"anna", "bruno", "carla", "dario", "elif", "farid", "greta", "hugo", "irina", "jonas", "karin", "luis", "marta", "nils", "olga", "pavel", "rosa", "sven", "tanja", "viktor"}
	lastNames  = []string{"adler", "becker", "costa", "dietz", "ekman", "fischer", "garcia", "hansen", "ivanov", "jensen", "keller", "lorenz", "moreau", "novak", "olsen", "petit", "rossi", "silva", "toth", "weber"}
	apps       = []string{"shop", "portal", "crm", "billing", "intranet", "booking", "tickets", "warehouse"}
)

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func (s *server) app() string {
	return s.env.Identity.Pick("app", apps...)
}

func (s *server) domain() string {
	if s.env.Identity.Domain != "" {
		return s.env.Identity.Domain
	}
	return s.app() + ".internal"
}

func token(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return hex.EncodeToString(b)
}

func password(r *rand.Rand) string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	b := make([]byte, 10+r.IntN(6))
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b) + pick(r, []string{"!", "#", "-7", "_x", "?"})
}

func (s *server) session(r *rand.Rand) (string, *value, int64) {
	name := pick(r, firstNames) + "." + pick(r, lastNames)
	body := fmt.Sprintf(`{"uid":%d,"login":%q,"role":%q,"csrf":%q,"ip":"10.%d.%d.%d"}`,
		100+r.IntN(9000), name, pick(r, []string{"staff", "admin", "editor"}), token(r, 12), r.IntN(40), r.IntN(250), 2+r.IntN(250))
	return "sess:" + token(r, 16), newString([]byte(body)), int64(900 + r.IntN(80000))
}

func (s *server) databaseSettings(r *rand.Rand) (string, *value, int64) {
	v := &value{kind: kindHash}
	for _, p := range [][2]string{
		{"host", fmt.Sprintf("10.%d.%d.%d", r.IntN(40), r.IntN(250), 2+r.IntN(250))}, {"port", pick(r, []string{"3306", "5432"})},
		{"name", s.app()}, {"user", s.app() + "_rw"}, {"password", password(r)},
	} {
		n, _ := v.dict.set(p[0], []byte(p[1]))
		v.size += n
	}
	return s.app() + ":settings:database", v, 0
}

func (s *server) person(r *rand.Rand) (string, *value, int64) {
	id := 1000 + r.IntN(8000)
	first, last := pick(r, firstNames), pick(r, lastNames)
	salt := make([]byte, 16)
	sum := make([]byte, 32)
	for i := range salt {
		salt[i] = byte(r.Uint32())
	}
	for i := range sum {
		sum[i] = byte(r.Uint32())
	}
	hash := "pbkdf2_sha256$260000$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.StdEncoding.EncodeToString(sum)
	v := &value{kind: kindHash}
	for _, p := range [][2]string{
		{"login", first + "." + last}, {"mail", first + "." + last + "@" + s.domain()}, {"password", hash},
		{"active", "1"}, {"team", pick(r, []string{"sales", "ops", "finance", "support"})},
	} {
		n, _ := v.dict.set(p[0], []byte(p[1]))
		v.size += n
	}
	return fmt.Sprintf("%s:user:%d", s.app(), id), v, 0
}

func (s *server) signingKey(r *rand.Rand) (string, *value, int64) {
	return s.app() + ":token_signing_secret", newString([]byte(token(r, 32))), 0
}

func (s *server) jobQueue(r *rand.Rand) (string, *value, int64) {
	v := &value{kind: kindList}
	for range 2 + r.IntN(5) {
		job := fmt.Sprintf(`{"job":%q,"id":%q,"to":"%s.%s@%s"}`, pick(r, []string{"mail.send", "report.build", "invoice.export"}),
			token(r, 6), pick(r, firstNames), pick(r, lastNames), s.domain())
		v.list = append(v.list, []byte(job))
		v.size += len(job) + entrySize
	}
	return "queue:" + pick(r, []string{"mail", "reports", "default"}), v, 0
}

func (s *server) flags(r *rand.Rand) (string, *value, int64) {
	v := &value{kind: kindSet}
	for _, name := range []string{"beta_search", "new_checkout", "dark_mode", "api_v2", "two_factor"} {
		if r.IntN(3) > 0 {
			n, _ := v.dict.set(name, nil)
			v.size += n
		}
	}
	n, _ := v.dict.set("maintenance_banner", nil)
	v.size += n
	return s.app() + ":features", v, 0
}

func (s *server) visits(r *rand.Rand) (string, *value, int64) {
	return fmt.Sprintf("%s:stats:visits:%d", s.app(), 1+r.IntN(52)), newString(fmt.Append(nil, 1000+r.IntN(900000))), 0
}

func (s *server) cachedPage(r *rand.Rand) (string, *value, int64) {
	page := pick(r, []string{"home", "login", "prices", "contact", "imprint"})
	body := "<!doctype html><title>" + strings.ToUpper(s.app()[:1]) + s.app()[1:] + "</title><p>" + page + " " + token(r, 4) + "</p>"
	return "cache:page:" + page, newString([]byte(body)), int64(60 + r.IntN(3500))
}

func (s *server) objectStore(r *rand.Rand) (string, *value, int64) {
	body := fmt.Sprintf(`{"endpoint":"https://files.%s","bucket":"%s-backup","user":"%s","secret":%q}`, s.domain(), s.app(), s.app(), token(r, 20))
	return s.app() + ":settings:storage", newString([]byte(body)), 0
}
