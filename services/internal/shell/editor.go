package shell

import (
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// editor edits one line as readline does with its default keys.
type editor struct {
	term   *terminal
	prompt string
	in     *interp
	hist   []string
	at     int    // in hist; len(hist): the new line
	saved  string // the new line while hist is shown
	line   []rune
	pos    int
	killed []rune
	tabs   int // consecutive tabs
}

// run reads keys until the line is done.
func (e *editor) run() (string, error) {
	for {
		r, err := e.rune()
		if err != nil {
			return "", err
		}
		if r != '\t' {
			e.tabs = 0
		}
		switch r {
		case '\r', '\n':
			return string(e.line), nil
		case 3:
			return "", errInterrupt
		case 4:
			if len(e.line) == 0 {
				return "", io.EOF
			}
			e.erase(e.pos, min(e.pos+1, len(e.line)))
		case 1:
			e.move(0)
		case 5:
			e.move(len(e.line))
		case 2:
			e.move(e.pos - 1)
		case 6:
			e.move(e.pos + 1)
		case 8, 127:
			if e.pos > 0 {
				e.erase(e.pos-1, e.pos)
			} else {
				e.bell()
			}
		case 11:
			e.kill(e.pos, len(e.line))
		case 21:
			e.kill(0, e.pos)
		case 23:
			from := e.pos
			for from > 0 && e.line[from-1] == ' ' {
				from--
			}
			for from > 0 && e.line[from-1] != ' ' {
				from--
			}
			e.kill(from, e.pos)
		case 25:
			e.insert(e.killed)
		case 12:
			e.term.raw("\x1b[H\x1b[2J")
			e.redraw()
		case 16:
			e.older()
		case 14:
			e.newer()
		case '\t':
			e.complete()
		case 27:
			if err := e.escape(); err != nil {
				return "", err
			}
		default:
			if r >= ' ' && r != utf8.RuneError {
				e.insert([]rune{r})
			}
		}
	}
}

func (e *editor) rune() (rune, error) {
	b, err := e.term.key()
	if err != nil {
		return 0, err
	}
	if b < utf8.RuneSelf {
		return rune(b), nil
	}
	buf := []byte{b}
	for !utf8.FullRune(buf) && len(buf) < utf8.UTFMax {
		if b, err = e.term.key(); err != nil {
			return 0, err
		}
		buf = append(buf, b)
	}
	r, _ := utf8.DecodeRune(buf)
	return r, nil
}

// escape handles the keys that send a sequence.
func (e *editor) escape() error {
	b, err := e.term.key()
	if err != nil {
		return err
	}
	if b != '[' && b != 'O' {
		switch b {
		case 'b':
			e.move(e.wordLeft())
		case 'f':
			e.move(e.wordRight())
		case 'd':
			e.kill(e.pos, e.wordRight())
		case 127, 8:
			e.kill(e.wordLeft(), e.pos)
		}
		return nil
	}
	arg := ""
	for {
		if b, err = e.term.key(); err != nil {
			return err
		}
		if (b < '0' || b > '9') && b != ';' {
			break
		}
		if len(arg) > 16 {
			return nil
		}
		arg += string(b)
	}
	switch b {
	case 'A':
		e.older()
	case 'B':
		e.newer()
	case 'C':
		if strings.HasSuffix(arg, ";5") {
			e.move(e.wordRight())
		} else {
			e.move(e.pos + 1)
		}
	case 'D':
		if strings.HasSuffix(arg, ";5") {
			e.move(e.wordLeft())
		} else {
			e.move(e.pos - 1)
		}
	case 'H':
		e.move(0)
	case 'F':
		e.move(len(e.line))
	case '~':
		switch arg {
		case "1", "7":
			e.move(0)
		case "4", "8":
			e.move(len(e.line))
		case "3":
			e.erase(e.pos, min(e.pos+1, len(e.line)))
		case "200":
			return e.paste()
		}
	}
	return nil
}

// paste takes everything up to the end of a bracketed paste as text.
func (e *editor) paste() error {
	var text []byte
	for !strings.HasSuffix(string(text), "\x1b[201~") {
		b, err := e.term.key()
		if err != nil {
			return err
		}
		if len(text) > maxCommand {
			return errLogout
		}
		text = append(text, b)
	}
	s := strings.TrimSuffix(string(text), "\x1b[201~")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	e.insert([]rune(s))
	return nil
}

func (e *editor) wordLeft() int {
	i := e.pos
	for i > 0 && !wordRune(e.line[i-1]) {
		i--
	}
	for i > 0 && wordRune(e.line[i-1]) {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.pos
	for i < len(e.line) && !wordRune(e.line[i]) {
		i++
	}
	for i < len(e.line) && wordRune(e.line[i]) {
		i++
	}
	return i
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func (e *editor) bell() { e.term.raw("\a") }

func (e *editor) move(to int) {
	if to < 0 || to > len(e.line) {
		e.bell()
		return
	}
	if to < e.pos {
		e.term.raw(strings.Repeat("\b", e.pos-to))
	} else {
		e.term.raw(string(e.line[e.pos:to]))
	}
	e.pos = to
}

func (e *editor) insert(rs []rune) {
	if len(e.line)+len(rs) > maxCommand/4 {
		e.bell()
		return
	}
	e.line = slices.Insert(e.line, e.pos, rs...)
	tail := e.line[e.pos+len(rs):]
	s := strings.ReplaceAll(string(rs), "\n", "\r\n")
	if len(tail) > 0 {
		s += string(tail) + strings.Repeat("\b", len(tail))
	}
	e.term.raw(s)
	e.pos += len(rs)
}

func (e *editor) erase(from, to int) {
	if from == to {
		return
	}
	back := e.pos - from
	tail := e.line[to:]
	s := strings.Repeat("\b", back)
	if len(tail) == 0 {
		s += "\x1b[K"
	} else {
		s += string(tail) + "\x1b[K" + strings.Repeat("\b", len(tail))
	}
	e.term.raw(s)
	e.line = slices.Delete(e.line, from, to)
	e.pos = from
}

func (e *editor) kill(from, to int) {
	if from < to {
		e.killed = slices.Clone(e.line[from:to])
	}
	e.erase(from, to)
}

func (e *editor) redraw() {
	e.term.raw(e.prompt + string(e.line) + strings.Repeat("\b", len(e.line)-e.pos))
}

func (e *editor) show(s string) {
	e.move(0)
	e.line = []rune(s)
	e.pos = len(e.line)
	e.term.raw(string(e.line) + "\x1b[K")
}

func (e *editor) older() {
	if e.at == 0 {
		e.bell()
		return
	}
	if e.at == len(e.hist) {
		e.saved = string(e.line)
	}
	e.at--
	e.show(e.hist[e.at])
}

func (e *editor) newer() {
	if e.at == len(e.hist) {
		e.bell()
		return
	}
	if e.at++; e.at == len(e.hist) {
		e.show(e.saved)
		return
	}
	e.show(e.hist[e.at])
}

// complete completes the word before the cursor.
func (e *editor) complete() {
	e.tabs++
	before := string(e.line[:e.pos])
	word := before[strings.LastIndexAny(before, " \t;|&<>(`=")+1:]
	first := strings.TrimSpace(strings.TrimSuffix(before, word)) == "" || strings.ContainsAny(lastRune(strings.TrimRight(strings.TrimSuffix(before, word), " ")), ";|&(`")
	matches := e.candidates(word, first && !strings.Contains(word, "/"))
	if len(matches) == 0 {
		e.bell()
		return
	}
	common := matches[0]
	for _, m := range matches[1:] {
		for !strings.HasPrefix(m, common) {
			_, n := utf8.DecodeLastRuneInString(common)
			common = common[:len(common)-n]
		}
	}
	base := word[strings.LastIndexByte(word, '/')+1:]
	if add := strings.TrimPrefix(common, base); add != "" || len(matches) == 1 {
		if len(matches) == 1 && !strings.HasSuffix(add, "/") {
			add += " "
		}
		e.insert([]rune(add))
		if len(matches) > 1 {
			e.bell()
		}
		return
	}
	if e.tabs < 2 {
		e.bell()
		return
	}
	width, _ := e.term.size()
	e.term.raw("\r\n" + strings.ReplaceAll(columns(matches, width), "\n", "\r\n"))
	e.redraw()
}

func lastRune(s string) string {
	if s == "" {
		return ""
	}
	return s[len(s)-1:]
}

func (e *editor) candidates(word string, command bool) []string {
	files := e.in.files()
	found := make(map[string]bool)
	if command {
		if word == "" {
			return nil
		}
		for dir := range strings.SplitSeq(e.in.env("PATH"), ":") {
			list, _ := files.list(dir)
			for _, i := range list {
				if strings.HasPrefix(i.name, word) {
					found[i.name] = true
				}
			}
		}
		for name := range e.in.sh.m.builtins {
			if strings.HasPrefix(name, word) {
				found[name] = true
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
	dir, base := path.Split(word)
	where := dir
	if where == "" {
		where = "."
	} else if strings.HasPrefix(where, "~/") {
		where = e.in.sh.home + where[1:]
	}
	list, _ := files.list(where)
	for _, i := range list {
		if !strings.HasPrefix(i.name, base) || base == "" && strings.HasPrefix(i.name, ".") {
			continue
		}
		name := i.name
		if i.mode.IsDir() {
			name += "/"
		} else if i.mode&fs.ModeSymlink != 0 {
			if t, err := files.stat("stat", where+"/"+name, true); err == nil && t.mode.IsDir() {
				name += "/"
			}
		}
		found[name] = true
	}
	return slices.Sorted(maps.Keys(found))
}
