package ftp

import (
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// policy says who gets in.
type policy struct {
	anonymous bool
	accept    string // "list", "any", "nobody"
	users     map[string]string
}

// admits reports whether user may enter with password, and whether as the guest.
func (p policy) admits(user, password string) (ok, guest bool) {
	if isGuest(user) {
		return p.anonymous, true
	}
	switch p.accept {
	case "any":
		return true, false
	case "list":
		want, known := p.users[user]
		return known && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1, false
	}
	return false, false
}

func isGuest(user string) bool {
	return strings.EqualFold(user, "anonymous") || strings.EqualFold(user, "ftp")
}

// parseUsers reads a comma list of user:password.
func parseUsers(list string) (map[string]string, error) {
	if list == "" {
		return nil, nil
	}
	users := make(map[string]string)
	for part := range strings.SplitSeq(list, ",") {
		user, password, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || user == "" {
			return nil, fmt.Errorf("ftp: users: %q is not user:password: %w", part, decnet.ErrSemantic)
		}
		users[user] = password
	}
	return users, nil
}

// weakAccount returns the account that a guesser finds when the operator names none.
func weakAccount(id services.Identity) map[string]string {
	user := id.Pick("ftp user", "backup", "ftpuser", "webmaster", "upload", "web", "dev", "deploy", "www", "data")
	switch id.Rand("ftp password").IntN(4) {
	case 0:
		return map[string]string{user: user}
	case 1:
		return map[string]string{user: user + "123"}
	case 2:
		return map[string]string{user: user + id.Pick("ftp year", "2022", "2023", "2024", "2025")}
	}
	return map[string]string{user: id.Pick("ftp word", "password", "123456", "qwerty", "letmein", "changeme", "ftp123")}
}

// user answers USER.
func (c *session) user(arg string) {
	switch {
	case !c.loggedIn:
		c.name = arg
		c.reply("331 Please specify the password.")
	case c.guest:
		c.reply("530 Can't change from guest user.")
	case arg != c.name:
		c.reply("530 Can't change to another user.")
	default:
		c.reply("331 Any password will do.")
	}
}

// pass answers PASS.
func (c *session) pass(arg string) {
	switch {
	case c.loggedIn:
		c.reply("230 Already logged in.")
		return
	case c.name == "":
		c.reply("503 Login with USER first.")
		return
	}
	ok, guest := c.srv.policy.admits(c.name, arg)
	method, outcome := "password", "failure"
	if guest {
		method = "anonymous"
	}
	if ok {
		outcome = "success"
	}
	c.Emit("auth_attempt",
		decnet.F("username", c.name),
		decnet.F("password", arg),
		decnet.F("method", method),
		decnet.F("outcome", outcome))
	if ok {
		c.enter(guest)
		c.reply("230 Login successful.")
		return
	}
	c.srv.pause(c.ctx, failedDelay+c.pamDelay())
	c.reply("530 Login incorrect.")
	c.name = ""
	c.fails++
	c.ended = c.fails >= maxLoginFails
}

// enter makes the session one of the guest or of a local account.
func (c *session) enter(guest bool) {
	c.loggedIn, c.guest = true, guest
	c.files = c.srv.treeOf(c.Attacker.Addr())
	c.uid, c.gid = localUID, localUID
	if guest {
		c.name = "ftp"
		c.uid, c.gid = c.files.guestUID, c.files.guestGID
	}
}

// pamDelay returns how long pam_unix makes a wrong password wait: two seconds, varied by
// up to half of that, with the middle more likely than the ends.
func (c *session) pamDelay() time.Duration {
	var raw [6]byte
	c.random(raw[:])
	sum := 0
	for i := 0; i < len(raw); i += 2 {
		sum += int(raw[i])<<8 | int(raw[i+1])
	}
	return pamDelay/2 + time.Duration(float64(pamDelay)*float64(sum)/(3*65535))
}
