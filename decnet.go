package decnet

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Severity is a syslog severity in the numbering of RFC 5424 section 6.2.1, in which the
// zero value is an emergency: whoever makes an Event says how severe it is.
type Severity uint8

// The severities that events use. SeverityInfo is the usual one.
const (
	SeverityError   Severity = 3
	SeverityWarning Severity = 4
	SeverityNotice  Severity = 5
	SeverityInfo    Severity = 6
	SeverityDebug   Severity = 7
)

// Field is one structured parameter of an event. Keys match [A-Za-z0-9_]{1,32};
// values hold any bytes.
type Field struct{ Key, Value string }

// F makes a Field.
func F(key, value string) Field { return Field{key, value} }

// Event is one observation. It is a value: whoever receives one must not modify Fields,
// because other receivers share them. Fields keep their order, which is evidence.
type Event struct {
	Time     time.Time
	Decky    string     // RFC 5424 HOSTNAME
	Service  string     // APP-NAME
	Type     string     // MSGID
	Attacker netip.Addr // zero when unknown
	Severity Severity   // SeverityInfo is the usual one; the zero value is an emergency
	Fields   []Field
	Msg      string
	Trace    Trace // zero when tracing is off
}

// Field returns the value of the first field named key, and whether there is one.
func (e *Event) Field(key string) (string, bool) {
	for i := range e.Fields {
		if e.Fields[i].Key == key {
			return e.Fields[i].Value, true
		}
	}
	return "", false
}

// Value returns the value of the first field named key, "" when there is none.
func (e *Event) Value(key string) string {
	v, _ := e.Field(key)
	return v
}

// attackerKeys lists the fields that can name the attacker, most telling first.
var attackerKeys = [...]string{"src_ip", "src", "client_ip", "remote_ip", "remote_addr", "target_ip", "ip"}

// AttackerOf returns the attacker's address according to fields: the value of the first
// of src_ip, src, client_ip, remote_ip, remote_addr, target_ip and ip that is present.
// IPv4-mapped IPv6 addresses are unmapped. It returns the zero Addr when none of the
// keys is present or the chosen value is not an address.
func AttackerOf(fields []Field) netip.Addr {
	for _, key := range attackerKeys {
		for i := range fields {
			if fields[i].Key == key {
				a, _ := netip.ParseAddr(fields[i].Value)
				return a.Unmap()
			}
		}
	}
	return netip.Addr{}
}

// FromSensor reports whether the event was made by DECNET's own instruments (the active
// prober, the correlator, the collector itself), says what an operator did (audit, and the
// mutator, which changes deckies) or how deckies fare (fleet), and was not made by an
// attacker's action on a decky.
// Such events are stored, and never count as attacker activity.
func (e *Event) FromSensor() bool {
	switch e.Service {
	case "prober", "correlator", "collector", "sniffer", "mutator", "fleet", "audit":
		return true
	}
	return false
}

// Trace links an event to an OpenTelemetry trace: lower-case hexadecimal identifiers of
// 32 and 16 digits. The zero value means that tracing is off.
type Trace struct{ TraceID, SpanID string }

// Sink accepts events. Emit is safe for concurrent use and never blocks on I/O: a sink
// that cannot keep up drops and counts. It may keep the event, so whoever emits one does not
// change its Fields afterwards.
type Sink interface{ Emit(Event) }

// SinkFunc adapts a function to Sink. The function must be safe for concurrent use.
type SinkFunc func(Event)

// Emit calls f(e).
func (f SinkFunc) Emit(e Event) { f(e) }

// Tee returns a Sink that hands each event to every one of sinks, in order.
func Tee(sinks ...Sink) Sink {
	return SinkFunc(func(e Event) {
		for _, s := range sinks {
			s.Emit(e)
		}
	})
}

// Decky is one fake machine of a fleet.
type Decky struct {
	Name           string                       `json:"name"`
	Addr           netip.Addr                   `json:"ip"`
	Addr6          netip.Addr                   `json:"ip6,omitzero"` // a second address, of IPv6; zero: none
	Hostname       string                       `json:"hostname"`
	Distro         string                       `json:"distro"`
	Archetype      string                       `json:"archetype,omitempty"`
	OSFamily       string                       `json:"nmap_os"`
	Services       []string                     `json:"services"`
	Config         map[string]map[string]string `json:"service_config,omitempty"`  // service to persona keys
	Egress         []string                     `json:"egress,omitempty"`          // what its egress lock lets out beside replies, such as "dns:10.0.0.53" (see fleet.ParseExits)
	Seed           string                       `json:"seed"`                      // 64 hexadecimal digits: all bait, ids and keys derive from it
	MutateInterval time.Duration                `json:"mutate_interval,omitempty"` // 0: that of the fleet; negative: never
	LastMutated    time.Time                    `json:"last_mutated,omitzero"`
}

