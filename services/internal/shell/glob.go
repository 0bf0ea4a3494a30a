package shell

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/pattern"
)

// regexps remembers the patterns that were compiled last.
type regexps struct {
	mu   sync.Mutex
	list map[string]*regexp.Regexp
}

const (
	maxRegexps = 64
	maxPattern = 4 << 10
)

// compile returns nil for what is not a regular expression or too large.
func (r *regexps) compile(expr string) *regexp.Regexp {
	if len(expr) > maxPattern {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if re, ok := r.list[expr]; ok {
		return re
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil
	}
	if r.list == nil || len(r.list) >= maxRegexps {
		r.list = make(map[string]*regexp.Regexp)
	}
	r.list[expr] = re
	return re
}

func (r *regexps) pattern(pat string, mode pattern.Mode) *regexp.Regexp {
	if len(pat) > maxPattern {
		return nil
	}
	expr, err := pattern.Regexp(pat, mode)
	if err != nil {
		return nil
	}
	return r.compile(expr)
}

func (r *regexps) wrapped(before, pat, after string, mode pattern.Mode) *regexp.Regexp {
	if len(pat) > maxPattern {
		return nil
	}
	expr, err := pattern.Regexp(pat, mode)
	if err != nil {
		return nil
	}
	return r.compile(before + expr + after)
}

func (r *regexps) anchored(pat string, anchor byte) *regexp.Regexp {
	switch anchor {
	case '#':
		return r.wrapped("^(?:", pat, ")", pattern.ExtendedOperators)
	case '%':
		return r.wrapped("(?:", pat, ")$", pattern.ExtendedOperators)
	}
	return r.wrapped("(?:", pat, ")", pattern.ExtendedOperators)
}

// glob returns the files that match pat, sorted.
func (in *interp) glob(pat string) []string {
	elems := strings.Split(pat, "/")
	at := []string{""}
	if elems[0] == "" {
		at[0], elems = "/", elems[1:]
	}
	files := in.files()
	for i, elem := range elems {
		last := i == len(elems)-1
		var next []string
		for _, dir := range at {
			in.use.step(in.ctx)
			if !pattern.HasMeta(elem, 0) {
				name := dir + unescape(elem)
				if !last {
					name += "/"
				}
				if _, err := files.stat("stat", name, !last); err == nil || elem == "" && last {
					next = append(next, name)
				}
				continue
			}
			next = append(next, in.globDir(files, dir, elem, last)...)
			if len(next) > maxFields {
				break
			}
		}
		at = next
	}
	slices.Sort(at)
	return at
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func (in *interp) globDir(files *Files, dir, elem string, last bool) []string {
	where := dir
	if where == "" {
		where = "."
	}
	list, err := files.list(where)
	if err != nil {
		return nil
	}
	mode := pattern.Filenames | pattern.EntireString | pattern.NoGlobStar
	if in.opt.dotglob {
		mode |= pattern.GlobLeadingDot
	}
	if in.opt.nocaseglob {
		mode |= pattern.NoGlobCase
	}
	if in.opt.extglob {
		mode |= pattern.ExtendedOperators
	}
	re := in.sh.m.regexps.pattern(elem, mode)
	if re == nil {
		return nil
	}
	var out []string
	for _, i := range list {
		in.use.step(in.ctx)
		if !re.MatchString(i.name) {
			continue
		}
		name := dir + i.name
		if !last {
			if i.mode&fs.ModeSymlink != 0 {
				if t, err := files.stat("stat", name, true); err != nil || !t.mode.IsDir() {
					continue
				}
			} else if !i.mode.IsDir() {
				continue
			}
			name += "/"
		}
		in.grow(len(name) + 16)
		out = append(out, name)
	}
	return out
}
