package main

import (
	"net/http/httptest"
	"testing"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func TestKeys(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var k keys
	k.add("key of the chief", "chief", store.RoleAdmin)
	k.add("key of the guest", "guest", store.RoleViewer)
	handler, err := api.New(api.Config{Store: db, Auth: &k})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, path string
		status    int
	}{
		{"", "/stats", 401},
		{"another key", "/stats", 401},
		{"key of the guest", "/stats", 200},
		{"key of the guest", "/artifacts/decky-01/x", 403},
		{"key of the chief", "/artifacts/decky-01/x", 404},
		{"key of the chief", "/auth/logout", 404},
	} {
		req := httptest.NewRequestWithContext(t.Context(), "GET", c.path, nil)
		req.Header.Set("X-Api-Key", c.key)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != c.status {
			t.Errorf("%s with %q: %d %s, want %d", c.path, c.key, w.Code, w.Body, c.status)
		}
	}
}
