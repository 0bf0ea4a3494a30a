package shell

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

func progFind(c *call) int {
	args := c.args[1:]
	var roots []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "(" && args[0] != "!" {
		roots, args = append(roots, args[0]), args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	f := &finder{c: c, args: args, maxDepth: 64, now: c.sh.m.now()}
	expr, ok := f.parse()
	if !ok {
		return 1
	}
	if !f.action {
		inner := expr
		expr = func(name string, i *info) bool {
			if !inner(name, i) {
				return false
			}
			c.print(name + "\n")
			return true
		}
	}
	for _, r := range roots {
		i, err := c.files().stat("stat", r, false)
		if err != nil {
			c.errorf("‘%s’: %s", r, reason(err))
			f.status = 1
			continue
		}
		f.walk(r, i, 0, expr)
	}
	f.finish()
	return f.status
}

type finder struct {
	c                  *call
	args               []string
	maxDepth, minDepth int
	depthFirst, prune  bool
	action             bool
	now                time.Time
	status             int
	batch              []func()
	nesting            int
}

type findTest func(name string, i *info) bool

func (f *finder) walk(name string, i *info, depth int, expr findTest) {
	f.c.use.step(f.c.ctx)
	f.prune = false
	if depth >= f.minDepth && !f.depthFirst {
		expr(name, i)
	}
	if i.mode.IsDir() && depth < f.maxDepth && !f.prune {
		list, err := f.c.files().list(name)
		if err != nil {
			f.c.errorf("‘%s’: %s", name, reason(err))
			f.status = 1
		}
		for _, k := range list {
			f.walk(strings.TrimSuffix(name, "/")+"/"+k.name, k, depth+1, expr)
		}
	}
	if depth >= f.minDepth && f.depthFirst {
		expr(name, i)
	}
}

func (f *finder) finish() {
	for _, b := range f.batch {
		b()
	}
}

func (f *finder) next() string {
	if len(f.args) == 0 {
		return ""
	}
	s := f.args[0]
	f.args = f.args[1:]
	return s
}

func (f *finder) parse() (findTest, bool) {
	if f.nesting++; f.nesting > 100 {
		f.c.errorf("expression too deep")
		return nil, false
	}
	defer func() { f.nesting-- }()
	var or []findTest
	and := findTest(func(string, *info) bool { return true })
	for len(f.args) > 0 {
		switch f.args[0] {
		case ")":
			or = append(or, and)
			return anyOf(or), true
		case "-o", "-or":
			f.next()
			or = append(or, and)
			and = func(string, *info) bool { return true }
			continue
		case "-a", "-and":
			f.next()
			continue
		}
		t, ok := f.primary()
		if !ok {
			return nil, false
		}
		left := and
		and = func(n string, i *info) bool { return left(n, i) && t(n, i) }
	}
	return anyOf(append(or, and)), true
}

func anyOf(list []findTest) findTest {
	if len(list) == 1 {
		return list[0]
	}
	return func(n string, i *info) bool {
		for _, t := range list {
			if t(n, i) {
				return true
			}
		}
		return false
	}
}

// compareWith parses +n, -n and n.
func compareWith(s string) func(int64) bool {
	switch {
	case strings.HasPrefix(s, "+"):
		n, _ := strconv.ParseInt(s[1:], 10, 64)
		return func(v int64) bool { return v > n }
	case strings.HasPrefix(s, "-"):
		n, _ := strconv.ParseInt(s[1:], 10, 64)
		return func(v int64) bool { return v < n }
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	return func(v int64) bool { return v == n }
}

func (f *finder) primary() (findTest, bool) {
	c := f.c
	yes := func(string, *info) bool { return true }
	switch op := f.next(); op {
	case "(":
		t, ok := f.parse()
		f.next()
		return t, ok
	case "!", "-not":
		t, ok := f.primary()
		return func(n string, i *info) bool { return !t(n, i) }, ok
	case "-name", "-iname", "-path", "-wholename":
		pat := f.next()
		if op == "-iname" {
			pat = strings.ToLower(pat)
		}
		return func(n string, i *info) bool {
			s := n
			if op == "-name" || op == "-iname" {
				s = path.Base(n)
			}
			if op == "-iname" {
				s = strings.ToLower(s)
			}
			return c.match(pat, s)
		}, true
	case "-type":
		kind := f.next()
		return func(_ string, i *info) bool {
			return strings.Contains(kind, strings.Replace(modeString(i.mode)[:1], "-", "f", 1))
		}, true
	case "-maxdepth", "-mindepth":
		n, err := strconv.Atoi(f.next())
		if err != nil {
			c.errorf("Expected a positive decimal integer argument to %s", op)
			return nil, false
		}
		if op == "-maxdepth" {
			f.maxDepth = min(n, 64)
		} else {
			f.minDepth = n
		}
		return yes, true
	case "-size":
		s := f.next()
		unit := int64(512)
		if s != "" {
			switch s[len(s)-1] {
			case 'c':
				unit = 1
			case 'k':
				unit = 1 << 10
			case 'M':
				unit = 1 << 20
			case 'G':
				unit = 1 << 30
			}
			s = strings.TrimRight(s, "ckMGbw")
		}
		cmp := compareWith(s)
		return func(_ string, i *info) bool { return cmp((i.size + unit - 1) / unit) }, true
	case "-mtime", "-atime", "-ctime", "-mmin", "-amin", "-cmin":
		unit := 24 * time.Hour
		if strings.HasSuffix(op, "min") {
			unit = time.Minute
		}
		cmp := compareWith(f.next())
		return func(_ string, i *info) bool { return cmp(int64(f.now.Sub(i.mtime) / unit)) }, true
	case "-newer":
		ref, err := c.files().stat("stat", f.next(), true)
		return func(_ string, i *info) bool { return err == nil && i.mtime.After(ref.mtime) }, true
	case "-user", "-group", "-uid", "-gid":
		who := f.next()
		n := c.sh.names()
		return func(_ string, i *info) bool {
			switch op {
			case "-user":
				return n.user(i.node.uid) == who
			case "-group":
				return n.group(i.node.gid) == who
			case "-uid":
				return strconv.Itoa(int(i.node.uid)) == who
			}
			return strconv.Itoa(int(i.node.gid)) == who
		}, true
	case "-perm":
		spec := f.next()
		all, some := strings.HasPrefix(spec, "-"), strings.HasPrefix(spec, "/")
		m, ok := changeMode(strings.TrimLeft(spec, "-/"), 0, 0)
		if !ok {
			c.errorf("invalid mode ‘%s’", spec)
			return nil, false
		}
		return func(_ string, i *info) bool {
			have := i.mode & permBits
			switch {
			case all:
				return have&m == m
			case some:
				return have&m != 0 || m == 0
			}
			return have == m
		}, true
	case "-empty":
		return func(_ string, i *info) bool {
			return i.mode.IsDir() && len(i.node.kids) == 0 || i.mode.IsRegular() && i.size == 0
		}, true
	case "-executable", "-readable", "-writable":
		want := map[string]fs.FileMode{"-executable": 1, "-readable": 4, "-writable": 2}[op]
		return func(_ string, i *info) bool { return c.cred.may(i.node, want) }, true
	case "-true", "-xdev", "-mount", "-follow", "-noleaf", "-L", "-P", "-H", "-ignore_readdir_race", "-daystart":
		return yes, true
	case "-depth", "-d":
		f.depthFirst = true
		return yes, true
	case "-prune":
		return func(string, *info) bool { f.prune = true; return true }, true
	case "-quit":
		return func(string, *info) bool { f.finish(); c.flush(); panic(killed{f.status}) }, true
	case "-print":
		f.action = true
		return func(n string, _ *info) bool { c.print(n + "\n"); return true }, true
	case "-print0":
		f.action = true
		return func(n string, _ *info) bool { c.print(n + "\x00"); return true }, true
	case "-ls":
		f.action = true
		return func(n string, i *info) bool {
			who := c.sh.names()
			c.printf("%9d %6d %s %3d %-8s %-8s %8d %s %s\n", i.node.ino, i.stat.Blocks/2, modeString(i.mode), i.stat.Nlink, who.user(i.node.uid), who.group(i.node.gid), i.size, lsDate(i.mtime, f.now), n)
			return true
		}, true
	case "-printf":
		f.action = true
		format := f.next()
		return func(n string, i *info) bool {
			s := strings.NewReplacer("%p", n, "%f", path.Base(n), "%s", strconv.FormatInt(i.size, 10), "%m", strconv.FormatUint(uint64(i.stat.Mode&0o7777), 8), "%u", c.sh.names().user(i.node.uid), "%h", path.Dir(n), "%M", modeString(i.mode)).Replace(format)
			s, _ = escapes(s, false)
			c.print(s)
			return true
		}, true
	case "-delete":
		f.action, f.depthFirst = true, true
		return func(n string, _ *info) bool {
			if err := c.files().Remove(n); err != nil {
				c.errorf("cannot delete ‘%s’: %s", n, reason(err))
				f.status = 1
				return false
			}
			return true
		}, true
	case "-exec", "-execdir", "-ok":
		return f.exec()
	default:
		if strings.HasPrefix(op, "-") {
			c.errorf("unknown predicate `%s'", op)
		} else {
			c.errorf("paths must precede expression: `%s'", op)
		}
		return nil, false
	}
}

func (f *finder) exec() (findTest, bool) {
	c := f.c
	f.action = true
	var cmd []string
	for len(f.args) > 0 {
		a := f.next()
		if a == ";" {
			return func(n string, _ *info) bool {
				args := make([]string, len(cmd))
				for k, s := range cmd {
					args[k] = strings.ReplaceAll(s, "{}", n)
				}
				c.flush()
				return c.runOther(args) == 0
			}, len(cmd) > 0
		}
		if a == "+" && len(cmd) > 1 && cmd[len(cmd)-1] == "{}" {
			cmd = cmd[:len(cmd)-1]
			var all []string
			f.batch = append(f.batch, func() {
				if len(all) > 0 {
					c.flush()
					c.runOther(append(slices.Clip(cmd), all...))
				}
			})
			return func(n string, _ *info) bool {
				if len(all) < maxFields {
					c.grow(len(n) + 16)
					all = append(all, n)
				}
				return true
			}, true
		}
		cmd = append(cmd, a)
	}
	c.errorf("missing argument to `-exec'")
	return nil, false
}
