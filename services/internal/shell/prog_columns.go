package shell

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func progSort(c *call) int {
	opts, operands := c.flags("ktoST", "--key", "--field-separator", "--output")
	var rows []string
	c.name = "sort: cannot read"
	status := c.each(operands, func(_ string, b []byte) { rows = append(rows, c.lines(b)...) })
	c.name = "sort"
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
			return c.collate(strings.ToLower(x), strings.ToLower(y))
		}
		return c.collate(x, y)
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
