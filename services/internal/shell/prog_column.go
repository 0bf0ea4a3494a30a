package shell

import (
	"strconv"
	"strings"
)

// progColumn is column(1) of util-linux: a table, or columns as wide as the terminal.
func progColumn(c *call) int {
	opts, operands := c.flags("csoNRHWEOlndpr", "--separator", "--output-separator", "--table-columns", "--output-width")
	var rows []string
	status := c.each(operands, func(_ string, b []byte) {
		for _, l := range c.lines(b) {
			if strings.TrimSpace(l) != "" {
				rows = append(rows, l)
			}
		}
	})
	if has(opts, "-t", "--table") {
		separators, custom := valueOf(opts, "-s", "--separator")
		gap, ok := valueOf(opts, "-o", "--output-separator")
		if !ok {
			gap = "  "
		}
		if names, ok := valueOf(opts, "-N", "--table-columns"); ok {
			rows = append([]string{names}, rows...)
		}
		var table [][]string
		for i, l := range rows {
			fields := strings.Fields(l)
			switch {
			case i == 0 && has(opts, "-N", "--table-columns"):
				fields = strings.Split(l, ",")
			case custom:
				fields = splitAny(l, separators)
			}
			c.grow(32 * len(fields))
			table = append(table, fields)
		}
		c.print(aligned(table, gap))
		return status
	}
	width := 80
	if c.term != nil && c.terminal() {
		width, _ = c.term.size()
	}
	if s, ok := valueOf(opts, "-c", "--output-width"); ok {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			width = n
		}
	}
	c.fill(rows, width, has(opts, "-x"))
	return status
}

// splitAny splits at every byte that is one of separators.
func splitAny(s, separators string) []string {
	var out []string
	for {
		i := strings.IndexAny(s, separators)
		if i < 0 || separators == "" {
			return append(out, s)
		}
		out, s = append(out, s[:i]), s[i+1:]
	}
}

// aligned pads all columns but the last.
func aligned(table [][]string, gap string) string {
	var widths []int
	for _, row := range table {
		for i, s := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(s)))
		}
	}
	var b strings.Builder
	for _, row := range table {
		for i, width := range widths {
			s := ""
			if i < len(row) {
				s = row[i]
			}
			b.WriteString(s)
			if i < len(widths)-1 {
				b.WriteString(strings.Repeat(" ", width-len([]rune(s))) + gap)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// fill prints rows in columns whose width is a multiple of a tab.
func (c *call) fill(rows []string, width int, across bool) {
	longest := 0
	for _, r := range rows {
		longest = max(longest, len([]rune(r)))
	}
	cell := (longest + 8) &^ 7
	columns := max(width/cell, 1)
	height := (len(rows) + columns - 1) / columns
	for y := range height {
		at := 0
		for x := range columns {
			i, next := y+x*height, y+(x+1)*height
			if across {
				i, next = y*columns+x, y*columns+x+1
			}
			if i >= len(rows) {
				break
			}
			c.print(rows[i])
			at += len([]rune(rows[i]))
			if next >= len(rows) || x == columns-1 {
				break
			}
			for at < (x+1)*cell {
				c.print("\t")
				at = (at + 8) &^ 7
			}
		}
		c.print("\n")
	}
}
