package shell

import "strings"

// progPaste joins lines of files side by side, or the lines of each file with -s.
func progPaste(c *call) int {
	opts, operands := c.flags("d", "--delimiters")
	list, ok := valueOf(opts, "-d", "--delimiters")
	if !ok {
		list = "\t"
	}
	delimiters := pasteDelimiters(list)
	between := func(i int) string { return delimiters[i%len(delimiters)] }
	var files [][]string
	status := 0
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	shared := -1 // among files, what standard input gives
	for _, name := range operands {
		if name == "-" && shared >= 0 {
			files = append(files, nil)
			continue
		}
		b, err := c.contents(name)
		if err != nil {
			c.errorf("%s: %s", name, reason(err))
			status = 1
			if !has(opts, "-s", "--serial") {
				return 1
			}
			continue
		}
		if name == "-" {
			shared = len(files)
		}
		files = append(files, c.lines(b))
	}
	if has(opts, "-s", "--serial") {
		for _, rows := range files {
			for i, l := range rows {
				if i > 0 {
					c.print(between(i - 1))
				}
				c.print(l)
			}
			c.print("\n")
		}
		return status
	}
	stdin := []string(nil)
	if shared >= 0 {
		stdin = files[shared]
	}
	for y := 0; ; y++ {
		c.use.step(c.ctx)
		var row strings.Builder
		more := false
		for x, name := range operands {
			line, have := "", false
			if name == "-" {
				if have = len(stdin) > 0; have {
					line, stdin = stdin[0], stdin[1:]
				}
			} else if have = y < len(files[x]); have {
				line = files[x][y]
			}
			more = more || have
			if x > 0 {
				row.WriteString(between(x - 1))
			}
			row.WriteString(line)
		}
		if !more {
			return status
		}
		c.print(row.String() + "\n")
	}
}

// pasteDelimiters decodes the list of -d, which is never empty.
func pasteDelimiters(list string) []string {
	var out []string
	for i := 0; i < len(list); i++ {
		if list[i] == '\\' && i+1 < len(list) {
			i++
			switch list[i] {
			case 'n':
				out = append(out, "\n")
			case 't':
				out = append(out, "\t")
			case '0':
				out = append(out, "")
			default:
				out = append(out, list[i:i+1])
			}
			continue
		}
		out = append(out, list[i:i+1])
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

// progComm compares two sorted files line by line.
func progComm(c *call) int {
	opts, operands := c.flags("")
	if len(operands) < 2 {
		if len(operands) == 0 {
			c.errorf("missing operand")
		} else {
			c.errorf("missing operand after ‘%s’", operands[0])
		}
		c.try()
		return 1
	}
	if len(operands) > 2 {
		c.errorf("extra operand ‘%s’", operands[2])
		c.try()
		return 1
	}
	var rows [2][]string
	for i := range rows {
		b, err := c.contents(operands[i])
		if err != nil {
			c.errorf("%s: %s", operands[i], reason(err))
			return 1
		}
		rows[i] = c.lines(b)
	}
	indent := [3]string{}
	if !has(opts, "-1") {
		indent[1], indent[2] = "\t", "\t"
	}
	if !has(opts, "-2") {
		indent[2] += "\t"
	}
	show := func(column int, line string) {
		if !has(opts, [...]string{"-1", "-2", "-3"}[column]) {
			c.print(indent[column] + line + "\n")
		}
	}
	a, b := rows[0], rows[1]
	for len(a) > 0 || len(b) > 0 {
		c.use.step(c.ctx)
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			show(0, a[0])
			a = a[1:]
		case len(a) == 0 || b[0] < a[0]:
			show(1, b[0])
			b = b[1:]
		default:
			show(2, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return 0
}
