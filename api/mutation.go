package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/decnet/decnet/fleet/deployment"
)

// maxInterval bounds how rarely a decky may change.
const maxInterval = 100 * 365 * 24 * time.Hour

// parseInterval reads an interval such as 30m, 1d, 2M or 1y: minutes, days, months of 30
// days and years of 365.
func parseInterval(text string) (time.Duration, bool) {
	if text == "" || text[0] < '1' || text[0] > '9' {
		return 0, false
	}
	number, unit := text[:len(text)-1], time.Duration(0)
	switch text[len(text)-1] {
	case 'm':
		unit = time.Minute
	case 'd':
		unit = 24 * time.Hour
	case 'M':
		unit = 30 * 24 * time.Hour
	case 'y', 'Y':
		unit = 365 * 24 * time.Hour
	default:
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || time.Duration(n) > maxInterval/unit {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// mutateInterval says how often a decky changes; null: never.
func (s *server) mutateInterval(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Interval *string `json:"mutate_interval"`
	}
	if err := decode(w, r, &body); err != nil {
		return err
	}
	var interval time.Duration
	if body.Interval != nil {
		var ok bool
		if interval, ok = parseInterval(*body.Interval); !ok {
			return &parameterError{"mutate_interval", "a number with m, d, M or y after it, at most 100 years, or null"}
		}
	}
	if err := deployment.SetInterval(r.Context(), s.Store, r.PathValue("name"), interval); err != nil {
		return err
	}
	return respond(w, http.StatusOK, map[string]string{"message": "Mutation interval updated"})
}

// mutate asks whoever has the deckies for the mutation of one, and does not wait for it: a
// decky that somebody is connected to is left alone for a while.
func (s *server) mutate(w http.ResponseWriter, r *http.Request) error {
	if _, err := deployment.Ask(r.Context(), s.Store, r.PathValue("name"), false); err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, map[string]string{"message": "Mutation requested"})
}
