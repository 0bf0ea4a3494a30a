package shell

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// permString formats the nine permission bits of one class set as ls does.
func permString(bits fs.FileMode) string {
	const letters = "rwxrwxrwx"
	out := []byte("---------")
	for i := range out {
		if bits&(1<<(8-i)) != 0 {
			out[i] = letters[i]
		}
	}
	return string(out)
}

// modeString formats a mode as ls -l does.
func modeString(mode fs.FileMode) string {
	kind := "-"
	switch {
	case mode.IsDir():
		kind = "d"
	case mode&fs.ModeSymlink != 0:
		kind = "l"
	case mode&fs.ModeCharDevice != 0:
		kind = "c"
	case mode&fs.ModeDevice != 0:
		kind = "b"
	case mode&fs.ModeNamedPipe != 0:
		kind = "p"
	case mode&fs.ModeSocket != 0:
		kind = "s"
	}
	out := []byte(kind + permString(mode.Perm()))
	special := func(set bool, at int, letter byte) {
		if !set {
			return
		}
		if out[at] == 'x' {
			out[at] = letter
		} else {
			out[at] = letter - 'a' + 'A'
		}
	}
	special(mode&fs.ModeSetuid != 0, 3, 's')
	special(mode&fs.ModeSetgid != 0, 6, 's')
	special(mode&fs.ModeSticky != 0, 9, 't')
	return string(out)
}

// names maps ids to names as this attacker sees them.
type names struct{ users, groups map[int]string }

func (sh *Shell) names() names { return sh.directory().names }

func newNames(accounts []account, groups []group) names {
	n := names{map[int]string{}, map[int]string{}}
	for _, a := range accounts {
		if _, ok := n.users[a.uid]; !ok {
			n.users[a.uid] = a.name
		}
	}
	for _, g := range groups {
		if _, ok := n.groups[g.gid]; !ok {
			n.groups[g.gid] = g.name
		}
	}
	return n
}

func (n names) user(id uint32) string {
	if s, ok := n.users[int(id)]; ok {
		return s
	}
	return strconv.Itoa(int(id))
}

func (n names) group(id uint32) string {
	if s, ok := n.groups[int(id)]; ok {
		return s
	}
	return strconv.Itoa(int(id))
}

// collate orders names as the en_US locale does: punctuation and case come last.
func collate(a, b string) int {
	key := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, s)
	}
	if c := strings.Compare(key(a), key(b)); c != 0 {
		return c
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			if unicode.ToLower(rune(a[i])) == unicode.ToLower(rune(b[i])) {
				return int(b[i]) - int(a[i])
			}
			break
		}
	}
	return strings.Compare(a, b)
}

// collate orders names as the locale of the program wants.
func (c *call) collate(a, b string) int {
	lang := c.interp.env("LC_ALL")
	if lang == "" {
		lang = c.interp.env("LANG")
	}
	if lang == "" || lang == "POSIX" || strings.HasPrefix(lang, "C") {
		return strings.Compare(a, b)
	}
	return collate(a, b)
}

// human formats bytes as -h does: rounded up, one digit below ten.
func human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	units := "KMGTPE"
	v, u := float64(n)/1024, 0
	for v > 1023 && u < len(units)-1 {
		v /= 1024
		u++
	}
	if v < 9.95 {
		t := float64(int64(v*10)) / 10
		if t < v {
			t += 0.1
		}
		return fmt.Sprintf("%.1f%c", t, units[u])
	}
	whole := int64(v)
	if float64(whole) < v {
		whole++
	}
	return fmt.Sprintf("%d%c", whole, units[u])
}

var lsLong = set("--almost-all --author --escape --block-size --ignore-backups --dired --classify --file-type --format --full-time --group-directories-first --no-group --si --dereference-command-line --hide --hyperlink --indicator-style --inode --ignore --kibibytes --dereference --numeric-uid-gid --literal --hide-control-chars --show-control-chars --quote-name --quoting-style --reverse --size --sort --time --time-style --tabsize --width --context --zero")

