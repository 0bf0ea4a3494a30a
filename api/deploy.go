package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/deployment"
)

// maxDeploy bounds the body of a deployment: an INI document as a JSON text.
const maxDeploy = 4 << 20

type deployRequest struct {
	INI string `json:"ini_content" doc:"INI document, whose deckies replace those of the same name"`
}

func (s *server) deploy(w http.ResponseWriter, r *http.Request) error {
	var req deployRequest
	if err := decodeUpTo(w, r, maxDeploy, &req); err != nil {
		return err
	}
	if err := s.operable(r.Context()); err != nil {
		return err
	}
	plan := func(ctx context.Context, last decnet.Fleet) (decnet.Fleet, error) {
		return s.planned(ctx, req.INI, last)
	}
	last, err := fleetOf(r.Context(), s.Store)
	if err != nil {
		return err
	}
	wanted, err := plan(r.Context(), last)
	if err != nil {
		return err
	}
	who := callerOf(r).Identity
	one, err := s.Jobs.submit("deploy", who.Name, fmt.Sprintf("%d deckies are to be deployed", len(wanted.Deckies)), func(ctx context.Context) (string, error) {
		f, err := s.Jobs.operator.Deploy(ctx, func(last decnet.Fleet) (decnet.Fleet, error) { return plan(ctx, last) })
		return deployedText(f), err
	})
	if err != nil {
		return err
	}
	s.audit(r, who, "deployment_requested", decnet.F("job", one.row.ID), decnet.F("deckies", strconv.Itoa(len(wanted.Deckies))))
	return s.answer(w, r, one)
}

// planned adds a document to last, within the settings.
func (s *server) planned(ctx context.Context, ini string, last decnet.Fleet) (decnet.Fleet, error) {
	kept, err := ReadSettings(ctx, s.Store)
	if err != nil {
		return decnet.Fleet{}, err
	}
	wanted, err := s.Jobs.operator.Plan([]byte(ini), last)
	switch {
	case errors.Is(err, decnet.ErrInvalid):
		return wanted, refuse(http.StatusUnprocessableEntity, "Invalid INI config")
	case errors.Is(err, decnet.ErrSemantic), errors.Is(err, decnet.ErrConflict):
		text := err.Error()
		for _, kind := range []error{decnet.ErrSemantic, decnet.ErrConflict} {
			text = strings.TrimSuffix(text, ": "+kind.Error())
		}
		return wanted, refuse(http.StatusConflict, "%s", text)
	case err != nil:
		return wanted, err
	case len(wanted.Deckies) == 0:
		return wanted, refuse(http.StatusConflict, "No section describes a decky")
	case len(wanted.Deckies) > kept.DeploymentLimit:
		return wanted, refuse(http.StatusConflict, "%d deckies would be deployed, the deployment limit is %d", len(wanted.Deckies), kept.DeploymentLimit)
	}
	wanted.MutateInterval = cmp.Or(wanted.MutateInterval, kept.GlobalInterval)
	return wanted, nil
}

// deployed checks that the decky in the path is.
func (s *server) deployed(r *http.Request) (name string, err error) {
	f, err := fleetOf(r.Context(), s.Store)
	if err != nil {
		return "", err
	}
	name = r.PathValue("name")
	if !slices.ContainsFunc(f.Deckies, func(d decnet.Decky) bool { return d.Name == name }) {
		return "", decnet.ErrNotFound
	}
	return name, nil
}

func (s *server) mutate(w http.ResponseWriter, r *http.Request) error {
	if err := s.operable(r.Context()); err != nil {
		return err
	}
	name, err := s.deployed(r)
	if err != nil {
		return err
	}
	who := callerOf(r).Identity
	one, err := s.Jobs.submit("mutate", who.Name, name+" is to get other services", func(ctx context.Context) (string, error) {
		services, err := s.Jobs.operator.Mutate(ctx, name)
		return name + " has now " + strings.Join(services, ", "), err
	})
	if err != nil {
		return err
	}
	s.audit(r, who, "mutation_requested", decnet.F("job", one.row.ID), decnet.F("target", name))
	return s.answer(w, r, one)
}

type intervalRequest struct {
	Interval *string `json:"mutate_interval" pattern:"^[1-9]\\d*[mdMyY]$" max:"20" doc:"minutes, days, months or years; null: never"`
}

func (s *server) setInterval(w http.ResponseWriter, r *http.Request) error {
	var req intervalRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	text, every := "", time.Duration(0)
	if req.Interval != nil {
		var err error
		if every, err = deployment.ParseInterval(*req.Interval); err != nil {
			return wrongValue("mutate_interval", "such as 30m, 1d, 2M or 1y, and at most 100 years")
		}
		text = *req.Interval
	}
	if err := s.operable(r.Context()); err != nil {
		return err
	}
	name, err := s.deployed(r)
	if err != nil {
		return err
	}
	if err := s.Jobs.operator.SetInterval(r.Context(), name, every); err != nil {
		return err
	}
	s.audit(r, callerOf(r).Identity, "interval_changed", decnet.F("target", name), decnet.F("new", text))
	return respond(w, r, http.StatusOK, message{"Mutation interval set"})
}

// preferredWait reads Prefer (RFC 7240): whether the client would rather wait, and for how
// long at most; 0: until the end.
func preferredWait(r *http.Request) (longest time.Duration, wait bool) {
	for _, line := range r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			part, _, _ = strings.Cut(part, ";")
			name, value, _ := strings.Cut(part, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			value = strings.Trim(strings.TrimSpace(value), `"`)
			seconds, _ := strconv.ParseUint(value, 10, 16) // 0, and ignored like it, for what is no number
			return time.Duration(seconds) * time.Second, value == "" || seconds > 0
		}
	}
	return 0, false
}
