package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Identity is who makes a request.
type Identity struct {
	ID   string // stays the same: open streams are counted by it
	Name string // for people: the audit events say it
	Role string // store.RoleAdmin or store.RoleViewer; whoever has another may do nothing
}

// Authenticator tells who makes a request. With one of the caller's own, the paths of
// log-in and of accounts do not exist.
type Authenticator interface {
	// Authenticate returns who makes r, whose path has no prefix any more. It gives
	// decnet.ErrUnauthorized for nobody that it knows, decnet.ErrForbidden for somebody
	// who may not; other errors are answered with 500. It is called for every request and
	// several times for a stream, later ones too, with the request that opened it or
	// that asked for its ticket. It must be safe for concurrent use. One that goes by what
	// browsers send of themselves, such as cookies, must refuse what pages of other sites
	// make them send, for example with http.CrossOriginProtection.
	Authenticate(r *http.Request) (Identity, error)
}

// caller is who makes a request.
type caller struct {
	Identity
	account store.User    // where accounts are those of the store
	token   claims        // likewise
	origin  *http.Request // what the caller was known by
}

type callerKey struct{}

func callerOf(r *http.Request) caller { return r.Context().Value(callerKey{}).(caller) }

func (s *server) identify(r *http.Request) (who caller, err error) {
	if s.Auth == nil {
		return s.bearer(r)
	}
	who.Identity, err = s.Auth.Authenticate(r)
	who.origin = r
	return who, err
}

// authenticated lets in whoever is known.
func (s *server) authenticated(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, err := s.identify(r)
		if err != nil {
			return err
		}
		return h(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
	}
}

// viewer lets in every role, but nobody who still has to change the password.
func (s *server) viewer(h handler) handler {
	return s.authenticated(func(w http.ResponseWriter, r *http.Request) error {
		if err := callerOf(r).mayView(); err != nil {
			return err
		}
		return h(w, r)
	})
}

func (c caller) mayView() error {
	if c.account.MustChangePassword {
		return refuse(http.StatusForbidden, "Password must be changed first")
	}
	if c.Role != store.RoleAdmin && c.Role != store.RoleViewer {
		return refuse(http.StatusForbidden, "Insufficient permissions")
	}
	return nil
}

func (s *server) admin(h handler) handler {
	return s.viewer(func(w http.ResponseWriter, r *http.Request) error {
		if callerOf(r).Role != store.RoleAdmin {
			return refuse(http.StatusForbidden, "Insufficient permissions")
		}
		return h(w, r)
	})
}

// again identifies the user of a stream or of its ticket anew.
func (s *server) again(ctx context.Context, who *caller) error {
	now, err := s.identify(who.origin.WithContext(ctx))
	if err != nil {
		return err
	}
	if now.ID != who.ID {
		return fmt.Errorf("somebody else: %w", decnet.ErrUnauthorized)
	}
	return now.mayView()
}

// shutsOut reports whether err says that somebody may not, and not that this cannot be found
// out.
func shutsOut(err error) bool {
	var refused *refusal
	return errors.As(err, &refused) || errors.Is(err, decnet.ErrUnauthorized) || errors.Is(err, decnet.ErrForbidden)
}
