package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Passwords have 8 to 72 bytes: bcrypt takes no more.
const (
	minPassword = 8
	maxPassword = 72
)

// tokenLife is how long a log-in lasts.
const tokenLife = 24 * time.Hour

// tokens issues and reads JWTs (RFC 7519), HS256 alone.
type tokens struct {
	secret []byte
	now    func() time.Time
}

// claims names the user and, by Password, the password that was valid at log-in: a change
// of password voids the tokens issued before it.
type claims struct {
	UUID     string `json:"uuid"`
	Password string `json:"pwd"`
	jwt.RegisteredClaims
}

func (t tokens) issue(user store.User) (string, error) {
	now := t.now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{user.UUID, t.passwordMark(user), jwt.RegisteredClaims{
		ID:        uuid.NewString(),
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
	}}).SignedString(t.secret)
}

// passwordMark changes with the user's password and says nothing about it.
func (t tokens) passwordMark(user store.User) string {
	m := hmac.New(sha256.New, t.secret)
	m.Write([]byte(user.PasswordHash))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

func (t tokens) read(text string) (claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(t.now), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil || c.UUID == "" || c.ID == "" || c.IssuedAt == nil {
		return claims{}, fmt.Errorf("token: %w", decnet.ErrUnauthorized)
	}
	return c, nil
}

// bearerToken returns the token in the header.
func bearerToken(r *http.Request) (text string, ok bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return text, strings.EqualFold(scheme, "Bearer")
}

// bearer knows the caller by a token in the header.
func (s *server) bearer(r *http.Request) (caller, error) {
	text, ok := bearerToken(r)
	if !ok {
		return caller{}, fmt.Errorf("no bearer token: %w", decnet.ErrUnauthorized)
	}
	c, err := s.tokens.read(text)
	if err != nil {
		return caller{}, err
	}
	user, err := s.userOf(r.Context(), &c)
	return caller{Identity{user.UUID, user.Username, user.Role}, user, c, r}, err
}

// userOf returns the user of a token that is still good.
func (s *server) userOf(ctx context.Context, c *claims) (store.User, error) {
	user, err := s.Store.User(ctx, c.UUID)
	if errors.Is(err, decnet.ErrNotFound) {
		return user, fmt.Errorf("user is gone: %w", decnet.ErrUnauthorized)
	}
	if err != nil {
		return user, err
	}
	revoked, err := s.Store.TokenRevoked(ctx, c.ID)
	if err != nil {
		return user, err
	}
	if revoked || !hmac.Equal([]byte(c.Password), []byte(s.tokens.passwordMark(user))) {
		return user, fmt.Errorf("token is void: %w", decnet.ErrUnauthorized)
	}
	return user, nil
}

type loginRequest struct {
	Username string `json:"username" max:"64"`
	Password string `json:"password" max:"72" unit:"bytes" doc:"at most 72 bytes of UTF-8"`
}

type loginAnswer struct {
	Token      string `json:"access_token" doc:"JWT, valid for 24 hours"`
	Type       string `json:"token_type" enum:"bearer"`
	MustChange bool   `json:"must_change_password"`
}

func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	var req loginRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	release, err := s.logins.admit(r.Context(), s.addressOf(r), req.Username)
	if err != nil {
		return err
	}
	defer release()
	user, err := s.Store.UserByName(r.Context(), req.Username)
	if err != nil && !errors.Is(err, decnet.ErrNotFound) {
		return err
	}
	hash := user.PasswordHash
	if hash == "" {
		hash = s.pace.nobody
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(req.Password)) != nil || user.UUID == "" {
		s.audit(r, Identity{Name: req.Username}, "login_failed")
		return fmt.Errorf("log-in: %w", decnet.ErrUnauthorized)
	}
	s.logins.forgive(s.addressOf(r), req.Username)
	token, err := s.tokens.issue(user)
	if err != nil {
		return err
	}
	s.audit(r, Identity{Name: user.Username}, "login")
	return respond(w, r, http.StatusOK, loginAnswer{token, "bearer", user.MustChangePassword})
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	who := callerOf(r)
	if err := s.Store.RevokeToken(r.Context(), who.token.ID, who.token.ExpiresAt.Time); err != nil {
		return err
	}
	s.accounts.changed()
	s.audit(r, who.Identity, "logout")
	return respond(w, r, http.StatusOK, message{"Logged out"})
}

type passwordRequest struct {
	Old string `json:"old_password" max:"72" unit:"bytes" doc:"at most 72 bytes of UTF-8"`
	New string `json:"new_password" min:"8" max:"72" unit:"bytes" doc:"8 to 72 bytes of UTF-8"`
}

func (s *server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var req passwordRequest
	if err := decode(w, r, &req); err != nil {
		return err
	}
	who := callerOf(r)
	release, err := s.logins.admit(r.Context(), s.addressOf(r), who.Name)
	if err != nil {
		return err
	}
	defer release()
	if bcrypt.CompareHashAndPassword([]byte(who.account.PasswordHash), []byte(req.Old)) != nil {
		s.audit(r, who.Identity, "password_change_failed")
		return fmt.Errorf("old password: %w", decnet.ErrUnauthorized)
	}
	hash, err := hashPassword(req.New, s.pace.cost)
	if err != nil {
		return err
	}
	s.logins.forgive(s.addressOf(r), who.Name)
	if err := s.Store.SetPassword(r.Context(), who.ID, hash, false); err != nil {
		return err
	}
	s.accounts.changed()
	s.audit(r, who.Identity, "password_changed")
	return respond(w, r, http.StatusOK, message{"Password changed"})
}
