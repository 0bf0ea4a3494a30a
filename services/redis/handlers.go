package redis

import (
	"maps"
	"math"
	"strconv"
	"strings"
	"sync"
)

const (
	errSyntax    = "ERR syntax error"
	errWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errNotInt    = "ERR value is not an integer or out of range"
	errNotFloat  = "ERR value is not a valid float"
	errNoKey     = "ERR no such key"
	errRange     = "ERR index out of range"
	errOOM       = "OOM command not allowed when used memory > 'maxmemory'."
)

// handler answers one command, with the world locked and the arity checked.
type handler = func(*client, [][]byte)

// handlers returns the commands that the honeypot implements: one map, which nobody changes,
// for all servers.
var handlers = sync.OnceValue(func() map[string]handler {
	all := map[string]handler{}
	for _, group := range []map[string]handler{
		connectionHandlers(), keyHandlers(), stringHandlers(), listHandlers(), hashHandlers(), setHandlers(),
		zsetHandlers(), streamHandlers(), transactionHandlers(), pubsubHandlers(), serverHandlers(), configHandlers(),
		aclHandlers(), persistenceHandlers(), replicationHandlers(), scriptHandlers(), introspectionHandlers(),
	} {
		maps.Copy(all, group)
	}
	return all
})

// find returns the value at key if it is of kind k. It answers and reports false when it
// is of another; a missing key is nil and true.
func (c *client) find(key []byte, k kind) (*value, bool) {
	v := c.read(key)
	if v != nil && v.kind != k {
		c.fail(errWrongType)
		return nil, false
	}
	return v, true
}

// read returns the value at key, counting a hit or a miss.
func (c *client) read(key []byte) *value {
	v := c.db.lookup(string(key), c.now())
	if v == nil {
		c.world.misses++
		return nil
	}
	c.world.hits++
	v.used = c.now()
	return v
}

// open returns the value at key for writing, made when it is missing.
func (c *client) open(key []byte, k kind) (*value, bool) {
	v, ok := c.find(key, k)
	if ok && v == nil {
		v = &value{kind: k, used: c.now()}
		c.db.put(string(key), v)
	}
	return v, ok
}

// settle ends a write to the collection v at key: an empty one goes away.
func (c *client) settle(key []byte, v *value) {
	if v.empty() {
		c.db.remove(string(key))
	}
	c.wrote(string(key))
}

// store makes v the value at key and tells so.
func (c *client) store(key []byte, v *value) {
	v.used = c.now()
	c.db.put(string(key), v)
	c.wrote(string(key))
}

// int reads an integer argument, and answers when it is none.
func (c *client) int(arg []byte) (int64, bool) {
	n, ok := parseInt(arg)
	if !ok {
		c.fail(errNotInt)
	}
	return n, ok
}

// float reads a floating point argument, and answers when it is none.
func (c *client) float(arg []byte, refusal string) (float64, bool) {
	f, ok := parseFloat(arg)
	if !ok {
		c.fail(refusal)
	}
	return f, ok
}

func parseFloat(arg []byte) (float64, bool) {
	s := strings.ToLower(string(arg[:min(len(arg), 256)]))
	if s == "" || len(arg) > 256 || isSpace(s[0]) || strings.Contains(s, "_") || strings.HasPrefix(s, "nan") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// is compares an option name, in any case.
func is(arg []byte, word string) bool { return strings.EqualFold(string(arg), word) }

// span returns the first and last index that a range of LRANGE or GETRANGE selects of n,
// where negative ones count from the end; first > last when it selects nothing.
func span(from, to int64, n int) (int, int) {
	size := int64(n)
	if from < 0 {
		from = max(0, size+from)
	}
	if to < 0 {
		to = size + to
	}
	to = min(to, size-1)
	if from > to || from >= size {
		return 1, 0
	}
	return int(from), int(to)
}

// match reports whether s fits a glob pattern of the server: * ? [a-c] [^a] and \.
func match(pattern, s []byte) bool {
	budget := 1 << 16
	return matchWithin(pattern, s, &budget)
}

func matchWithin(p, s []byte, budget *int) bool {
	for len(p) > 0 {
		if *budget--; *budget < 0 {
			return false
		}
		switch p[0] {
		case '*':
			for len(p) > 1 && p[1] == '*' {
				p = p[1:]
			}
			if len(p) == 1 {
				return true
			}
			for i := 0; i <= len(s); i++ {
				if matchWithin(p[1:], s[i:], budget) {
					return true
				}
				if *budget < 0 {
					return false
				}
			}
			return false
		case '?':
			if len(s) == 0 {
				return false
			}
			p, s = p[1:], s[1:]
		case '[':
			if len(s) == 0 {
				return false
			}
			rest, ok := matchClass(p[1:], s[0])
			if !ok {
				return false
			}
			p, s = rest, s[1:]
		default:
			if p[0] == '\\' && len(p) > 1 {
				p = p[1:]
			}
			if len(s) == 0 || p[0] != s[0] {
				return false
			}
			p, s = p[1:], s[1:]
		}
	}
	return len(s) == 0
}

// matchClass matches c against a class and returns the pattern after it.
func matchClass(p []byte, c byte) ([]byte, bool) {
	negated := len(p) > 0 && p[0] == '^'
	if negated {
		p = p[1:]
	}
	found := false
	for {
		switch {
		case len(p) == 0:
			return p, found != negated
		case p[0] == '\\' && len(p) > 1:
			found = found || p[1] == c
			p = p[2:]
		case p[0] == ']':
			return p[1:], found != negated
		case len(p) >= 3 && p[1] == '-':
			lo, hi := min(p[0], p[2]), max(p[0], p[2])
			found = found || c >= lo && c <= hi
			p = p[3:]
		default:
			found = found || p[0] == c
			p = p[1:]
		}
	}
}

func texts(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}
