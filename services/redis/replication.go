package redis

import (
	"strconv"

	"github.com/decnet/decnet"
)

const errNoCluster = "ERR This instance has cluster support disabled"

func replicationHandlers() map[string]handler {
	noCluster := func(c *client, _ [][]byte) { c.fail(errNoCluster) }
	m := map[string]handler{
		"replicaof": replicaOf,
		"slaveof":   replicaOf,
		"role":      role,
		"wait":      wait,
		"replconf":  replconf,
		"psync":     psync,
		"sync":      func(c *client, _ [][]byte) { c.beReplica() },
		"failover":  failover,
		"readonly":  noCluster,
		"readwrite": noCluster,
		"asking":    noCluster,
		"migrate":   migrate,
		"cluster":   noCluster,
	}
	for name := range commands() {
		if len(name) > 8 && name[:8] == "cluster|" {
			m[name] = noCluster
		}
	}
	return m
}

// replicaOf records whom the attacker wants the data from. Nobody is dialled: the link
// stays down.
func replicaOf(c *client, a [][]byte) {
	if is(a[1], "no") && is(a[2], "one") {
		c.world.master = ""
		c.ok()
		return
	}
	port, ok := parseInt(a[2])
	if !ok || port < 0 || port > 65535 {
		c.fail("ERR Invalid master port")
		return
	}
	master := string(a[1]) + " " + strconv.FormatInt(port, 10)
	c.session.Warn("replication_request", decnet.F("host", string(a[1])), decnet.F("port", strconv.FormatInt(port, 10)))
	if c.world.master == master {
		c.simple("OK Already connected to specified master")
		return
	}
	c.world.master = master
	c.world.masterSince = c.srv.env.Now().Unix()
	c.ok()
}

// masterAddr splits the address of the master.
func (w *world) masterAddr() (host string, port int64) {
	for i := len(w.master) - 1; i >= 0; i-- {
		if w.master[i] == ' ' {
			port, _ = parseInt([]byte(w.master[i+1:]))
			return w.master[:i], port
		}
	}
	return "", 0
}

func role(c *client, _ [][]byte) {
	if c.world.master == "" {
		c.array(3)
		c.text("master")
		c.integer(0)
		c.array(0)
		return
	}
	host, port := c.world.masterAddr()
	c.array(5)
	c.text("slave")
	c.text(host)
	c.integer(port)
	c.text("connect")
	c.integer(-1)
}

func wait(c *client, a [][]byte) {
	if c.world.master != "" {
		c.fail("ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.")
		return
	}
	n, ok := c.int(a[1])
	if !ok {
		return
	}
	ms, ok := parseInt(a[2])
	switch {
	case !ok:
		c.fail("ERR timeout is not an integer or out of range")
		return
	case ms < 0:
		c.fail("ERR timeout is negative")
		return
	}
	if n > 0 {
		c.wait(millis(ms), func() bool { return false })
	}
	c.integer(0)
}

func replconf(c *client, a [][]byte) {
	if len(a)%2 == 0 {
		c.fail(errSyntax)
		return
	}
	for i := 1; i < len(a); i += 2 {
		switch {
		case is(a[i], "listening-port"):
			if _, ok := c.int(a[i+1]); !ok {
				return
			}
		case is(a[i], "ack"), is(a[i], "getack"):
			return
		case is(a[i], "ip-address"), is(a[i], "capa"), is(a[i], "rdb-only"), is(a[i], "rdb-filter-only"):
		default:
			c.fail("ERR Unrecognized REPLCONF option: " + string(a[i]))
			return
		}
	}
	c.ok()
}

func psync(c *client, a [][]byte) {
	if _, ok := parseInt(a[2]); !ok && !is(a[2], "-1") {
		c.fail(errNotInt)
		return
	}
	if c.world.master != "" {
		c.fail("NOMASTERLINK Can't SYNC while not connected with my master")
		return
	}
	c.simple("FULLRESYNC " + c.srv.env.Identity.Hex("redis:replid", 40) + " 0")
	c.beReplica()
}

// beReplica sends the data set, bait and all, to whoever asks for it.
func (c *client) beReplica() {
	if c.world.master != "" {
		c.fail("NOMASTERLINK Can't SYNC while not connected with my master")
		return
	}
	c.replica = true
	file := c.srv.snapshot(c.world)
	c.header('$', int64(len(file)))
	c.buf = append(c.buf, file...)
}

func failover(c *client, a [][]byte) {
	if len(a) == 2 && is(a[1], "abort") {
		c.fail("ERR No failover in progress.")
		return
	}
	c.fail("ERR FAILOVER requires connected replicas.")
}

// migrate records where the attacker wants keys to go, and fails as without a route.
func migrate(c *client, a [][]byte) {
	if _, ok := c.int(a[5]); !ok {
		return
	}
	if _, ok := c.int(a[4]); !ok {
		return
	}
	if len(a) == 6 && len(a[3]) > 0 && c.read(a[3]) == nil {
		c.simple("NOKEY")
		return
	}
	c.session.Warn("replication_request", decnet.F("host", string(a[1])), decnet.F("port", string(a[2])))
	c.fail("IOERR error or timeout connecting to the client")
}
