package redis

import (
	"crypto/sha1"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

const errNoScript = "NOSCRIPT No matching script. Please use EVAL."

func scriptHandlers() map[string]handler {
	return map[string]handler{
		"eval":       eval,
		"eval_ro":    eval,
		"evalsha":    evalsha,
		"evalsha_ro": evalsha,
		"fcall":      func(c *client, _ [][]byte) { c.fail("ERR Function not found") },
		"fcall_ro":   func(c *client, _ [][]byte) { c.fail("ERR Function not found") },

		"script|load":   scriptLoad,
		"script|exists": scriptExists,
		"script|flush":  scriptFlush,
		"script|kill":   func(c *client, _ [][]byte) { c.fail("NOTBUSY No scripts in execution right now.") },

		"function|list":   func(c *client, _ [][]byte) { c.array(0) },
		"function|load":   functionLoad,
		"function|kill":   func(c *client, _ [][]byte) { c.fail("NOTBUSY No scripts in execution right now.") },
		"function|flush":  func(c *client, _ [][]byte) { c.ok() },
		"function|delete": func(c *client, _ [][]byte) { c.fail("ERR Library not found") },
	}
}

// scriptsKept bounds the scripts that an attacker can load.
const scriptsKept = 256

func digest(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}

// learn reports a script and keeps it for EVALSHA. It reports false when there is no room.
func (c *client) learn(script string) (sum string, ok bool) {
	sum = digest(script)
	if _, known := c.world.scripts[sum]; known {
		return sum, true
	}
	c.session.Warn("script", decnet.F("sha1", sum), decnet.F("script", script))
	if len(script) >= capturedFrom {
		_, _ = c.session.CaptureBytes(c.ctx, "script/"+sum+".lua", []byte(script), decnet.F("reason", "size"))
	}
	if len(c.world.scripts) >= scriptsKept || !c.world.room(len(script)) {
		return sum, false
	}
	c.world.scripts[sum] = script
	c.world.used += len(script)
	return sum, true
}

func functionLoad(c *client, a [][]byte) {
	c.learn(string(a[len(a)-1]))
	c.fail("ERR Missing library metadata")
}

func scriptLoad(c *client, a [][]byte) {
	script := string(a[2])
	if text, broken := brokenScript(script); broken {
		c.fail("ERR Error compiling script (new function): user_script:1: " + text)
		return
	}
	sum, ok := c.learn(script)
	if !ok {
		c.fail(errOOM)
		return
	}
	c.text(sum)
}

func scriptExists(c *client, a [][]byte) {
	c.array(len(a) - 2)
	for _, sum := range a[2:] {
		_, ok := c.world.scripts[lower(sum)]
		c.flag(ok)
	}
}

func scriptFlush(c *client, a [][]byte) {
	if len(a) > 3 || len(a) == 3 && !is(a[2], "sync") && !is(a[2], "async") {
		c.fail("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	for _, script := range c.world.scripts {
		c.world.used -= len(script)
	}
	clear(c.world.scripts)
	c.ok()
}

// scriptKeys splits the arguments after a script into KEYS and ARGV.
func (c *client) scriptKeys(a [][]byte) (keys, argv [][]byte, ok bool) {
	n, ok := c.int(a[0])
	switch {
	case !ok:
		return nil, nil, false
	case n > int64(len(a)-1):
		return nil, nil, c.refuse("ERR Number of keys can't be greater than number of args")
	case n < 0:
		return nil, nil, c.refuse("ERR Number of keys can't be negative")
	}
	return a[1 : 1+n], a[1+n:], true
}

func eval(c *client, a [][]byte) {
	keys, argv, ok := c.scriptKeys(a[2:])
	if !ok {
		return
	}
	script := string(a[1])
	if text, broken := brokenScript(script); broken {
		c.session.Warn("script", decnet.F("sha1", digest(script)), decnet.F("script", script))
		c.fail("ERR Error compiling script (new function): user_script:1: " + text)
		return
	}
	c.learn(script)
	c.pretend(script, keys, argv)
}

func evalsha(c *client, a [][]byte) {
	keys, argv, ok := c.scriptKeys(a[2:])
	if !ok {
		return
	}
	script, known := c.world.scripts[lower(a[1])]
	if !known {
		c.fail(errNoScript)
		return
	}
	c.pretend(script, keys, argv)
}

// brokenScript finds the one compile error that can be told without a compiler: a lone
// word.
func brokenScript(script string) (text string, broken bool) {
	s := strings.TrimSpace(script)
	if s == "" || s == "return" || s == "break" {
		return "", false
	}
	return "'=' expected near '<eof>'", loneWord.MatchString(s)
}

var (
	loneWord    = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	forbidden   = regexp.MustCompile(`\b(package|os|io|require|dofile|loadfile|debug|module)\s*(?:[.(:\[]|$)`)
	globalWrite = regexp.MustCompile(`^\s*[A-Za-z_]\w*\s*=[^=]`)
	returned    = regexp.MustCompile(`(?s)^\s*return\s+(.*?)\s*;?\s*$`)
	localNames  = regexp.MustCompile(`\blocal\s+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)`)
	luaCall     = regexp.MustCompile(`(?s)^redis\.p?call\s*\((.*)\)$`)
	luaIndex    = regexp.MustCompile(`^(KEYS|ARGV)\s*\[\s*(\d+)\s*\]$`)
)

// pretend answers a script as if it had been run. The scripts that attackers send to find
// out what they can reach, and those that return constants or one call of the server, get
// the answer of the sandbox; of the others the server is silent, as if they returned
// nothing.
func (c *client) pretend(script string, keys, argv [][]byte) {
	where := " script: " + digest(script) + ", on @user_script:"
	for i, line := range strings.Split(script, "\n") {
		at := strconv.Itoa(i + 1)
		if m := forbidden.FindStringSubmatch(stripStrings(line)); m != nil && !declares(script, m[1]) {
			if m[1] == "debug" || m[1] == "os" && strings.Contains(line, "os.clock") {
				continue
			}
			c.fail("ERR user_script:" + at + ": Script attempted to access nonexistent global variable '" + m[1] + "'" + where + at + ".")
			return
		}
	}
	if globalWrite.MatchString(script) {
		c.fail("ERR user_script:1: Attempt to modify a readonly table" + where + "1.")
		return
	}
	if m := returned.FindStringSubmatch(script); m != nil {
		start := len(c.buf)
		if c.luaValue(m[1], keys, argv, where+"1.", 0) {
			return
		}
		c.buf = c.buf[:start]
	}
	c.null()
}

// declares reports whether script has a local variable called name.
func declares(script, name string) bool {
	for _, m := range localNames.FindAllStringSubmatch(script, 64) {
		for n := range strings.SplitSeq(m[1], ",") {
			if strings.TrimSpace(n) == name {
				return true
			}
		}
	}
	return false
}

// stripStrings empties the string literals of a line.
func stripStrings(line string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote == c:
			quote = 0
			b.WriteByte(c)
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// luaNesting bounds how deep an expression may nest.
const luaNesting = 8

// luaValue answers the value of a simple Lua expression: a constant, a table of them, an
// argument, or one call of the server. It reports false for anything else.
func (c *client) luaValue(expr string, keys, argv [][]byte, where string, depth int) bool {
	expr = strings.TrimSpace(expr)
	if depth > luaNesting || expr == "" {
		return false
	}
	switch expr {
	case "nil", "false":
		c.null()
		return true
	case "true":
		c.integer(1)
		return true
	case "_VERSION":
		c.text("Lua 5.1")
		return true
	case "redis.REDIS_VERSION":
		c.text(c.srv.cfg["version"])
		return true
	}
	if n, err := strconv.ParseFloat(expr, 64); err == nil {
		c.integer(int64(n))
		return true
	}
	if arg, ok := luaArgument(expr, keys, argv); ok {
		c.bulkOrNull(arg, arg != nil)
		return true
	}
	if expr[0] == '{' && expr[len(expr)-1] == '}' {
		items, ok := splitExpressions(expr[1 : len(expr)-1])
		if !ok {
			return false
		}
		c.array(len(items))
		for _, item := range items {
			if !c.luaValue(item, keys, argv, where, depth+1) {
				return false
			}
		}
		return true
	}
	m := luaCall.FindStringSubmatch(expr)
	if m == nil {
		return c.luaReply(expr)
	}
	items, ok := splitExpressions(m[1])
	if !ok || len(items) == 0 {
		return false
	}
	args := make([][]byte, len(items))
	for i, item := range items {
		arg, ok := luaArgument(strings.TrimSpace(item), keys, argv)
		if !ok {
			return false
		}
		args[i] = arg
	}
	c.luaCall(args, where)
	return true
}

// luaReply answers redis.status_reply("…") and redis.error_reply("…").
func (c *client) luaReply(expr string) bool {
	for _, fn := range []string{"redis.status_reply", "redis.error_reply", "redis.sha1hex"} {
		inner, ok := strings.CutPrefix(expr, fn)
		inner = strings.TrimSpace(inner)
		if !ok || len(inner) < 2 || inner[0] != '(' || inner[len(inner)-1] != ')' {
			continue
		}
		arg, ok := luaArgument(strings.TrimSpace(inner[1:len(inner)-1]), nil, nil)
		if !ok {
			return false
		}
		switch fn {
		case "redis.status_reply":
			c.simple(strings.NewReplacer("\r", " ", "\n", " ").Replace(string(arg)))
		case "redis.error_reply":
			text := string(arg)
			if !strings.Contains(text, " ") {
				text = "ERR " + text
			}
			c.fail(text)
		default:
			c.text(digest(string(arg)))
		}
		return true
	}
	return false
}

// luaCall runs one command for a script.
func (c *client) luaCall(args [][]byte, where string) {
	cmd, refusal := resolve(lower(args[0]), args)
	switch {
	case cmd == nil:
		c.fail("ERR Unknown Redis command called from script" + where)
		return
	case refusal != "":
		c.fail("ERR Wrong number of args calling Redis command from script" + where)
		return
	case hasFlag(cmd, "noscript") || !c.srv.implements(cmd) || cmd.protected:
		c.fail("ERR This Redis command is not allowed from script" + where)
		return
	case cmd.write && c.isReplica():
		c.fail("READONLY You can't write against a read only replica." + where)
		return
	case cmd.denyOOM && c.overQuota(args):
		c.fail(errOOM + where)
		return
	}
	outer, resp3 := c.cmd, c.resp3
	c.resp3 = false
	start := len(c.buf)
	c.run(cmd, args)
	c.cmd, c.resp3 = outer, resp3
	if len(c.buf) > start && c.buf[start] == '-' {
		text := strings.TrimSuffix(string(c.buf[start+1:]), "\r\n")
		c.buf = c.buf[:start]
		c.fail(text + where)
	}
}

func hasFlag(cmd *command, flag string) bool {
	for _, f := range cmd.flags {
		if f == flag {
			return true
		}
	}
	return false
}

// luaArgument evaluates a string or number constant or an element of KEYS or ARGV. The
// argument is nil for an element that is not there.
func luaArgument(expr string, keys, argv [][]byte) ([]byte, bool) {
	if m := luaIndex.FindStringSubmatch(expr); m != nil {
		list := keys
		if m[1] == "ARGV" {
			list = argv
		}
		n, err := strconv.Atoi(m[2])
		if err != nil || n < 1 || n > len(list) {
			return nil, true
		}
		return list[n-1], true
	}
	if len(expr) >= 2 && (expr[0] == '"' || expr[0] == '\'') {
		text, n, ok := quoted([]byte(expr))
		if !ok || n != len(expr) {
			return nil, false
		}
		if text == nil {
			text = []byte{}
		}
		return text, true
	}
	if _, ok := parseInt([]byte(expr)); ok {
		return []byte(expr), true
	}
	return nil, false
}

// splitExpressions splits a list at the commas that are not inside strings or brackets.
func splitExpressions(s string) ([]string, bool) {
	var list []string
	depth, start, quote := 0, 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{' || c == '(' || c == '[':
			depth++
		case c == '}' || c == ')' || c == ']':
			depth--
		case c == ',' && depth == 0:
			list = append(list, s[start:i])
			start = i + 1
		}
	}
	if rest := strings.TrimSpace(s[start:]); rest != "" {
		list = append(list, rest)
	}
	return list, depth == 0 && quote == 0
}
