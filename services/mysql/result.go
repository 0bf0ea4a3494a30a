package mysql

import (
	"encoding/binary"
	"math"
)

// result is what a statement gives: rows, or a count of them.
type result struct {
	columns  []string
	rows     [][]value
	affected int64
	insertID int64
	warnings uint16
	info     string
}

// Column types of the protocol.
const (
	typeNull     = 0x06
	typeLongLong = 0x08
	typeDouble   = 0x05
	typeVarchar  = 0xfd

	flagNotNull = 0x01
	flagBinary  = 0x80
)

// okPacket is the answer without rows; header is 0xfe where it ends rows.
func (c *conn) okPacket(header byte, r *result, more bool) []byte {
	b := appendInt([]byte{header}, uint64(r.affected))
	b = appendInt(b, uint64(r.insertID))
	b = binary.LittleEndian.AppendUint16(b, c.status(more))
	b = binary.LittleEndian.AppendUint16(b, r.warnings)
	if r.info != "" {
		b = appendText(b, r.info)
	}
	return b
}

func (c *conn) status(more bool) uint16 {
	s := uint16(0)
	if c.autocommit {
		s |= statusAutocommit
	}
	if c.transaction {
		s |= 0x0001
	}
	if more {
		s |= 0x0008
	}
	return s
}

func (c *conn) eofPacket(more bool) []byte {
	return binary.LittleEndian.AppendUint16([]byte{0xfe, 0, 0}, c.status(more))
}

// sendResult sends r, its rows as text or, for a prepared statement, in binary.
func (c *conn) sendResult(r *result, more, inBinary bool) {
	if r.columns == nil {
		c.write(c.okPacket(0, r, more))
		return
	}
	count := appendInt(nil, uint64(len(r.columns)))
	if c.extra&extraCache != 0 {
		count = append(count, 1)
	}
	c.write(count)
	kinds := c.sendColumns(r)
	eof := c.caps&capDeprecateEOF == 0
	if eof {
		c.write(c.eofPacket(more))
	}
	for _, row := range r.rows {
		if inBinary {
			c.write(binaryRow(kinds, row))
		} else {
			c.write(textRow(row))
		}
		if c.flushIf(flushAt) != nil {
			return
		}
	}
	if eof {
		c.write(c.eofPacket(more))
	} else {
		c.write(c.okPacket(0xfe, &result{warnings: r.warnings}, more))
	}
}

// sendColumns sends the definitions of the columns and returns their kinds.
func (c *conn) sendColumns(r *result) []valueKind {
	kinds := make([]valueKind, len(r.columns))
	for i, name := range r.columns {
		width := 0
		for _, row := range r.rows {
			kinds[i] = widest(kinds[i], row[i].kind)
			width = max(width, len(row[i].String()))
		}
		c.write(c.columnDefinition(name, kinds[i], width))
	}
	return kinds
}

func widest(a, b valueKind) valueKind {
	if a != nullValue && b != nullValue && a != b && a != textValue && b != textValue {
		return floatValue
	}
	return max(a, b)
}

func (c *conn) columnDefinition(name string, kind valueKind, width int) []byte {
	b := appendText(nil, "def")
	for range 3 {
		b = append(b, 0) // schema, table, original table
	}
	b = appendText(b, name)
	b = append(b, 0)
	if c.extra&extraMetadata != 0 {
		b = append(b, 0)
	}
	b = append(b, 0x0c)
	charset, length, typ, flags, decimals := uint16(c.srv.flav.charset), uint32(width*4), byte(typeVarchar), uint16(0), byte(39)
	switch kind {
	case intValue:
		charset, length, typ, flags, decimals = 63, uint32(max(width, 1)+1), typeLongLong, flagNotNull|flagBinary, 0
	case floatValue:
		charset, length, typ, flags, decimals = 63, 17, typeDouble, flagBinary, 31
	case nullValue:
		charset, length, typ, flags, decimals = 63, 0, typeNull, flagBinary, 0
	}
	b = binary.LittleEndian.AppendUint16(b, charset)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = append(b, typ)
	b = binary.LittleEndian.AppendUint16(b, flags)
	return append(b, decimals, 0, 0)
}

func textRow(row []value) []byte {
	var b []byte
	for _, v := range row {
		if v.kind == nullValue {
			b = append(b, 0xfb)
		} else {
			b = appendText(b, v.String())
		}
	}
	return b
}

func binaryRow(kinds []valueKind, row []value) []byte {
	b := make([]byte, 1+(len(row)+9)/8)
	for i, v := range row {
		if v.kind == nullValue {
			b[1+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		switch kinds[i] {
		case intValue:
			b = binary.LittleEndian.AppendUint64(b, uint64(v.i))
		case floatValue:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.float()))
		default:
			b = appendText(b, v.String())
		}
	}
	return b
}
