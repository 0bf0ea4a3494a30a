package mysql

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

const (
	// loginPacket bounds the packets before the log-in, as net_buffer_length does.
	loginPacket = 16 << 10
	// connectTimeout is how long the server waits for each packet of the log-in.
	connectTimeout = 10 * time.Second
	// flushAt is how much of a result waits before it is sent.
	flushAt = 64 << 10
	// maxResultSets bounds the statements of one query text.
	maxResultSets = 64
)

// conn is one connection.
type conn struct {
	packets
	srv     *server
	session *services.Session
	ctx     context.Context
	stream  io.ReadWriter // the session, or TLS over it
	id      uint32
	host    string // the peer as messages name it
	started time.Time

	caps     uint32
	extra    uint32 // MariaDB's own capabilities that both sides have
	user     string
	database string
	secure   bool
	hello    []decnet.Field // of the session event, from TLS
	greeted  bool           // a session event was made

	world       *world
	autocommit  bool
	transaction bool
	rows        int64
	insertID    int64
	userVars    map[string]value
	sessionVars map[string]string
	statements  map[uint32]*statement
	nextStmt    uint32
}

func (s *server) handle(ctx context.Context, sess *services.Session) error {
	c := &conn{
		packets: packets{r: sess, max: loginPacket}, srv: s, session: sess, ctx: ctx, stream: sess,
		id: s.nextID.Add(1), host: host(sess.Attacker.Addr()), started: s.env.Now(), autocommit: true,
		userVars: map[string]value{}, sessionVars: map[string]string{}, statements: map[uint32]*statement{},
	}
	sess.SetIdle(min(s.env.Limits.Idle, connectTimeout))
	let, err := c.login()
	if err == nil && let {
		err = c.serve()
	}
	if t, ok := c.stream.(*tls.Conn); ok && err == nil {
		_ = t.CloseWrite()
	}
	return err
}

func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.stream.Write(c.out)
	c.out = c.out[:0]
	if cap(c.out) > 4*flushAt {
		c.out = nil
	}
	return err
}

// flushIf sends what waits when it is more than n bytes.
func (c *conn) flushIf(n int) error {
	if len(c.out) <= n {
		return nil
	}
	return c.flush()
}

// refuse sends an error.
func (c *conn) refuse(f *failure) error {
	c.write(f.payload(c.caps))
	return c.flush()
}

// hangUp answers a broken packet and ends the session.
func (c *conn) hangUp(err error) error {
	switch {
	case errors.Is(err, errOrder):
		_ = c.refuse(outOfOrder)
	case errors.Is(err, errTooBig):
		_ = c.refuse(packetTooBig)
	}
	return err
}

// Commands of the protocol.
const (
	comQuit          = 0x01
	comInitDB        = 0x02
	comQuery         = 0x03
	comFieldList     = 0x04
	comStatistics    = 0x09
	comProcessKill   = 0x0c
	comDebug         = 0x0d
	comPing          = 0x0e
	comChangeUser    = 0x11
	comStmtPrepare   = 0x16
	comStmtExecute   = 0x17
	comStmtLongData  = 0x18
	comStmtClose     = 0x19
	comStmtReset     = 0x1a
	comSetOption     = 0x1b
	comStmtFetch     = 0x1c
	comResetConn     = 0x1f
	comBinlogDump    = 0x12
	comRegisterSlave = 0x15
)

