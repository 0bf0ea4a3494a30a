package redis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func pubsubHandlers() map[string]handler {
	channels := func(c *client) *map[string]struct{} { return &c.channels }
	patterns := func(c *client) *map[string]struct{} { return &c.patterns }
	shards := func(c *client) *map[string]struct{} { return &c.shards }
	return map[string]handler{
		"subscribe":    func(c *client, a [][]byte) { c.subscribe("subscribe", channels(c), a[1:]) },
		"psubscribe":   func(c *client, a [][]byte) { c.subscribe("psubscribe", patterns(c), a[1:]) },
		"ssubscribe":   func(c *client, a [][]byte) { c.subscribe("ssubscribe", shards(c), a[1:]) },
		"unsubscribe":  func(c *client, a [][]byte) { c.unsubscribe("unsubscribe", channels(c), a[1:]) },
		"punsubscribe": func(c *client, a [][]byte) { c.unsubscribe("punsubscribe", patterns(c), a[1:]) },
		"sunsubscribe": func(c *client, a [][]byte) { c.unsubscribe("sunsubscribe", shards(c), a[1:]) },
		"publish":      func(c *client, a [][]byte) { c.integer(c.publish(a[1], a[2])) },
		"spublish":     func(c *client, a [][]byte) { c.integer(c.publishShard(a[1], a[2])) },
		"monitor":      monitor,

		"pubsub|channels":      func(c *client, a [][]byte) { c.listChannels(a, channels) },
		"pubsub|shardchannels": func(c *client, a [][]byte) { c.listChannels(a, shards) },
		"pubsub|numsub":        func(c *client, a [][]byte) { c.countSubscribers(a[2:], channels) },
		"pubsub|shardnumsub":   func(c *client, a [][]byte) { c.countSubscribers(a[2:], shards) },
		"pubsub|numpat":        numPat,
	}
}

// maxSubscriptions bounds the names that one client can subscribe to.
const maxSubscriptions = 1024

// subscriptions is the count that answers to SUBSCRIBE and its kin give.
func (c *client) subscriptions(kind string) int64 {
	if kind[0] == 's' && (kind == "ssubscribe" || kind == "sunsubscribe") {
		return int64(len(c.shards))
	}
	return int64(len(c.channels) + len(c.patterns))
}

func (c *client) subscribe(kind string, to *map[string]struct{}, names [][]byte) {
	if c.inMulti && !c.resp3 {
		c.fail("ERR " + strings.ToUpper(kind) + " isn't allowed in MULTI")
		return
	}
	if *to == nil {
		*to = map[string]struct{}{}
	}
	for _, name := range names {
		if len(*to) >= maxSubscriptions {
			c.full = true
			return
		}
		(*to)[string(name)] = struct{}{}
		c.push(3)
		c.text(kind)
		c.bulk(name)
		c.integer(c.subscriptions(kind))
	}
	c.startPushes()
}

func (c *client) unsubscribe(kind string, from *map[string]struct{}, names [][]byte) {
	if len(names) == 0 {
		for _, name := range slices.Sorted(maps.Keys(*from)) {
			names = append(names, []byte(name))
		}
	}
	for _, name := range names {
		delete(*from, string(name))
		c.push(3)
		c.text(kind)
		c.bulk(name)
		c.integer(c.subscriptions(kind))
	}
	if len(names) == 0 {
		c.push(3)
		c.text(kind)
		c.null()
		c.integer(c.subscriptions(kind))
	}
}

func (c *client) unsubscribeAll() { c.channels, c.patterns, c.shards = nil, nil, nil }

// message delivers a push to o, which may be c itself.
func (c *client) message(o *client, parts ...[]byte) {
	var r *reply
	if o == c {
		r = &c.reply
	} else {
		r = &reply{resp3: o.resp3}
	}
	r.push(len(parts))
	for _, p := range parts {
		r.bulk(p)
	}
	if o != c {
		o.deliver(r.buf)
	}
}

func (c *client) publish(channel, msg []byte) int64 {
	n := int64(0)
	for _, o := range c.world.clientsByID() {
		if _, ok := o.channels[string(channel)]; ok {
			c.message(o, []byte("message"), channel, msg)
			n++
		}
		for _, p := range slices.Sorted(maps.Keys(o.patterns)) {
			if match([]byte(p), channel) {
				c.message(o, []byte("pmessage"), []byte(p), channel, msg)
				n++
			}
		}
	}
	return n
}

func (c *client) publishShard(channel, msg []byte) int64 {
	n := int64(0)
	for _, o := range c.world.clientsByID() {
		if _, ok := o.shards[string(channel)]; ok {
			c.message(o, []byte("smessage"), channel, msg)
			n++
		}
	}
	return n
}

func (c *client) listChannels(a [][]byte, of func(*client) *map[string]struct{}) {
	if len(a) > 3 {
		c.fail("ERR unknown subcommand or wrong number of arguments for '" + string(a[1]) + "'. Try PUBSUB HELP.")
		return
	}
	all := map[string]struct{}{}
	for o := range c.world.clients {
		maps.Copy(all, *of(o))
	}
	names := slices.Sorted(maps.Keys(all))
	if len(a) == 3 {
		names = c.matching(names, a[2])
	}
	c.texts(names...)
}

func (c *client) countSubscribers(names [][]byte, of func(*client) *map[string]struct{}) {
	c.array(2 * len(names))
	for _, name := range names {
		n := int64(0)
		for o := range c.world.clients {
			if _, ok := (*of(o))[string(name)]; ok {
				n++
			}
		}
		c.bulk(name)
		c.integer(n)
	}
}

func numPat(c *client, _ [][]byte) {
	all := map[string]struct{}{}
	for o := range c.world.clients {
		maps.Copy(all, o.patterns)
	}
	c.integer(int64(len(all)))
}

func monitor(c *client, _ [][]byte) {
	c.monitor = true
	c.startPushes()
	c.ok()
}

// feedMonitors shows a command to the clients that called MONITOR. Those with secrets are
// not shown, as in the real server.
func (c *client) feedMonitors(cmd *command, args [][]byte) {
	if slices.Contains(cmd.flags, "skip_monitor") || slices.Contains(cmd.flags, "admin") {
		return
	}
	var line []byte
	for o := range c.world.clients {
		if !o.monitor {
			continue
		}
		if line == nil {
			now := c.srv.env.Now()
			line = fmt.Appendf(nil, "+%d.%06d [%d %s]", now.Unix(), now.Nanosecond()/1000, c.db.number, c.session.Attacker)
			for _, a := range args {
				line = append(append(line, ' '), repr(a[:min(len(a), reportedSize)])...)
			}
			line = append(line, '\r', '\n')
		}
		if o == c {
			c.buf = append(c.buf, line...)
		} else {
			o.deliver(line)
		}
	}
}
