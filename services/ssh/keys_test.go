package ssh_test

import (
	"errors"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh"
)

// TestW24_EveryKeyHasAnEffect sets one key at a time to what is not its default.
func TestW24_EveryKeyHasAnEffect(t *testing.T) {
	entersAs := func(t *testing.T, cfg services.Config, user string, passwords ...string) (last bool) {
		d := start(t, cfg)
		for _, p := range passwords {
			_, err := tryLogIn(t, d, clientConfig(user, gossh.Password(p)))
			last = err == nil
		}
		return last
	}
	cases := map[string]func(t *testing.T) bool{
		"password": func(t *testing.T) bool { return entersAs(t, quick("password", "other"), "root", "other") },
		"users":    func(t *testing.T) bool { return entersAs(t, quick("users", "ann:pw"), "ann", "pw") },
		"accept":   func(t *testing.T) bool { return !entersAs(t, quick("accept", "nobody"), "root", "s3cret") },
		"tries": func(t *testing.T) bool {
			return entersAs(t, quick("accept", "any", "tries", "2"), "pi", "a", "b") && !entersAs(t, quick("accept", "any", "tries", "3"), "pi", "a", "b")
		},
		"fail_delay": func(t *testing.T) bool {
			began := time.Now()
			entersAs(t, quick("fail_delay", "600"), "root", "wrong")
			return time.Since(began) >= 300*time.Millisecond
		},
		"hostname": func(t *testing.T) bool {
			session, err := root(t, start(t, quick("hostname", "mailgate"))).NewSession()
			if err != nil {
				t.Fatal(err)
			}
			out, err := session.Output("hostname")
			return err == nil && string(out) == "mailgate\n"
		},
		"version": func(t *testing.T) bool {
			c := root(t, start(t, quick("version", "OpenSSH_8.4p1 Debian-5+deb11u3")))
			return string(c.ServerVersion()) == "SSH-2.0-OpenSSH_8.4p1 Debian-5+deb11u3"
		},
		"keyboard_interactive": func(t *testing.T) bool {
			answer := gossh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
				return make([]string, len(questions)), nil
			})
			d := start(t, quick("keyboard_interactive", "true"))
			_, _ = tryLogIn(t, d, clientConfig("root", answer))
			return d.Wait(t, "auth_attempt", map[string]string{"method": "keyboard-interactive"}).Type != ""
		},
		"daemon": func(t *testing.T) bool {
			container, err := ssh.Service{}.Container(services.Config{"daemon": "real"})
			_, refused := ssh.Service{}.New(services.Env{Decky: "d"}, services.Config{"daemon": "real"})
			return err == nil && container.Context != nil && errors.Is(refused, decnet.ErrSemantic)
		},
	}
	for _, key := range (ssh.Service{}).Info().Keys {
		t.Run(key.Name, func(t *testing.T) {
			if has, ok := cases[key.Name]; !ok || !has(t) {
				t.Errorf("%s has no effect", key.Name)
			}
		})
	}
}
