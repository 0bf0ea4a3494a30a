package mysql

import (
	"encoding/binary"
	"math"
	"strconv"
)

// statement is a prepared one.
type statement struct {
	sql    string
	params int
	types  []byte // two bytes each, as last sent
}

const (
	statementsKept = 256
	maxParams      = 1 << 16
)

func unknownStatement(arg []byte, where string) *failure {
	r := reader{b: arg}
	return fail(1243, "HY000", "Unknown prepared statement handler (%d) given to %s", r.uint(4), where)
}

// prepare answers COM_STMT_PREPARE.
func (c *conn) prepare(sql string) {
	c.report(sql, "prepare")
	if len(c.statements) >= statementsKept {
		c.write(fail(1461, "42000", "Can't create more than max_prepared_stmt_count statements (current value: %d)", statementsKept).payload(c.caps))
		return
	}
	params := 0
	for _, t := range lex(sql) {
		if t.kind == tokParam {
			params++
		}
	}
	if params >= maxParams {
		c.write(fail(1390, "HY000", "Prepared statement contains too many placeholders").payload(c.caps))
		return
	}
	columns, problem := c.describe(sql)
	if problem != nil {
		c.write(problem.payload(c.caps))
		return
	}
	c.nextStmt++
	c.statements[c.nextStmt] = &statement{sql: sql, params: params}
	b := binary.LittleEndian.AppendUint32([]byte{0}, c.nextStmt)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(columns)))
	b = binary.LittleEndian.AppendUint16(b, uint16(params))
	c.write(append(b, 0, 0, 0))
	if params > 0 {
		for range params {
			c.write(c.columnDefinition("?", textValue, 0))
		}
		c.eofUnlessDeprecated()
	}
	if len(columns) > 0 {
		for _, name := range columns {
			c.write(c.columnDefinition(name, textValue, 255))
		}
		c.eofUnlessDeprecated()
	}
}

func (c *conn) eofUnlessDeprecated() {
	if c.caps&capDeprecateEOF == 0 {
		c.write(c.eofPacket(false))
	}
}

// describe returns the columns that a statement will give, or what is wrong with it.
func (c *conn) describe(sql string) ([]string, *failure) {
	r, problem := c.attempt(func() *result {
		p := &parser{sql: sql, tokens: lex(sql), flav: c.srv.flav}
		if !p.peek().is("SELECT") && !p.peek().is("SHOW") {
			return &result{}
		}
		if p.peek().is("SHOW") {
			return c.run(sql, nil)
		}
		sel := p.selection()
		p.end()
		e := &evaluator{c: c, slept: longestSleep}
		sel.limit, sel.outfile = 0, ""
		names, _ := e.run(sel, nil)
		return &result{columns: names}
	})
	if problem != nil {
		return nil, problem
	}
	return r.columns, nil
}

// execute answers COM_STMT_EXECUTE.
func (c *conn) execute(arg []byte) {
	r := reader{b: arg}
	st := c.statements[uint32(r.uint(4))]
	if st == nil {
		c.write(unknownStatement(arg, "mysqld_stmt_execute").payload(c.caps))
		return
	}
	r.uint(1) // cursor
	r.uint(4) // iterations
	var params []value
	if st.params > 0 {
		var ok bool
		if c.caps&capQueryAttrs != 0 && !c.srv.flav.mariadb && len(r.b) > 0 {
			ahead := r
			if n := ahead.lenenc(); n == uint64(st.params) {
				r = ahead
			}
		}
		if params, ok = readParams(&r, st.params, c.caps&capQueryAttrs != 0 && !c.srv.flav.mariadb, st); !ok {
			c.write(fail(1210, "HY000", "Incorrect arguments to mysqld_stmt_execute").payload(c.caps))
			return
		}
	}
	c.report(st.sql, "execute")
	res, problem := c.attempt(func() *result { return c.run(st.sql, params) })
	if problem != nil {
		c.write(problem.payload(c.caps))
		return
	}
	c.sendResult(res, false, true)
}

// readParams reads n values in the binary form, with names where they are attributes.
// The types that were sent with an earlier execution hold for later ones.
func readParams(r *reader, n int, named bool, st *statement) ([]value, bool) {
	nulls := r.bytes((n + 7) / 8)
	fresh := r.uint(1) == 1
	if r.broken {
		return nil, false
	}
	var types []byte
	if fresh {
		for range n {
			types = append(types, r.bytes(2)...)
			if named {
				r.lenencBytes()
			}
			if r.broken {
				return nil, false
			}
		}
		if st != nil {
			st.types = types
		}
	} else if st != nil {
		types = st.types
	}
	if len(types) != 2*n {
		return nil, false
	}
	values := make([]value, 0, min(n, 64))
	for i := range n {
		if nulls[i/8]&(1<<(i%8)) != 0 {
			values = append(values, value{})
			continue
		}
		values = append(values, readParam(r, types[2*i], types[2*i+1]&0x80 != 0))
		if r.broken {
			return values, false
		}
	}
	return values, true
}

// readParam reads one value of a column type.
func readParam(r *reader, typ byte, unsigned bool) value {
	signed := func(bytes int) value {
		u := r.uint(bytes)
		if unsigned {
			return integer(int64(u))
		}
		shift := 64 - 8*bytes
		return integer(int64(u<<shift) >> shift)
	}
	switch typ {
	case 0x01:
		return signed(1)
	case 0x02, 0x0d:
		return signed(2)
	case 0x03, 0x09:
		return signed(4)
	case 0x08:
		return signed(8)
	case 0x04:
		return real(float64(math.Float32frombits(uint32(r.uint(4)))))
	case 0x05:
		return real(math.Float64frombits(r.uint(8)))
	case 0x06:
		return value{}
	case 0x07, 0x0a, 0x0c:
		return text(readDate(r.bytes(int(r.uint(1)))))
	case 0x0b:
		r.bytes(int(r.uint(1)))
		return text("00:00:00")
	}
	return text(string(r.lenencBytes()))
}

// readDate formats the binary form of a date, with its time where there is one.
func readDate(b []byte) string {
	if len(b) < 4 {
		return "0000-00-00"
	}
	two := func(n byte) string {
		s := strconv.Itoa(int(n))
		if len(s) < 2 {
			return "0" + s
		}
		return s
	}
	year := strconv.Itoa(10000 + int(binary.LittleEndian.Uint16(b)))
	s := year[1:] + "-" + two(b[2]) + "-" + two(b[3])
	if len(b) >= 7 {
		s += " " + two(b[4]) + ":" + two(b[5]) + ":" + two(b[6])
	}
	return s
}
