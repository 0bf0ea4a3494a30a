package fleet

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

// MaxINI is the size of the largest INI document, in bytes.
const MaxINI = 512 << 10

// ErrTooLarge says that an INI document is larger than MaxINI. It wraps decnet.ErrInvalid.
var ErrTooLarge = fmt.Errorf("INI document of more than %d bytes: %w", MaxINI, decnet.ErrInvalid)

// section is one section of an INI document.
type section struct {
	name    string
	line    int
	entries []entry
	index   map[string]int // entries by key
}

// entry is one key with its value. Keys are lower-case.
type entry struct {
	key, value string
	line       int
}

// at names the place of a key of s, or of s itself when it has no such key.
func (s *section) at(key string) string {
	if i, ok := s.index[key]; ok {
		return fmt.Sprintf("line %d: [%s] %s", s.entries[i].line, s.name, key)
	}
	return fmt.Sprintf("line %d: [%s]", s.line, s.name)
}

// readINI reads the sections of an INI document in one pass over its lines. Values are
// taken literally: nothing is interpolated, and nothing but surrounding space is removed.
func readINI(text []byte) ([]*section, error) {
	if len(text) > MaxINI {
		return nil, fmt.Errorf("fleet: %w", ErrTooLarge)
	}
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("fleet: the INI document is not text in UTF-8: %w", decnet.ErrInvalid)
	}
	doc := strings.TrimPrefix(string(text), "\ufeff")
	doc = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(doc)
	if strings.TrimSpace(doc) == "" {
		return nil, fmt.Errorf("fleet: the INI document is empty: %w", decnet.ErrSemantic)
	}
	r := iniReader{seen: make(map[string]int)}
	n := 0
	for line := range strings.Lines(doc) {
		n++
		if err := r.line(n, strings.TrimRight(line, "\n")); err != nil {
			return nil, fmt.Errorf("fleet: line %d: %w", n, err)
		}
	}
	if len(r.sections) == 0 {
		return nil, fmt.Errorf("fleet: the INI document has no section, such as [web]: %w", decnet.ErrSemantic)
	}
	return r.sections, nil
}

type iniReader struct {
	sections []*section
	seen     map[string]int // line of a section by its name
	indent   int            // of the last key
	open     *entry         // the last key, while its value can go on
}

func (r *iniReader) line(n int, line string) error {
	text := strings.TrimSpace(line)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return nil
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	switch {
	case r.open != nil && indent > r.indent:
		r.open.value = strings.TrimPrefix(r.open.value+"\n"+text, "\n")
		return nil
	case text[0] == '[':
		r.open = nil
		return r.header(n, text)
	case len(r.sections) == 0:
		return fmt.Errorf("%.40q stands before the first section, such as [web]: %w", text, decnet.ErrSemantic)
	}
	at := strings.IndexAny(text, "=:")
	if at < 0 {
		return fmt.Errorf("%.40q is neither [section] nor key = value: %w", text, decnet.ErrSemantic)
	}
	key := strings.ToLower(strings.TrimSpace(text[:at]))
	if key == "" {
		return fmt.Errorf("%.40q has no key before %q: %w", text, text[at:at+1], decnet.ErrSemantic)
	}
	s := r.sections[len(r.sections)-1]
	if i, ok := s.index[key]; ok {
		return fmt.Errorf("[%s] %.40s is already set on line %d: %w", s.name, key, s.entries[i].line, decnet.ErrSemantic)
	}
	s.index[key] = len(s.entries)
	s.entries = append(s.entries, entry{key, strings.TrimSpace(text[at+1:]), n})
	r.open, r.indent = &s.entries[len(s.entries)-1], indent
	return nil
}

func (r *iniReader) header(n int, text string) error {
	name, rest, closed := strings.Cut(text[1:], "]")
	name = strings.TrimSpace(name)
	if !closed || rest != "" || name == "" {
		return fmt.Errorf("%.40q is not a section such as [web]: %w", text, decnet.ErrSemantic)
	}
	if first, ok := r.seen[name]; ok {
		return fmt.Errorf("section [%.40s] is already on line %d: %w", name, first, decnet.ErrSemantic)
	}
	r.seen[name] = n
	r.sections = append(r.sections, &section{name: name, line: n, index: make(map[string]int)})
	return nil
}
