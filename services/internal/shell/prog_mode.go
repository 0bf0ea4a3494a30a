package shell

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// changeMode applies what chmod takes to a mode.
func changeMode(spec string, mode fs.FileMode, umask fs.FileMode) (fs.FileMode, bool) {
	if n, err := strconv.ParseUint(spec, 8, 16); err == nil && n <= 0o7777 {
		m := mode&^permBits | fs.FileMode(n)&0o777
		if n&0o4000 != 0 {
			m |= fs.ModeSetuid
		}
		if n&0o2000 != 0 {
			m |= fs.ModeSetgid
		}
		if n&0o1000 != 0 {
			m |= fs.ModeSticky
		}
		return m, true
	}
	for clause := range strings.SplitSeq(spec, ",") {
		i := strings.IndexAny(clause, "+-=")
		if i < 0 || strings.Trim(clause[:i], "ugoa") != "" {
			return 0, false
		}
		who := clause[:i]
		mask := fs.FileMode(0)
		for _, w := range who {
			switch w {
			case 'u':
				mask |= 0o700
			case 'g':
				mask |= 0o070
			case 'o':
				mask |= 0o007
			case 'a':
				mask |= 0o777
			}
		}
		implicit := who == ""
		if implicit {
			mask = 0o777 &^ umask
		}
		for i < len(clause) {
			op := clause[i]
			i++
			bits, special := fs.FileMode(0), fs.FileMode(0)
			for i < len(clause) && strings.IndexByte("+-=", clause[i]) < 0 {
				switch clause[i] {
				case 'r':
					bits |= 0o444
				case 'w':
					bits |= 0o222
				case 'x':
					bits |= 0o111
				case 'X':
					if mode.IsDir() || mode&0o111 != 0 {
						bits |= 0o111
					}
				case 's':
					if implicit || mask&0o700 != 0 {
						special |= fs.ModeSetuid
					}
					if implicit || mask&0o070 != 0 {
						special |= fs.ModeSetgid
					}
				case 't':
					special |= fs.ModeSticky
				default:
					return 0, false
				}
				i++
			}
			switch op {
			case '+':
				mode |= bits&mask | special
			case '-':
				mode &^= bits&mask | special
			default:
				mode = mode&^mask | bits&mask | special
			}
		}
	}
	return mode, true
}

var chmodFlags = set("-R -f -v -c -Rf -fR -Rv -vR --recursive --silent --quiet --verbose --changes")

func progChmod(c *call) int {
	args := c.args[1:]
	recursive, quiet := false, false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && chmodFlags[args[0]] {
		recursive = recursive || strings.Contains(args[0], "R") || args[0] == "--recursive"
		quiet = quiet || args[0] == "-f" || args[0] == "-Rf" || args[0] == "-fR"
		args = args[1:]
	}
	if len(args) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	spec := args[0]
	if _, ok := changeMode(spec, 0, c.umask); !ok {
		c.errorf("invalid mode: ‘%s’", spec)
		c.try()
		return 1
	}
	if len(args) == 1 {
		c.errorf("missing operand after ‘%s’", spec)
		c.try()
		return 1
	}
	return c.treeChange(args[1:], recursive, quiet, "changing permissions of", func(name string, i *info) error {
		m, _ := changeMode(spec, i.mode, c.umask)
		return c.files().Chmod(name, m)
	})
}

// treeChange applies f to files and, when recursive, what is in them.
func (c *call) treeChange(list []string, recursive, quiet bool, doing string, f func(name string, i *info) error) int {
	status := 0
	var visit func(name string, depth int)
	visit = func(name string, depth int) {
		c.use.step(c.ctx)
		i, err := c.files().stat("stat", name, depth == 0)
		if err != nil {
			if !quiet {
				c.errorf("cannot access '%s': %s", name, reason(err))
			}
			status = 1
			return
		}
		if i.mode&fs.ModeSymlink != 0 {
			return
		}
		if err := f(name, i); err != nil {
			if !quiet {
				c.errorf("%s '%s': %s", doing, name, reason(err))
			}
			status = 1
		}
		if recursive && i.mode.IsDir() && depth < 64 {
			kids, _ := c.files().list(name)
			for _, k := range kids {
				visit(strings.TrimSuffix(name, "/")+"/"+k.name, depth+1)
			}
		}
	}
	for _, name := range list {
		visit(name, 0)
	}
	return status
}

