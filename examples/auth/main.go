// Command auth serves the interface of DECNET to holders of API keys, instead of to
// accounts of the store who log in.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// keys is an api.Authenticator: whoever sends a key in X-Api-Key is who it belongs to.
type keys struct{ holders []holder }

type holder struct {
	key [sha256.Size]byte // hash of it
	api.Identity
}

// add makes key that of a person.
func (k *keys) add(key, name, role string) {
	k.holders = append(k.holders, holder{sha256.Sum256([]byte(key)), api.Identity{ID: name, Name: name, Role: role}})
}

// Authenticate implements api.Authenticator.
func (k *keys) Authenticate(r *http.Request) (api.Identity, error) {
	sum := sha256.Sum256([]byte(r.Header.Get("X-Api-Key")))
	for _, h := range k.holders {
		if subtle.ConstantTimeCompare(sum[:], h.key[:]) == 1 {
			return h.Identity, nil
		}
	}
	return api.Identity{}, fmt.Errorf("unknown key: %w", decnet.ErrUnauthorized)
}

func main() {
	db, err := sqlite.Open(context.Background(), "decnet.db", sqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	var k keys
	for name, role := range map[string]string{"ADMIN_KEY": store.RoleAdmin, "VIEWER_KEY": store.RoleViewer} {
		if key := os.Getenv(name); key != "" {
			k.add(key, name, role)
		}
	}
	handler, err := api.New(api.Config{Store: db, Auth: &k})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://127.0.0.1:8080/stats")
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}
