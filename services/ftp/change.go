package ftp

import (
	"strings"
	"time"
)

// mdtmLayout is how MDTM writes times.
const mdtmLayout = "20060102150405"

// change answers the commands about names, and reports whether verb is one.
func (c *session) change(verb, arg string) bool {
	p := c.resolve(arg)
	switch verb {
	case "SIZE":
		if n := c.files.stat(p); arg == "" || n == nil || n.dir {
			c.reply("550 Could not get file size.")
		} else {
			c.replyf("213 %d", n.size)
		}
	case "MDTM":
		c.mdtm(arg)
	case "MKD", "XMKD":
		switch {
		case !c.srv.write:
			c.denied()
		case arg == "" || c.files.mkdir(p, c.uid, c.gid, 0o777&^c.umask, c.srv.env.Now()) != nil:
			c.reply("550 Create directory operation failed.")
		default:
			c.replyf(`257 "%s" created`, quoted(p))
		}
	case "DELE", "RMD", "XRMD", "RNFR", "RNTO":
		if !c.srv.write || c.guest {
			c.denied()
			break
		}
		c.move(verb, arg, p)
	default:
		return false
	}
	return true
}

// move answers the commands that remove and rename.
func (c *session) move(verb, arg, p string) {
	switch verb {
	case "DELE":
		c.outcome(arg != "" && c.files.remove(p, c.uid, false) == nil, "250 Delete operation successful.", "550 Delete operation failed.")
	case "RMD", "XRMD":
		named := arg != "" && !strings.HasSuffix(arg, ".")
		c.outcome(named && c.files.remove(p, c.uid, true) == nil, "250 Remove directory operation successful.", "550 Remove directory operation failed.")
	case "RNFR":
		c.renameFrom = ""
		if arg != "" && c.files.stat(p) != nil {
			c.renameFrom = p
		}
		c.outcome(c.renameFrom != "", "350 Ready for RNTO.", "550 RNFR command failed.")
	case "RNTO":
		if c.renameFrom == "" {
			c.reply("503 RNFR required first.")
			break
		}
		c.outcome(arg != "" && c.files.rename(c.renameFrom, p, c.uid) == nil, "250 Rename successful.", "550 Rename failed.")
		c.renameFrom = ""
	}
}

func (c *session) outcome(ok bool, yes, no string) {
	if ok {
		c.reply(yes)
	} else {
		c.reply(no)
	}
}

// mdtm answers MDTM: the time of a file, or for local accounts a new one.
func (c *session) mdtm(arg string) {
	if stamp, name, ok := strings.Cut(arg, " "); ok && !c.guest && c.srv.write {
		if when, err := time.Parse(mdtmLayout, stamp); err == nil {
			c.outcome(c.files.touch(c.resolve(name), c.uid, when) == nil,
				"213 File modification time set.", "550 Could not set file modification time.")
			return
		}
	}
	n := c.files.stat(c.resolve(arg))
	if arg == "" || n == nil || n.dir {
		c.reply("550 Could not get file modification time.")
		return
	}
	c.reply("213 " + n.mtime.UTC().Format(mdtmLayout))
}