type lister struct {
	c       *call
	opts    map[byte]bool
	color   bool
	names   names
	status  int
	printed bool
}

func progLs(c *call) int {
	opts, operands := c.flags("IwT", "--ignore", "--width", "--sort", "--time-style")
	l := &lister{c: c, opts: map[byte]bool{}}
	for _, o := range opts {
		switch {
		case len(o.name) == 2 && strings.IndexByte("aAlhdtrSR1inogFCpskLHucUXmbqQNxvfBGZITw", o.name[1]) >= 0:
			l.opts[o.name[1]] = true
		case o.name == "--color":
			l.color = o.value == "" || o.value == "always" || o.value == "auto" && c.terminal()
		case o.name == "--all":
			l.opts['a'] = true
		case o.name == "--human-readable":
			l.opts['h'] = true
		case o.name == "--recursive":
			l.opts['R'] = true
		case o.name == "--directory":
			l.opts['d'] = true
		case o.name == "--help":
			c.print("Usage: ls [OPTION]... [FILE]...\nList information about the FILEs (the current directory by default).\n")
			return 0
		case o.name == "--version":
			c.print("ls (GNU coreutils) " + c.sh.m.distro.coreutils + "\n")
			return 0
		case lsLong[o.name]:
		default:
			c.badOption(o.name)
			return 2
		}
	}
	if l.opts['n'] || l.opts['o'] || l.opts['g'] {
		l.opts['l'] = true
	}
	if l.opts['f'] {
		l.opts['a'], l.opts['U'] = true, true
	}
	if l.opts['l'] {
		l.names = c.sh.names()
	}
	if len(operands) == 0 {
		operands = []string{"."}
	}
	var files []*info
	var dirs []string
	for _, name := range operands {
		i, err := c.files().stat("stat", name, !l.opts['l'] && !l.opts['d'] || strings.HasSuffix(name, "/"))
		if err != nil {
			if i, err = c.files().stat("stat", name, false); err != nil {
				c.errorf("cannot access '%s': %s", name, reason(err))
				l.status = 2
				continue
			}
		}
		if i.mode.IsDir() && !l.opts['d'] {
			dirs = append(dirs, name)
			continue
		}
		i.name = name
		files = append(files, i)
	}
	l.sort(files)
	if len(files) > 0 {
		l.show(files, "")
		l.printed = true
	}
	slices.SortFunc(dirs, c.collate)
	for _, d := range dirs {
		l.dir(d, len(operands) > 1 || l.opts['R'], 0)
	}
	return l.status
}

// terminal reports whether standard output is one.
func (in *interp) terminal() bool { return len(in.fds) > 1 && in.fds[1] != nil && in.fds[1].tty }

func (l *lister) dir(name string, title bool, depth int) {
	c := l.c
	list, err := c.files().list(name)
	if err != nil {
		c.errorf("cannot open directory '%s': %s", name, reason(err))
		l.status = max(l.status, 1)
		if depth == 0 {
			l.status = 2
		}
		return
	}
	if title {
		if l.printed {
			c.print("\n")
		}
		c.print(name + ":\n")
	}
	l.printed = true
	var show []*info
	if l.opts['a'] {
		if i, err := c.files().stat("stat", name, true); err == nil {
			i.name = "."
			show = append(show, i)
		}
		if i, err := c.files().stat("stat", name+"/..", true); err == nil {
			i.name = ".."
			show = append(show, i)
		}
	}
	for _, i := range list {
		c.use.step(c.ctx)
		if !l.opts['a'] && !l.opts['A'] && strings.HasPrefix(i.name, ".") {
			continue
		}
		show = append(show, i)
	}
	l.sort(show)
	if l.opts['l'] || l.opts['s'] {
		var blocks int64
		for _, i := range show {
			blocks += i.stat.Blocks / 2
			if i.mode.IsDir() && i.size > 0 {
				blocks += 0
			}
		}
		if l.opts['h'] {
			c.printf("total %s\n", human(blocks*1024))
		} else {
			c.printf("total %d\n", blocks)
		}
	}
	l.show(show, name)
	if l.opts['R'] && depth < 64 {
		for _, i := range show {
			if i.mode.IsDir() && i.name != "." && i.name != ".." {
				l.dir(strings.TrimSuffix(name, "/")+"/"+i.name, true, depth+1)
			}
		}
	}
}

