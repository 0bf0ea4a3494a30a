package shell

import (
	"bytes"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

func progGrep(c *call) int {
	opts, operands := c.flags("efmABC", "--regexp", "--file", "--max-count", "--include", "--exclude", "--exclude-dir", "--after-context", "--before-context", "--context")
	var patterns []string
	mode := byte('G')
	switch c.name {
	case "egrep":
		mode = 'E'
	case "fgrep":
		mode = 'F'
	}
	var invert, ignore, count, quiet, silent, number, only, word, line, list, without, recursive, forceName, noName bool
	limit, after, before := -1, 0, 0
	include := ""
	for _, o := range opts {
		n, _ := strconv.Atoi(o.value)
		switch o.name {
		case "-e", "--regexp":
			patterns = append(patterns, strings.Split(o.value, "\n")...)
		case "-f", "--file":
			b, err := c.contents(o.value)
			if err != nil {
				c.errorf("%s: %s", o.value, reason(err))
				return 2
			}
			patterns = append(patterns, c.lines(b)...)
		case "-E", "--extended-regexp", "-P", "--perl-regexp":
			mode = 'E'
			if o.name == "-P" {
				mode = 'P'
			}
		case "-F", "--fixed-strings":
			mode = 'F'
		case "-G":
			mode = 'G'
		case "-v", "--invert-match":
			invert = true
		case "-i", "-y", "--ignore-case":
			ignore = true
		case "-c", "--count":
			count = true
		case "-q", "--quiet", "--silent":
			quiet = true
		case "-s", "--no-messages":
			silent = true
		case "-n", "--line-number":
			number = true
		case "-o", "--only-matching":
			only = true
		case "-w", "--word-regexp":
			word = true
		case "-x", "--line-regexp":
			line = true
		case "-l", "--files-with-matches":
			list = true
		case "-L", "--files-without-match":
			without = true
		case "-r", "-R", "--recursive":
			recursive = true
		case "-H", "--with-filename":
			forceName = true
		case "-h", "--no-filename":
			noName = true
		case "-m", "--max-count":
			limit = n
		case "-A", "--after-context":
			after = n
		case "-B", "--before-context":
			before = n
		case "-C", "--context":
			after, before = n, n
		case "--include":
			include = o.value
		case "-a", "-I", "-U", "-b", "-z", "--text", "--color", "--colour", "--line-buffered", "--exclude", "--exclude-dir", "--binary-files":
		case "-V", "--version":
			c.print("grep (GNU grep) 3.8\n")
			return 0
		default:
			c.errln(c.name + ": " + map[bool]string{true: "unrecognized option '" + o.name + "'", false: "invalid option -- '" + strings.TrimPrefix(o.name, "-") + "'"}[strings.HasPrefix(o.name, "--")])
			c.errln("Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.")
			return 2
		}
	}
	if len(patterns) == 0 {
		if len(operands) == 0 {
			c.errln("Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.")
			return 2
		}
		patterns = strings.Split(operands[0], "\n")
		operands = operands[1:]
	}
	for i, p := range patterns {
		switch mode {
		case 'F':
			p = regexp.QuoteMeta(p)
		case 'G':
			p = basicRegexp(p)
		case 'E':
			p = extendedRegexp(p)
		}
		if word {
			p = `\b(?:` + p + `)\b`
		}
		if line {
			p = `^(?:` + p + `)$`
		}
		patterns[i] = "(?:" + p + ")"
	}
	expr := strings.Join(patterns, "|")
	if ignore {
		expr = "(?i)" + expr
	}
	re := c.sh.m.regexps.compile(expr)
	if re == nil {
		c.errorf("Unmatched [, [^, [:, [., or [=")
		return 2
	}
	if len(operands) == 0 {
		operands = []string{"-"}
		if recursive {
			operands = []string{"."}
		}
	}
	names := operands
	failed := false
	if recursive {
		names = nil
		for _, o := range operands {
			names = c.allFiles(strings.TrimSuffix(o, "/"), include, names, 0)
		}
	}
	withName := (len(names) > 1 || recursive || forceName) && !noName
	matched := false
	for _, name := range names {
		b, err := c.contents(name)
		if err != nil {
			if !silent {
				c.errorf("%s: %s", name, reason(err))
			}
			failed = true
			continue
		}
		label := ""
		if withName {
			label = name + ":"
			if name == "-" {
				label = "(standard input):"
			}
		}
		hits := 0
		binary := bytes.IndexByte(b, 0) >= 0 && !has(opts, "-a", "--text")
		rows := c.lines(b)
		lastShown := -1
		for i, row := range rows {
			c.use.step(c.ctx)
			if tooMuch(expr, row) || re.MatchString(row) == invert {
				continue
			}
			matched = true
			hits++
			if quiet {
				return 0
			}
			if count || list || without {
				continue
			}
			if binary {
				c.printf("Binary file %s matches\n", name)
				break
			}
			if only && !invert && len(row) <= maxSubject {
				for _, m := range re.FindAllString(row, -1) {
					if m != "" {
						c.print(label + map[bool]string{true: strconv.Itoa(i+1) + ":"}[number] + m + "\n")
					}
				}
			} else {
				from := max(i-before, lastShown+1)
				if (before > 0 || after > 0) && lastShown >= 0 && from > lastShown+1 {
					c.print("--\n")
				}
				for k := from; k < min(i+after+1, len(rows)); k++ {
					sep := "-"
					if k <= i && (k == i) {
						sep = ":"
					} else if k > i && re.MatchString(rows[k]) != invert {
						break
					}
					prefix := strings.TrimSuffix(label, ":")
					if label != "" {
						prefix += sep
					}
					if number {
						prefix += strconv.Itoa(k+1) + sep
					}
					c.print(prefix + rows[k] + "\n")
					lastShown = k
				}
			}
			if limit >= 0 && hits >= limit {
				break
			}
		}
		switch {
		case count:
			c.print(label + strconv.Itoa(hits) + "\n")
		case list && hits > 0, without && hits == 0:
			c.print(name + "\n")
		}
	}
	switch {
	case failed && !matched:
		return 2
	case matched:
		return 0
	}
	return 1
}

// allFiles lists the regular files below dir.
func (c *call) allFiles(dir, include string, out []string, depth int) []string {
	c.use.step(c.ctx)
	i, err := c.files().stat("stat", dir, true)
	if err != nil || depth > 64 || len(out) > maxFields {
		return append(out, dir)
	}
	if !i.mode.IsDir() {
		if i.mode.IsRegular() && (include == "" || c.match(include, i.name)) {
			c.grow(len(dir) + 16)
			out = append(out, dir)
		}
		return out
	}
	list, _ := c.files().list(dir)
	for _, k := range list {
		if k.mode&fs.ModeSymlink == 0 {
			out = c.allFiles(dir+"/"+k.name, include, out, depth+1)
		}
	}
	return out
}
