package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

// fleetOf returns the deployed fleet, an empty one when nothing was deployed.
func fleetOf(ctx context.Context, s store.State) (decnet.Fleet, error) {
	var f decnet.Fleet
	doc, err := s.State(ctx, store.FleetKey)
	if errors.Is(err, decnet.ErrNotFound) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(doc, &f); err != nil {
		return f, fmt.Errorf("fleet document: %w", err)
	}
	return f, nil
}

// deckyRow is a decky without its seed, from which its keys derive, and without the
// settings of its services, which hold passwords.
type deckyRow struct {
	Name           string   `json:"name"`
	IP             string   `json:"ip"`
	Hostname       string   `json:"hostname"`
	Distro         string   `json:"distro"`
	Archetype      *string  `json:"archetype"`
	OSFamily       string   `json:"nmap_os"`
	Services       []string `json:"services"`
	MutateInterval *int     `json:"mutate_interval" doc:"minutes"`
	LastMutated    *isoTime `json:"last_mutated"`
}

func (s *server) deckies(w http.ResponseWriter, r *http.Request) error {
	f, err := deployment.Current(r.Context(), s.Store)
	if err != nil {
		return err
	}
	rows := make([]deckyRow, len(f.Deckies))
	for i, d := range f.Deckies {
		rows[i] = deckyRow{
			Name: d.Name, IP: d.Addr.String(), Hostname: d.Hostname, Distro: d.Distro, Archetype: present(d.Archetype),
			OSFamily: d.OSFamily, Services: listOf(d.Services),
			MutateInterval: present(int(fleet.Interval(f, d).Minutes())), LastMutated: present(isoTime(d.LastMutated)),
		}
	}
	return respond(w, r, http.StatusOK, rows)
}

// totals is the overview that /stats answers and the stream repeats.
type totals struct {
	Logs     int `json:"total_logs"`
	Unique   int `json:"unique_attackers"`
	Bounties int `json:"total_bounties"`
	Active   int `json:"active_deckies"`
	Deployed int `json:"deployed_deckies"`
}

func (s *server) stats(w http.ResponseWriter, r *http.Request) error {
	t, err := overview(r.Context(), s.Store)
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, t)
}
