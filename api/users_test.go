package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

type account struct {
	UUID       string
	Username   string
	Role       string
	MustChange bool `json:"must_change_password"`
}

type settings struct {
	Role      string
	Limit     int    `json:"deployment_limit"`
	Interval  string `json:"global_mutation_interval"`
	Users     []account
	Developer *bool `json:"developer_mode"`
}

// expect makes a request whose status is known and decodes the answer.
func expect[T any](t *testing.T, f *fixture, token, method, path, body string, status int) T {
	t.Helper()
	got, _, answer := f.do(t, token, method, path, body)
	var v T
	if got != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got, answer, status)
	}
	if err := json.Unmarshal(answer, &v); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
	return v
}

type reply struct{ Message, Detail string }

func TestUsersAreManaged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.audit.take()

	made := expect[account](t, f, f.admin, "POST", "/config/users", `{"username":"ann","password":"first password"}`, 200)
	if made.UUID == "" || made.Username != "ann" || made.Role != store.RoleViewer || !made.MustChange {
		t.Errorf("made %+v", made)
	}
	f.audit.expect(t, "user_created", map[string]string{"operator": "boss", "target": "ann", "role": "viewer"})
	expect[reply](t, f, f.admin, "POST", "/config/users", `{"username":"ann","password":"other password","role":"admin"}`, 409)
	if list := f.audit.take(); len(list) != 0 {
		t.Errorf("a refused change was reported: %v", list)
	}

	token := f.login(t, "ann", "first password")
	expect[reply](t, f, token, "GET", "/stats", "", 403)
	expect[reply](t, f, token, "POST", "/auth/change-password", `{"old_password":"first password","new_password":"second password"}`, 200)
	token = f.login(t, "ann", "second password")
	f.audit.take()

	expect[reply](t, f, token, "GET", "/artifacts/decky-01/x", "", 403)
	expect[reply](t, f, f.admin, "PUT", "/config/users/"+made.UUID+"/role", `{"role":"admin"}`, 200)
	f.audit.expect(t, "role_changed", map[string]string{"operator": "boss", "target": "ann", "old": "viewer", "new": "admin"})
	expect[reply](t, f, token, "GET", "/artifacts/decky-01/x", "", 404) // the same token, at once

	expect[reply](t, f, f.admin, "PUT", "/config/users/"+made.UUID+"/reset-password", `{"new_password":"third password"}`, 200)
	f.audit.expect(t, "password_reset", map[string]string{"operator": "boss", "target": "ann"})
	expect[reply](t, f, token, "GET", "/stats", "", 401)
	token = f.login(t, "ann", "third password")
	expect[reply](t, f, token, "GET", "/stats", "", 403)
	f.audit.take()

	expect[reply](t, f, f.admin, "DELETE", "/config/users/"+made.UUID, "", 200)
	f.audit.expect(t, "user_deleted", map[string]string{"operator": "boss", "target": "ann"})
	expect[reply](t, f, token, "GET", "/stats", "", 401)
	expect[reply](t, f, f.admin, "DELETE", "/config/users/"+made.UUID, "", 404)
}

func TestNobodyLocksThemselvesOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	users := get[settings](t, f, f.admin, "/config").Users
	own := users[slices.IndexFunc(users, func(u account) bool { return u.Username == "boss" })].UUID
	expect[reply](t, f, f.admin, "DELETE", "/config/users/"+own, "", 403)
	expect[reply](t, f, f.admin, "PUT", "/config/users/"+own+"/role", `{"role":"viewer"}`, 403)
	if got := get[settings](t, f, f.admin, "/config"); got.Role != store.RoleAdmin {
		t.Errorf("%+v", got)
	}
}

// deleting is a store that says when an account is about to be deleted, and waits.
type deleting struct {
	store.Repository
	reached chan struct{}
	open    chan struct{}
}

func (d *deleting) DeleteUser(ctx context.Context, uuid string) error {
	d.reached <- struct{}{}
	<-d.open
	return d.Repository.DeleteUser(ctx, uuid)
}

