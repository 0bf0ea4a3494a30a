package shell

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// regexpQuote quotes s for regular expressions.
func regexpQuote(s string) string { return regexp.QuoteMeta(s) }

// basicRegexp turns a basic regular expression of POSIX into Go's syntax.
func basicRegexp(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i >= len(s) {
				b.WriteString(`\\`)
				break
			}
			switch s[i] {
			case '(', ')', '{', '}', '|', '+', '?':
				b.WriteByte(s[i])
			case '<', '>':
				b.WriteString(`\b`)
			default:
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		case '(', ')', '{', '}', '|', '+', '?':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '*':
			if i == 0 || i == 1 && s[0] == '^' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		case '[':
			end := bracketEnd(s, i)
			b.WriteString(fixBracket(s[i:end]))
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// bracketEnd returns where the bracket expression that starts at i ends.
func bracketEnd(s string, i int) int {
	j := i + 1
	if j < len(s) && s[j] == '^' {
		j++
	}
	if j < len(s) && s[j] == ']' {
		j++
	}
	for j < len(s) && s[j] != ']' {
		if s[j] == '[' && j+1 < len(s) && s[j+1] == ':' {
			if k := strings.Index(s[j:], ":]"); k > 0 {
				j += k + 1
			}
		}
		j++
	}
	return min(j+1, len(s))
}

// fixBracket escapes backslashes, which are ordinary in a POSIX bracket expression.
func fixBracket(s string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	if strings.HasPrefix(s, "[]") {
		s = `[\]` + s[2:]
	} else if strings.HasPrefix(s, "[^]") {
		s = `[^\]` + s[3:]
	}
	return s
}

// extendedRegexp turns an extended regular expression of POSIX into Go's syntax.
func extendedRegexp(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] == '<' || s[i] == '>' {
				b.WriteString(`\b`)
			} else if unicode.IsLetter(rune(s[i])) && strings.IndexByte("wWsSdDbBntrfv", s[i]) < 0 {
				b.WriteByte(s[i])
			} else {
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		case c == '[':
			end := bracketEnd(s, i)
			b.WriteString(fixBracket(s[i:end]))
			i = end - 1
		case c == '{' && (i+1 >= len(s) || s[i+1] < '0' || s[i+1] > '9'):
			b.WriteString(`\{`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func progHead(c *call) int {
	args := c.args[:1]
	for _, a := range c.args[1:] {
		if len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9' {
			args = append(slices.Clip(args), "-n", a[1:])
		} else {
			args = append(slices.Clip(args), a)
		}
	}
	c.args = args
	opts, operands := c.flags("nc", "--lines", "--bytes")
	count, byBytes := "10", false
	for _, o := range opts {
		switch o.name {
		case "-n", "--lines":
			count, byBytes = o.value, false
		case "-c", "--bytes":
			count, byBytes = o.value, true
		case "-q", "-v", "-f", "-F", "-s", "--quiet", "--silent", "--verbose", "--follow", "--retry":
		default:
			return c.badOption(o.name)
		}
	}
	fromStart := c.name == "tail" && strings.HasPrefix(count, "+")
	n, err := parseSize(strings.TrimPrefix(count, "+"))
	if err != nil {
		what := "lines"
		if byBytes {
			what = "bytes"
		}
		c.errorf("invalid number of %s: ‘%s’", what, count)
		return 1
	}
	status := 0
	many := len(operands) > 1 || has(opts, "-v")
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	for i, name := range operands {
		r, err := c.input(name)
		if err != nil {
			if reason(err) == "Is a directory" {
				c.errorf("error reading '%s': Is a directory", name)
			} else {
				c.errorf("cannot open '%s' for reading: %s", name, reason(err))
			}
			status = 1
			continue
		}
		if many && !has(opts, "-q") {
			if i > 0 {
				c.print("\n")
			}
			title := name
			if name == "-" {
				title = "standard input"
			}
			c.print("==> " + title + " <==\n")
		}
		if c.name == "tail" {
			b, _ := io.ReadAll(&budgetReader{c, r})
			c.printBytes(tailOf(b, n, byBytes, fromStart))
		} else {
			c.head(r, n, byBytes)
		}
		_ = r.Close()
	}
	if c.name == "tail" && has(opts, "-f", "-F", "--follow") {
		c.flush()
		c.sleepFor(maxCommandT)
	}
	return status
}

// budgetReader charges what is read to the budget of the log-in.
type budgetReader struct {
	c *call
	r io.Reader
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.c.grow(n)
	return n, err
}

func parseSize(s string) (int64, error) {
	mult := int64(1)
	for suffix, m := range map[string]int64{"K": 1 << 10, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "b": 512} {
		if t, ok := strings.CutSuffix(s, suffix); ok {
			s, mult = t, m
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return n * mult, err
}

func (c *call) head(r io.Reader, n int64, byBytes bool) {
	if n < 0 {
		b, _ := io.ReadAll(&budgetReader{c, r})
		if byBytes {
			c.printBytes(b[:max(0, int64(len(b))+n)])
			return
		}
		c.grow(17 * len(b))
		all := slices.Collect(strings.Lines(string(b)))
		for _, l := range all[:max(0, int64(len(all))+n)] {
			c.print(l)
		}
		return
	}
	size := 4096
	if _, pipe := r.(*fileInput); !pipe {
		size = 512
	}
	buf := make([]byte, size)
	for n > 0 {
		k, err := r.Read(buf)
		chunk := buf[:k]
		if byBytes {
			chunk = chunk[:min(int64(k), n)]
			n -= int64(len(chunk))
		} else {
			for i, b := range chunk {
				if b == '\n' {
					if n--; n == 0 {
						chunk = chunk[:i+1]
						break
					}
				}
			}
		}
		c.printBytes(chunk)
		if err != nil {
			return
		}
	}
}

func tailOf(b []byte, n int64, byBytes, fromStart bool) []byte {
	if byBytes {
		if fromStart {
			return b[min(int64(len(b)), max(n-1, 0)):]
		}
		return b[max(0, int64(len(b))-max(n, -n)):]
	}
	if fromStart {
		for n--; n > 0; n-- {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return nil
			}
			b = b[i+1:]
		}
		return b
	}
	if n == 0 {
		return nil
	}
	i := len(b)
	if i > 0 && b[i-1] == '\n' {
		i--
	}
	for ; n > 0; n-- {
		j := bytes.LastIndexByte(b[:i], '\n')
		if j < 0 {
			return b
		}
		i = j
	}
	return b[i+1:]
}

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

func progSort(c *call) int {
	opts, operands := c.flags("ktoST", "--key", "--field-separator", "--output")
	var rows []string
	status := c.each(operands, func(_ string, b []byte) { rows = append(rows, c.lines(b)...) })
	sep, _ := valueOf(opts, "-t", "--field-separator")
	key, keyed := valueOf(opts, "-k", "--key")
	numeric, reverse := has(opts, "-n", "--numeric-sort", "-g"), has(opts, "-r", "--reverse")
	humanize, fold, version := has(opts, "-h", "--human-numeric-sort"), has(opts, "-f"), has(opts, "-V")
	first, last := 1, 0
	if keyed {
		a, b, two := strings.Cut(key, ",")
		numeric = numeric || strings.ContainsAny(key, "n")
		reverse = reverse || strings.Contains(key, "r")
		humanize = humanize || strings.Contains(key, "h")
		first, _ = strconv.Atoi(strings.TrimRight(strings.Split(a, ".")[0], "bdfghiMnRrV"))
		if two {
			last, _ = strconv.Atoi(strings.TrimRight(strings.Split(b, ".")[0], "bdfghiMnRrV"))
		}
	}
	field := func(s string) string {
		if !keyed {
			return s
		}
		var f []string
		if sep != "" {
			f = strings.Split(s, sep)
		} else {
			f = strings.Fields(s)
		}
		if first > len(f) || first < 1 {
			return ""
		}
		end := len(f)
		if last >= first && last < end {
			end = last
		}
		return strings.Join(f[first-1:end], " ")
	}
	number := func(s string) float64 {
		s = strings.TrimSpace(s)
		end := 0
		for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' || end == 0 && s[end] == '-') {
			end++
		}
		x, _ := strconv.ParseFloat(s[:end], 64)
		if humanize && end < len(s) {
			if i := strings.IndexByte("KMGTP", s[end]); i >= 0 {
				for range i + 1 {
					x *= 1024
				}
			}
		}
		return x
	}
	compare := func(a, b string) int {
		x, y := field(a), field(b)
		switch {
		case numeric || humanize || version:
			if p, q := number(x), number(y); p != q {
				if p < q {
					return -1
				}
				return 1
			}
			return 0
		case fold:
			return collate(strings.ToLower(x), strings.ToLower(y))
		}
		return collate(x, y)
	}
	slices.SortStableFunc(rows, func(a, b string) int {
		r := compare(a, b)
		if r == 0 && !has(opts, "-s", "-u") {
			r = strings.Compare(a, b)
		}
		if reverse {
			return -r
		}
		return r
	})
	if has(opts, "-u", "--unique") {
		rows = slices.CompactFunc(rows, func(a, b string) bool { return compare(a, b) == 0 })
	}
	out := strings.Join(rows, "\n")
	if len(rows) > 0 {
		out += "\n"
	}
	if name, ok := valueOf(opts, "-o", "--output"); ok {
		if err := c.create(name, []byte(out), 0o666); err != nil {
			c.errorf("open failed: %s: %s", name, reason(err))
			return 2
		}
		return status
	}
	c.print(out)
	return status
}

func progUniq(c *call) int {
	opts, operands := c.flags("fsw")
	if len(operands) > 1 {
		operands = operands[:1]
	}
	return c.each(operands, func(_ string, b []byte) {
		rows := c.lines(b)
		for i := 0; i < len(rows); {
			j := i + 1
			for j < len(rows) && (rows[j] == rows[i] || has(opts, "-i") && strings.EqualFold(rows[j], rows[i])) {
				j++
			}
			n := j - i
			if !(has(opts, "-d") && n == 1) && !(has(opts, "-u") && n > 1) {
				if has(opts, "-c", "--count") {
					c.printf("%7d %s\n", n, rows[i])
				} else {
					c.print(rows[i] + "\n")
				}
			}
			i = j
		}
	})
}

func progWc(c *call) int {
	opts, operands := c.flags("")
	type counts struct{ lines, words, chars, bytes, longest int }
	var total counts
	var rows []string
	all := len(opts) == 0
	var results []counts
	status := c.each(operands, func(name string, b []byte) {
		n := counts{lines: bytes.Count(b, []byte("\n")), words: len(bytes.Fields(b)), bytes: len(b), chars: utf8.RuneCount(b)}
		for _, l := range c.lines(b) {
			n.longest = max(n.longest, utf8.RuneCountInString(l))
		}
		total = counts{total.lines + n.lines, total.words + n.words, total.chars + n.chars, total.bytes + n.bytes, max(total.longest, n.longest)}
		results = append(results, n)
		rows = append(rows, name)
	})
	if len(operands) > 1 {
		results, rows = append(results, total), append(rows, "total")
	}
	pick := func(n counts) []int {
		var out []int
		if all || has(opts, "-l", "--lines") {
			out = append(out, n.lines)
		}
		if all || has(opts, "-w", "--words") {
			out = append(out, n.words)
		}
		if has(opts, "-m", "--chars") {
			out = append(out, n.chars)
		}
		if all || has(opts, "-c", "--bytes") {
			out = append(out, n.bytes)
		}
		if has(opts, "-L") {
			out = append(out, n.longest)
		}
		return out
	}
	width := 1
	for _, n := range pick(total) {
		width = max(width, len(strconv.Itoa(n)))
	}
	width = max(width, len(strconv.Itoa(total.bytes)))
	if len(operands) == 0 && len(pick(total)) > 1 {
		width = 7
	}
	if len(pick(total)) == 1 && len(results) == 1 {
		width = 1
	}
	for i, n := range results {
		cells := pick(n)
		for k, v := range cells {
			if k > 0 {
				c.print(" ")
			}
			c.printf("%*d", width, v)
		}
		if len(operands) > 0 {
			c.print(" " + rows[i])
		}
		c.print("\n")
	}
	return status
}

// selection parses the lists of cut: 1,3-5,7-.
func selection(s string) (func(int) bool, bool) {
	type span struct{ from, to int }
	var spans []span
	for p := range strings.SplitSeq(s, ",") {
		a, b, isRange := strings.Cut(p, "-")
		from, err1 := strconv.Atoi(a)
		to, err2 := strconv.Atoi(b)
		switch {
		case !isRange && err1 == nil:
			to = from
		case isRange && a == "" && err2 == nil:
			from = 1
		case isRange && b == "" && err1 == nil:
			to = 1 << 30
		case err1 != nil || err2 != nil:
			return nil, false
		}
		spans = append(spans, span{from, to})
	}
	return func(n int) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return n >= s.from && n <= s.to })
	}, true
}

