package profile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate"
	"github.com/decnet/decnet/store"
)

// stateVersion changes when a state can no longer be read.
const stateVersion = 1

// maxServices bounds the list of services of a profile.
const maxServices = 256

// state is all that is remembered of an attacker. Its size does not depend on the number
// of records.
type state struct {
	Version   int             `json:"v"`
	Trail     correlate.Trail `json:"trail"`
	Services  []string        `json:"services,omitempty"` // sorted
	Intervals intervals       `json:"intervals,omitzero"`
	Tools     []string        `json:"tools,omitempty"` // from headers, in the order of detection
	Phases    phases          `json:"phases,omitzero"`
	Stack     stack           `json:"stack,omitzero"`

	commands     []decnet.Command     // since the last fold
	fingerprints []decnet.Fingerprint // since the last fold
}

// phases holds what the order of an attacker's actions is made of.
type phases struct {
	ReconEnd    time.Time `json:"recon_end,omitzero"`
	ActionStart time.Time `json:"action_start,omitzero"`
	Large       int       `json:"large,omitempty"`
}

// Phases tells when an attacker stopped looking around and when the first use of a machine
// was made: the last event of reconnaissance, the first command, file or download, and the
// seconds between, which are nil when these overlap.
type Phases struct {
	ReconEnd      *time.Time `json:"recon_end_ts"`
	ExfilStart    *time.Time `json:"exfil_start_ts"`
	ExfilLatency  *float64   `json:"exfil_latency_s"`
	LargePayloads int        `json:"large_payload_count"` // events of 1 MiB and more
}

// read makes a state from a stored profile. When the state was written by another version,
// what the profile itself says is kept.
func read(p store.Profile) (*state, error) {
	s := &state{}
	if err := json.Unmarshal(p.State, s); err == nil && s.Version == stateVersion {
		return s, nil
	}
	s = &state{Version: stateVersion, Services: p.Services}
	s.Trail = correlate.Trail{Events: p.Events, FirstSeen: p.FirstSeen, LastSeen: p.LastSeen}
	for _, d := range p.Deckies {
		s.Trail.Contacts = append(s.Trail.Contacts, correlate.Contact{Decky: d, First: p.FirstSeen})
	}
	return s, fmt.Errorf("profile: %s: the state is not of version %d: %w", p.Addr, stateVersion, decnet.ErrInvalid)
}

// add folds in an event of the attacker.
func (s *state) add(e *decnet.Event) {
	at := correlate.Moment(e.Time)
	s.Trail.Add(at, e.Decky)
	s.Intervals.add(at)
	service := strings.ToValidUTF8(e.Service, "\ufffd") // what JSON makes of it
	if i, ok := slices.BinarySearch(s.Services, service); !ok && service != "" && len(s.Services) < maxServices {
		s.Services = slices.Insert(s.Services, i, strings.Clone(service))
	}
	if e.Type == "request" {
		s.Tools = addTools(s.Tools, HeaderTools(headers(e))...)
	}
	if slices.Contains(reconTypes, e.Type) && at.After(s.Phases.ReconEnd) {
		s.Phases.ReconEnd = at
	}
	if slices.Contains(actionTypes, e.Type) && (s.Phases.ActionStart.IsZero() || at.Before(s.Phases.ActionStart)) {
		s.Phases.ActionStart = at
	}
	if isLarge(e) {
		s.Phases.Large++
	}
	if slices.Contains(commandTypes, e.Type) {
		s.command(e, at)
	}
	if e.Type == "session" {
		s.Stack.add(e)
	}
	s.fingerprint(e)
}

// sense folds in an event that an instrument made about the attacker.
func (s *state) sense(e *decnet.Event) {
	s.Stack.add(e)
	s.fingerprint(e)
}

func (s *state) command(e *decnet.Event, at time.Time) {
	for _, key := range commandKeys {
		if text := e.Value(key); text != "" {
			s.commands = append(s.commands, decnet.Command{Time: at, Decky: e.Decky, Service: e.Service, Text: text})
			return
		}
	}
}

// isLarge reports whether the first field of e that tells a size tells one of 1 MiB or more.
func isLarge(e *decnet.Event) bool {
	for _, key := range [...]string{"bytes", "size", "content_length", "body_size"} {
		if n, err := strconv.ParseFloat(e.Value(key), 64); err == nil {
			return n >= 1<<20
		}
	}
	return false
}