func progChown(c *call) int {
	opts, operands := c.flags("")
	if len(operands) < 2 {
		if len(operands) == 1 {
			c.errorf("missing operand after ‘%s’", operands[0])
		} else {
			c.errorf("missing operand")
		}
		c.try()
		return 1
	}
	user, grp, both := strings.Cut(operands[0], ":")
	if c.name == "chgrp" {
		user, grp, both = "", operands[0], true
	}
	uid, gid := -1, -1
	if user != "" {
		if a, ok := c.sh.account(user); ok {
			uid = a.uid
			if both && grp == "" {
				gid = a.gid
			}
		} else if n, err := strconv.Atoi(user); err == nil && n >= 0 {
			uid = n
		} else {
			c.errorf("invalid user: ‘%s’", operands[0])
			return 1
		}
	}
	if grp != "" {
		if i := slices.IndexFunc(c.sh.groups(), func(g group) bool { return g.name == grp }); i >= 0 {
			gid = c.sh.groups()[i].gid
		} else if n, err := strconv.Atoi(grp); err == nil && n >= 0 {
			gid = n
		} else {
			c.errorf("invalid group: ‘%s’", operands[0])
			return 1
		}
	}
	return c.treeChange(operands[1:], has(opts, "-R", "--recursive"), has(opts, "-f"), "changing ownership of", func(name string, _ *info) error {
		return c.files().Chown(name, uid, gid)
	})
}

func progChattr(c *call) int {
	add, remove := "", ""
	var list []string
	for _, a := range c.args[1:] {
		switch {
		case len(a) > 1 && a[0] == '+' || len(a) > 1 && a[0] == '=':
			add += a[1:]
		case len(a) > 1 && a[0] == '-' && len(list) == 0 && a != "-R" && a != "-V" && a != "-f":
			remove += a[1:]
		case a == "-R" || a == "-V" || a == "-f":
		default:
			list = append(list, a)
		}
	}
	if len(list) == 0 || add+remove == "" {
		c.errln("Usage: chattr [-pRVf] [-+=aAcCdDeijPsStTuFx] [-v version] files...")
		return 1
	}
	status := 0
	for _, name := range list {
		err := c.files().change("chattr", name, true, func(n *node) {
			if strings.ContainsAny(add, "ia") {
				n.fixed = true
			}
			if strings.ContainsAny(remove, "ia") {
				n.fixed = false
			}
		})
		if err != nil {
			if reason(err) == "No such file or directory" {
				c.errorf("No such file or directory while trying to stat %s", name)
			} else {
				c.errorf("%s while setting flags on %s", reason(err), name)
			}
			status = 1
		}
	}
	return status
}

func progLsattr(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		operands = []string{"."}
	}
	status := 0
	show := func(name string, i *info) {
		flags := []byte("--------------e-------")
		if i.node.fixed {
			flags[4] = 'i'
		}
		c.printf("%s %s\n", flags, name)
	}
	for _, name := range operands {
		i, err := c.files().stat("stat", name, true)
		if err != nil {
			c.errorf("%s while trying to stat %s", reason(err), name)
			status = 1
			continue
		}
		if !i.mode.IsDir() {
			show(name, i)
			continue
		}
		list, _ := c.files().list(name)
		for _, k := range list {
			if !strings.HasPrefix(k.name, ".") && (k.mode.IsRegular() || k.mode.IsDir()) {
				show(strings.TrimSuffix(name, "/")+"/"+k.name, k)
			}
		}
	}
	return status
}