func progCut(c *call) int {
	opts, operands := c.flags("bcdf", "--bytes", "--characters", "--delimiter", "--fields", "--output-delimiter")
	list, byFields := valueOf(opts, "-f", "--fields")
	if !byFields {
		var ok bool
		if list, ok = valueOf(opts, "-c", "--characters", "-b", "--bytes"); !ok {
			c.errorf("you must specify a list of bytes, characters, or fields")
			c.try()
			return 1
		}
	}
	in, ok := selection(list)
	if !ok {
		c.errorf("invalid field value ‘%s’", list)
		c.try()
		return 1
	}
	delim := "\t"
	if d, ok := valueOf(opts, "-d", "--delimiter"); ok {
		if utf8.RuneCountInString(d) != 1 {
			c.errorf("the delimiter must be a single character")
			c.try()
			return 1
		}
		delim = d
	}
	sep := delim
	if s, ok := valueOf(opts, "--output-delimiter"); ok {
		sep = s
	}
	return c.each(operands, func(_ string, b []byte) {
		for _, row := range c.lines(b) {
			c.use.step(c.ctx)
			if byFields {
				if !strings.Contains(row, delim) {
					if !has(opts, "-s") {
						c.print(row + "\n")
					}
					continue
				}
				var out []string
				for i, f := range strings.Split(row, delim) {
					if in(i+1) != has(opts, "--complement") {
						out = append(out, f)
					}
				}
				c.print(strings.Join(out, sep) + "\n")
				continue
			}
			var out []byte
			for i := range len(row) {
				if in(i+1) != has(opts, "--complement") {
					out = append(out, row[i])
				}
			}
			c.print(string(out) + "\n")
		}
	})
}

