package api

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

type attackerRow struct {
	UUID            string       `json:"uuid"`
	IP              string       `json:"ip"`
	FirstSeen       isoTime      `json:"first_seen"`
	LastSeen        isoTime      `json:"last_seen"`
	EventCount      int          `json:"event_count"`
	ServiceCount    int          `json:"service_count"`
	DeckyCount      int          `json:"decky_count"`
	Services        []string     `json:"services"`
	Deckies         []string     `json:"deckies"`
	TraversalPath   *string      `json:"traversal_path" doc:"deckies in the order of first contact"`
	IsTraversal     bool         `json:"is_traversal"`
	BountyCount     int          `json:"bounty_count"`
	CredentialCount int          `json:"credential_count"`
	UpdatedAt       isoTime      `json:"updated_at"`
	Behavior        *behaviorRow `json:"behavior"`
}

type attackerDetail struct {
	attackerRow
	Fingerprints []decnet.Fingerprint `json:"fingerprints"`
	Commands     []commandRow         `json:"commands" doc:"the newest, at most 200"`
}

type behaviorRow struct {
	OSGuess         *string         `json:"os_guess"`
	HopDistance     *int            `json:"hop_distance"`
	TCP             json.RawMessage `json:"tcp_fingerprint"`
	Retransmits     int             `json:"retransmit_count"`
	Class           *string         `json:"behavior_class"`
	BeaconInterval  *float64        `json:"beacon_interval_s"`
	BeaconJitterPct *float64        `json:"beacon_jitter_pct"`
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
		TraversalPath: present(a.Traversal), IsTraversal: a.Traversal != "",
		BountyCount: a.Bounties, CredentialCount: a.Credentials, UpdatedAt: isoTime(a.UpdatedAt),
	}
	if b := a.Behavior; b != nil {
		row.Behavior = &behaviorRow{
			OSGuess: present(b.OSGuess), TCP: objectOf(b.TCP), Retransmits: b.Retransmits, Class: present(b.Class),
			HopDistance: present(b.HopDistance), ToolGuesses: listOf(b.ToolGuesses), Timing: objectOf(b.Timing), Phases: objectOf(b.Phases),
		}
		if b.BeaconInterval > 0 {
			seconds, jitter := b.BeaconInterval.Seconds(), b.BeaconJitterPct
			row.Behavior.BeaconInterval, row.Behavior.BeaconJitterPct = &seconds, &jitter
		}
	}
	return row
}

// listOf is [] in JSON when it is empty.
func listOf[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func objectOf(m json.RawMessage) json.RawMessage {
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
	p := query(r)
	f := store.AttackerFilter{
		Search:  p.text(partOfIP),
		Service: p.text(service),
		Sort:    store.AttackerSort(p.choice(sortBy)),
	}
	f.Limit, f.Offset = p.page(limit)
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
	return respond(w, r, http.StatusOK, page[attackerRow]{total, f.Limit, f.Offset, rows})
}

// pathID returns the identifier in the path; what is not one names nothing.
func pathID(r *http.Request) (string, error) {
	id, err := uuid.Parse(r.PathValue("uuid"))
	if err != nil {
		return "", decnet.ErrNotFound
	}
	return id.String(), nil
}

// detailCommands is how many commands the profile of one attacker shows.
const detailCommands = 200

func (s *server) attacker(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
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
	return respond(w, r, http.StatusOK, attackerDetail{newAttackerRow(&a), listOf(a.Fingerprints), commandRows(commands)})
}

func (s *server) commands(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	p := query(r)
	f := store.CommandFilter{Service: p.text(service)}
	f.Limit, f.Offset = p.page(shortLimit)
	if p.err != nil {
		return p.err
	}
	list, total, err := s.Store.Commands(r.Context(), id, f)
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, page[commandRow]{total, f.Limit, f.Offset, commandRows(list)})
}
