// Command server puts the interface of DECNET into a web server that serves other things
// too, under a prefix of its own.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func main() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, "decnet.db", sqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	// Another program, such as decnetd, writes the events and makes the accounts.
	hub := api.NewHub(db, nil, nil)
	go hub.Run(ctx)
	handler, err := site(db, hub)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://127.0.0.1:8080/security/decnet/stats")
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

// site is a web site of which DECNET is one part.
func site(db store.Repository, hub *api.Hub) (http.Handler, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	decnet, err := api.New(api.Config{Store: db, Secret: secret, Hub: hub})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "the rest of the site")
	})
	mux.Handle("/security/decnet/", http.StripPrefix("/security/decnet", decnet))
	return mux, nil
}
