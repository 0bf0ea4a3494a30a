package sqlrepo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/decnet/decnet"
)

// canonical returns the JSON text raw without white space and with the members of every
// object sorted by name. Strings and numbers stay as they are written, so that payloads which
// differ in any byte of a value stay different. Text that is not JSON gives decnet.ErrInvalid.
func canonical(raw json.RawMessage) ([]byte, error) {
	if !json.Valid(raw) {
		return nil, fmt.Errorf("bounty payload %.40q is not JSON: %w", raw, decnet.ErrInvalid)
	}
	c := canonicalizer{in: raw}
	return c.value(make([]byte, 0, len(raw))), nil
}

// canonicalizer walks valid JSON text.
type canonicalizer struct {
	in  []byte
	pos int
}

// peek skips white space and returns the byte after it.
func (c *canonicalizer) peek() byte {
	for {
		switch b := c.in[c.pos]; b {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return b
		}
	}
}

func (c *canonicalizer) value(out []byte) []byte {
	switch c.peek() {
	case '{':
		return c.object(out)
	case '[':
		out = append(out, '[')
		for c.pos++; c.peek() != ']'; {
			if c.peek() == ',' {
				out = append(out, ',')
				c.pos++
			}
			out = c.value(out)
		}
		c.pos++
		return append(out, ']')
	case '"':
		return append(out, c.str()...)
	}
	start := c.pos
	for c.pos < len(c.in) && !bytes.ContainsRune([]byte(" \t\n\r,]}"), rune(c.in[c.pos])) {
		c.pos++
	}
	return append(out, c.in[start:c.pos]...)
}

// str returns the string at the current position with its quotes.
func (c *canonicalizer) str() []byte {
	start := c.pos
	for c.pos++; c.in[c.pos] != '"'; c.pos++ {
		if c.in[c.pos] == '\\' {
			c.pos++
		}
	}
	c.pos++
	return c.in[start:c.pos]
}

func (c *canonicalizer) object(out []byte) []byte {
	type member struct{ name, text []byte } // text: "name":value
	var members []member
	var buf []byte
	var ends []int
	for c.pos++; c.peek() != '}'; {
		if c.peek() == ',' {
			c.pos++
			c.peek()
		}
		name := c.str()
		c.peek()
		c.pos++ // the colon
		buf = append(append(buf, name...), ':')
		buf = c.value(buf)
		members = append(members, member{name: name})
		ends = append(ends, len(buf))
	}
	c.pos++
	start := 0
	for i, end := range ends {
		members[i].text = buf[start:end]
		start = end
	}
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, m.text...)
	}
	return append(out, '}')
}