// serve answers commands until the client goes.
func (c *conn) serve() error {
	c.max = int(c.srv.env.Limits.SessionSize)
	c.session.SetIdle(c.srv.env.Limits.Idle)
	for {
		c.seq = 0
		b, err := c.read()
		if err != nil {
			return c.hangUp(err)
		}
		if len(b) == 0 {
			if err := c.refuse(unknownCom); err != nil {
				return err
			}
			continue
		}
		if b[0] == comQuit {
			return nil
		}
		done, err := c.command(b[0], b[1:])
		if err != nil || done {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
}

// command answers one command. It reports true when the session is over.
func (c *conn) command(com byte, arg []byte) (bool, error) {
	switch com {
	case comQuery:
		c.query(c.queryText(arg))
	case comInitDB:
		c.report("USE "+string(arg), "init_db")
		c.answer(func() *result { c.use(string(arg)); return &result{} })
	case comPing, comDebug:
		c.write(c.okPacket(0, &result{}, false))
	case comStatistics:
		c.write([]byte(c.srv.statistics()))
	case comFieldList:
		r := reader{b: arg}
		name := r.text()
		c.report("SHOW COLUMNS FROM "+name, "field_list")
		c.fieldList(name)
	case comProcessKill:
		c.report("KILL", "process_kill")
		r := reader{b: arg}
		c.write(fail(1094, "HY000", "Unknown thread id: %d", r.uint(4)).payload(c.caps))
	case comChangeUser:
		ok, err := c.changeUser(arg)
		return !ok, err
	case comResetConn:
		c.reset()
		c.write(c.okPacket(0, &result{}, false))
	case comSetOption:
		c.write(c.eofPacket(false))
	case comStmtPrepare:
		c.prepare(string(arg))
	case comStmtExecute:
		c.execute(arg)
	case comStmtClose, comStmtLongData:
		r := reader{b: arg}
		if id := uint32(r.uint(4)); com == comStmtClose {
			delete(c.statements, id)
		}
	case comStmtReset:
		r := reader{b: arg}
		if _, ok := c.statements[uint32(r.uint(4))]; !ok {
			c.write(unknownStatement(arg, "mysqld_stmt_reset").payload(c.caps))
			break
		}
		c.write(c.okPacket(0, &result{}, false))
	case comStmtFetch:
		c.write(unknownStatement(arg, "mysqld_stmt_fetch").payload(c.caps))
	case comBinlogDump, comRegisterSlave:
		c.session.Warn("replication_request", decnet.F("user", c.user))
		c.write(fail(1236, "HY000", "Binary log is not open").payload(c.caps))
	default:
		c.write(unknownCom.payload(c.caps))
	}
	return false, nil
}

// queryText returns the statement of a COM_QUERY, without the attributes that newer
// clients put before it.
func (c *conn) queryText(arg []byte) string {
	if c.caps&capQueryAttrs == 0 || c.srv.flav.mariadb {
		return string(arg)
	}
	r := reader{b: arg}
	params := r.lenenc()
	r.lenenc() // parameter sets
	if params == 0 || r.broken {
		return string(r.b)
	}
	// The attributes are values of a prepared statement, with names.
	if _, ok := readParams(&r, int(min(params, 1<<16)), true, nil); !ok {
		return string(arg)
	}
	return string(r.b)
}

// report emits the command event of a statement.
func (c *conn) report(sql, kind string) {
	c.srv.queries.Add(1)
	c.session.Emit("command", decnet.F("command", sql), decnet.F("kind", kind), decnet.F("username", c.user), decnet.F("database", c.database))
}

// answer runs f with the world locked and sends its result, or the failure it panics with.
func (c *conn) answer(f func() *result) {
	r, problem := c.attempt(f)
	if problem != nil {
		c.write(problem.payload(c.caps))
		return
	}
	c.sendResult(r, false, false)
}

// attempt runs f with the world locked, and returns the failure that it panics with.
func (c *conn) attempt(f func() *result) (r *result, problem *failure) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(*failure)
			if !ok {
				panic(p)
			}
			problem = f
		}
	}()
	return f(), nil
}

// query answers a COM_QUERY, which may hold several statements.
func (c *conn) query(sql string) {
	c.report(sql, "query")
	list := []string{sql}
	if c.caps&capMultiStatements != 0 {
		list = splitStatements(sql)
	}
	for i, one := range list[:min(len(list), maxResultSets)] {
		more := i+1 < len(list) && i+1 < maxResultSets
		r, problem := c.attempt(func() *result { return c.run(one, nil) })
		if problem != nil {
			c.write(problem.payload(c.caps))
			return
		}
		c.rows = r.affected
		if r.columns != nil {
			c.rows = int64(len(r.rows))
		}
		if r.insertID != 0 {
			c.insertID = r.insertID
		}
		c.sendResult(r, more, false)
	}
}

func (c *conn) reset() {
	c.userVars, c.sessionVars = map[string]value{}, map[string]string{}
	c.statements = map[uint32]*statement{}
	c.autocommit, c.transaction = true, false
}

// use changes the database.
func (c *conn) use(name string) {
	d := c.world.database(name)
	if d == nil {
		panic(fail(1049, "42000", "Unknown database '%s'", name))
	}
	c.database = d.name
}

// fieldList answers COM_FIELD_LIST: the columns of a table.
func (c *conn) fieldList(name string) {
	var names []string
	_, problem := c.attempt(func() *result {
		for _, col := range c.table([]string{name}).columns {
			names = append(names, col.name)
		}
		return nil
	})
	if problem != nil {
		c.write(problem.payload(c.caps))
		return
	}
	for _, n := range names {
		c.write(append(c.columnDefinition(n, textValue, 255), 0xfb))
	}
	c.write(c.eofPacket(false))
}

// greet reports what the client says about itself, once.
func (c *conn) greet(res response) {
	if c.greeted {
		return
	}
	c.greeted = true
	fields := []decnet.Field{decnet.F("capabilities", hex32(res.caps)), decnet.F("charset", itoa(int64(res.charset))), decnet.F("plugin", res.plugin), decnet.F("tls", boolText(c.secure))}
	for _, a := range res.attrs {
		switch a.name {
		case "_client_name", "_client_version", "_os", "_platform", "program_name":
			fields = append(fields, decnet.F(strings.TrimPrefix(a.name, "_"), a.value))
		}
	}
	if len(res.attrs) > 0 {
		fields = append(fields, decnet.F("attributes", attrsJSON(res.attrs)))
	}
	c.session.Emit("session", append(fields, c.hello...)...)
}
