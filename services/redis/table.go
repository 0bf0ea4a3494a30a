package redis

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// commandFacts has a line for each command and subcommand of Redis 7.0: name, arity,
// flags, position of the keys, ACL categories, tips and key specifications.
//
//go:embed commands.tsv
var commandFacts string

// command is what the server knows about a command without running it.
type command struct {
	name       string // "get", "config|get"
	arity      int    // of all words; negative: at least
	flags      []string
	keys       [3]int // first, last, step
	categories []string
	tips       []string
	specs      []string
	subs       []*command // sorted by name

	write, denyOOM, noAuth, noMulti, protected bool
}

// commands returns the commands by name, those of a container as "config|get".
var commands = sync.OnceValue(func() map[string]*command {
	all := make(map[string]*command, 400)
	for line := range strings.Lines(commandFacts) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		c := &command{
			name: f[0], flags: strings.Fields(f[2]), categories: strings.Fields(f[4]),
			tips: splitList(f[5]), specs: splitList(f[6]),
		}
		c.arity, _ = strconv.Atoi(f[1])
		for i, n := range strings.Fields(f[3]) {
			c.keys[i], _ = strconv.Atoi(n)
		}
		c.write = slices.Contains(c.flags, "write")
		c.denyOOM = slices.Contains(c.flags, "denyoom")
		c.noAuth = slices.Contains(c.flags, "no_auth")
		c.noMulti = slices.Contains(c.flags, "no_multi")
		all[c.name] = c
		if container, _, ok := strings.Cut(c.name, "|"); ok {
			all[container].subs = append(all[container].subs, c)
		}
	}
	// These need enable-debug-command and enable-module-command.
	for _, name := range []string{"debug", "module|load", "module|loadex", "module|unload"} {
		all[name].protected = true
	}
	return all
})

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ";")
}

// describe answers COMMAND and COMMAND INFO for one command. The subcommands come in the
// order of the hash table that they are in.
func (c *command) describe(r *reply, w *world) {
	r.array(10)
	r.text(c.name)
	r.integer(int64(c.arity))
	r.set(len(c.flags))
	for _, f := range c.flags {
		r.simple(f)
	}
	for _, k := range c.keys {
		r.integer(int64(k))
	}
	r.set(len(c.categories))
	for _, cat := range c.categories {
		r.simple("@" + cat)
	}
	r.set(0)
	if len(c.tips) > 0 {
		r.buf = r.buf[:len(r.buf)-len("*0\r\n")]
		r.set(len(c.tips))
		for _, t := range c.tips {
			r.text(t)
		}
	}
	r.set(len(c.specs))
	for _, s := range c.specs {
		describeKeySpec(r, s)
	}
	r.set(len(c.subs))
	for _, name := range w.hashed(c.subNames()) {
		commands()[name].describe(r, w)
	}
}

func (c *command) subNames() []string {
	names := make([]string, len(c.subs))
	for i, sub := range c.subs {
		names[i] = sub.name
	}
	return names
}

// describeKeySpec expands "RW insert,index 1,range 0 1 0", with notes after a third comma.
func describeKeySpec(r *reply, spec string) {
	parts := strings.SplitN(spec, ",", 4)
	flags := strings.Fields(parts[0])
	if len(parts) == 4 {
		r.mapping(4)
		r.text("notes")
		r.text(parts[3])
	} else {
		r.mapping(3)
	}
	r.text("flags")
	r.set(len(flags))
	for _, f := range flags {
		r.simple(f)
	}
	r.text("begin_search")
	describeSearch(r, strings.Fields(parts[1]))
	r.text("find_keys")
	describeSearch(r, strings.Fields(parts[2]))
}

var searchFields = map[string][]string{
	"index":   {"index"},
	"keyword": {"keyword", "startfrom"},
	"range":   {"lastkey", "keystep", "limit"},
	"keynum":  {"keynumidx", "firstkey", "keystep"},
}

func describeSearch(r *reply, words []string) {
	r.mapping(2)
	r.text("type")
	r.text(words[0])
	r.text("spec")
	names := searchFields[words[0]]
	r.mapping(len(names))
	for i, name := range names {
		r.text(name)
		if n, err := strconv.Atoi(words[i+1]); err == nil {
			r.integer(int64(n))
		} else {
			r.text(words[i+1])
		}
	}
}
