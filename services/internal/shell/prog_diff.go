package shell

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
)

func progReverse(c *call) int {
	_, operands := c.flags("")
	return c.each(operands, func(_ string, b []byte) {
		rows := c.lines(b)
		switch c.name {
		case "tac":
			slices.Reverse(rows)
		case "rev":
			for i, r := range rows {
				rs := []rune(r)
				slices.Reverse(rs)
				rows[i] = string(rs)
			}
		case "nl":
			n := 0
			for i, r := range rows {
				if r != "" {
					n++
					rows[i] = fmt.Sprintf("%6d\t%s", n, r)
				} else {
					rows[i] = "       "
				}
			}
		case "shuf":
			r := c.sh.m.id.Rand("shuf " + strconv.FormatInt(c.sh.m.now().UnixNano(), 10))
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		}
		for _, r := range rows {
			c.print(r + "\n")
		}
	})
}

func progDiff(c *call) int {
	_, operands := c.flags("U")
	if len(operands) < 2 {
		c.errorf("missing operand after '%s'", c.args[len(c.args)-1])
		c.try()
		return 2
	}
	var both [2][]byte
	for i := range both {
		b, err := c.contents(operands[i])
		if err != nil {
			c.errorf("%s: %s", operands[i], reason(err))
			return 2
		}
		both[i] = b
	}
	if bytes.Equal(both[0], both[1]) {
		return 0
	}
	a, b := c.lines(both[0]), c.lines(both[1])
	if c.name == "cmp" {
		c.printf("%s %s differ: byte 1, line 1\n", operands[0], operands[1])
		return 1
	}
	lead := 0
	for lead < len(a) && lead < len(b) && a[lead] == b[lead] {
		lead++
	}
	tail := 0
	for tail < len(a)-lead && tail < len(b)-lead && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	span := func(from, to int) string {
		if to-from <= 1 {
			return strconv.Itoa(max(to, from))
		}
		return fmt.Sprintf("%d,%d", from+1, to)
	}
	x, y := len(a)-tail, len(b)-tail
	switch {
	case x == lead:
		c.printf("%da%s\n", lead, span(lead, y))
	case y == lead:
		c.printf("%sd%d\n", span(lead, x), lead)
	default:
		c.printf("%sc%s\n", span(lead, x), span(lead, y))
	}
	for _, r := range a[lead:x] {
		c.print("< " + r + "\n")
	}
	if x > lead && y > lead {
		c.print("---\n")
	}
	for _, r := range b[lead:y] {
		c.print("> " + r + "\n")
	}
	return 1
}
