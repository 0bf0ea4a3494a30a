package shell

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func builtinRead(in *interp, args []string) int {
	raw, array, prompt, silent := false, "", "", false
	limit, fd, delim := -1, 0, byte('\n')
	rest := args[1:]
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		flags := rest[0][1:]
		rest = rest[1:]
		if flags == "-" {
			break
		}
		for i := 0; i < len(flags); i++ {
			c := flags[i]
			value := ""
			if strings.IndexByte("apntudiN", c) >= 0 {
				if value = flags[i+1:]; value == "" && len(rest) > 0 {
					value, rest = rest[0], rest[1:]
				}
				i = len(flags)
			}
			switch c {
			case 'r':
				raw = true
			case 's':
				silent = true
			case 'a':
				array = value
			case 'p':
				prompt = value
			case 'n', 'N':
				limit, _ = strconv.Atoi(value)
			case 'u':
				fd, _ = strconv.Atoi(value)
			case 'd':
				delim = 0
				if value != "" {
					delim = value[0]
				}
			case 't', 'i', 'e':
			default:
				in.errorf("read: -%c: invalid option", c)
				in.write(2, "read: usage: read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]\n")
				return 2
			}
		}
	}
	for _, name := range rest {
		if !syntax.ValidName(name) {
			in.errorf("read: `%s': not a valid identifier", name)
			return 1
		}
	}
	onTerminal := fd < len(in.fds) && fd >= 0 && in.fds[fd] != nil && in.fds[fd].tty
	if silent && onTerminal && in.term != nil {
		in.term.echo(false)
		defer in.term.echo(true)
	}
	if prompt != "" && onTerminal {
		in.write(2, prompt)
	}
	line, ok := in.readUntil(fd, delim, limit, raw)
	if array != "" {
		v := variable{set: true, elems: make(map[string]string)}
		for i, s := range in.splitLine(line, -1, raw) {
			v.elems[strconv.Itoa(i)] = s
		}
		in.store(array, v)
	} else if len(rest) == 0 {
		in.set("REPLY", line)
	} else {
		fields := in.splitLine(line, len(rest), raw)
		for i, name := range rest {
			value := ""
			if i < len(fields) {
				value = fields[i]
			}
			in.set(name, value)
		}
	}
	if !ok {
		return 1
	}
	return 0
}

func (in *interp) readUntil(fd int, delim byte, limit int, raw bool) (string, bool) {
	if delim == '\n' && limit < 0 {
		return in.readLine(fd, raw)
	}
	var out []byte
	var b [1]byte
	for limit < 0 || len(out) < limit {
		n, err := in.get(fd, b[:])
		if n == 1 {
			if b[0] == delim {
				return string(out), true
			}
			if len(out) < maxVariable {
				out = append(out, b[0])
			}
		}
		if err != nil {
			return string(out), false
		}
	}
	return string(out), true
}

// splitLine splits what read has read into at most n fields; the last takes the rest.
func (in *interp) splitLine(line string, n int, raw bool) []string {
	ifs, set := in.value("IFS")
	if !set {
		ifs = " \t\n"
	}
	white := func(c byte) bool { return (c == ' ' || c == '\t' || c == '\n') && strings.IndexByte(ifs, c) >= 0 }
	var out []string
	i := 0
	for i < len(line) && white(line[i]) {
		i++
	}
	for i < len(line) {
		if n > 0 && len(out) == n-1 {
			end := len(line)
			for end > i && white(line[end-1]) {
				end--
			}
			s := line[i:end]
			if !raw {
				s = unescape(s)
			}
			return append(out, s)
		}
		var b strings.Builder
		for i < len(line) {
			c := line[i]
			if c == '\\' && !raw && i+1 < len(line) {
				b.WriteByte(line[i+1])
				i += 2
				continue
			}
			if strings.IndexByte(ifs, c) >= 0 {
				break
			}
			b.WriteByte(c)
			i++
		}
		out = append(out, b.String())
		if len(out) > maxFields {
			return out
		}
		for i < len(line) && white(line[i]) {
			i++
		}
		if i < len(line) && strings.IndexByte(ifs, line[i]) >= 0 {
			for i++; i < len(line) && white(line[i]); i++ {
			}
		}
	}
	return out
}

func builtinMapfile(in *interp, args []string) int {
	trim, name := false, "MAPFILE"
	for _, a := range args[1:] {
		switch {
		case a == "-t":
			trim = true
		case !strings.HasPrefix(a, "-"):
			name = a
		}
	}
	v := variable{set: true, elems: make(map[string]string)}
	size := 0
	for {
		line, ok := in.readLine(0, true)
		if !ok && line == "" {
			break
		}
		if !trim && ok {
			line += "\n"
		}
		if size += len(line) + 32; size > maxVariable {
			break
		}
		v.elems[strconv.Itoa(len(v.elems))] = line
		if !ok {
			break
		}
	}
	in.store(name, v)
	return 0
}

// readLine reads a line without its end, as the read builtin does. It reports false at
// the end of input; what came before is returned.
func (in *interp) readLine(fd int, raw bool) (string, bool) {
	var line []byte
	var b [1]byte
	for {
		n, err := in.get(fd, b[:])
		if n == 1 {
			switch {
			case b[0] == '\n' && !raw && len(line) > 0 && line[len(line)-1] == '\\' && trailing(line)%2 == 1:
				line = line[:len(line)-1]
				continue
			case b[0] == '\n':
				return string(line), true
			case b[0] == 0:
				continue
			}
			if len(line) >= maxVariable {
				return string(line), false
			}
			line = append(line, b[0])
		}
		if err != nil {
			return string(line), false
		}
	}
}

func trailing(line []byte) int {
	n := 0
	for i := len(line) - 1; i >= 0 && line[i] == '\\'; i-- {
		n++
	}
	return n
}