// charSet expands what tr takes: ranges, classes and escapes.
func charSet(s string) []byte {
	s, _ = escapes(s, false)
	classes := map[string]string{"[:digit:]": "0-9", "[:lower:]": "a-z", "[:upper:]": "A-Z", "[:alpha:]": "A-Za-z", "[:alnum:]": "0-9A-Za-z", "[:space:]": "\t-\r ", "[:blank:]": " \t", "[:punct:]": "!-/:-@[-`{-~", "[:xdigit:]": "0-9A-Fa-f", "[:cntrl:]": "\x00-\x1f\x7f", "[:print:]": " -~", "[:graph:]": "!-~"}
	for name, set := range classes {
		s = strings.ReplaceAll(s, name, set)
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i+1] == '-' && s[i+2] >= s[i] {
			for c := int(s[i]); c <= int(s[i+2]); c++ {
				out = append(out, byte(c))
			}
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

func progTr(c *call) int {
	opts, operands := c.flags("")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	remove, squeeze, complement := has(opts, "-d", "--delete"), has(opts, "-s", "--squeeze-repeats"), has(opts, "-c", "-C", "--complement")
	if len(operands) == 1 && !remove && !squeeze {
		c.errorf("missing operand after ‘%s’", operands[0])
		c.errln("Two strings must be given when translating.")
		c.try()
		return 1
	}
	var from [256]bool
	var order []byte
	for _, b := range charSet(operands[0]) {
		from[b] = true
		order = append(order, b)
	}
	if complement {
		order = nil
		for i := range from {
			if from[i] = !from[i]; from[i] {
				order = append(order, byte(i))
			}
		}
	}
	var to [256]byte
	for i := range to {
		to[i] = byte(i)
	}
	var squeezed [256]bool
	if len(operands) > 1 {
		set := charSet(operands[1])
		for i, b := range order {
			if len(set) > 0 && !remove {
				to[b] = set[min(i, len(set)-1)]
			}
		}
		for _, b := range set {
			squeezed[b] = true
		}
	} else {
		squeezed = from
	}
	buf := make([]byte, 4096)
	last := -1
	for {
		n, err := (stdin{c}).Read(buf)
		for _, b := range buf[:n] {
			if remove && from[b] {
				continue
			}
			if from[b] {
				b = to[b]
			}
			if squeeze && squeezed[b] && last == int(b) {
				continue
			}
			last = int(b)
			c.buf = append(c.buf, b)
		}
		if len(c.buf) >= flushAt {
			c.flush()
		}
		if err != nil {
			return 0
		}
	}
}

func progXargs(c *call) int {
	args := c.args[1:]
	per, replace, delim := maxFields, "", ""
	empty := true
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		a := args[0]
		args = args[1:]
		value := func() string {
			if len(a) > 2 {
				return a[2:]
			}
			if len(args) > 0 {
				v := args[0]
				args = args[1:]
				return v
			}
			return ""
		}
		switch {
		case strings.HasPrefix(a, "-n"), strings.HasPrefix(a, "-L"):
			n, err := strconv.Atoi(value())
			if err != nil || n < 1 {
				c.errorf("invalid number for -n option")
				return 1
			}
			per = n
		case strings.HasPrefix(a, "-I"):
			replace = value()
		case strings.HasPrefix(a, "-d"):
			delim, _ = escapes(value(), false)
		case strings.HasPrefix(a, "-P"), strings.HasPrefix(a, "-s"), strings.HasPrefix(a, "-E"):
			value()
		case a == "-0":
			delim = "\x00"
		case a == "-r", a == "--no-run-if-empty":
			empty = false
		case a == "-i":
			replace = "{}"
		}
	}
	if len(args) == 0 {
		args = []string{"echo"}
	}
	b, _ := c.contents("-")
	c.grow(8 * len(b))
	var items []string
	switch {
	case delim != "":
		items = strings.Split(strings.TrimSuffix(string(b), delim), delim)
		if len(b) == 0 {
			items = nil
		}
	case replace != "":
		for _, l := range c.lines(b) {
			if l = strings.TrimSpace(l); l != "" {
				items = append(items, l)
			}
		}
	default:
		items = words(string(b))
	}
	status := 0
	run := func(cmd []string) {
		c.use.step(c.ctx)
		if s := c.runOther(cmd); s != 0 {
			status = 123
			if s == 127 || s == 126 {
				status = s
			}
		}
	}
	if replace != "" {
		for _, item := range items {
			cmd := make([]string, len(args))
			for i, a := range args {
				cmd[i] = strings.ReplaceAll(a, replace, item)
			}
			run(cmd)
		}
		return status
	}
	if len(items) == 0 && empty {
		run(args)
	}
	for len(items) > 0 {
		n := min(per, len(items))
		run(append(slices.Clip(args), items[:n]...))
		items = items[n:]
	}
	return status
}

// words splits at white space, minding quotes and backslashes as xargs does.
func words(s string) []string {
	var out []string
	var cur strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				cur.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, open = c, true
		case c == '\\' && i+1 < len(s):
			i++
			cur.WriteByte(s[i])
			open = true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				out = append(out, cur.String())
				cur.Reset()
				open = false
			}
		default:
			cur.WriteByte(c)
			open = true
		}
	}
	if open {
		out = append(out, cur.String())
	}
	return out
}

