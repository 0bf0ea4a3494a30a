package api

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

type attackerRow struct {
	UUID            string               `json:"uuid"`
	IP              string               `json:"ip"`
	FirstSeen       isoTime              `json:"first_seen"`
	LastSeen        isoTime              `json:"last_seen"`
	EventCount      int                  `json:"event_count"`
	ServiceCount    int                  `json:"service_count"`
	DeckyCount      int                  `json:"decky_count"`
	Services        []string             `json:"services"`
	Deckies         []string             `json:"deckies"`
	TraversalPath   any                  `json:"traversal_path"`
	IsTraversal     bool                 `json:"is_traversal"`
	BountyCount     int                  `json:"bounty_count"`
	CredentialCount int                  `json:"credential_count"`
	UpdatedAt       isoTime              `json:"updated_at"`
	Behavior        *behaviorRow         `json:"behavior"`
	Fingerprints    []decnet.Fingerprint `json:"fingerprints,omitempty"` // of one attacker alone
	Commands        []commandRow         `json:"commands,omitempty"`     // of one attacker alone, the newest
}

type behaviorRow struct {
	OSGuess         any             `json:"os_guess"`
	HopDistance     any             `json:"hop_distance"`
	TCP             json.RawMessage `json:"tcp_fingerprint"`
	Retransmits     int             `json:"retransmit_count"`
	Class           any             `json:"behavior_class"`
	BeaconInterval  any             `json:"beacon_interval_s"`
	BeaconJitterPct any             `json:"beacon_jitter_pct"`
	ToolGuesses     []string        `json:"tool_guesses"`
	Timing          json.RawMessage `json:"timing_stats"`
	Phases          json.RawMessage `json:"phase_sequence"`
}

type commandRow struct {
	Timestamp isoTime `json:"timestamp"`
	Decky     string  `json:"decky"`
	Service   string  `json:"service"`
	Command   string  `json:"command"`
}

func newAttackerRow(a *decnet.Attacker) attackerRow {
	row := attackerRow{
		UUID: a.UUID, IP: a.Addr.String(), FirstSeen: isoTime(a.FirstSeen), LastSeen: isoTime(a.LastSeen),
		EventCount: a.Events, ServiceCount: len(a.Services), DeckyCount: len(a.Deckies),
		Services: listOf(a.Services), Deckies: listOf(a.Deckies),
		TraversalPath: optional(a.Traversal), IsTraversal: a.Traversal != "",
		BountyCount: a.Bounties, CredentialCount: a.Credentials, UpdatedAt: isoTime(a.UpdatedAt),
	}
	if b := a.Behavior; b != nil {
		row.Behavior = &behaviorRow{
			OSGuess: optional(b.OSGuess), TCP: object(b.TCP), Retransmits: b.Retransmits, Class: optional(b.Class),
			ToolGuesses: listOf(b.ToolGuesses), Timing: object(b.Timing), Phases: object(b.Phases),
		}
		if b.HopDistance > 0 {
			row.Behavior.HopDistance = b.HopDistance
		}
		if b.BeaconInterval > 0 {
			row.Behavior.BeaconInterval = b.BeaconInterval.Seconds()
			row.Behavior.BeaconJitterPct = b.BeaconJitterPct
		}
	}
	return row
}

func listOf(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func object(m json.RawMessage) json.RawMessage {
	if len(m) == 0 {
		return json.RawMessage("{}")
	}
	return m
}

func commandRows(list []decnet.Command) []commandRow {
	rows := make([]commandRow, len(list))
	for i, c := range list {
		rows[i] = commandRow{isoTime(c.Time), c.Decky, c.Service, c.Text}
	}
	return rows
}

func (s *server) attackers(w http.ResponseWriter, r *http.Request) error {
	p := query(r.URL.Query())
	f := store.AttackerFilter{
		Search:  p.text("search", 512),
		Service: p.text("service", 64),
		Sort:    store.AttackerSort(p.choice("sort_by", string(store.SortRecent), string(store.SortActive), string(store.SortTraversals))),
	}
	f.Limit, f.Offset = p.page(1000)
	if p.err != nil {
		return p.err
	}
	list, err := s.Store.Attackers(r.Context(), f)
	if err != nil {
		return err
	}
	total, err := s.Store.CountAttackers(r.Context(), f)
	if err != nil {
		return err
	}
	rows := make([]attackerRow, len(list))
	for i := range list {
		rows[i] = newAttackerRow(&list[i])
	}
	return respond(w, http.StatusOK, page{total, f.Limit, f.Offset, rows})
}

// attackerID returns the identifier in the path; what is not one names no attacker.
func attackerID(r *http.Request) (string, error) {
	id, err := uuid.Parse(r.PathValue("uuid"))
	if err != nil {
		return "", decnet.ErrNotFound
	}
	return id.String(), nil
}

// detailCommands is how many commands the profile of one attacker shows.
const detailCommands = 200

func (s *server) attacker(w http.ResponseWriter, r *http.Request) error {
	id, err := attackerID(r)
	if err != nil {
		return err
	}
	a, err := s.Store.Attacker(r.Context(), id)
	if err != nil {
		return err
	}
	commands, _, err := s.Store.Commands(r.Context(), id, store.CommandFilter{Limit: detailCommands})
	if err != nil {
		return err
	}
	row := newAttackerRow(&a)
	row.Fingerprints, row.Commands = a.Fingerprints, commandRows(commands)
	return respond(w, http.StatusOK, row)
}

func (s *server) commands(w http.ResponseWriter, r *http.Request) error {
	id, err := attackerID(r)
	if err != nil {
		return err
	}
	p := query(r.URL.Query())
	f := store.CommandFilter{Service: p.text("service", 64)}
	f.Limit, f.Offset = p.page(200)
	if p.err != nil {
		return p.err
	}
	list, total, err := s.Store.Commands(r.Context(), id, f)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, page{total, f.Limit, f.Offset, commandRows(list)})
}