// TestTwoAdministratorsDoNotDeleteEachOther at the same moment, which would leave none.
func TestTwoAdministratorsDoNotDeleteEachOther(t *testing.T) {
	t.Parallel()
	db := &deleting{reached: make(chan struct{}, 2), open: make(chan struct{})}
	f := newFixture(t, func(c *api.Config) {
		db.Repository = c.Store.(store.Repository)
		c.Store = db
	})
	if _, err := f.db.CreateUser(t.Context(), store.User{Username: "ann", Role: store.RoleAdmin, PasswordHash: quickHash(t, "ann-password")}); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"boss": f.admin, "ann": f.login(t, "ann", "ann-password")}
	answers := make(chan int, 2)
	remove := func(who, whom string) {
		users := get[settings](t, f, tokens[who], "/config").Users
		i := slices.IndexFunc(users, func(u account) bool { return u.Username == whom })
		go func() {
			status, _, _ := f.do(t, tokens[who], "DELETE", "/config/users/"+users[i].UUID, "")
			answers <- status
		}()
	}
	remove("boss", "ann")
	<-db.reached
	remove("ann", "boss")
	select {
	case <-db.reached:
	case <-time.After(300 * time.Millisecond): // it waits, or has not come so far
	}
	close(db.open)
	got := []int{<-answers, <-answers}
	if slices.Sort(got); !slices.Equal(got, []int{200, 401}) {
		t.Errorf("they were answered %d", got)
	}
}

func TestUserLimits(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	const unknown = "/config/users/00000000-0000-4000-8000-000000000000"
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/config/users", `{"username":"","password":"long enough"}`, 422},
		{"POST", "/config/users", `{"username":"` + strings.Repeat("x", 65) + `","password":"long enough"}`, 422},
		{"POST", "/config/users", `{"username":"` + strings.Repeat("x", 64) + `","password":"` + strings.Repeat("p", 72) + `"}`, 200},
		{"POST", "/config/users", `{"username":"` + strings.Repeat("語", 64) + `","password":"long enough"}`, 200},
		{"POST", "/config/users", `{"username":"` + strings.Repeat("語", 65) + `","password":"long enough"}`, 422},
		{"POST", "/config/users", `{"username":"a","password":"` + strings.Repeat("語", 25) + `"}`, 422}, // of 75 bytes
		{"POST", "/config/users", `{"username":"b","password":"` + strings.Repeat("語", 24) + `"}`, 200},
		{"POST", "/config/users", `{"username":"a\nb","password":"long enough"}`, 422},
		{"POST", "/config/users", `{"username":"a","password":"short"}`, 422},
		{"POST", "/config/users", `{"username":"a","password":"` + strings.Repeat("x", 73) + `"}`, 422},
		{"POST", "/config/users", `{"username":"a","password":"long enough","role":"root"}`, 422},
		{"POST", "/config/users", `{"username":"a","password":"long enough","uuid":"mine"}`, 400},
		{"POST", "/config/users", `{"username":"a"}`, 400},
		{"PUT", unknown + "/role", `{"role":"admin"}`, 404},
		{"PUT", unknown + "/role", `{"role":"root"}`, 422},
		{"PUT", unknown + "/reset-password", `{"new_password":"long enough"}`, 404},
		{"PUT", unknown + "/reset-password", `{"new_password":"short"}`, 422},
		{"DELETE", unknown, "", 404},
		{"DELETE", "/config/users/not-a-uuid", "", 404},
	} {
		if status, _, body := f.do(t, f.admin, c.method, c.path, c.body); status != c.status {
			t.Errorf("%s %s %.80s: %d %s, want %d", c.method, c.path, c.body, status, body, c.status)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.audit.take()
	if got := get[settings](t, f, f.view, "/config"); got.Role != "viewer" || got.Limit != 10 || got.Interval != "30m" || got.Users != nil || got.Developer != nil {
		t.Errorf("a viewer sees %+v", got)
	}
	if got := get[settings](t, f, f.admin, "/config"); got.Role != "admin" || len(got.Users) != 3 || got.Users[0].Username != "boss" || got.Developer != nil {
		t.Errorf("an administrator sees %+v", got)
	}
	expect[reply](t, f, f.admin, "PUT", "/config/deployment-limit", `{"deployment_limit":500}`, 200)
	f.audit.expect(t, "setting_changed", map[string]string{"operator": "boss", "target": "deployment_limit", "old": "", "new": "500"})
	expect[reply](t, f, f.admin, "PUT", "/config/global-mutation-interval", `{"global_mutation_interval":"2d"}`, 200)
	f.audit.expect(t, "setting_changed", map[string]string{"target": "global_mutation_interval", "new": `"2d"`})
	if got := get[settings](t, f, f.view, "/config"); got.Limit != 500 || got.Interval != "2d" {
		t.Errorf("kept %+v", got)
	}
	kept, err := api.ReadSettings(t.Context(), f.db)
	if err != nil || kept.DeploymentLimit != 500 || kept.GlobalInterval.Hours() != 48 {
		t.Errorf("%+v, %v", kept, err)
	}
	for body, status := range map[string]int{
		`{"deployment_limit":0}`: 422, `{"deployment_limit":501}`: 422, `{"deployment_limit":"9"}`: 400,
		`{"deployment_limit":1.5}`: 400, `{"deployment_limit":null}`: 400, `{}`: 400,
	} {
		expect[reply](t, f, f.admin, "PUT", "/config/deployment-limit", body, status)
	}
	for _, interval := range []string{"", "0m", "-1m", "30", "m", "1h", "1.5d", "30m ", "101y", "99999999999999999999m"} {
		expect[reply](t, f, f.admin, "PUT", "/config/global-mutation-interval", fmt.Sprintf(`{"global_mutation_interval":%q}`, interval), 422)
	}
	if got := get[settings](t, f, f.view, "/config"); got.Limit != 500 || got.Interval != "2d" {
		t.Errorf("refused values were kept: %+v", got)
	}
}

func TestReinitIsForDevelopers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.ingest(t, "decky-01", "ssh", "command")
	expect[reply](t, f, f.admin, "DELETE", "/config/reinit", "", 403)
	if got := get[logPage](t, f, f.view, "/logs"); got.Total != 1 {
		t.Errorf("%d events are left", got.Total)
	}

	f = newFixture(t, func(c *api.Config) { c.Developer = true })
	f.ingest(t, "decky-01", "ssh", "command")
	f.ingest(t, "decky-01", "ssh", "command")
	expect[reply](t, f, f.view, "DELETE", "/config/reinit", "", 403)
	f.audit.take()
	type done struct {
		Message string
		Deleted struct{ Logs, Bounties, Attackers int }
	}
	if got := expect[done](t, f, f.admin, "DELETE", "/config/reinit", "", 200); got.Deleted.Logs != 2 || got.Message == "" {
		t.Errorf("%+v", got)
	}
	f.audit.expect(t, "reinit", map[string]string{"operator": "boss", "deleted_logs": "2"})
	if got := get[map[string]int](t, f, f.view, "/stats"); got["total_logs"] != 0 {
		t.Errorf("%v", got)
	}
	if got := get[settings](t, f, f.admin, "/config"); len(got.Users) != 3 || got.Developer == nil || !*got.Developer {
		t.Errorf("%+v", got)
	}
	f.ingest(t, "decky-01", "ssh", "command")
	if got := get[logPage](t, f, f.view, "/logs"); got.Total != 1 || got.Data[0].ID != 3 {
		t.Errorf("%+v", got)
	}
}