func progSeq(c *call) int {
	opts, _ := c.flags("sf", "--separator")
	var operands []string // a negative number looks like options
	skip := false
	for _, a := range c.args[1:] {
		switch {
		case skip:
			skip = false
		case a == "-s" || a == "-f":
			skip = true
		case strings.HasPrefix(a, "-") && (len(a) < 2 || a[1] < '0' || a[1] > '9'):
		default:
			operands = append(operands, a)
		}
	}
	sep := "\n"
	if s, ok := valueOf(opts, "-s", "--separator"); ok {
		sep = s
	}
	if len(operands) == 0 || len(operands) > 3 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	nums := []float64{1, 1, 1}
	parsed := make([]float64, len(operands))
	decimals, width := 0, 0
	for i, o := range operands {
		x, err := strconv.ParseFloat(o, 64)
		if err != nil {
			c.errorf("invalid floating point argument: ‘%s’", o)
			c.try()
			return 1
		}
		parsed[i] = x
		if _, f, ok := strings.Cut(o, "."); ok {
			decimals = max(decimals, len(f))
		}
		width = max(width, len(o))
	}
	switch len(parsed) {
	case 1:
		nums[2] = parsed[0]
	case 2:
		nums[0], nums[2] = parsed[0], parsed[1]
	case 3:
		copy(nums, parsed)
	}
	first, step, last := nums[0], nums[1], nums[2]
	if step == 0 {
		c.errorf("invalid Zero increment value: ‘%s’", operands[1])
		return 1
	}
	printed := false
	for i := 0.0; ; i++ {
		x := first + i*step
		if step > 0 && x > last || step < 0 && x < last {
			break
		}
		c.use.step(c.ctx)
		if printed {
			c.print(sep)
		}
		printed = true
		s := strconv.FormatFloat(x, 'f', min(decimals, 20), 64)
		if has(opts, "-w") {
			s = strings.Repeat("0", max(0, width-len(s))) + s
		}
		c.print(s)
	}
	if printed {
		c.print("\n")
	}
	return 0
}

func progYes(c *call) int {
	s := "y"
	if len(c.args) > 1 {
		s = strings.Join(c.args[1:], " ")
	}
	block := []byte(strings.Repeat(s+"\n", 1+4096/(len(s)+1)))
	for {
		c.out(block)
		c.use.step(c.ctx)
	}
}

