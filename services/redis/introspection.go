package redis

import (
	"maps"
	"slices"
	"strings"
	"time"
)

func introspectionHandlers() map[string]handler {
	return map[string]handler{
		"command":           func(c *client, _ [][]byte) { c.describeCommands(c.topCommands()) },
		"command|count":     func(c *client, _ [][]byte) { c.integer(int64(len(c.topCommands()))) },
		"command|info":      commandInfo,
		"command|list":      commandList,
		"command|getkeys":   commandGetKeys,
		"latency|doctor":    latencyDoctor,
		"latency|latest":    func(c *client, _ [][]byte) { c.array(0) },
		"latency|history":   func(c *client, _ [][]byte) { c.array(0) },
		"latency|reset":     func(c *client, _ [][]byte) { c.integer(0) },
		"latency|graph":     func(c *client, a [][]byte) { c.fail("ERR No samples available for event '" + string(a[2]) + "'") },
		"latency|histogram": latencyHistogram,
		"memory|doctor":     memoryDoctor,
		"memory|usage":      memoryUsage,
		"memory|stats":      memoryStats,
		"memory|purge":      func(c *client, _ [][]byte) { c.ok() },
		"slowlog|get":       slowlogGet,
		"slowlog|len":       func(c *client, _ [][]byte) { c.integer(0) },
		"slowlog|reset":     func(c *client, _ [][]byte) { c.ok() },
		"module|list":       func(c *client, _ [][]byte) { c.array(0) },
	}
}

func millis(n int64) time.Duration { return time.Duration(min(n, 1<<40)) * time.Millisecond }

// topCommands returns the commands without the subcommands, in hash order.
func (c *client) topCommands() []string {
	var names []string
	for name := range commands() {
		if !strings.Contains(name, "|") {
			names = append(names, name)
		}
	}
	return c.world.hashed(names)
}

func (c *client) describeCommands(names []string) {
	c.array(len(names))
	for _, name := range names {
		if cmd := commands()[strings.ToLower(name)]; cmd != nil {
			cmd.describe(&c.reply, c.world)
		} else {
			c.null()
		}
	}
}

func commandInfo(c *client, a [][]byte) {
	if len(a) == 2 {
		c.describeCommands(c.topCommands())
		return
	}
	c.describeCommands(texts(a[2:]))
}

func commandList(c *client, a [][]byte) {
	if len(a) != 2 && (len(a) != 5 || !is(a[2], "filterby")) {
		c.fail(errSyntax)
		return
	}
	names := c.topCommands()
	if len(a) == 5 {
		var keep func(*command) bool
		switch {
		case is(a[3], "aclcat"):
			keep = func(cmd *command) bool { return slices.Contains(cmd.categories, lower(a[4])) }
		case is(a[3], "pattern"):
			keep = func(cmd *command) bool { return match([]byte(lower(a[4])), []byte(cmd.name)) }
		case is(a[3], "module"):
			keep = func(*command) bool { return false }
		default:
			c.fail(errSyntax)
			return
		}
		names = slices.DeleteFunc(c.world.hashed(slices.Collect(maps.Keys(commands()))), func(n string) bool { return !keep(commands()[n]) })
	}
	c.texts(names...)
}

func commandGetKeys(c *client, a [][]byte) {
	inner := a[2:]
	cmd, refusal := resolve(lower(inner[0]), inner)
	switch {
	case cmd == nil:
		c.fail("ERR Invalid command specified")
		return
	case refusal != "":
		c.fail("ERR Invalid number of arguments specified for command")
		return
	case cmd.keys[0] == 0:
		c.fail("ERR The command has no key arguments")
		return
	}
	last := cmd.keys[1]
	if last < 0 {
		last += len(inner)
	}
	var found [][]byte
	for i := cmd.keys[0]; i <= last && i < len(inner); i += cmd.keys[2] {
		found = append(found, inner[i])
	}
	c.bulks(found)
}

func latencyDoctor(c *client, _ [][]byte) {
	c.verbatim("I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n")
}

func latencyHistogram(c *client, a [][]byte) {
	names := c.world.sortedCalls()
	if len(a) > 2 {
		names = slices.DeleteFunc(texts(a[2:]), func(n string) bool { return c.world.calls[strings.ToLower(n)] == 0 })
	}
	c.mapping(len(names))
	for _, name := range names {
		calls := int64(c.world.calls[strings.ToLower(name)])
		c.text(name)
		c.mapping(2)
		c.text("calls")
		c.integer(calls)
		c.text("histogram_usec")
		c.mapping(1)
		c.integer(4)
		c.integer(calls)
	}
}

func memoryDoctor(c *client, _ [][]byte) {
	c.verbatim("Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n")
}

func memoryUsage(c *client, a [][]byte) {
	for i := 3; i < len(a); i += 2 {
		if !is(a[i], "samples") || i+1 >= len(a) {
			c.fail(errSyntax)
			return
		}
		if n, ok := c.int(a[i+1]); !ok {
			return
		} else if n < 0 {
			c.fail(errSyntax)
			return
		}
	}
	v := c.db.lookup(string(a[2]), c.now())
	if v == nil {
		c.null()
		return
	}
	c.integer(int64(48+len(a[2])+v.size+15) &^ 7)
}

func memoryStats(c *client, _ [][]byte) {
	used := int64(c.srv.usedMemory(c.world))
	keys := int64(0)
	for _, d := range c.world.dbs {
		keys += int64(len(d.keys))
	}
	pairs := []struct {
		name  string
		value int64
	}{
		{"peak.allocated", used + 8192}, {"total.allocated", used}, {"startup.allocated", startupMemory}, {"replication.backlog", 0},
		{"clients.slaves", 0}, {"clients.normal", int64(1928 * len(c.world.clients))}, {"cluster.links", 0}, {"aof.buffer", 0},
		{"lua.caches", 0}, {"functions.caches", 200}, {"overhead.total", startupMemory + 200}, {"keys.count", keys},
		{"keys.bytes-per-key", (used - startupMemory) / max(1, keys)}, {"dataset.bytes", used - startupMemory - 200},
	}
	c.mapping(len(pairs) + 2)
	for _, p := range pairs {
		c.text(p.name)
		c.integer(p.value)
	}
	c.text("dataset.percentage")
	c.double(100 * float64(used-startupMemory-200) / float64(used-startupMemory))
	c.text("peak.percentage")
	c.double(100 * float64(used) / float64(used+8192))
}

func slowlogGet(c *client, a [][]byte) {
	if len(a) > 3 {
		c.fail("ERR wrong number of arguments for 'slowlog|get' command")
		return
	}
	if len(a) == 3 {
		n, ok := parseInt(a[2])
		if !ok || n < -1 {
			c.fail("ERR count should be greater than or equal to -1")
			return
		}
	}
	c.array(0)
}
