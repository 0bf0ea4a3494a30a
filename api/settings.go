package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

// DeploymentLimitKey is where store.State keeps the deployment limit, a JSON number. The
// global mutation interval is kept at deployment.GlobalIntervalKey. Where there is none, the
// default holds.
const DeploymentLimitKey = "deployment_limit"

// The defaults of the settings.
const (
	defaultLimit    = 10
	defaultInterval = "30m"
)

// Settings are what administrators set through the interface.
type Settings struct {
	DeploymentLimit int           // deckies that may be deployed through the interface
	GlobalInterval  time.Duration // of the deckies that have no mutation interval of their own
}

// ReadSettings returns the settings that are kept in s, and the defaults of others.
func ReadSettings(ctx context.Context, s store.State) (Settings, error) {
	limit, interval, err := settings(ctx, s)
	if err != nil {
		return Settings{}, err
	}
	every, err := deployment.ParseInterval(interval)
	return Settings{limit, every}, err
}

func settings(ctx context.Context, s store.State) (limit int, interval string, err error) {
	limit, interval = defaultLimit, defaultInterval
	err = errors.Join(kept(ctx, s, DeploymentLimitKey, &limit), kept(ctx, s, deployment.GlobalIntervalKey, &interval))
	return limit, interval, err
}

func kept(ctx context.Context, s store.State, key string, v any) error {
	doc, err := s.State(ctx, key)
	if errors.Is(err, decnet.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(doc, v); err != nil {
		return fmt.Errorf("api: state %s: %w", key, err)
	}
	return nil
}

type configAnswer struct {
	Role      string    `json:"role" enum:"admin,viewer" doc:"of whoever asks"`
	Limit     int       `json:"deployment_limit"`
	Interval  string    `json:"global_mutation_interval"`
	Users     []userRow `json:"users,omitempty" doc:"for administrators"`
	Developer bool      `json:"developer_mode,omitempty" doc:"for administrators, when it is on"`
}

func (s *server) config(w http.ResponseWriter, r *http.Request) error {
	limit, interval, err := settings(r.Context(), s.Store)
	if err != nil {
		return err
	}
	answer := configAnswer{Role: callerOf(r).Role, Limit: limit, Interval: interval}
	if answer.Role != store.RoleAdmin {
		return respond(w, r, http.StatusOK, answer)
	}
	answer.Developer = s.Developer
	if s.Auth == nil {
		users, err := s.Store.Users(r.Context())
		if err != nil {
			return err
		}
		for _, u := range users {
			answer.Users = append(answer.Users, newUserRow(u))
		}
	}
	return respond(w, r, http.StatusOK, answer)
}

type limitRequest struct {
	Limit int `json:"deployment_limit" min:"1" max:"500"`
}

func (s *server) setDeploymentLimit(w http.ResponseWriter, r *http.Request) error {
	var req limitRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	return s.setSetting(w, r, DeploymentLimitKey, req.Limit, "Deployment limit set")
}

type globalIntervalRequest struct {
	Interval string `json:"global_mutation_interval" pattern:"^[1-9]\\d*[mdMyY]$" max:"20" doc:"minutes, days, months or years"`
}

func (s *server) setGlobalInterval(w http.ResponseWriter, r *http.Request) error {
	var req globalIntervalRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	if _, err := deployment.ParseInterval(req.Interval); err != nil {
		return wrongValue("global_mutation_interval", "such as 30m, 1d, 2M or 1y, and at most 100 years")
	}
	return s.setSetting(w, r, deployment.GlobalIntervalKey, req.Interval, "Global mutation interval set")
}

func (s *server) setSetting(w http.ResponseWriter, r *http.Request, key string, value any, done string) error {
	doc, err := json.Marshal(value)
	if err != nil {
		return err
	}
	old, err := s.Store.State(r.Context(), key)
	if err != nil && !errors.Is(err, decnet.ErrNotFound) {
		return err
	}
	if err := s.Store.SetState(r.Context(), key, doc); err != nil {
		return err
	}
	s.audit(r, callerOf(r).Identity, "setting_changed", decnet.F("target", key), decnet.F("old", string(old)), decnet.F("new", string(doc)))
	return respond(w, r, http.StatusOK, message{done})
}

type reinitAnswer struct {
	Message string  `json:"message"`
	Deleted deleted `json:"deleted"`
}

type deleted struct {
	Logs      int `json:"logs"`
	Bounties  int `json:"bounties"`
	Attackers int `json:"attackers"`
}

// reinit deletes all that was collected. Accounts, settings and the fleet stay, and what
// was ingested is not ingested again.
func (s *server) reinit(w http.ResponseWriter, r *http.Request) error {
	if !s.Developer {
		return refuse(http.StatusForbidden, "This is for developer mode")
	}
	gone, err := s.Store.Purge(r.Context(), time.UnixMicro(math.MaxInt64))
	event := "reinit"
	if err != nil {
		event = "reinit_failed" // what is deleted by then stays deleted
	}
	s.audit(r, callerOf(r).Identity, event, decnet.F("deleted_logs", strconv.Itoa(gone.Records)),
		decnet.F("deleted_bounties", strconv.Itoa(gone.Bounties)), decnet.F("deleted_attackers", strconv.Itoa(gone.Attackers)))
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, reinitAnswer{"All that was collected is deleted", deleted{gone.Records, gone.Bounties, gone.Attackers}})
}