func progBase64(c *call) int {
	opts, operands := c.flags("w", "--wrap")
	wrap := 76
	if w, ok := valueOf(opts, "-w", "--wrap"); ok {
		wrap, _ = strconv.Atoi(w)
	}
	if len(operands) > 1 {
		c.errorf("extra operand ‘%s’", operands[1])
		c.try()
		return 1
	}
	status := 0
	status = max(status, c.each(operands, func(_ string, b []byte) {
		if has(opts, "-d", "-D", "--decode") {
			clean := bytes.Map(func(r rune) rune {
				if r == '\n' || has(opts, "-i") && !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", r) {
					return -1
				}
				return r
			}, b)
			out := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
			n, err := base64.StdEncoding.Decode(out, clean)
			if err != nil {
				if m, err := base64.RawStdEncoding.Decode(out, bytes.TrimRight(clean, "=")); err == nil && m > n {
					n = m
				}
			}
			c.printBytes(out[:n])
			if err != nil {
				c.errorf("invalid input")
				status = 1
			}
			return
		}
		c.grow(len(b) * 3 / 2)
		s := base64.StdEncoding.EncodeToString(b)
		for wrap > 0 && len(s) > wrap {
			c.print(s[:wrap] + "\n")
			s = s[wrap:]
		}
		c.print(s)
		if wrap > 0 && s != "" {
			c.print("\n")
		}
	}))
	return status
}

func progSum(c *call) int {
	opts, operands := c.flags("")
	hash := func(b []byte) string {
		switch c.name {
		case "md5sum":
			s := md5.Sum(b)
			return hex.EncodeToString(s[:])
		case "sha1sum":
			s := sha1.Sum(b)
			return hex.EncodeToString(s[:])
		case "sha512sum":
			s := sha512.Sum512(b)
			return hex.EncodeToString(s[:])
		}
		s := sha256.Sum256(b)
		return hex.EncodeToString(s[:])
	}
	if has(opts, "-c", "--check") {
		bad := 0
		status := c.each(operands, func(_ string, b []byte) {
			for _, row := range c.lines(b) {
				sum, name, ok := strings.Cut(row, "  ")
				if !ok {
					continue
				}
				content, err := c.contents(name)
				switch {
				case err != nil:
					c.errorf("%s: %s", name, reason(err))
					c.print(name + ": FAILED open or read\n")
					bad++
				case hash(content) == sum:
					c.print(name + ": OK\n")
				default:
					c.print(name + ": FAILED\n")
					bad++
				}
			}
		})
		if bad > 0 {
			c.errorf("WARNING: %d computed checksum did NOT match", bad)
			return 1
		}
		return status
	}
	return c.each(operands, func(name string, b []byte) { c.printf("%s  %s\n", hash(b), name) })
}

func progXxd(c *call) int {
	opts, operands := c.flags("lscg")
	limit := -1
	if s, ok := valueOf(opts, "-l"); ok {
		if n, err := strconv.ParseInt(s, 0, 32); err == nil {
			limit = int(n)
		}
	}
	return c.each(operands, func(_ string, b []byte) {
		if has(opts, "-r") {
			c.printBytes(unhex(string(b), has(opts, "-p")))
			return
		}
		if limit >= 0 && limit < len(b) {
			b = b[:limit]
		}
		if has(opts, "-p") {
			s := hex.EncodeToString(b)
			for len(s) > 60 {
				c.print(s[:60] + "\n")
				s = s[60:]
			}
			c.print(s + "\n")
			return
		}
		for off := 0; off < len(b); off += 16 {
			row := b[off:min(off+16, len(b))]
			var h strings.Builder
			for i, x := range row {
				if i > 0 && i%2 == 0 {
					h.WriteByte(' ')
				}
				fmt.Fprintf(&h, "%02x", x)
			}
			c.printf("%08x: %-39s  %s\n", off, h.String(), dots(row))
		}
	})
}

func unhex(s string, plain bool) []byte {
	if !plain {
		var joined strings.Builder
		for row := range strings.SplitSeq(s, "\n") {
			if _, rest, ok := strings.Cut(row, ": "); ok {
				rest, _, _ = strings.Cut(rest, "  ")
				joined.WriteString(rest)
			}
		}
		s = joined.String()
	}
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.ASCII_Hex_Digit, r) {
			return r
		}
		return -1
	}, s)
	out, _ := hex.DecodeString(s[:len(s)&^1])
	return out
}

