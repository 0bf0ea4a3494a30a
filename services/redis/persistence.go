package redis

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/decnet/decnet"
)

func persistenceHandlers() map[string]handler {
	return map[string]handler{
		"save":         func(c *client, _ [][]byte) { c.save(); c.ok() },
		"bgsave":       bgsave,
		"bgrewriteaof": func(c *client, _ [][]byte) { c.simple("Background append only file rewriting started") },
		"lastsave":     func(c *client, _ [][]byte) { c.integer(c.world.lastSave) },
		"shutdown":     shutdown,
	}
}

// save does as if the data were written. When the attacker has said where to, the file
// that would be there now is kept as evidence.
func (c *client) save() {
	c.world.lastSave = c.srv.env.Now().Unix()
	c.world.dirty = 0
	c.world.saves++
	_, dir := c.world.config["dir"]
	_, file := c.world.config["dbfilename"]
	if dir || file {
		target := path.Join(c.world.setting("dir"), c.world.setting("dbfilename"))
		_, _ = c.session.CaptureBytes(c.ctx, target, c.srv.snapshot(c.world), decnet.F("reason", "save"))
	}
}

func bgsave(c *client, a [][]byte) {
	if len(a) > 2 || len(a) == 2 && !is(a[1], "schedule") {
		c.fail(errSyntax)
		return
	}
	c.save()
	c.simple("Background saving started")
}

// shutdown hangs up: whoever comes back finds a server that its supervisor has restarted.
func shutdown(c *client, a [][]byte) {
	abort := false
	for _, o := range a[1:] {
		switch {
		case is(o, "save"), is(o, "nosave"), is(o, "now"), is(o, "force"):
		case is(o, "abort"):
			abort = true
		default:
			c.fail(errSyntax)
			return
		}
	}
	if abort {
		c.fail("ERR No shutdown in progress.")
		return
	}
	for o := range c.world.clients {
		c.hangUpOn(o)
	}
}

const (
	// capturedFrom is the size from which a value is kept as a file.
	capturedFrom = 4 << 10
	// urlsReported bounds the download_attempt events of one command.
	urlsReported = 8
)

// signs are the marks of values that are meant to become files.
var signs = []struct {
	reason string
	mark   *regexp.Regexp
}{
	{"ssh_key", regexp.MustCompile(`ssh-(?:rsa|ed25519|dss) AAAA|ecdsa-sha2-nistp\d+ AAAA`)},
	{"cron", regexp.MustCompile(`(?m)^\s*(?:[\d*/,-]+\s+){5}\S|@reboot\s`)},
	{"php", regexp.MustCompile(`<\?(?:php|=)`)},
	{"elf", regexp.MustCompile(`^\x7fELF`)},
	{"pe", regexp.MustCompile(`^MZ`)},
	{"script", regexp.MustCompile(`^#!\s*/`)},
}

var urls = regexp.MustCompile(`(?i)\b(?:https?|ftps?|tftp)://[^\s"'<>|;&)\\]+`)

// inspect reports what a write leaves behind: values that are large or look like files,
// and addresses to fetch from.
func (c *client) inspect(cmd *command, args [][]byte) {
	found := 0
	for _, a := range args[1:] {
		if len(a) < 4 {
			continue
		}
		if bytes.Contains(a, []byte("://")) {
			for _, u := range urls.FindAll(a[:min(len(a), 64<<10)], urlsReported-found) {
				found++
				c.session.Emit("download_attempt", decnet.F("url", string(u)), decnet.F("cmd", cmd.name))
			}
		}
		reason := suspicion(a)
		if reason == "" {
			continue
		}
		name := "db" + strconv.Itoa(c.db.number) + "/" + string(args[1][:min(len(args[1]), 256)])
		_, _ = c.session.CaptureBytes(c.ctx, name, a, decnet.F("reason", reason))
	}
}

// suspicion says why a value is worth keeping, "" when it is not.
func suspicion(a []byte) string {
	head := a[:min(len(a), 64<<10)]
	i := slices.IndexFunc(signs, func(s struct {
		reason string
		mark   *regexp.Regexp
	}) bool {
		return s.mark.Match(head)
	})
	switch {
	case i >= 0:
		return signs[i].reason
	case len(a) >= capturedFrom:
		return "size"
	}
	return ""
}
