package mysql_test

import (
	"testing"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/mysql"
)

// TestW24_EveryKeyHasAnEffect sets one key at a time to what is not its default.
func TestW24_EveryKeyHasAnEffect(t *testing.T) {
	enters := func(t *testing.T, cfg services.Config, user string, passwords ...string) (last bool) {
		_, addr := start(t, cfg)
		for _, p := range passwords {
			last = isOK(connect(t, addr).login(t, user, p, ""))
		}
		return last
	}
	version := func(t *testing.T, cfg services.Config) string {
		_, addr := start(t, cfg)
		rows, failure := inside(t, addr).query(t, "SELECT @@version")
		if failure != "" || len(rows) != 1 {
			t.Fatalf("%q, %s", rows, failure)
		}
		return rows[0][0]
	}
	cases := map[string]func(t *testing.T) bool{
		"flavor":  func(t *testing.T) bool { return version(t, services.Config{"flavor": "mariadb"}) != version(t, nil) },
		"version": func(t *testing.T) bool { return version(t, services.Config{"version": "8.0.36"}) == "8.0.36" },
		"auth_plugin": func(t *testing.T) bool {
			_, addr := start(t, services.Config{"auth_plugin": native})
			_, other := start(t, nil)
			return connect(t, addr).plugin == native && connect(t, other).plugin != native
		},
		"accept": func(t *testing.T) bool { return !enters(t, services.Config{"accept": "nobody"}, "root", "root") },
		"users":  func(t *testing.T) bool { return enters(t, services.Config{"users": "app:pw"}, "app", "pw") },
		"tries": func(t *testing.T) bool {
			return enters(t, services.Config{"accept": "any", "tries": "2"}, "x", "a", "b") && !enters(t, services.Config{"accept": "any", "tries": "3"}, "x", "a", "b")
		},
	}
	for _, key := range (mysql.Service{}).Info().Keys {
		t.Run(key.Name, func(t *testing.T) {
			if has, ok := cases[key.Name]; !ok || !has(t) {
				t.Errorf("%s has no effect", key.Name)
			}
		})
	}
}