func dots(b []byte) string {
	out := make([]byte, len(b))
	for i, x := range b {
		out[i] = x
		if x < ' ' || x > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

func progHexdump(c *call) int {
	opts, operands := c.flags("nse")
	limit := -1
	if s, ok := valueOf(opts, "-n"); ok {
		limit, _ = strconv.Atoi(s)
	}
	canonical := has(opts, "-C") || c.name == "hd"
	return c.each(operands, func(_ string, b []byte) {
		if limit >= 0 && limit < len(b) {
			b = b[:limit]
		}
		var last []byte
		starred := false
		for off := 0; off < len(b); off += 16 {
			row := b[off:min(off+16, len(b))]
			if bytes.Equal(row, last) && !has(opts, "-v") {
				if !starred {
					c.print("*\n")
				}
				starred = true
				continue
			}
			last, starred = row, false
			if canonical {
				var h strings.Builder
				for i, x := range row {
					if i == 8 {
						h.WriteByte(' ')
					}
					fmt.Fprintf(&h, "%02x ", x)
				}
				c.printf("%08x  %-49s |%s|\n", off, h.String(), dots(row))
				continue
			}
			c.printf("%07x", off)
			for i := 0; i < len(row); i += 2 {
				hi := byte(0)
				if i+1 < len(row) {
					hi = row[i+1]
				}
				c.printf(" %02x%02x", hi, row[i])
			}
			c.print("\n")
		}
		if len(b) > 0 {
			if canonical {
				c.printf("%08x\n", len(b))
			} else {
				c.printf("%07x\n", len(b))
			}
		}
	})
}

func progOd(c *call) int {
	opts, operands := c.flags("AtNjw")
	return c.each(operands, func(_ string, b []byte) {
		if s, ok := valueOf(opts, "-N"); ok {
			if n, err := strconv.Atoi(s); err == nil && n < len(b) && n >= 0 {
				b = b[:n]
			}
		}
		format, _ := valueOf(opts, "-t")
		base, _ := valueOf(opts, "-A")
		address := func(n int) string {
			switch base {
			case "n":
				return ""
			case "x":
				return fmt.Sprintf("%06x", n)
			case "d":
				return fmt.Sprintf("%07d", n)
			}
			return fmt.Sprintf("%07o", n)
		}
		for off := 0; off < len(b); off += 16 {
			row := b[off:min(off+16, len(b))]
			c.print(address(off))
			switch {
			case strings.HasPrefix(format, "x1") || has(opts, "-h") && format == "":
				for _, x := range row {
					c.printf(" %02x", x)
				}
			case strings.HasPrefix(format, "u1"), strings.HasPrefix(format, "d1"):
				for _, x := range row {
					c.printf(" %3d", x)
				}
			case has(opts, "-c") || strings.HasPrefix(format, "c"):
				for _, x := range row {
					switch {
					case x == '\n':
						c.print(`  \n`)
					case x == '\t':
						c.print(`  \t`)
					case x == '\r':
						c.print(`  \r`)
					case x == 0:
						c.print(`  \0`)
					case x >= ' ' && x <= '~':
						c.printf("   %c", x)
					default:
						c.printf(" %03o", x)
					}
				}
			default:
				for i := 0; i < len(row); i += 2 {
					v := uint16(row[i])
					if i+1 < len(row) {
						v |= uint16(row[i+1]) << 8
					}
					if has(opts, "-x") || strings.HasPrefix(format, "x") {
						c.printf(" %04x", v)
					} else {
						c.printf(" %06o", v)
					}
				}
			}
			c.print("\n")
		}
		if base != "n" {
			c.print(address(len(b)) + "\n")
		}
	})
}

func progStrings(c *call) int {
	opts, operands := c.flags("n")
	least := 4
	if s, ok := valueOf(opts, "-n"); ok {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			least = n
		}
	}
	return c.each(operands, func(_ string, b []byte) {
		start := -1
		for i := 0; i <= len(b); i++ {
			if i < len(b) && (b[i] >= ' ' && b[i] <= '~' || b[i] == '\t') {
				if start < 0 {
					start = i
				}
				continue
			}
			if start >= 0 && i-start >= least {
				c.print(string(b[start:i]) + "\n")
			}
			start = -1
		}
	})
}

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

// sedCommand is one command of a script, with its addresses.
type sedCommand struct {
	from, to sedAddress
	negate   bool
	verb     byte
	re       *regexp.Regexp
	with     string
	global   bool
	print    bool
	nth      int
	write    string
	text     string
	table    map[rune]rune
	block    []*sedCommand
	inRange  bool
}

type sedAddress struct {
	kind byte // 0: none, 'n' line, '$' last, '/' pattern, '+' lines after the first
	line int
	re   *regexp.Regexp
}

type sedParser struct {
	c        *call
	s        string
	extended bool
	depth    int
}

var errSed = errors.New("bad script")

func progSed(c *call) int {
	var script []string
	quiet, extended, inPlace, separate := false, false, false, ""
	var operands []string
	args := c.args[1:]
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "-n" || a == "--quiet" || a == "--silent":
			quiet = true
		case a == "-E" || a == "-r" || a == "--regexp-extended":
			extended = true
		case a == "-ne" || a == "-nr" || a == "-nE":
			quiet, extended = true, extended || a != "-ne"
			if a == "-ne" && len(args) > 0 {
				script, args = append(script, args[0]), args[1:]
			}
		case a == "-e" || a == "--expression":
			if len(args) > 0 {
				script, args = append(script, args[0]), args[1:]
			}
		case strings.HasPrefix(a, "--expression="):
			script = append(script, a[len("--expression="):])
		case strings.HasPrefix(a, "-i") || strings.HasPrefix(a, "--in-place"):
			inPlace = true
			separate = strings.TrimPrefix(strings.TrimPrefix(a, "--in-place"), "-i")
			separate = strings.TrimPrefix(separate, "=")
		case a == "-s" || a == "-u" || a == "-z" || a == "--posix":
		case a == "--version":
			c.print("sed (GNU sed) 4.9\n")
			return 0
		case len(a) > 1 && a[0] == '-':
			c.errorf("invalid option -- '%s'", a[1:2])
			c.errln("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...")
			return 1
		default:
			operands = append(operands, a)
		}
	}
	if len(script) == 0 {
		if len(operands) == 0 {
			c.errln("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n")
			return 1
		}
		script, operands = operands[:1], operands[1:]
	}
	p := &sedParser{c: c, s: strings.Join(script, "\n"), extended: extended}
	commands, err := p.list()
	if err != nil {
		c.errorf("-e expression #1, char %d: %s", len(strings.Join(script, "\n"))-len(p.s), err)
		return 1
	}
	if !inPlace {
		var all []string
		status := c.each(operands, func(_ string, b []byte) { all = append(all, c.lines(b)...) })
		for _, l := range c.runSed(commands, all, quiet) {
			c.print(l + "\n")
		}
		return status
	}
	status := 0
	for _, name := range operands {
		b, err := c.contents(name)
		if err != nil {
			c.errorf("can't read %s: %s", name, reason(err))
			status = 2
			continue
		}
		out := strings.Join(c.runSed(commands, c.lines(b), quiet), "\n")
		if out != "" {
			out += "\n"
		}
		if separate != "" {
			_ = c.create(name+separate, b, 0o644)
		}
		if err := c.create(name, []byte(out), 0o644); err != nil {
			c.errorf("couldn't open temporary file: %s", reason(err))
			status = 4
		}
	}
	return status
}

func (p *sedParser) skip(chars string) { p.s = strings.TrimLeft(p.s, chars) }

