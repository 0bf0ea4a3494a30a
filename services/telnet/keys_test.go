package telnet_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/telnet"
)

// TestW24_EveryKeyHasAnEffect sets one key at a time to what is not its default.
func TestW24_EveryKeyHasAnEffect(t *testing.T) {
	talk := func(t *testing.T, cfg services.Config, typed ...string) string {
		c := start(t, cfg, services.Env{}).Dial(t, port)
		_, _ = io.WriteString(c, strings.Join(typed, "\r\n")+"\r\n")
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(said)
	}
	// Six wrong log-ins end the connection of who does not get in.
	enters := func(t *testing.T, cfg services.Config, typed ...string) bool {
		typed = append(typed, "echo in$((6*7))", "exit")
		return strings.Contains(talk(t, cfg, append(typed, strings.Split(strings.Repeat("x ", 12), " ")...)...), "in42\r\n")
	}
	cases := map[string]func(t *testing.T) bool{
		"password": func(t *testing.T) bool { return enters(t, quick("password", "other"), "root", "other") },
		"users":    func(t *testing.T) bool { return enters(t, quick("users", "ann:pw"), "ann", "pw") },
		"accept":   func(t *testing.T) bool { return !enters(t, quick("accept", "nobody"), "root", "s3cret") },
		"tries": func(t *testing.T) bool {
			return enters(t, quick("accept", "any", "tries", "2"), "pi", "a", "pi", "b") && !enters(t, quick("accept", "any", "tries", "9"), "pi", "a", "pi", "b")
		},
		"fail_delay": func(t *testing.T) bool {
			began := time.Now()
			talk(t, quick("fail_delay", "600"), "root", "wrong", "root", "s3cret", "exit")
			return time.Since(began) >= 300*time.Millisecond
		},
		"hostname": func(t *testing.T) bool {
			return strings.Contains(talk(t, quick("hostname", "mailgate"), "root", "s3cret", "exit"), "mailgate login: ")
		},
		"telnetd": func(t *testing.T) bool {
			return strings.HasPrefix(talk(t, quick("telnetd", "busybox"), "root", "s3cret", "exit"), "\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03")
		},
		"daemon": func(t *testing.T) bool {
			container, err := telnet.Service{}.Container(services.Config{"daemon": "real"})
			_, refused := telnet.Service{}.New(services.Env{Decky: "d"}, services.Config{"daemon": "real"})
			return err == nil && container.Context != nil && errors.Is(refused, decnet.ErrSemantic)
		},
	}
	for _, key := range (telnet.Service{}).Info().Keys {
		t.Run(key.Name, func(t *testing.T) {
			if has, ok := cases[key.Name]; !ok || !has(t) {
				t.Errorf("%s has no effect", key.Name)
			}
		})
	}
}