// headers returns the headers of a request by their lower-case names.
func headers(e *decnet.Event) map[string]string {
	m := make(map[string]string)
	var object map[string]any
	if json.Unmarshal([]byte(e.Value("headers")), &object) == nil {
		for name, v := range object {
			switch v := v.(type) {
			case string:
				m[strings.ToLower(name)] = v
			case []any:
				var all []string
				for _, item := range v {
					if text, ok := item.(string); ok {
						all = append(all, text)
					}
				}
				m[strings.ToLower(name)] = strings.Join(all, ", ")
			}
		}
	}
	if ua := e.Value("user_agent"); ua != "" && m["user-agent"] == "" {
		m["user-agent"] = ua
	}
	return m
}

// fingerprintKinds says which fields hold a fingerprint, and of what kind. The string that
// was hashed, where there is one, is in the field <kind>_raw.
var fingerprintKinds = map[string]string{
	"ja3": "ja3", "ja3s": "ja3s", "ja4": "ja4", "ja4s": "ja4s", "ja4h": "ja4h", "ja4x": "ja4x", "ja4ssh": "ja4ssh",
	"ja4t": "ja4t", "ja4ts": "ja4ts", "hassh": "hassh", "hassh_server": "hassh_server", "hassh_server_hash": "hassh_server",
	"jarm": "jarm", "jarm_hash": "jarm", "tcpfp_hash": "tcp", "p0f_syn_sig": "p0f_syn_sig",
	"user_agent": "user_agent", "client_banner": "client_banner", "client_version": "client_version",
}

// maxFingerprint bounds the value of a fingerprint, and maxRaw what was hashed.
const (
	maxFingerprint = 512
	maxRaw         = 8 << 10
)

func (s *state) fingerprint(e *decnet.Event) {
	for _, f := range e.Fields {
		kind, ok := fingerprintKinds[f.Key]
		if !ok || f.Value == "" {
			continue
		}
		value := f.Value[:min(len(f.Value), maxFingerprint)]
		known := func(f decnet.Fingerprint) bool { return f.Kind == kind && f.Value == value }
		if slices.ContainsFunc(s.fingerprints, known) {
			continue
		}
		raw := e.Value(kind + "_raw")
		s.fingerprints = append(s.fingerprints, decnet.Fingerprint{Kind: kind, Value: value, Raw: raw[:min(len(raw), maxRaw)]})
	}
}

// profile returns the attacker's profile at the time now, with what is new since the state
// was read.
func (s *state) profile(old store.Profile, now time.Time) (store.Profile, error) {
	p := old
	p.FirstSeen, p.LastSeen = s.Trail.FirstSeen, s.Trail.LastSeen
	p.Events = s.Trail.Events
	p.Services = slices.Clone(s.Services)
	p.Deckies = s.Trail.Deckies()
	p.Traversal = s.Trail.Path()
	p.Commands, p.Fingerprints = s.commands, s.fingerprints
	p.UpdatedAt = now
	var err error
	if p.Behavior, err = s.behavior(); err != nil {
		return p, err
	}
	p.State, err = json.Marshal(s)
	return p, err
}

func (s *state) behavior() (*decnet.Behavior, error) {
	timing := s.Intervals.timing(s.Trail.Events, s.Trail.FirstSeen, s.Trail.LastSeen)
	b := &decnet.Behavior{
		OSGuess:     s.Stack.os(),
		HopDistance: s.Stack.distance(),
		Retransmits: s.Stack.Retransmits,
		Class:       Classify(len(s.Services), timing),
		TCP:         s.Stack.tcp(),
	}
	if b.Class == ClassBeaconing {
		b.BeaconInterval = time.Duration(*timing.Mean * float64(time.Second))
		b.BeaconJitterPct = round(*timing.CV*100, 2)
	}
	if b.OSGuess == "nmap" {
		b.ToolGuesses = append(b.ToolGuesses, "nmap")
	}
	b.ToolGuesses = addTools(addTools(b.ToolGuesses, BeaconTools(timing)...), s.Tools...)
	var err error
	if b.Timing, err = json.Marshal(timing); err != nil {
		return nil, err
	}
	b.Phases, err = json.Marshal(s.Phases.public())
	return b, err
}

func (p phases) public() Phases {
	out := Phases{LargePayloads: p.Large}
	if !p.ReconEnd.IsZero() {
		out.ReconEnd = &p.ReconEnd
	}
	if !p.ActionStart.IsZero() {
		out.ExfilStart = &p.ActionStart
	}
	if out.ReconEnd != nil && out.ExfilStart != nil && !p.ActionStart.Before(p.ReconEnd) {
		out.ExfilLatency = rounded(p.ActionStart.Sub(p.ReconEnd).Seconds(), 3)
	}
	return out
}