func (p *sedParser) list() ([]*sedCommand, error) {
	if p.depth++; p.depth > 50 {
		return nil, errSed
	}
	defer func() { p.depth-- }()
	var out []*sedCommand
	for {
		p.skip(" \t\n;")
		if p.s == "" || p.s[0] == '}' {
			return out, nil
		}
		if p.s[0] == '#' {
			if i := strings.IndexByte(p.s, '\n'); i >= 0 {
				p.s = p.s[i:]
			} else {
				p.s = ""
			}
			continue
		}
		cmd, err := p.command()
		if err != nil {
			return nil, err
		}
		out = append(out, cmd)
	}
}

func (p *sedParser) regexp(expr, flags string) (*regexp.Regexp, error) {
	if p.extended {
		expr = extendedRegexp(expr)
	} else {
		expr = basicRegexp(expr)
	}
	if strings.ContainsAny(flags, "Ii") {
		expr = "(?i)" + expr
	}
	re := p.c.sh.m.regexps.compile(expr)
	if re == nil {
		return nil, errors.New("unterminated address regex")
	}
	return re, nil
}

// until cuts up to an unescaped delimiter.
func (p *sedParser) until(delim byte) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(p.s); i++ {
		switch {
		case p.s[i] == '\\' && i+1 < len(p.s):
			if p.s[i+1] != delim {
				b.WriteByte('\\')
			}
			i++
			b.WriteByte(p.s[i])
		case p.s[i] == delim:
			p.s = p.s[i+1:]
			return b.String(), true
		default:
			b.WriteByte(p.s[i])
		}
	}
	return "", false
}

func (p *sedParser) address() (sedAddress, error) {
	switch {
	case p.s == "":
	case p.s[0] == '$':
		p.s = p.s[1:]
		return sedAddress{kind: '$'}, nil
	case p.s[0] >= '0' && p.s[0] <= '9' || p.s[0] == '+':
		kind := byte('n')
		if p.s[0] == '+' {
			kind, p.s = '+', p.s[1:]
		}
		i := 0
		for i < len(p.s) && p.s[i] >= '0' && p.s[i] <= '9' {
			i++
		}
		n, _ := strconv.Atoi(p.s[:i])
		p.s = p.s[i:]
		return sedAddress{kind: kind, line: n}, nil
	case p.s[0] == '/' || p.s[0] == '\\' && len(p.s) > 1:
		delim := p.s[0]
		p.s = p.s[1:]
		if delim == '\\' {
			delim, p.s = p.s[0], p.s[1:]
		}
		expr, ok := p.until(delim)
		if !ok {
			return sedAddress{}, errors.New("unterminated address regex")
		}
		flags := ""
		if strings.HasPrefix(p.s, "I") {
			flags, p.s = "I", p.s[1:]
		}
		re, err := p.regexp(expr, flags)
		return sedAddress{kind: '/', re: re}, err
	}
	return sedAddress{}, nil
}

func (p *sedParser) command() (*sedCommand, error) {
	cmd := &sedCommand{}
	var err error
	if cmd.from, err = p.address(); err != nil {
		return nil, err
	}
	p.skip(" ")
	if cmd.from.kind != 0 && strings.HasPrefix(p.s, ",") {
		p.s = p.s[1:]
		p.skip(" ")
		if cmd.to, err = p.address(); err != nil {
			return nil, err
		}
	}
	p.skip(" ")
	for strings.HasPrefix(p.s, "!") {
		cmd.negate = true
		p.s = p.s[1:]
		p.skip(" ")
	}
	if p.s == "" {
		return nil, errors.New("missing command")
	}
	cmd.verb, p.s = p.s[0], p.s[1:]
	switch cmd.verb {
	case '{':
		if cmd.block, err = p.list(); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(p.s, "}") {
			return nil, errors.New("unmatched `{'")
		}
		p.s = p.s[1:]
	case 's', 'y':
		if p.s == "" {
			return nil, fmt.Errorf("unterminated `%c' command", cmd.verb)
		}
		delim := p.s[0]
		p.s = p.s[1:]
		expr, ok1 := p.until(delim)
		with, ok2 := p.until(delim)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("unterminated `%c' command", cmd.verb)
		}
		if cmd.verb == 'y' {
			a, b := []rune(expr), []rune(with)
			if len(a) != len(b) {
				return nil, errors.New("strings for `y' command are different lengths")
			}
			cmd.table = make(map[rune]rune, len(a))
			for i := range a {
				cmd.table[a[i]] = b[i]
			}
			return cmd, nil
		}
		flags := ""
		for p.s != "" && strings.IndexByte("gpIiemM0123456789", p.s[0]) >= 0 {
			flags, p.s = flags+p.s[:1], p.s[1:]
		}
		if strings.HasPrefix(p.s, "w ") {
			cmd.write, p.s, _ = strings.Cut(p.s[2:], "\n")
		}
		p.skip(" ")
		if p.s != "" && strings.IndexByte(";\n}#", p.s[0]) < 0 {
			return nil, errors.New("unknown option to `s'")
		}
		cmd.global, cmd.print = strings.Contains(flags, "g"), strings.Contains(flags, "p")
		cmd.nth, _ = strconv.Atoi(strings.Trim(flags, "gpIiemM"))
		cmd.with = with
		cmd.re, err = p.regexp(expr, flags)
	case 'a', 'i', 'c':
		p.skip(" \t")
		p.s = strings.TrimPrefix(p.s, "\\")
		p.s = strings.TrimPrefix(p.s, "\n")
		cmd.text, p.s, _ = strings.Cut(p.s, "\n")
	case 'd', 'p', 'q', 'Q', '=', 'n', 'N', 'D', 'P', 'h', 'H', 'g', 'G', 'x', 'l':
		p.skip(" 0123456789")
	case 'w', 'r':
		p.skip(" ")
		cmd.text, p.s, _ = strings.Cut(p.s, "\n")
	default:
		return nil, fmt.Errorf("unknown command: `%c'", cmd.verb)
	}
	return cmd, err
}

