package redis

import (
	"cmp"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/decnet/decnet"
)

// configFacts has a line for each setting of Redis 7.0 as Debian's package configures it:
// name, value, kind and the range or the choices.
//
//go:embed config.tsv
var configFacts string

// setting is one line of configFacts.
type setting struct {
	value  string
	kind   string
	detail string
}

var configTable = sync.OnceValue(func() map[string]setting {
	all := make(map[string]setting, 200)
	for line := range strings.Lines(configFacts) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		all[f[0]] = setting{f[1], f[2], f[3]}
	}
	return all
})

// settings are the values in which the decky differs from configFacts.
func (s *server) settings() map[string]string {
	m := map[string]string{}
	if s.cfg["password"] != "" {
		m["requirepass"] = s.cfg["password"]
	}
	if s.cfg.Bool("protected_configs") {
		m["enable-protected-configs"] = "yes"
	}
	return m
}

// setting returns the value of a setting.
func (w *world) setting(name string) string {
	if v, ok := w.config[name]; ok {
		return v
	}
	return configTable()[name].value
}

// twin returns the other name of a setting, "" when it has one name.
func twin(name string) string {
	all := configTable()
	for _, names := range [][2]string{{"slave", "replica"}, {"ziplist", "listpack"}} {
		for i, word := range names {
			if !strings.Contains(name, word) {
				continue
			}
			other := strings.Replace(name, word, names[1-i], 1)
			other = strings.Replace(other, "min-replica-", "min-replicas-", 1)
			if _, ok := all[other]; ok && other != name {
				return other
			}
		}
	}
	switch name {
	case "lua-time-limit":
		return "busy-reply-threshold"
	case "busy-reply-threshold":
		return "lua-time-limit"
	}
	return ""
}

func configHandlers() map[string]handler {
	return map[string]handler{
		"config|get":       configGet,
		"config|set":       configSet,
		"config|resetstat": configResetStat,
		"config|rewrite":   func(c *client, _ [][]byte) { c.ok() },
	}
}

