package ftp

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// recent is how old a file may be for its listing to show the time instead of the year.
const recent = 182 * 24 * time.Hour

// maxMatch bounds the steps of one pattern match, as VSFTP_MATCHITERS_MAX does.
const maxMatch = 1000

// listing holds what LIST, NLST and STAT ask for.
type listing struct {
	long, all, reverse, byTime, suffix bool
	where                              string // as typed: directory, file or pattern
}

// parseListing reads the argument of LIST, NLST or STAT: options, then a name.
func parseListing(arg string, l listing) listing {
	if strings.HasPrefix(arg, "-") {
		var opts string
		opts, arg, _ = strings.Cut(arg[1:], " ")
		for _, o := range opts {
			switch o {
			case 'a':
				l.all = true
			case 'r':
				l.reverse = true
			case 't':
				l.byTime = true
			case 'F':
				l.suffix = true
			case 'l':
				l.long = true
			}
		}
	}
	l.where = arg
	return l
}

// list returns the text of a listing and whether its directory could be opened.
func (c *session) list(l listing) (text string, ok bool) {
	dir, pattern, prefix := c.cwd, "", ""
	if l.where != "" {
		full := c.resolve(l.where)
		if n := c.files.stat(full); n != nil && n.dir {
			dir, prefix = full, strings.TrimSuffix(l.where, "/")+"/"
		} else {
			pattern = l.where
			if i := strings.LastIndexByte(l.where, '/'); i >= 0 {
				prefix, pattern = l.where[:i+1], l.where[i+1:]
				dir = c.resolve(prefix)
			}
		}
	}
	entries, ok := c.files.list(dir, l.all)
	if !ok {
		return "", false
	}
	if pattern != "" {
		steps := maxMatch
		entries = slices.DeleteFunc(entries, func(e entry) bool { return !match(pattern, e.name, &steps) })
	}
	if l.byTime {
		slices.SortStableFunc(entries, func(a, b entry) int { return b.node.mtime.Compare(a.node.mtime) })
	}
	if l.reverse {
		slices.Reverse(entries)
	}
	var b strings.Builder
	now := c.srv.env.Now()
	for _, e := range entries {
		name := e.name
		if l.suffix && e.node.dir {
			name += "/"
		}
		if l.long {
			b.WriteString(longLine(e, name, now))
		} else {
			b.WriteString(prefix + name)
		}
		b.WriteString("\r\n")
	}
	return b.String(), true
}

// longLine returns the line of e as vsftpd prints it.
func longLine(e entry, name string, now time.Time) string {
	n := e.node
	kind, links := byte('-'), 1
	if n.dir {
		kind, links = 'd', 2+e.subs
	}
	when := n.mtime.UTC()
	date := when.Format("Jan 02 15:04")
	if when.After(now) || now.Sub(when) > recent {
		date = when.Format("Jan 02  2006")
	}
	return fmt.Sprintf("%c%s %4d %-8d %-8d %8d %s %s", kind, permissions(n.mode), links, n.uid, n.gid, n.size, date, name)
}

func permissions(mode uint16) string {
	text := []byte("rwxrwxrwx")
	for i := range text {
		if mode&(0o400>>i) == 0 {
			text[i] = '-'
		}
	}
	return string(text)
}

// match reports whether name matches pattern: * and ? are wild, {a,b} is a choice. It
// gives up, with false, when steps are used up.
func match(pattern, name string, steps *int) bool {
	for *steps > 0 {
		*steps--
		if pattern == "" {
			return name == ""
		}
		switch pattern[0] {
		case '*':
			rest := strings.TrimLeft(pattern, "*")
			for i := 0; i <= len(name); i++ {
				if match(rest, name[i:], steps) {
					return true
				}
			}
			return false
		case '{':
			end := strings.IndexByte(pattern, '}')
			if end < 0 {
				return false
			}
			for choice := range strings.SplitSeq(pattern[1:end], ",") {
				if strings.HasPrefix(name, choice) && match(pattern[end+1:], name[len(choice):], steps) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
		default:
			if name == "" || name[0] != pattern[0] {
				return false
			}
		}
		pattern, name = pattern[1:], name[1:]
	}
	return false
}

// resolve returns the clean absolute path of a name as typed. There is nothing above the
// root, and "~" is the root, which is everybody's home.
func (c *session) resolve(name string) string {
	if name == "~" || strings.HasPrefix(name, "~/") {
		name = "/" + name[1:]
	}
	if !strings.HasPrefix(name, "/") {
		name = c.cwd + "/" + name
	}
	return path.Clean(name)
}
