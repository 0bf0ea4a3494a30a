package api

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store"
)

// changes counts the changes of accounts and tokens, so that streams look at theirs again.
type changes struct{ n atomic.Uint64 }

func (c *changes) changed()      { c.n.Add(1) }
func (c *changes) count() uint64 { return c.n.Load() }

type userRow struct {
	UUID       string `json:"uuid"`
	Username   string `json:"username"`
	Role       string `json:"role" enum:"admin,viewer"`
	MustChange bool   `json:"must_change_password"`
}

func newUserRow(u store.User) userRow {
	return userRow{u.UUID, u.Username, u.Role, u.MustChangePassword}
}

type newUserRequest struct {
	Username string `json:"username" min:"1" max:"64" doc:"printable"`
	Password string `json:"password" min:"8" max:"72" unit:"bytes" doc:"8 to 72 bytes of UTF-8"`
	Role     string `json:"role,omitempty" enum:"admin,viewer" doc:"viewer when absent"`
}

func (s *server) createUser(w http.ResponseWriter, r *http.Request) error {
	var req newUserRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	if !services.Printable(req.Username) {
		return wrongValue("username", "printable")
	}
	hash, err := s.hash(r, req.Password)
	if err != nil {
		return err
	}
	user, err := s.Store.CreateUser(r.Context(), store.User{
		Username: req.Username, PasswordHash: hash, Role: req.Role, MustChangePassword: true,
	})
	if errors.Is(err, decnet.ErrConflict) {
		return refuse(http.StatusConflict, "The name is taken")
	}
	if err != nil {
		return err
	}
	s.audit(r, callerOf(r).Identity, "user_created", decnet.F("target", user.Username), decnet.F("role", user.Role))
	return respond(w, r, http.StatusOK, newUserRow(user))
}

// hash hashes a password when a processor is free for it.
func (s *server) hash(r *http.Request, password string) (string, error) {
	release, err := s.logins.processor(r.Context())
	if err != nil {
		return "", err
	}
	defer release()
	return hashPassword(password, s.pace.cost)
}

// target returns the user in the path.
func (s *server) target(r *http.Request) (store.User, error) {
	id, err := pathID(r)
	if err != nil {
		return store.User{}, err
	}
	return s.Store.User(r.Context(), id)
}

func (s *server) deleteUser(w http.ResponseWriter, r *http.Request) error {
	user, err := s.target(r)
	if err != nil {
		return err
	}
	who := callerOf(r)
	if user.UUID == who.ID {
		return refuse(http.StatusForbidden, "Nobody deletes their own account")
	}
	err = s.takeRights(w, r, func(ctx context.Context) error { return s.Store.DeleteUser(ctx, user.UUID) })
	if err != nil {
		return err
	}
	s.accounts.changed()
	s.audit(r, who.Identity, "user_deleted", decnet.F("target", user.Username))
	return respond(w, r, http.StatusOK, message{"User deleted"})
}

// takeRights lets one administrator at a time take somebody's rights, who still is one then: of
// two who take each other's, one stays.
func (s *server) takeRights(w http.ResponseWriter, r *http.Request, take func(context.Context) error) error {
	s.rights.Lock()
	defer s.rights.Unlock()
	return s.admin(func(_ http.ResponseWriter, r *http.Request) error { return take(r.Context()) })(w, r)
}

type roleRequest struct {
	Role string `json:"role" enum:"admin,viewer"`
}

func (s *server) setRole(w http.ResponseWriter, r *http.Request) error {
	var req roleRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	user, err := s.target(r)
	if err != nil {
		return err
	}
	who := callerOf(r)
	if user.UUID == who.ID {
		return refuse(http.StatusForbidden, "Nobody changes their own role")
	}
	err = s.takeRights(w, r, func(ctx context.Context) error { return s.Store.SetRole(ctx, user.UUID, req.Role) })
	if err != nil {
		return err
	}
	s.accounts.changed()
	s.audit(r, who.Identity, "role_changed", decnet.F("target", user.Username), decnet.F("old", user.Role), decnet.F("new", req.Role))
	return respond(w, r, http.StatusOK, message{"Role changed"})
}

type resetRequest struct {
	New string `json:"new_password" min:"8" max:"72" unit:"bytes" doc:"8 to 72 bytes of UTF-8"`
}

func (s *server) resetPassword(w http.ResponseWriter, r *http.Request) error {
	var req resetRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	user, err := s.target(r)
	if err != nil {
		return err
	}
	hash, err := s.hash(r, req.New)
	if err != nil {
		return err
	}
	if err := s.Store.SetPassword(r.Context(), user.UUID, hash, true); err != nil {
		return err
	}
	s.accounts.changed()
	s.audit(r, callerOf(r).Identity, "password_reset", decnet.F("target", user.Username))
	return respond(w, r, http.StatusOK, message{"Password reset"})
}
