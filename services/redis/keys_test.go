package redis_test

import (
	"strings"
	"testing"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/redis"
)

// TestW24_EveryKeyHasAnEffect sets one key at a time to what is not its default.
func TestW24_EveryKeyHasAnEffect(t *testing.T) {
	cases := map[string]struct {
		value, request string
		answers        string // contains it, which with the default it does not
	}{
		"version":           {"7.0.11", "INFO server", "redis_version:7.0.11\r\n"},
		"os_string":         {"Linux 4.4.0 armv7l", "INFO server", "os:Linux 4.4.0 armv7l\r\n"},
		"password":          {"s3cret", "PING", "-NOAUTH "},
		"accept":            {"any", "PING", "-NOAUTH "},
		"keys":              {"3", "DBSIZE", ":3\r\n"},
		"protected_configs": {"true", "CONFIG SET dir /var/spool/cron", "+OK\r\n"},
	}
	for _, key := range (redis.Service{}).Info().Keys {
		t.Run(key.Name, func(t *testing.T) {
			c := cases[key.Name]
			set, _ := start(t, services.Config{key.Name: c.value})
			unset, _ := start(t, nil)
			request := c.request + "\r\n"
			if got := ask(t, set.Dial(t, port), request); c.answers == "" || !strings.Contains(got, c.answers) {
				t.Errorf("%s is answered %q", c.request, got)
			}
			if got := ask(t, unset.Dial(t, port), request); strings.Contains(got, c.answers) {
				t.Errorf("by default, too, %s is answered %q", c.request, got)
			}
		})
	}
}
