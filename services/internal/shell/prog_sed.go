package shell

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

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
	p.s = ""
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
