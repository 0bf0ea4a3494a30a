package redis

import (
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"

	"crypto/sha256"
)

const errNoACLFile = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."

// aclCategories in the order of ACL CAT.
var aclCategories = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
	"pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
}

func aclHandlers() map[string]handler {
	noFile := func(c *client, _ [][]byte) { c.fail(errNoACLFile) }
	return map[string]handler{
		"acl|whoami": func(c *client, _ [][]byte) { c.text(c.user) },
		"acl|users":  func(c *client, _ [][]byte) { c.texts("default") },
		"acl|list": func(c *client, _ [][]byte) {
			c.texts("user default on " + c.srv.aclPassword() + " ~* &* " + c.srv.aclCommands())
		},
		"acl|cat":     aclCat,
		"acl|getuser": aclGetUser,
		"acl|setuser": aclSetUser,
		"acl|deluser": aclDelUser,
		"acl|genpass": aclGenPass,
		"acl|log":     aclLog,
		"acl|dryrun":  aclDryRun,
		"acl|load":    noFile,
		"acl|save":    noFile,
	}
}

func (s *server) aclPassword() string {
	if !s.needsPassword {
		return "nopass"
	}
	sum := sha256.Sum256([]byte(s.requirePass()))
	return "#" + hex.EncodeToString(sum[:])
}

// requirePass is the password that is set: the configured one, or one that nobody knows.
func (s *server) requirePass() string {
	if s.cfg["password"] != "" {
		return s.cfg["password"]
	}
	return s.env.Identity.Hex("redis:requirepass", 24)
}

// aclCommands are the rules that forbid what the honeypot does not implement.
func (s *server) aclCommands() string {
	var rules []string
	for _, name := range slices.Sorted(maps.Keys(commands())) {
		if !s.implements(commands()[name]) {
			rules = append(rules, "-"+name)
		}
	}
	return strings.Join(append([]string{"+@all"}, rules...), " ")
}

func aclCat(c *client, a [][]byte) {
	switch len(a) {
	case 2:
		c.texts(aclCategories...)
	case 3:
		category := lower(a[2])
		if !slices.Contains(aclCategories, category) {
			c.fail("ERR Unknown category '" + string(a[2]) + "'")
			return
		}
		var names []string
		for name, cmd := range commands() {
			if slices.Contains(cmd.categories, category) {
				names = append(names, name)
			}
		}
		c.texts(c.world.hashed(names)...)
	default:
		c.fail("ERR unknown subcommand or wrong number of arguments for '" + string(a[1]) + "'. Try ACL HELP.")
	}
}

func aclGetUser(c *client, a [][]byte) {
	if string(a[2]) != "default" {
		c.null()
		return
	}
	c.mapping(6)
	c.text("flags")
	password := c.srv.aclPassword()
	if password == "nopass" {
		c.set(2)
		c.text("on")
		c.text("nopass")
	} else {
		c.set(1)
		c.text("on")
	}
	c.text("passwords")
	if password == "nopass" {
		c.array(0)
	} else {
		c.texts(password[1:])
	}
	c.text("commands")
	c.text(c.srv.aclCommands())
	c.text("keys")
	c.text("~*")
	c.text("channels")
	c.text("&*")
	c.text("selectors")
	c.array(0)
}

// aclSetUser checks the rules and agrees; the users of the decky stay as they are.
func aclSetUser(c *client, a [][]byte) {
	if slices.ContainsFunc(a[2], func(b byte) bool { return b == ' ' || b == 0 }) {
		c.fail("ERR Usernames can't contain spaces or null characters")
		return
	}
	words := []string{"on", "off", "nopass", "resetpass", "reset", "resetkeys", "resetchannels", "allkeys", "allchannels", "allcommands", "nocommands", "skip-sanitize-payload", "sanitize-payload", "clearselectors"}
	for _, rule := range a[3:] {
		if len(rule) > 0 && strings.IndexByte("+-~&><#!%(@", rule[0]) >= 0 || slices.Contains(words, lower(rule)) {
			continue
		}
		c.fail("ERR Error in ACL SETUSER modifier '" + string(rule) + "': Syntax error")
		return
	}
	c.ok()
}

func aclDelUser(c *client, a [][]byte) {
	for _, name := range a[2:] {
		if string(name) == "default" {
			c.fail("ERR The 'default' user cannot be removed")
			return
		}
	}
	c.integer(0)
}

func aclGenPass(c *client, a [][]byte) {
	bits := int64(256)
	if len(a) > 3 {
		c.fail("ERR unknown subcommand or wrong number of arguments for '" + string(a[1]) + "'. Try ACL HELP.")
		return
	}
	if len(a) == 3 {
		n, ok := c.int(a[2])
		if !ok {
			return
		}
		if n <= 0 || n > 4096 {
			c.fail("ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096")
			return
		}
		bits = n
	}
	digits := int(bits+3) / 4
	raw := make([]byte, (digits+1)/2)
	_, _ = io.ReadFull(c.srv.env.Rand, raw)
	c.text(hex.EncodeToString(raw)[:digits])
}

func aclLog(c *client, a [][]byte) {
	switch {
	case len(a) == 3 && is(a[2], "reset"):
		c.ok()
		return
	case len(a) == 3:
		if _, ok := c.int(a[2]); !ok {
			return
		}
	}
	c.array(0)
}

func aclDryRun(c *client, a [][]byte) {
	if string(a[2]) != "default" {
		c.fail("ERR User '" + string(a[2]) + "' not found")
		return
	}
	cmd, refusal := resolve(lower(a[3]), a[3:])
	switch {
	case cmd == nil:
		c.fail("ERR Command '" + string(a[3]) + "' not found")
	case refusal != "":
		c.fail(refusal)
	case !c.srv.implements(cmd):
		c.text("User default has no permissions to run the '" + cmd.name + "' command")
	default:
		c.ok()
	}
}