func (l *lister) sort(list []*info) {
	if l.opts['U'] {
		return
	}
	slices.SortStableFunc(list, func(a, b *info) int {
		c := 0
		switch {
		case l.opts['S']:
			c = int(min(max(b.size-a.size, -1), 1))
		case l.opts['t'] || l.opts['u'] || l.opts['c'] && !l.opts['l']:
			c = b.mtime.Compare(a.mtime)
		case l.opts['X']:
			c = strings.Compare(path.Ext(a.name), path.Ext(b.name))
		}
		if c == 0 {
			c = l.c.collate(a.name, b.name)
		}
		if l.opts['r'] {
			c = -c
		}
		return c
	})
}

func (l *lister) label(i *info) string {
	name := i.name
	if l.c.terminal() && !l.opts['N'] && strings.ContainsAny(name, " '\"$&*()|;<>?#\t\n\\") {
		if strings.Contains(name, "'") {
			name = `"` + name + `"`
		} else {
			name = "'" + name + "'"
		}
	}
	if l.color {
		if code := colorOf(i); code != "" {
			name = "\x1b[" + code + "m" + name + "\x1b[0m"
		}
	}
	if l.opts['F'] || l.opts['p'] {
		switch {
		case i.mode.IsDir():
			name += "/"
		case l.opts['F'] && i.mode&fs.ModeSymlink != 0 && !l.opts['l']:
			name += "@"
		case l.opts['F'] && i.mode.IsRegular() && i.mode&0o111 != 0:
			name += "*"
		}
	}
	return name
}

func colorOf(i *info) string {
	switch {
	case i.mode.IsDir() && i.mode&fs.ModeSticky != 0 && i.mode&2 != 0:
		return "30;42"
	case i.mode.IsDir():
		return "01;34"
	case i.mode&fs.ModeSymlink != 0:
		return "01;36"
	case i.mode&fs.ModeDevice != 0:
		return "40;33;01"
	case i.mode&fs.ModeSetuid != 0:
		return "37;41"
	case i.mode&0o111 != 0:
		return "01;32"
	}
	return ""
}

func (l *lister) show(list []*info, dir string) {
	if l.opts['l'] {
		l.long(list, dir)
		return
	}
	labels := make([]string, len(list))
	for k, i := range list {
		labels[k] = l.label(i)
		if l.opts['i'] {
			labels[k] = fmt.Sprintf("%7d %s", i.node.ino, labels[k])
		}
		if l.opts['s'] {
			labels[k] = fmt.Sprintf("%d %s", i.stat.Blocks/2, labels[k])
		}
	}
	switch {
	case l.opts['m']:
		l.c.print(strings.Join(labels, ", ") + "\n")
	case (l.c.terminal() || l.opts['C'] || l.opts['x']) && !l.opts['1']:
		width := 80
		if l.c.term != nil {
			width, _ = l.c.term.size()
		}
		l.c.print(columns(labels, width))
	default:
		for _, s := range labels {
			l.c.print(s + "\n")
		}
	}
}

