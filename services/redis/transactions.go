package redis

func transactionHandlers() map[string]handler {
	return map[string]handler{
		"multi":   multi,
		"exec":    execQueue,
		"discard": discard,
		"watch":   watchKeys,
		"unwatch": func(c *client, _ [][]byte) { c.unwatch(); c.ok() },
	}
}

func multi(c *client, _ [][]byte) {
	if c.inMulti {
		c.fail("ERR MULTI calls can not be nested")
		return
	}
	c.inMulti = true
	c.ok()
}

func discard(c *client, _ [][]byte) {
	if !c.inMulti {
		c.fail("ERR DISCARD without MULTI")
		return
	}
	c.discard()
	c.ok()
}

// discard leaves the transaction.
func (c *client) discard() {
	c.inMulti, c.broken, c.queue = false, false, nil
	c.unwatch()
}

func (c *client) unwatch() { c.stale, c.watching = false, nil }

func execQueue(c *client, _ [][]byte) {
	switch {
	case !c.inMulti:
		c.fail("ERR EXEC without MULTI")
		return
	case c.broken:
		c.discard()
		c.fail("EXECABORT Transaction discarded because of previous errors.")
		return
	case c.stale:
		c.discard()
		c.nullArray()
		return
	}
	queue := c.queue
	c.unwatch()
	c.array(len(queue))
	for _, args := range queue {
		cmd, _ := resolve(lower(args[0]), args)
		if cmd.write && c.isReplica() {
			c.fail("READONLY You can't write against a read only replica.")
			continue
		}
		c.run(cmd, args)
		if len(c.buf) > maxReply {
			c.full = true
			break
		}
	}
	c.discard()
}

func watchKeys(c *client, a [][]byte) {
	if c.inMulti {
		c.fail("ERR WATCH inside MULTI is not allowed")
		return
	}
	if c.watching == nil {
		c.watching = map[watch]struct{}{}
	}
	for _, key := range a[1:] {
		c.watching[watch{c.db, string(key)}] = struct{}{}
	}
	c.ok()
}
