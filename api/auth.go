package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
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

// passwordCost is bcrypt's: about a quarter of a second.
const passwordCost = 12

// HashPassword returns the bcrypt hash that a store.User holds. A password shorter than 8
// or longer than 72 bytes gives an error that wraps decnet.ErrSemantic.
func HashPassword(password string) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", fmt.Errorf("api: a password has %d to %d bytes: %w", minPassword, maxPassword, decnet.ErrSemantic)
	}
	h, err := bcrypt.GenerateFromPassword([]byte(password), passwordCost)
	return string(h), err
}

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

// caller is who makes a request.
type caller struct {
	store.User
	token claims
}

type callerKey struct{}

func callerOf(r *http.Request) caller { return r.Context().Value(callerKey{}).(caller) }

func (s *server) identify(r *http.Request) (caller, error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return caller{}, fmt.Errorf("no bearer token: %w", decnet.ErrUnauthorized)
	}
	c, err := s.tokens.read(text)
	if err != nil {
		return caller{}, err
	}
	user, err := s.userOf(r.Context(), &c)
	return caller{user, c}, err
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
	if revoked || c.Password != s.tokens.passwordMark(user) || s.Now().After(c.ExpiresAt.Time) {
		return user, fmt.Errorf("token is void: %w", decnet.ErrUnauthorized)
	}
	return user, nil
}

// authenticated lets in whoever has a valid token.
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
		if callerOf(r).MustChangePassword {
			return fmt.Errorf("password must be changed first: %w", decnet.ErrForbidden)
		}
		return h(w, r)
	})
}

func (s *server) admin(h handler) handler {
	return s.viewer(func(w http.ResponseWriter, r *http.Request) error {
		if callerOf(r).Role != store.RoleAdmin {
			return fmt.Errorf("insufficient permissions: %w", decnet.ErrForbidden)
		}
		return h(w, r)
	})
}

// nobody is the hash that the password of an unknown user is compared with, so that the
// time of an answer does not tell whether the name exists.
const nobody = "$2a$12$oUP7gdhB0Z4zqXvDCE1KAOXvQfx7dhQ7vM4OEFrLm6xbFCG1pYI2G"

func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := decode(w, r, &req); err != nil {
		return err
	}
	if len(req.Username) > 64 || len(req.Password) > maxPassword {
		return &parameterError{"username and password", "at most 64 and 72 bytes"}
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	release, ok := s.logins.admit(r.Context(), host, req.Username)
	if !ok {
		return errTooMany
	}
	defer release()
	user, err := s.Store.UserByName(r.Context(), req.Username)
	if err != nil && !errors.Is(err, decnet.ErrNotFound) {
		return err
	}
	hash := user.PasswordHash
	if hash == "" {
		hash = nobody
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(req.Password)) != nil || user.UUID == "" {
		return fmt.Errorf("log-in: %w", decnet.ErrUnauthorized)
	}
	s.logins.forgive(host, req.Username)
	token, err := s.tokens.issue(user)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "bearer", "must_change_password": user.MustChangePassword,
	})
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	who := callerOf(r)
	if err := s.Store.RevokeToken(r.Context(), who.token.ID, who.token.ExpiresAt.Time); err != nil {
		return err
	}
	return respond(w, http.StatusOK, map[string]string{"message": "Logged out"})
}

func (s *server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Old string `json:"old_password"`
		New string `json:"new_password"`
	}
	if err := decode(w, r, &req); err != nil {
		return err
	}
	if len(req.New) < minPassword || len(req.New) > maxPassword {
		return &parameterError{"new_password", fmt.Sprintf("%d to %d bytes", minPassword, maxPassword)}
	}
	who := callerOf(r)
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	release, ok := s.logins.admit(r.Context(), host, who.Username)
	if !ok {
		return errTooMany
	}
	defer release()
	if len(req.Old) > maxPassword || bcrypt.CompareHashAndPassword([]byte(who.PasswordHash), []byte(req.Old)) != nil {
		return fmt.Errorf("old password: %w", decnet.ErrUnauthorized)
	}
	hash, err := HashPassword(req.New)
	if err != nil {
		return err
	}
	s.logins.forgive(host, who.Username)
	if err := s.Store.SetPassword(r.Context(), who.UUID, hash, false); err != nil {
		return err
	}
	return respond(w, http.StatusOK, map[string]string{"message": "Password changed"})
}
