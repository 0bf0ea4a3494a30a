package api_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func Example() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	hash, err := api.HashPassword("a long password")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := db.CreateUser(ctx, store.User{Username: "admin", PasswordHash: hash, Role: store.RoleAdmin}); err != nil {
		fmt.Println(err)
		return
	}
	handler, err := api.New(api.Config{Store: db, Secret: bytes.Repeat([]byte("secret.."), 4)})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(http.StripPrefix("/api/v1", handler))
	defer server.Close()

	for _, password := range []string{"a guess", "a long password"} {
		body := strings.NewReader(`{"username":"admin","password":"` + password + `"}`)
		resp, err := http.Post(server.URL+"/api/v1/auth/login", "application/json", body)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// 401 Unauthorized
	// 200 OK
}