// Clone returns a copy of d that shares nothing with it.
func (d Decky) Clone() Decky {
	d.Services, d.Egress, d.Config = slices.Clone(d.Services), slices.Clone(d.Egress), maps.Clone(d.Config)
	for service, settings := range d.Config {
		d.Config[service] = maps.Clone(settings)
	}
	return d
}

// Fleet is a set of deckies and the network that they live on.
type Fleet struct {
	Mode      string       `json:"mode"` // "local", "macvlan", "ipvlan"
	Interface string       `json:"interface,omitempty"`
	Subnet    netip.Prefix `json:"subnet,omitzero"`
	Gateway   netip.Addr   `json:"gateway,omitzero"`
	Subnet6   netip.Prefix `json:"subnet6,omitzero"`  // of the second addresses
	Gateway6  netip.Addr   `json:"gateway6,omitzero"` // of the second addresses
	LogTarget string       `json:"log_target,omitempty"`
	Seed      string       `json:"seed,omitempty"` // any text; the seeds of the deckies derive from it
	Deckies   []Decky      `json:"deckies"`

	MutateInterval time.Duration `json:"mutate_interval,omitempty"` // of the deckies that have none; 0 and negative: never
}

// Clone returns a copy of f that shares nothing with it.
func (f Fleet) Clone() Fleet {
	f.Deckies = slices.Clone(f.Deckies)
	for i, d := range f.Deckies {
		f.Deckies[i] = d.Clone()
	}
	return f
}

// Fingerprint identifies client or server software by how it speaks a protocol.
type Fingerprint struct {
	Kind  string `json:"kind"` // "ja3", "ja4", "hassh", "jarm", "tcp", …
	Value string `json:"value"`
	Raw   string `json:"raw,omitempty"` // the string that was hashed, when there is one
}

// Bounty is a valuable extract of events: a credential, a fingerprint or an artifact.
// It is unique by type, attacker, decky, service and payload; a repeat moves LastSeen
// and adds to Count.
type Bounty struct {
	ID       int64
	Time     time.Time // first seen
	LastSeen time.Time
	Count    int
	Decky    string
	Service  string
	Attacker netip.Addr
	Type     string // "credential", "fingerprint", "artifact"
	Payload  json.RawMessage
}

// Attacker is the profile of one source address.
type Attacker struct {
	UUID                string
	Addr                netip.Addr
	FirstSeen, LastSeen time.Time
	Events              int
	Services            []string // sorted
	Deckies             []string // in the order of first contact
	Traversal           string   // "decky-01 → decky-03"; "" when fewer than two deckies were touched
	Bounties            int
	Credentials         int
	Fingerprints        []Fingerprint
	Commands            []Command
	Behavior            *Behavior // nil until profiled
	UpdatedAt           time.Time
}

// Command is one thing that an attacker typed or asked a service to run.
type Command struct {
	Time    time.Time
	Decky   string
	Service string
	Text    string
}

// Behavior says what the timing and shape of an attacker's events give away.
type Behavior struct {
	OSGuess         string        // "" when nothing tells
	HopDistance     int           // 0 when unknown
	Retransmits     int           // of TCP segments, in all connections
	Class           string        // "unknown", "slow_scan", "scanning", "brute_force", "beaconing", "interactive", "mixed"
	BeaconInterval  time.Duration // zero unless Class is "beaconing"
	BeaconJitterPct float64       // standard deviation of the interval, in percent of it; zero unless Class is "beaconing"
	ToolGuesses     []string

	TCP    json.RawMessage // the last signature of a SYN: window, wscale, mss, options_sig, has_sack, has_timestamps; nil: none was seen
	Timing json.RawMessage // profile.Timing
	Phases json.RawMessage // profile.Phases
}

// The error kinds. Every package wraps one of them with %w where a caller may want to
// tell the cases apart with errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrConflict     = errors.New("conflict")
	ErrInvalid      = errors.New("invalid")  // the structure is wrong
	ErrSemantic     = errors.New("semantic") // well formed, the meaning is wrong
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
)