type sedState struct {
	c       *call
	rows    []string
	n       int // index of the current row
	out     []string
	space   string
	hold    string
	after   []string
	quit    bool
	deleted bool
	quiet   bool
	noPrint bool
}

func (c *call) runSed(commands []*sedCommand, rows []string, quiet bool) []string {
	s := &sedState{c: c, rows: rows, quiet: quiet}
	for s.n = 0; s.n < len(rows) && !s.quit; s.n++ {
		c.use.step(c.ctx)
		s.space, s.deleted, s.noPrint, s.after = rows[s.n], false, false, nil
		s.run(commands)
		if !s.deleted && !quiet && !s.noPrint {
			s.emit(s.space)
		}
		for _, a := range s.after {
			s.emit(a)
		}
	}
	return s.out
}

func (s *sedState) emit(line string) {
	s.c.grow(len(line) + 16)
	s.out = append(s.out, line)
}

func (a sedAddress) matches(s *sedState) bool {
	switch a.kind {
	case 'n':
		return s.n+1 == a.line
	case '$':
		return s.n == len(s.rows)-1
	case '/':
		return a.re.MatchString(s.space)
	}
	return false
}

func (cmd *sedCommand) selected(s *sedState) bool {
	yes := true
	switch {
	case cmd.from.kind == 0:
	case cmd.to.kind == 0:
		yes = cmd.from.matches(s)
	case cmd.inRange:
		switch cmd.to.kind {
		case 'n', '+':
			cmd.inRange = s.n+1 < cmd.to.line
		default:
			cmd.inRange = !cmd.to.matches(s)
		}
	default:
		if yes = cmd.from.matches(s); yes {
			if cmd.to.kind == '+' {
				cmd.to.line += s.n + 1
			}
			cmd.inRange = cmd.to.kind != 'n' && cmd.to.kind != '+' || cmd.to.line > s.n+1
		}
	}
	return yes != cmd.negate
}

func (s *sedState) run(commands []*sedCommand) {
	for _, cmd := range commands {
		s.c.use.step(s.c.ctx)
		if s.deleted || s.quit || !cmd.selected(s) {
			continue
		}
		switch cmd.verb {
		case '{':
			s.run(cmd.block)
		case 's':
			if s.substitute(cmd) && cmd.print {
				s.emit(s.space)
			}
		case 'y':
			s.space = strings.Map(func(r rune) rune {
				if t, ok := cmd.table[r]; ok {
					return t
				}
				return r
			}, s.space)
		case 'd', 'D':
			s.deleted = true
		case 'p', 'P', 'l':
			s.emit(s.space)
		case '=':
			s.emit(strconv.Itoa(s.n + 1))
		case 'q':
			s.quit = true
		case 'Q':
			s.quit, s.noPrint = true, true
		case 'a':
			s.after = append(s.after, cmd.text)
		case 'i':
			s.emit(cmd.text)
		case 'c':
			s.deleted = true
			s.emit(cmd.text)
		case 'n', 'N':
			if s.n+1 >= len(s.rows) {
				s.quit = true
				continue
			}
			if cmd.verb == 'n' {
				if !s.quiet {
					s.emit(s.space)
				}
				s.n++
				s.space = s.rows[s.n]
			} else {
				s.n++
				s.space += "\n" + s.rows[s.n]
			}
		case 'h':
			s.hold = s.space
		case 'H':
			s.hold += "\n" + s.space
			s.c.grow(len(s.space))
		case 'g':
			s.space = s.hold
		case 'G':
			s.space += "\n" + s.hold
			s.c.grow(len(s.hold))
		case 'x':
			s.space, s.hold = s.hold, s.space
		case 'r':
			if b, err := s.c.contents(cmd.text); err == nil {
				s.after = append(s.after, s.c.lines(b)...)
			}
		case 'w':
			_ = s.c.appendTo(cmd.text, s.space+"\n")
		}
	}
}

func (c *call) appendTo(name, text string) error {
	h, err := c.files().open(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666&^c.umask)
	if err != nil {
		return err
	}
	defer h.Close()
	_, err = h.Write([]byte(text))
	return err
}

// substitute makes the replacements of an s command.
func (s *sedState) substitute(cmd *sedCommand) bool {
	if len(s.space) > maxSubject {
		s.c.errln("sed: memory exhausted")
		panic(killed{4})
	}
	var b strings.Builder
	last, count, done := 0, 0, false
	for _, m := range cmd.re.FindAllStringSubmatchIndex(s.space, -1) {
		count++
		if cmd.nth > 0 && count < cmd.nth || !cmd.global && cmd.nth == 0 && count > 1 || cmd.nth > 0 && !cmd.global && count > cmd.nth {
			continue
		}
		done = true
		b.WriteString(s.space[last:m[0]])
		expansion := sedExpand(cmd.with, s.space, m)
		s.c.grow(len(expansion))
		b.WriteString(expansion)
		last = m[1]
	}
	if !done {
		return false
	}
	b.WriteString(s.space[last:])
	s.space = b.String()
	if cmd.write != "" {
		_ = s.c.appendTo(cmd.write, s.space+"\n")
	}
	return true
}

func sedExpand(with, s string, m []int) string {
	var b strings.Builder
	group := func(n int) {
		if 2*n+1 < len(m) && m[2*n] >= 0 {
			b.WriteString(s[m[2*n]:m[2*n+1]])
		}
	}
	for i := 0; i < len(with); i++ {
		switch c := with[i]; {
		case c == '&':
			group(0)
		case c == '\\' && i+1 < len(with):
			i++
			switch d := with[i]; {
			case d >= '0' && d <= '9':
				group(int(d - '0'))
			case d == 'n':
				b.WriteByte('\n')
			case d == 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(d)
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