// columns lays labels out as ls -C does.
func columns(labels []string, width int) string {
	if len(labels) == 0 {
		return ""
	}
	sizes := make([]int, len(labels))
	for i, s := range labels {
		sizes[i] = printedWidth(s)
	}
	rows := 1
	var widths []int
	for ; rows <= len(labels); rows++ {
		cols := (len(labels) + rows - 1) / rows
		widths = make([]int, cols)
		total := 0
		for i, n := range sizes {
			widths[i/rows] = max(widths[i/rows], n)
		}
		for i, w := range widths {
			total += w
			if i < cols-1 {
				total += 2
			}
		}
		if total < width || rows == len(labels) {
			break
		}
	}
	var b strings.Builder
	for r := range rows {
		for i := r; i < len(labels); i += rows {
			b.WriteString(labels[i])
			if i+rows < len(labels) {
				b.WriteString(strings.Repeat(" ", widths[i/rows]+2-sizes[i]))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// printedWidth is the number of columns of s without colour sequences.
func printedWidth(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			if end := strings.IndexByte(s[i:], 'm'); end >= 0 {
				i += end + 1
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
		n++
	}
	return n
}

func (l *lister) long(list []*info, dir string) {
	type row struct{ inode, blocks, mode, links, user, group, size, date, name string }
	rows := make([]row, len(list))
	now := l.c.sh.m.now()
	var wi, wb, wl, wu, wg, ws int
	for k, i := range list {
		r := row{inode: strconv.FormatUint(i.node.ino, 10), blocks: strconv.FormatInt(i.stat.Blocks/2, 10), mode: modeString(i.mode),
			links: strconv.FormatUint(uint64(i.stat.Nlink), 10), user: l.names.user(i.node.uid), group: l.names.group(i.node.gid),
			size: strconv.FormatInt(i.size, 10), date: lsDate(i.mtime, now), name: l.label(i)}
		if l.opts['n'] {
			r.user, r.group = strconv.Itoa(int(i.node.uid)), strconv.Itoa(int(i.node.gid))
		}
		if l.opts['h'] {
			r.size = human(i.size)
		}
		if i.mode&fs.ModeDevice != 0 {
			major, minor := deviceNumber(i.name)
			r.size = fmt.Sprintf("%d, %3d", major, minor)
		}
		if i.mode&fs.ModeSymlink != 0 {
			r.name += " -> " + i.node.target
		}
		rows[k] = r
		wi, wb, wl, wu, wg, ws = max(wi, len(r.inode)), max(wb, len(r.blocks)), max(wl, len(r.links)), max(wu, len(r.user)), max(wg, len(r.group)), max(ws, len(r.size))
	}
	for _, r := range rows {
		line := ""
		if l.opts['i'] {
			line += fmt.Sprintf("%*s ", wi, r.inode)
		}
		if l.opts['s'] {
			line += fmt.Sprintf("%*s ", wb, r.blocks)
		}
		line += fmt.Sprintf("%s %*s ", r.mode, wl, r.links)
		if !l.opts['g'] {
			line += fmt.Sprintf("%-*s ", wu, r.user)
		}
		if !l.opts['o'] && !l.opts['G'] {
			line += fmt.Sprintf("%-*s ", wg, r.group)
		}
		l.c.print(line + fmt.Sprintf("%*s %s %s\n", ws, r.size, r.date, r.name))
	}
}

// lsDate formats a time as ls -l does: with the year when it is not recent.
func lsDate(t, now time.Time) string {
	if age := now.Sub(t); age > 182*24*time.Hour || age < -time.Hour {
		return clock(t, "Jan _2  2006")
	}
	return clock(t, "Jan _2 15:04")
}

func deviceNumber(name string) (major, minor int) {
	name = path.Base(name)
	switch name {
	case "null":
		return 1, 3
	case "zero":
		return 1, 5
	case "full":
		return 1, 7
	case "random":
		return 1, 8
	case "urandom":
		return 1, 9
	case "kmsg":
		return 1, 11
	case "mem":
		return 1, 1
	case "tty":
		return 5, 0
	case "console":
		return 5, 1
	case "ptmx":
		return 5, 2
	case "tty0":
		return 4, 0
	case "tty1":
		return 4, 1
	case "ttyS0":
		return 4, 64
	case "fuse":
		return 10, 229
	case "hpet":
		return 10, 228
	case "rtc0":
		return 251, 0
	case "snapshot":
		return 10, 231
	}
	minor = int(name[len(name)-1] - '0')
	switch {
	case strings.HasPrefix(name, "loop"):
		return 7, minor
	case strings.HasPrefix(name, "vd"):
		major = 254
	default:
		major = 8
	}
	if minor > 9 || minor < 0 {
		minor = 0
	}
	return major, minor
}
