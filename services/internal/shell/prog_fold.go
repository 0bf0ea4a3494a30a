package shell

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// progFold breaks lines that are wider than they may be.
func progFold(c *call) int {
	for i, a := range c.args { // the old form, -40 for -w 40
		if n, err := strconv.Atoi(strings.TrimPrefix(a, "-")); i > 0 && err == nil && a[0] == '-' && n > 0 && c.args[i-1] != "-w" {
			c.args[i] = "-w" + a[1:]
		}
	}
	opts, operands := c.flags("w", "--width")
	width := 80
	if s, ok := valueOf(opts, "-w", "--width"); ok {
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			c.errorf("invalid number of columns: ‘%s’", s)
			return 1
		}
		width = n
	}
	return c.each(operands, func(_ string, b []byte) {
		for line := range strings.Lines(string(b)) {
			c.use.step(c.ctx)
			for end := len(strings.TrimSuffix(line, "\n")); end > width; end = len(strings.TrimSuffix(line, "\n")) {
				cut := width
				if has(opts, "-s", "--spaces") {
					if i := strings.LastIndexByte(line[:width], ' '); i >= 0 {
						cut = i + 1
					}
				}
				c.print(line[:cut] + "\n")
				line = line[cut:]
			}
			c.print(line)
		}
	})
}

// progExpand turns tabs into spaces, unexpand turns leading spaces into tabs.
func progExpand(c *call) int {
	opts, operands := c.flags("t", "--tabs")
	tab := 8
	if s, ok := valueOf(opts, "-t", "--tabs"); ok {
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 || n > 1<<10 {
			c.errorf("tab size contains invalid character(s): ‘%s’", s)
			return 1
		}
		tab = n
	}
	return c.each(operands, func(_ string, b []byte) {
		for line := range strings.Lines(string(b)) {
			c.use.step(c.ctx)
			if c.name == "expand" {
				c.expandTabs(line, tab, has(opts, "-i", "--initial"))
				continue
			}
			blank := 0 // width of the leading blanks
			text := strings.TrimLeftFunc(line, func(r rune) bool {
				switch r {
				case ' ':
					blank++
				case '\t':
					blank = (blank/tab + 1) * tab
				default:
					return false
				}
				return true
			})
			c.print(strings.Repeat("\t", blank/tab) + strings.Repeat(" ", blank%tab) + text)
		}
	})
}

func (c *call) expandTabs(line string, tab int, initial bool) {
	at := 0
	for line != "" {
		if initial && line[0] != ' ' && line[0] != '\t' {
			c.print(line)
			return
		}
		_, n := utf8.DecodeRuneInString(line)
		if line[0] == '\t' {
			blank := tab - at%tab
			c.print(strings.Repeat(" ", blank))
			at += blank
		} else {
			c.print(line[:n])
			at++
		}
		line = line[n:]
	}
}
