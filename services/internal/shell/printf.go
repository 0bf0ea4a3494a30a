package shell

import (
	"fmt"
	"strconv"
	"strings"
)

func builtinEcho(in *interp, args []string) int {
	args = args[1:]
	newline, decode := true, in.kind == dash
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		flags := args[0][1:]
		if in.kind == dash && flags != "n" || strings.Trim(flags, "neE") != "" {
			break
		}
		for _, c := range flags {
			switch c {
			case 'n':
				newline = false
			case 'e':
				decode = true
			case 'E':
				decode = false
			}
		}
		args = args[1:]
	}
	s := strings.Join(args, " ")
	if decode {
		var stop bool
		if s, stop = in.escapes(s, true); stop {
			newline = false
		}
	}
	if newline {
		s += "\n"
	}
	if s != "" {
		if err := in.put(1, []byte(s)); err != nil {
			in.errorf("echo: write error: %s", reason(err))
			return 1
		}
	}
	return 0
}

func builtinPrintf(in *interp, args []string) int {
	args = args[1:]
	target := ""
	if len(args) > 1 && args[0] == "-v" && in.kind == bash {
		target, args = args[1], args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		if in.kind == dash {
			in.errorf("printf: usage: printf format [arg ...]")
		} else {
			in.write(2, "printf: usage: printf [-v var] format [arguments]\n")
		}
		return 2
	}
	f := &formatter{in: in, args: args[1:]}
	s := f.format(args[0])
	if target != "" {
		in.set(target, s)
		return f.status
	}
	if s != "" {
		if err := in.put(1, []byte(s)); err != nil {
			in.errorf("printf: write error: %s", reason(err))
			return 1
		}
	}
	return f.status
}

// formatter is printf(1).
type formatter struct {
	in     *interp
	args   []string
	status int
	stop   bool
	// lenient takes any text for a number, as awk does.
	lenient bool
}

const maxWidth = 64 << 10

func (f *formatter) next() (string, bool) {
	if len(f.args) == 0 {
		return "", false
	}
	s := f.args[0]
	f.args = f.args[1:]
	return s, true
}

func (f *formatter) format(spec string) string {
	var b strings.Builder
	for {
		before := len(f.args)
		f.once(&b, spec)
		if f.stop || len(f.args) == 0 || len(f.args) == before {
			return b.String()
		}
		f.in.use.step(f.in.ctx)
	}
}

func (f *formatter) once(b *strings.Builder, spec string) {
	for i := 0; i < len(spec) && !f.stop; {
		switch spec[i] {
		case '\\':
			j := i + 1
			for j < len(spec) && j < i+11 && spec[j] != '%' && (j == i+1 || spec[j] != '\\') {
				j++
			}
			if j == i+1 && j < len(spec) {
				j++
			}
			s, _ := f.in.escapes(spec[i:j], false)
			f.in.grow(len(s))
			b.WriteString(s)
			i = j
		case '%':
			i = f.conversion(b, spec, i+1)
		default:
			b.WriteByte(spec[i])
			i++
		}
	}
}

// conversion handles what follows a percent sign and returns where it ends.
func (f *formatter) conversion(b *strings.Builder, spec string, i int) int {
	start := i
	flags := ""
	for i < len(spec) && strings.IndexByte("-+ #0", spec[i]) >= 0 {
		flags += spec[i : i+1]
		i++
	}
	number := func() (int, bool) {
		if i < len(spec) && spec[i] == '*' {
			i++
			s, _ := f.next()
			n, _ := strconv.Atoi(s)
			return n, true
		}
		j := i
		for i < len(spec) && spec[i] >= '0' && spec[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(spec[j:i])
		if i > j && err != nil {
			n = maxWidth
		}
		return n, i > j
	}
	width, wide := number()
	if width < 0 {
		flags, width = flags+"-", -width
	}
	precision, precise := 0, false
	if i < len(spec) && spec[i] == '.' {
		i++
		precision, _ = number()
		precise = true
	}
	for i < len(spec) && strings.IndexByte("hlLqjzt", spec[i]) >= 0 && !(spec[i] == 'q') {
		i++
	}
	if i >= len(spec) {
		f.in.errorf("printf: `%%%s': missing format character", spec[start:])
		f.status, f.stop = 1, true
		return i
	}
	verb := spec[i]
	i++
	if verb == 'q' && f.in.kind == dash {
		f.in.errorf("printf: %%q: invalid directive")
		f.status, f.stop = 2, true
		return i
	}
	width, precision = min(width, maxWidth), min(precision, maxWidth)
	f.in.grow(width + precision)
	layout := "%" + flags
	if wide {
		layout += strconv.Itoa(width)
	}
	if precise {
		layout += "." + strconv.Itoa(precision)
	}
	switch verb {
	case '%':
		b.WriteByte('%')
	case 's', 'b', 'q':
		s, _ := f.next()
		if verb == 'b' {
			var stop bool
			if s, stop = f.in.escapes(s, true); stop {
				f.stop = true
			}
		} else if verb == 'q' {
			s = shellQuote(s)
		}
		if precise && precision < len(s) {
			s = s[:precision]
		}
		f.in.grow(len(s))
		pad(b, s, width, strings.Contains(flags, "-"))
	case 'c':
		s, _ := f.next()
		if len(s) > 1 {
			s = s[:1]
		}
		pad(b, s, width, strings.Contains(flags, "-"))
	case 'd', 'i':
		fmt.Fprintf(b, layout+"d", f.integer())
	case 'u':
		fmt.Fprintf(b, layout+"d", uint64(f.integer()))
	case 'o', 'x', 'X':
		fmt.Fprintf(b, layout+string(verb), uint64(f.integer()))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		fmt.Fprintf(b, layout+string(verb), f.float())
	default:
		f.in.errorf("printf: `%c': invalid format character", verb)
		f.status, f.stop = 1, true
	}
	return i
}

func pad(b *strings.Builder, s string, width int, left bool) {
	fill := strings.Repeat(" ", max(0, width-len(s)))
	if left {
		b.WriteString(s + fill)
	} else {
		b.WriteString(fill + s)
	}
}

func (f *formatter) integer() int64 {
	s, ok := f.next()
	if !ok || s == "" {
		return 0
	}
	if f.lenient {
		return int64(awkString(s).num())
	}
	if (s[0] == '\'' || s[0] == '"') && len(s) > 1 {
		return int64([]rune(s[1:])[0])
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err == nil {
		return n
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return int64(u)
	}
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ = strconv.ParseInt(s[:end], 10, 64)
	f.badNumber(s)
	return n
}

func (f *formatter) badNumber(s string) {
	f.status = 1
	if f.in.kind == dash {
		f.in.errorf("printf: %s: expected numeric value", s)
	} else {
		f.in.errorf("printf: %s: invalid number", s)
	}
}

func (f *formatter) float() float64 {
	s, ok := f.next()
	if !ok || s == "" {
		return 0
	}
	x, err := strconv.ParseFloat(s, 64)
	if f.lenient {
		return awkString(s).num()
	}
	if err != nil {
		f.badNumber(s)
	}
	return x
}

// shellQuote quotes as printf %q does.
func shellQuote(s string) string {
	if s == "" {
		return "''"
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(" \t!\"#$&'()*;<>?[\\]^`{|}~", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
