package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func TestSite(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hash, err := api.HashPassword("a long password")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.CreateUser(t.Context(), store.User{Username: "ann", PasswordHash: hash}); err != nil {
		t.Fatal(err)
	}
	handler, err := site(db, api.NewHub(db, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, token, body string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		return w
	}
	if w := ask("GET", "/", "", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "the rest") {
		t.Errorf("the site: %d %s", w.Code, w.Body)
	}
	if w := ask("GET", "/security/decnet/stats", "", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("without a log-in: %d", w.Code)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	w := ask("POST", "/security/decnet/auth/login", "", `{"username":"ann","password":"a long password"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("log-in: %d %s", w.Code, w.Body)
	}
	if w := ask("GET", "/security/decnet/stats", answer.Token, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"total_logs":0`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
