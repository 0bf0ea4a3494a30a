package api

import (
	"encoding/json"
	"net/http"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

type bountyRow struct {
	ID         int64           `json:"id"`
	Timestamp  isoTime         `json:"timestamp"`
	LastSeen   isoTime         `json:"last_seen"`
	Count      int             `json:"count"`
	Decky      string          `json:"decky"`
	Service    string          `json:"service"`
	AttackerIP string          `json:"attacker_ip"`
	BountyType string          `json:"bounty_type"`
	Payload    json.RawMessage `json:"payload"`
}

func bountyRows(list []decnet.Bounty) []bountyRow {
	rows := make([]bountyRow, len(list))
	for i, b := range list {
		rows[i] = bountyRow{
			ID: b.ID, Timestamp: isoTime(b.Time), LastSeen: isoTime(b.LastSeen), Count: b.Count, Decky: b.Decky,
			Service: b.Service, AttackerIP: "Unknown", BountyType: b.Type, Payload: b.Payload,
		}
		if b.Attacker.IsValid() {
			rows[i].AttackerIP = b.Attacker.String()
		}
	}
	return rows
}

func (s *server) bounties(w http.ResponseWriter, r *http.Request) error {
	p := query(r)
	f := store.BountyFilter{Type: p.text(bountyType), Search: p.text(partOfBounty)}
	f.Limit, f.Offset = p.page(limit)
	if p.err != nil {
		return p.err
	}
	f.Bytes = pageBytes
	list, err := s.Store.Bounties(r.Context(), f)
	if err != nil {
		return err
	}
	total, err := s.Store.CountBounties(r.Context(), f)
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, page[bountyRow]{total, f.Limit, f.Offset, bountyRows(list)})
}
