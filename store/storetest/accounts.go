package storetest

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

func testUsers(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	zoe := must(repo.CreateUser(ctx, store.User{UUID: unknownUUID, Username: "zoë", PasswordHash: "$2a$12$x", Role: store.RoleAdmin, MustChangePassword: true}))(t)
	if len(zoe.UUID) != 36 || zoe.UUID[14] != '4' || zoe.UUID == unknownUUID {
		t.Fatalf("UUID %q is not a new one of version 4", zoe.UUID)
	}
	equal(t, "created user", zoe, store.User{UUID: zoe.UUID, Username: "zoë", PasswordHash: "$2a$12$x", Role: store.RoleAdmin, MustChangePassword: true})
	amy := must(repo.CreateUser(ctx, store.User{Username: "amy", PasswordHash: "h"}))(t)
	equal(t, "role by default", amy.Role, store.RoleViewer)
	equal(t, "user", must(repo.User(ctx, zoe.UUID))(t), zoe)
	equal(t, "user by name", must(repo.UserByName(ctx, "amy"))(t), amy)
	equal(t, "users", must(repo.Users(ctx))(t), []store.User{amy, zoe})

	_, err := repo.CreateUser(ctx, store.User{Username: "amy", PasswordHash: "other"})
	wantError(t, err, decnet.ErrConflict)
	_, err = repo.CreateUser(ctx, store.User{})
	wantError(t, err, decnet.ErrInvalid)
	_, err = repo.CreateUser(ctx, store.User{Username: "eve", Role: "root"})
	wantError(t, err, decnet.ErrSemantic)
	for _, name := range []string{"Amy", "am_", "amy ", "' OR 1=1 --", ""} {
		_, err = repo.UserByName(ctx, name)
		wantError(t, err, decnet.ErrNotFound)
	}

	noError(t, repo.SetPassword(ctx, amy.UUID, "new", true))
	amy.PasswordHash, amy.MustChangePassword = "new", true
	equal(t, "after a password change", must(repo.User(ctx, amy.UUID))(t), amy)
	noError(t, repo.SetRole(ctx, amy.UUID, store.RoleAdmin))
	noError(t, repo.SetRole(ctx, amy.UUID, store.RoleAdmin)) // no change is no error
	amy.Role = store.RoleAdmin
	equal(t, "after a change of role", must(repo.User(ctx, amy.UUID))(t), amy)
	wantError(t, repo.SetRole(ctx, amy.UUID, ""), decnet.ErrSemantic)
	equal(t, "the other is untouched", must(repo.User(ctx, zoe.UUID))(t), zoe)

	noError(t, repo.DeleteUser(ctx, amy.UUID))
	for _, err := range []error{
		repo.DeleteUser(ctx, amy.UUID),
		repo.SetRole(ctx, amy.UUID, store.RoleViewer),
		repo.SetPassword(ctx, amy.UUID, "h", false),
	} {
		wantError(t, err, decnet.ErrNotFound)
	}
	_, err = repo.User(ctx, amy.UUID)
	wantError(t, err, decnet.ErrNotFound)
	equal(t, "users", must(repo.Users(ctx))(t), []store.User{zoe})
	must(repo.CreateUser(ctx, store.User{Username: "amy"}))(t) // the name is free again
}

func testTokens(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	soon := time.Now().Add(time.Hour)
	equal(t, "unknown token", must(repo.TokenRevoked(ctx, "a"))(t), false)
	noError(t, repo.RevokeToken(ctx, "a", soon))
	noError(t, repo.RevokeToken(ctx, "a", soon.Add(-time.Minute)))
	noError(t, repo.RevokeToken(ctx, "b", soon))
	equal(t, "revoked token", must(repo.TokenRevoked(ctx, "a"))(t), true)
	equal(t, "another token", must(repo.TokenRevoked(ctx, "c"))(t), false)
}

func testState(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	_, err := repo.State(ctx, store.FleetKey)
	wantError(t, err, decnet.ErrNotFound)
	for _, value := range []string{`{"deckies":[{"name":"decky-01"}]}`, `null`, `[1, 2]`} {
		noError(t, repo.SetState(ctx, store.FleetKey, json.RawMessage(value)))
		equal(t, "state", string(must(repo.State(ctx, store.FleetKey))(t)), value)
	}
	noError(t, repo.SetState(ctx, "other", json.RawMessage(`"x"`)))
	equal(t, "state", string(must(repo.State(ctx, store.FleetKey))(t)), `[1, 2]`)
	for _, value := range []string{"", "{", "nul"} {
		wantError(t, repo.SetState(ctx, "other", json.RawMessage(value)), decnet.ErrInvalid)
	}
	equal(t, "state after a refused value", string(must(repo.State(ctx, "other"))(t)), `"x"`)
}

func testSwapState(t *testing.T, repo store.Repository) {
	ctx := t.Context()
	text := func() string { return string(must(repo.State(ctx, "k"))(t)) }
	wantError(t, repo.SwapState(ctx, "k", json.RawMessage(`1`), json.RawMessage(`2`)), decnet.ErrConflict)
	_, err := repo.State(ctx, "k")
	wantError(t, err, decnet.ErrNotFound)
	noError(t, repo.SwapState(ctx, "k", nil, json.RawMessage(`{"a": 1}`)))
	for _, old := range []string{`{"a":1}`, `{"a": 1} `, `null`} {
		wantError(t, repo.SwapState(ctx, "k", json.RawMessage(old), json.RawMessage(`2`)), decnet.ErrConflict)
	}
	wantError(t, repo.SwapState(ctx, "k", nil, json.RawMessage(`2`)), decnet.ErrConflict)
	wantError(t, repo.SwapState(ctx, "k", json.RawMessage(`{"a": 1}`), json.RawMessage(`{`)), decnet.ErrInvalid)
	equal(t, "state after what was refused", text(), `{"a": 1}`)
	noError(t, repo.SwapState(ctx, "k", json.RawMessage(`{"a": 1}`), json.RawMessage(`0`)))
	equal(t, "state", text(), `0`)

	// Each of many writers adds one, over and over until nobody was in between.
	const writers, times = 4, 8
	errs := make(chan error, writers)
	for range writers {
		go func() {
			for n := 0; n < times; {
				old, err := repo.State(ctx, "k")
				if err != nil {
					errs <- err
					return
				}
				sum, _ := strconv.Atoi(string(old))
				err = repo.SwapState(ctx, "k", old, json.RawMessage(strconv.Itoa(sum+1)))
				switch {
				case err == nil:
					n++
				case !errors.Is(err, decnet.ErrConflict):
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		noError(t, <-errs)
	}
	equal(t, "sum", text(), strconv.Itoa(writers*times))
}