// halfPurged is a store that fails in the middle of a purge.
type halfPurged struct{ store.Repository }

func (halfPurged) Purge(context.Context, time.Time) (store.Purged, error) {
	return store.Purged{Records: 500, Attackers: 2}, errors.New("store: the disk is full")
}

func TestReinitThatFailsIsReported(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) {
		c.Developer, c.Store = true, halfPurged{c.Store.(store.Repository)}
	})
	f.audit.take()
	expect[reply](t, f, f.admin, "DELETE", "/config/reinit", "", 500)
	f.audit.expect(t, "reinit_failed", map[string]string{"operator": "boss", "deleted_logs": "500", "deleted_attackers": "2"})
}

func TestLoginsAreReported(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.audit.take()
	token := f.login(t, "guest", "guest-password")
	f.audit.expect(t, "login", map[string]string{"operator": "guest"})
	f.do(t, "", "POST", "/auth/login", `{"username":"nobody","password":"wrong"}`)
	f.audit.expect(t, "login_failed", map[string]string{"operator": "nobody"})
	f.do(t, token, "POST", "/auth/change-password", `{"old_password":"wrong","new_password":"long enough"}`)
	f.audit.expect(t, "password_change_failed", map[string]string{"operator": "guest"})
	f.do(t, token, "POST", "/auth/logout", "")
	f.audit.expect(t, "logout", map[string]string{"operator": "guest"})
	if status, _, _ := f.do(t, token, "GET", "/config", ""); status != http.StatusUnauthorized {
		t.Errorf("after the log-out: %d", status)
	}
}