func configGet(c *client, a [][]byte) {
	all := configTable()
	var names []string
	for _, pattern := range a[2:] {
		if _, ok := all[strings.ToLower(string(pattern))]; ok {
			names = append(names, strings.ToLower(string(pattern)))
			continue
		}
		if !strings.ContainsAny(string(pattern), "*?[") {
			continue
		}
		for name := range all {
			if match([]byte(strings.ToLower(string(pattern))), []byte(name)) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	c.world.hashed(names)
	c.mapping(len(names))
	for _, name := range names {
		c.text(name)
		c.text(c.shown(name))
	}
}

// shown returns the value that CONFIG GET shows.
func (c *client) shown(name string) string {
	if name == "replicaof" || name == "slaveof" {
		return c.world.master
	}
	return c.world.setting(name)
}

func configSet(c *client, a [][]byte) {
	if len(a)%2 != 0 {
		c.fail(errSyntax)
		return
	}
	all := configTable()
	seen := map[string]bool{}
	changes := map[string]string{}
	for i := 2; i < len(a); i += 2 {
		name := strings.ToLower(string(a[i]))
		s, known := all[name]
		if !known {
			c.fail("ERR Unknown option or number of arguments for CONFIG SET - '" + string(a[i]) + "'")
			return
		}
		problem := c.problem(name, s)
		if problem == "" && seen[name] {
			problem = "duplicate parameter"
		}
		value := string(a[i+1])
		if problem == "" {
			value, problem = s.check(value)
		}
		if problem != "" {
			c.fail("ERR CONFIG SET failed (possibly related to argument '" + string(a[i]) + "') - " + problem)
			return
		}
		seen[name] = true
		changes[name] = value
	}
	for name, value := range changes {
		c.world.config[name] = value
		if other := twin(name); other != "" {
			c.world.config[other] = value
		}
	}
	if dir, ok := changes["dir"]; ok {
		c.session.Warn("config_write", decnet.F("setting", "dir"), decnet.F("value", dir))
	}
	if file, ok := changes["dbfilename"]; ok {
		c.session.Warn("config_write", decnet.F("setting", "dbfilename"), decnet.F("value", file))
	}
	c.ok()
}

// problem returns why a setting cannot be changed at all.
func (c *client) problem(name string, s setting) string {
	switch s.kind {
	case "immutable":
		return "can't set immutable config"
	case "protected":
		if c.world.setting("enable-protected-configs") == "no" {
			return "can't set protected config"
		}
	}
	return ""
}

// check returns the canonical form of a value, or what is wrong with it.
func (s setting) check(value string) (canonical, problem string) {
	switch s.kind {
	case "bool":
		switch v := strings.ToLower(value); v {
		case "yes", "no":
			return v, ""
		}
		return "", "argument must be 'yes' or 'no'"
	case "enum":
		if slices.Contains(strings.Split(s.detail, ", "), strings.ToLower(value)) {
			return strings.ToLower(value), ""
		}
		return "", "argument(s) must be one of the following: " + s.detail
	case "int":
		n, ok := parseInt([]byte(value))
		if !ok {
			return "", "argument couldn't be parsed into an integer"
		}
		lo, hi, _ := strings.Cut(s.detail, " ")
		low, _ := strconv.ParseInt(lo, 10, 64)
		high, _ := strconv.ParseInt(hi, 10, 64)
		if n < low || n > high {
			return "", "argument must be between " + lo + " and " + hi + " inclusive"
		}
	case "memory":
		n, ok := memory(value)
		if !ok {
			return "", "argument must be a memory value"
		}
		return strconv.FormatUint(n, 10), ""
	case "protected":
		if strings.Contains(value, "/") && s.value == "dump.rdb" {
			return "", "dbfilename can't be a path, just a filename"
		}
	case "other":
		if problem := s.checkList(value); problem != "" {
			return "", problem
		}
	}
	return value, ""
}

// checkList checks the settings that are lists of numbers or letters.
func (s setting) checkList(value string) string {
	words := strings.Fields(value)
	numbers := 0
	for _, w := range words {
		if _, ok := parseInt([]byte(w)); ok {
			numbers++
		}
	}
	switch {
	case strings.HasPrefix(s.detail, "Invalid save"):
		if numbers != len(words) || numbers%2 != 0 {
			return s.detail
		}
	case strings.HasPrefix(s.detail, "Wrong number"):
		if len(words) == 0 || len(words)%4 != 0 {
			return s.detail
		}
	case strings.HasPrefix(s.detail, "wrong number"):
		if numbers != 3 || len(words) != 3 {
			return s.detail
		}
	case strings.HasPrefix(s.detail, "Invalid event"):
		if strings.Trim(value, "Ag$lshzxeKEtmdn") != "" {
			return s.detail
		}
	case strings.HasPrefix(s.detail, "argument must be a memory"):
		if _, ok := memory(strings.TrimSuffix(value, "%")); !ok {
			return s.detail
		}
	}
	return ""
}

// memory reads a size such as 64mb.
func memory(s string) (uint64, bool) {
	s = strings.ToLower(s)
	units := []struct {
		suffix string
		size   uint64
	}{{"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"g", 1e9}, {"m", 1e6}, {"k", 1e3}, {"b", 1}, {"", 1}}
	i := slices.IndexFunc(units, func(u struct {
		suffix string
		size   uint64
	}) bool {
		return strings.HasSuffix(s, u.suffix)
	})
	n, err := strconv.ParseUint(strings.TrimSuffix(s, units[i].suffix), 10, 64)
	return n * units[i].size, err == nil
}

func configResetStat(c *client, _ [][]byte) {
	w := c.world
	w.hits, w.misses, w.expired = 0, 0, 0
	clear(w.calls)
	clear(w.errors)
	c.ok()
}

// human prints a size as INFO does.
func human(n uint64) string {
	units := "BKMGT"
	i := 0
	f := float64(n)
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if i == 0 {
		return strconv.FormatUint(n, 10) + "B"
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + units[i:i+1]
}

// sortedCalls returns the commands that were called, by name.
func (w *world) sortedCalls() []string {
	names := make([]string, 0, len(w.calls))
	for n := range w.calls {
		names = append(names, n)
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}
