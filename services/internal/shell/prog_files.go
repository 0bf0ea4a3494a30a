package shell

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func progCat(c *call) int {
	opts, operands := c.flags("")
	number, ends, tabs := false, false, false
	for _, o := range opts {
		switch o.name {
		case "-n", "--number", "-b":
			number = true
		case "-A", "-e", "-E", "--show-all":
			ends = true
			tabs = tabs || o.name == "-A"
		case "-T", "-t", "-v", "-s", "-u":
			tabs = tabs || o.name == "-T"
		case "--help":
			c.print("Usage: cat [OPTION]... [FILE]...\nConcatenate FILE(s) to standard output.\n")
			return 0
		case "--version":
			c.print("cat (GNU coreutils) " + c.sh.m.distro.coreutils + "\n")
			return 0
		default:
			return c.badOption(o.name)
		}
	}
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	status, line := 0, 0
	for _, name := range operands {
		r, err := c.input(name)
		if err != nil {
			if c.busybox() {
				c.errorf("can't open '%s': %s", name, reason(err))
			} else {
				c.errorf("%s: %s", name, reason(err))
			}
			status = 1
			continue
		}
		if !number && !ends && !tabs {
			c.copy(r)
			_ = r.Close()
			continue
		}
		_ = r.Close()
		b, _ := c.contents(name)
		for s := range strings.Lines(string(b)) {
			line++
			if tabs {
				s = strings.ReplaceAll(s, "\t", "^I")
			}
			if ends {
				s = strings.TrimSuffix(s, "\n") + "$\n"
			}
			if number {
				s = fmt.Sprintf("%6d\t%s", line, s)
			}
			c.print(s)
		}
	}
	return status
}

// alpine reports whether the programs are busybox's.
func (in *interp) alpine() bool { return in.sh.m.distro.family == "alpine" }

// copy sends everything that r gives to standard output.
func (c *call) copy(r io.Reader) {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			c.flush()
			c.out(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func progCp(c *call) int {
	opts, operands := c.flags("tS", "--target-directory")
	recursive := has(opts, "-r", "-R", "-a", "--recursive", "--archive")
	if to, ok := valueOf(opts, "-t", "--target-directory"); ok {
		operands = append(operands, to)
	}
	if len(operands) < 2 {
		return c.missingOperand(operands)
	}
	return c.transfer(operands, func(from, to string) int {
		return c.copyTree(from, to, recursive, has(opts, "-p", "-a"), 0)
	})
}

func (c *call) missingOperand(operands []string) int {
	switch {
	case c.alpine():
		c.errln(c.sh.m.distro.busybox + "\n\nUsage: " + c.name + " [OPTION]... SOURCE... DEST")
		return 1
	case len(operands) == 0:
		c.errorf("missing file operand")
	default:
		c.errorf("missing destination file operand after '%s'", operands[0])
	}
	c.try()
	return 1
}

// transfer calls f for every source with its destination, which may be a directory.
func (c *call) transfer(operands []string, f func(from, to string) int) int {
	last := operands[len(operands)-1]
	i, err := c.files().stat("stat", last, true)
	into := err == nil && i.mode.IsDir()
	if len(operands) > 2 && !into {
		if err != nil {
			c.errorf("target '%s': %s", last, reason(err))
		} else {
			c.errorf("target '%s' is not a directory", last)
		}
		return 1
	}
	status := 0
	for _, from := range operands[:len(operands)-1] {
		to := last
		if into {
			to = strings.TrimSuffix(last, "/") + "/" + path.Base(strings.TrimSuffix(from, "/"))
		}
		status = max(status, f(from, to))
	}
	return status
}

func (c *call) copyTree(from, to string, recursive, keep bool, depth int) int {
	c.use.step(c.ctx)
	if depth > 64 {
		return 1
	}
	files := c.files()
	i, err := files.stat("stat", from, !recursive)
	if err != nil {
		c.errorf("cannot stat '%s': %s", from, reason(err))
		return 1
	}
	switch {
	case i.mode.IsDir() && !recursive:
		c.errorf("-r not specified; omitting directory '%s'", from)
		return 1
	case i.mode.IsDir():
		src, _ := files.RealPath(from)
		if dst, err := files.RealPath(to); err == nil && (dst == src || strings.HasPrefix(dst, src+"/")) {
			c.errorf("cannot copy a directory, '%s', into itself, '%s'", from, to)
			return 1
		}
		if err := files.Mkdir(to, i.mode.Perm()); err != nil && reason(err) != "File exists" {
			c.errorf("cannot create directory '%s': %s", to, reason(err))
			return 1
		}
		list, err := files.list(from)
		if err != nil {
			c.errorf("cannot access '%s': %s", from, reason(err))
			return 1
		}
		status := 0
		for _, k := range list {
			status = max(status, c.copyTree(from+"/"+k.name, to+"/"+k.name, recursive, keep, depth+1))
		}
		return status
	case i.mode&fs.ModeSymlink != 0:
		_ = files.Remove(to)
		if err := files.Symlink(i.node.target, to); err != nil {
			c.errorf("cannot create symbolic link '%s': %s", to, reason(err))
			return 1
		}
		return 0
	}
	if old, err := files.stat("stat", to, true); err == nil && old.node == i.node {
		c.errorf("'%s' and '%s' are the same file", from, to)
		return 1
	}
	if err := c.copyFile(from, to, i); err != nil {
		why, verb := reason(err), "create regular file"
		if why == "Permission denied" && strings.Contains(err.Error(), "open "+from) {
			c.errorf("cannot open '%s' for reading: %s", from, why)
		} else if why == "No space left on device" {
			c.errorf("error writing '%s': %s", to, why)
		} else {
			c.errorf("cannot %s '%s': %s", verb, to, why)
		}
		return 1
	}
	if keep {
		_ = files.Chtimes(to, i.mtime)
	}
	return 0
}

// copyFile copies one file. A program of the machine stays one.
func (c *call) copyFile(from, to string, i *info) error {
	files := c.files()
	in, err := c.input(from)
	if err != nil {
		return err
	}
	defer in.Close()
	h, err := files.open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, i.mode.Perm()&^c.umask)
	if err != nil {
		return err
	}
	defer h.Close()
	if e, ok := i.node.src.(elf); ok && h.node.mode.IsRegular() {
		l := c.sh.files
		l.mu.Lock()
		defer l.mu.Unlock()
		h.node.src = e
		return nil
	}
	_, err = io.Copy(onlyWriter{h}, in)
	return err
}

func progMv(c *call) int {
	opts, operands := c.flags("tS")
	if to, ok := valueOf(opts, "-t"); ok {
		operands = append(operands, to)
	}
	if len(operands) < 2 {
		return c.missingOperand(operands)
	}
	return c.transfer(operands, func(from, to string) int {
		if _, err := c.files().stat("stat", from, false); err != nil {
			c.errorf("cannot stat '%s': %s", from, reason(err))
			return 1
		}
		if err := c.files().Rename(from, to); err != nil {
			switch reason(err) {
			case "Invalid argument":
				c.errorf("cannot move '%s' to a subdirectory of itself, '%s'", from, to)
			default:
				c.errorf("cannot move '%s' to '%s': %s", from, to, reason(err))
			}
			return 1
		}
		return 0
	})
}

func progRm(c *call) int {
	opts, operands := c.flags("")
	force, recursive := has(opts, "-f", "--force"), has(opts, "-r", "-R", "--recursive")
	if len(operands) == 0 {
		if force {
			return 0
		}
		c.errorf("missing operand")
		c.try()
		return 1
	}
	status := 0
	for _, name := range operands {
		trimmed := strings.TrimRight(name, "/")
		if base := path.Base(trimmed); base == "." || base == ".." {
			c.errorf("refusing to remove '.' or '..' directory: skipping '%s'", name)
			status = 1
			continue
		}
		i, err := c.files().stat("stat", name, false)
		if err != nil {
			if !force || reason(err) != "No such file or directory" && reason(err) != "Not a directory" {
				c.errorf("cannot remove '%s': %s", name, reason(err))
				status = 1
			}
			continue
		}
		if real, _ := c.files().RealPath(name); real == "/" && recursive && !has(opts, "--no-preserve-root") {
			c.errorf("it is dangerous to operate recursively on '/'")
			c.errorf("use --no-preserve-root to override this failsafe")
			status = 1
			continue
		}
		if i.mode.IsDir() && !recursive {
			if has(opts, "-d") {
				if err := c.files().Remove(name); err == nil {
					continue
				}
			}
			c.errorf("cannot remove '%s': Is a directory", name)
			status = 1
			continue
		}
		if !c.removeTree(trimmed, i, has(opts, "-v", "--verbose"), 0) {
			status = 1
		}
	}
	return status
}

func (c *call) removeTree(name string, i *info, verbose bool, depth int) bool {
	c.use.step(c.ctx)
	ok := true
	if i.mode.IsDir() {
		list, err := c.files().list(name)
		if err != nil || depth > 128 {
			c.errorf("cannot remove '%s': %s", name, "Permission denied")
			return false
		}
		for _, k := range list {
			if !c.removeTree(name+"/"+k.name, k, verbose, depth+1) {
				ok = false
			}
		}
		if !ok {
			return false
		}
	}
	if err := c.files().Remove(name); err != nil {
		c.errorf("cannot remove '%s': %s", name, reason(err))
		return false
	}
	if verbose {
		if i.mode.IsDir() {
			c.printf("removed directory '%s'\n", name)
		} else {
			c.printf("removed '%s'\n", name)
		}
	}
	return ok
}

func progMkdir(c *call) int {
	opts, operands := c.flags("mZ", "--mode")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	perm := 0o777 &^ c.umask
	if s, ok := valueOf(opts, "-m", "--mode"); ok {
		m, ok := changeMode(s, fs.ModeDir|perm, c.umask)
		if !ok {
			c.errorf("invalid mode ‘%s’", s)
			return 1
		}
		perm = m.Perm()
	}
	status := 0
	for _, name := range operands {
		if has(opts, "-p", "--parents") {
			at := ""
			if strings.HasPrefix(name, "/") {
				at = "/"
			}
			for elem := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
				at += elem
				if i, err := c.files().stat("stat", at, true); err == nil && i.mode.IsDir() {
					at += "/"
					continue
				}
				if err := c.files().Mkdir(at, perm); err != nil {
					c.errorf("cannot create directory '%s': %s", at, reason(err))
					status = 1
					break
				}
				at += "/"
			}
			continue
		}
		if err := c.files().Mkdir(name, perm); err != nil {
			c.errorf("cannot create directory '%s': %s", name, reason(err))
			status = 1
		} else if has(opts, "-v") {
			c.printf("mkdir: created directory '%s'\n", name)
		}
	}
	return status
}

func progRmdir(c *call) int {
	_, operands := c.flags("")
	status := 0
	for _, name := range operands {
		i, err := c.files().stat("stat", name, false)
		if err == nil && !i.mode.IsDir() {
			err = syscall.ENOTDIR
		}
		if err == nil {
			err = c.files().Remove(name)
		}
		if err != nil {
			c.errorf("failed to remove '%s': %s", name, reason(err))
			status = 1
		}
	}
	return status
}

func progLn(c *call) int {
	opts, operands := c.flags("")
	if len(operands) == 0 {
		return c.missingOperand(operands)
	}
	if len(operands) == 1 {
		operands = append(operands, ".")
	}
	return c.transfer(operands, func(from, to string) int {
		if has(opts, "-f", "--force") {
			_ = c.files().Remove(to)
		}
		var err error
		kind := "hard link"
		if has(opts, "-s", "--symbolic") {
			kind = "symbolic link"
			err = c.files().Symlink(from, to)
		} else {
			if _, err := c.files().stat("stat", from, false); err != nil {
				c.errorf("failed to access '%s': %s", from, reason(err))
				return 1
			}
			err = c.files().Link(from, to)
		}
		if err != nil {
			c.errorf("failed to create %s '%s': %s", kind, to, reason(err))
			return 1
		}
		return 0
	})
}

func progTouch(c *call) int {
	opts, operands := c.flags("drt", "--date", "--reference")
	when := c.sh.m.now()
	if ref, ok := valueOf(opts, "-r", "--reference"); ok {
		i, err := c.files().stat("stat", ref, true)
		if err != nil {
			c.errorf("failed to get attributes of '%s': %s", ref, reason(err))
			return 1
		}
		when = i.mtime
	}
	if s, ok := valueOf(opts, "-d", "--date"); ok {
		if t, ok := parseDate(s, when); ok {
			when = t
		} else {
			c.errorf("invalid date format '%s'", s)
			return 1
		}
	}
	if s, ok := valueOf(opts, "-t"); ok {
		for _, layout := range []string{"200601021504.05", "200601021504", "0601021504", "01021504"} {
			if t, err := time.Parse(layout, s); err == nil {
				if t.Year() == 0 {
					t = t.AddDate(c.sh.m.now().Year(), 0, 0)
				}
				when = t
				break
			}
		}
	}
	if len(operands) == 0 {
		c.errorf("missing file operand")
		c.try()
		return 1
	}
	status := 0
	for _, name := range operands {
		if _, err := c.files().stat("stat", name, true); err != nil {
			if has(opts, "-c", "--no-create") {
				continue
			}
			h, err := c.files().open(name, os.O_WRONLY|os.O_CREATE, 0o666&^c.umask)
			if err != nil {
				c.errorf("cannot touch '%s': %s", name, reason(err))
				status = 1
				continue
			}
			_ = h.Close()
		}
		if err := c.files().Chtimes(name, when); err != nil {
			c.errorf("cannot touch '%s': %s", name, reason(err))
			status = 1
		}
	}
	return status
}

// parseDate understands the dates that date -d and touch -d are given most.
func parseDate(s string, now time.Time) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if sec, ok := strings.CutPrefix(s, "@"); ok {
		n, err := strconv.ParseInt(sec, 10, 64)
		return time.Unix(n, 0), err == nil && n > -1<<40 && n < 1<<40
	}
	switch s {
	case "now", "today", "":
		return now, true
	case "yesterday":
		return now.AddDate(0, 0, -1), true
	case "tomorrow":
		return now.AddDate(0, 0, 1), true
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/01/02", "Jan 2 2006", "2 Jan 2006", "20060102", time.RFC1123, time.UnixDate, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	f := strings.Fields(s)
	sign := 1
	if len(f) == 3 && f[2] == "ago" {
		sign, f = -1, f[:2]
	}
	if len(f) == 2 {
		if n, err := strconv.Atoi(f[0]); err == nil && n > -100000 && n < 100000 {
			n *= sign
			switch strings.TrimSuffix(f[1], "s") {
			case "day":
				return now.AddDate(0, 0, n), true
			case "week":
				return now.AddDate(0, 0, 7*n), true
			case "month":
				return now.AddDate(0, n, 0), true
			case "year":
				return now.AddDate(n, 0, 0), true
			case "hour":
				return now.Add(time.Duration(n) * time.Hour), true
			case "minute", "min":
				return now.Add(time.Duration(n) * time.Minute), true
			case "second", "sec":
				return now.Add(time.Duration(n) * time.Second), true
			}
		}
	}
	return time.Time{}, false
}

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

func progStat(c *call) int {
	opts, operands := c.flags("c", "--format", "--printf")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	format, custom := valueOf(opts, "-c", "--format", "--printf")
	status := 0
	who := c.sh.names()
	for _, name := range operands {
		i, err := c.files().stat("stat", name, has(opts, "-L"))
		if err != nil {
			c.errorf("cannot statx '%s': %s", name, reason(err))
			status = 1
			continue
		}
		kind := "regular file"
		switch {
		case i.mode.IsDir():
			kind = "directory"
		case i.mode&fs.ModeSymlink != 0:
			kind = "symbolic link"
		case i.mode&fs.ModeCharDevice != 0:
			kind = "character special file"
		case i.mode&fs.ModeDevice != 0:
			kind = "block special file"
		case i.size == 0:
			kind = "regular empty file"
		}
		octal := i.stat.Mode & 0o7777
		at := clock(i.mtime, "2006-01-02 15:04:05.000000000 +0000")
		if custom {
			s := strings.NewReplacer("%n", name, "%s", strconv.FormatInt(i.size, 10), "%a", strconv.FormatUint(uint64(octal), 8), "%A", modeString(i.mode),
				"%U", who.user(i.node.uid), "%G", who.group(i.node.gid), "%u", strconv.Itoa(int(i.node.uid)), "%g", strconv.Itoa(int(i.node.gid)), "%F", kind,
				"%y", at, "%x", at, "%z", at, "%Y", strconv.FormatInt(i.mtime.Unix(), 10), "%X", strconv.FormatInt(i.mtime.Unix(), 10), "%i", strconv.FormatUint(i.node.ino, 10),
				"%h", strconv.FormatUint(i.stat.Nlink, 10), "%b", strconv.FormatInt(i.stat.Blocks, 10), "%f", strconv.FormatUint(uint64(i.stat.Mode), 16), "%N", "'"+name+"'").Replace(format)
			if has(opts, "--printf") {
				s, _ = escapes(s, false)
				c.print(s)
			} else {
				c.print(s + "\n")
			}
			continue
		}
		label := name
		if i.mode&fs.ModeSymlink != 0 {
			label += " -> " + i.node.target
		}
		c.printf("  File: %s\n  Size: %-10d\tBlocks: %-10d IO Block: %-6d %s\nDevice: 8,1\tInode: %-11d Links: %d\nAccess: (%04o/%s)  Uid: (%5d/%8s)   Gid: (%5d/%8s)\nAccess: %s\nModify: %s\nChange: %s\n Birth: %s\n",
			label, i.size, i.stat.Blocks, 4096, kind, i.node.ino, i.stat.Nlink, octal, modeString(i.mode), i.node.uid, who.user(i.node.uid), i.node.gid, who.group(i.node.gid), at, at, at, at)
	}
	return status
}

func progFile(c *call) int {
	opts, operands := c.flags("fmF")
	if len(operands) == 0 {
		c.errln("Usage: file [-bcCdEhikLlNnprsSvzZ0] [--apple] [--extension] [--mime-encoding]\n            [--mime-type] [-e <testname>] [-F <separator>]  [-f <namefile>]\n            [-m <magicfiles>] [-P <parameter=value>] [--exclude-quiet]\n            <file> ...\n       file -C [-m <magicfiles>]\n       file [--help]")
		return 1
	}
	width := 0
	for _, name := range operands {
		width = max(width, len(name)+1)
	}
	for _, name := range operands {
		what := c.describeContent(name)
		if has(opts, "-b", "--brief") {
			c.print(what + "\n")
			continue
		}
		c.printf("%-*s %s\n", width, name+":", what)
	}
	return 0
}

func (c *call) describeContent(name string) string {
	i, err := c.files().stat("stat", name, false)
	switch {
	case err != nil:
		return "cannot open `" + name + "' (" + reason(err) + ")"
	case i.mode.IsDir() && i.mode&fs.ModeSticky != 0:
		return "sticky, directory"
	case i.mode.IsDir():
		return "directory"
	case i.mode&fs.ModeSymlink != 0:
		return "symbolic link to " + i.node.target
	case i.mode&fs.ModeDevice != 0:
		major, minor := deviceNumber(i.name)
		kind := "block"
		if i.mode&fs.ModeCharDevice != 0 {
			kind = "character"
		}
		return fmt.Sprintf("%s special (%d/%d)", kind, major, minor)
	}
	if e, ok := i.node.src.(elf); ok {
		return "ELF 64-bit LSB pie executable, x86-64, version 1 (SYSV), dynamically linked, interpreter /lib64/ld-linux-x86-64.so.2, BuildID[sha1]=" + c.sh.m.id.Hex("build "+e.program, 40) + ", for GNU/Linux 3.2.0, stripped"
	}
	b, err := c.files().read(name)
	if err != nil {
		return "regular file, no read permission"
	}
	return contentKind(b)
}

func contentKind(b []byte) string {
	switch {
	case len(b) == 0:
		return "empty"
	case bytes.HasPrefix(b, []byte("\x7fELF")) && len(b) > 19:
		return elfKind(b)
	case bytes.HasPrefix(b, []byte("#!/bin/bash")), bytes.HasPrefix(b, []byte("#!/usr/bin/env bash")):
		return "Bourne-Again shell script, ASCII text executable"
	case bytes.HasPrefix(b, []byte("#!/bin/sh")):
		return "POSIX shell script, ASCII text executable"
	case bytes.HasPrefix(b, []byte("#!/usr/bin/env python")), bytes.HasPrefix(b, []byte("#!/usr/bin/python")):
		return "Python script, ASCII text executable"
	case bytes.HasPrefix(b, []byte("#!/usr/bin/perl")):
		return "Perl script text executable"
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		return "gzip compressed data, from Unix"
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return "Zip archive data, at least v2.0 to extract, compression method=deflate"
	case bytes.HasPrefix(b, []byte("BZh")):
		return "bzip2 compressed data, block size = 900k"
	case bytes.HasPrefix(b, []byte("MZ")):
		return "PE32 executable (console) Intel 80386, for MS Windows"
	case len(b) > 262 && string(b[257:262]) == "ustar":
		return "POSIX tar archive (GNU)"
	case bytes.HasPrefix(b, []byte("<?php")):
		return "PHP script, ASCII text"
	case bytes.HasPrefix(b, []byte("<!DOCTYPE html")):
		return "HTML document, ASCII text"
	}
	for _, c := range b[:min(len(b), 4096)] {
		if c < 7 || c > 13 && c < 27 || c == 127 {
			return "data"
		}
	}
	kind := "ASCII text"
	for _, c := range b {
		if c >= 0x80 {
			kind = "Unicode text, UTF-8 text"
			break
		}
	}
	if bytes.Contains(b, []byte("\r\n")) {
		kind += ", with CRLF line terminators"
	} else if bytes.IndexByte(b, '\n') < 0 {
		kind += ", with no line terminators"
	}
	return kind
}

func elfKind(b []byte) string {
	bits, order := "32-bit", "LSB"
	if b[4] == 2 {
		bits = "64-bit"
	}
	machine := int(b[18]) | int(b[19])<<8
	if b[5] == 2 {
		order, machine = "MSB", int(b[19])|int(b[18])<<8
	}
	arch, ok := map[int]string{2: "SPARC", 3: "Intel 80386", 4: "Motorola m68k, 68020", 8: "MIPS, MIPS-I", 20: "PowerPC or cisco 4500", 40: "ARM", 42: "Renesas SH", 62: "x86-64", 183: "ARM aarch64", 243: "UCB RISC-V"}[machine]
	if !ok {
		arch = fmt.Sprintf("*unknown arch 0x%x*", machine)
	}
	return "ELF " + bits + " " + order + " executable, " + arch + ", version 1 (SYSV), statically linked, stripped"
}

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

// runOther runs another program, with its messages under this program's name.
func (c *call) runOther(args []string) int {
	c.flush()
	name := args[0]
	if !strings.Contains(name, "/") {
		p, ok := c.search(name)
		if !ok {
			c.errorf("‘%s’: No such file or directory", name)
			return 127
		}
		name = p
	}
	return c.executeFile(name, args)
}

func progDu(c *call) int {
	opts, operands := c.flags("d", "--max-depth")
	if len(operands) == 0 {
		operands = []string{"."}
	}
	limit := 1 << 30
	if s, ok := valueOf(opts, "-d", "--max-depth"); ok {
		limit, _ = strconv.Atoi(s)
	}
	if has(opts, "-s", "--summarize") {
		limit = 0
	}
	status := 0
	show := func(kb int64, name string) {
		if has(opts, "-h", "--human-readable") {
			c.printf("%s\t%s\n", human(kb*1024), name)
		} else if has(opts, "-b", "--bytes") {
			c.printf("%d\t%s\n", kb*1024, name)
		} else {
			c.printf("%d\t%s\n", kb, name)
		}
	}
	var total func(name string, i *info, depth int) int64
	total = func(name string, i *info, depth int) int64 {
		c.use.step(c.ctx)
		kb := i.stat.Blocks / 2
		if i.mode.IsDir() && depth < 64 {
			kb = 4
			list, err := c.files().list(name)
			if err != nil {
				c.errorf("cannot read directory '%s': %s", name, reason(err))
				status = 1
			}
			for _, k := range list {
				kb += total(strings.TrimSuffix(name, "/")+"/"+k.name, k, depth+1)
			}
			if depth <= limit {
				show(kb, name)
			}
		} else if depth == 0 || has(opts, "-a") && depth <= limit {
			show(kb, name)
		}
		return kb
	}
	for _, name := range operands {
		i, err := c.files().stat("stat", name, false)
		if err != nil {
			c.errorf("cannot access '%s': %s", name, reason(err))
			status = 1
			continue
		}
		total(name, i, 0)
	}
	return status
}

func progDf(c *call) int {
	opts, operands := c.flags("txB")
	m := c.sh.m
	h := has(opts, "-h", "-H")
	type row struct {
		dev, typ    string
		total, used int64
		mount       string
	}
	mem := int64(m.hw.memKB)
	total, used := m.diskKB(), m.diskUsedKB()+c.sh.files.size()/1024
	rows := []row{{"udev", "devtmpfs", mem/2 - 30000, 0, "/dev"}, {"tmpfs", "tmpfs", mem / 10, mem / 900, "/run"}, {"/dev/" + m.hw.disk + "1", m.rootFS(), total, used, "/"},
		{"tmpfs", "tmpfs", mem / 2, 0, "/dev/shm"}, {"tmpfs", "tmpfs", 5120, 0, "/run/lock"}, {"tmpfs", "tmpfs", mem / 10, 0, "/run/user/" + strconv.Itoa(int(c.cred.uid))}}
	if m.distro.family == "alpine" {
		rows = []row{{"devtmpfs", "devtmpfs", 10240, 0, "/dev"}, {"shm", "tmpfs", mem / 2, 0, "/dev/shm"}, {"/dev/" + m.hw.disk + "3", "ext4", total, used, "/"}, {"tmpfs", "tmpfs", mem / 5, 120, "/run"}}
	}
	if len(operands) > 0 {
		var keep []row
		for _, name := range operands {
			p, err := c.files().RealPath(name)
			if _, e := c.files().stat("stat", name, true); err != nil || e != nil {
				c.errorf("%s: No such file or directory", name)
				return 1
			}
			best := rows[0]
			for _, r := range rows {
				if (p == r.mount || strings.HasPrefix(p, strings.TrimSuffix(r.mount, "/")+"/")) && (len(r.mount) > len(best.mount) || !strings.HasPrefix(p, best.mount)) {
					best = r
				}
			}
			keep = append(keep, best)
		}
		rows = keep
	}
	size := func(kb int64) string {
		if h {
			if kb == 0 {
				return "0"
			}
			return human(kb * 1024)
		}
		return strconv.FormatInt(kb, 10)
	}
	head := []string{"Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted on"}
	if h {
		head[1], head[3] = "Size", "Avail"
	}
	if has(opts, "-T") {
		head = slices.Insert(head, 1, "Type")
	}
	table := [][]string{head}
	for _, r := range rows {
		avail := r.total - r.used
		if r.mount == "/" {
			avail -= r.total / 20
		}
		pct := int64(0)
		if r.used > 0 {
			pct = (r.used*100 + r.used + avail - 1) / (r.used + avail)
		}
		line := []string{r.dev, size(r.total), size(r.used), size(avail), strconv.FormatInt(pct, 10) + "%", r.mount}
		if has(opts, "-T") {
			line = slices.Insert(line, 1, r.typ)
		}
		table = append(table, line)
	}
	left := 1
	if has(opts, "-T") {
		left = 2
	}
	c.print(tabulate(table, left, [][]int{1: {14, 5, 5, 5, 4}, 2: {14, 4, 5, 5, 5, 4}}[left]))
	return 0
}

// tabulate aligns columns: the first ones to the left, the others to the right, the last
// as it is. least are the least widths.
func tabulate(table [][]string, left int, least []int) string {
	n := len(table[0])
	widths := make([]int, n)
	copy(widths, least)
	for _, row := range table {
		for i, s := range row {
			widths[i] = max(widths[i], len(s))
		}
	}
	var b strings.Builder
	for _, row := range table {
		for i, s := range row {
			switch {
			case i == n-1:
				b.WriteString(s)
			case i < left:
				fmt.Fprintf(&b, "%-*s ", widths[i], s)
			default:
				fmt.Fprintf(&b, "%*s ", widths[i], s)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// size is what the attacker has written, in bytes.
func (l *layer) size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.used
}

func progReadlink(c *call) int {
	opts, operands := c.flags("")
	status := 0
	for _, name := range operands {
		var s string
		var err error
		if has(opts, "-f", "-e", "-m", "--canonicalize") || c.name == "realpath" {
			s, err = c.files().RealPath(name)
		} else {
			s, err = c.files().Readlink(name)
		}
		if err != nil {
			if c.name == "realpath" {
				c.errorf("%s: %s", name, reason(err))
			}
			status = 1
			continue
		}
		end := "\n"
		if has(opts, "-n") {
			end = ""
		}
		c.print(s + end)
	}
	return status
}

func progBasename(c *call) int {
	_, operands := c.flags("s")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	if c.name == "dirname" {
		for _, o := range operands {
			c.print(path.Dir(strings.TrimRight(o, "/")+map[bool]string{true: "/", false: ""}[strings.Trim(o, "/") == ""]) + "\n")
		}
		return 0
	}
	s := path.Base(operands[0])
	if len(operands) > 1 && s != operands[1] {
		s = strings.TrimSuffix(s, operands[1])
	}
	c.print(s + "\n")
	return 0
}

func progMktemp(c *call) int {
	opts, operands := c.flags("p", "--tmpdir")
	template := "tmp.XXXXXXXXXX"
	dir := "/tmp"
	if len(operands) > 0 {
		template, dir = operands[0], "."
		if strings.HasPrefix(template, "/") || has(opts, "-t") {
			dir = ""
		}
	}
	if d, ok := valueOf(opts, "-p", "--tmpdir"); ok && d != "" {
		dir = d
	}
	x := len(template) - len(strings.TrimRight(template, "X"))
	if x < 3 {
		c.errorf("too few X's in template ‘%s’", template)
		return 1
	}
	raw := make([]byte, x)
	c.sh.m.noise(raw)
	for i := range raw {
		raw[i] = crypt64[2+int(raw[i])%62]
	}
	name := strings.TrimRight(template, "X") + string(raw)
	if dir != "" && dir != "." {
		name = dir + "/" + name
	}
	var err error
	if has(opts, "-d", "--directory") {
		err = c.files().Mkdir(name, 0o700)
	} else if !has(opts, "-u") {
		err = c.create(name, nil, 0o600)
	}
	if err != nil {
		c.errorf("failed to create file via template ‘%s’: %s", template, reason(err))
		return 1
	}
	c.print(name + "\n")
	return 0
}

func progTee(c *call) int {
	opts, operands := c.flags("")
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if has(opts, "-a", "--append") {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	status := 0
	var outs []*handle
	for _, name := range operands {
		h, err := c.files().open(name, flag, 0o666&^c.umask)
		if err != nil {
			c.errorf("%s: %s", name, reason(err))
			status = 1
			continue
		}
		defer h.Close()
		outs = append(outs, h)
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := (stdin{c}).Read(buf)
		for _, h := range outs {
			if _, werr := h.Write(buf[:n]); werr != nil {
				c.errorf("%s: %s", h.path, reason(werr))
				status = 1
			}
		}
		if n > 0 {
			c.out(buf[:n])
		}
		if err != nil {
			return status
		}
	}
}

func progDd(c *call) int {
	params := map[string]string{"bs": "512", "count": "-1", "skip": "0", "seek": "0"}
	for _, a := range c.args[1:] {
		k, v, ok := strings.Cut(a, "=")
		if !ok {
			c.errorf("unrecognized operand ‘%s’", a)
			c.try()
			return 1
		}
		params[k] = v
	}
	num := func(key string) int64 {
		s := params[key]
		mult := int64(1)
		for suffix, m := range map[string]int64{"kB": 1000, "K": 1 << 10, "k": 1 << 10, "MB": 1000_000, "M": 1 << 20, "G": 1 << 30, "c": 1, "b": 512} {
			if t, ok := strings.CutSuffix(s, suffix); ok && strings.Trim(t, "0123456789") == "" {
				s, mult = t, m
			}
		}
		n, err := strconv.ParseInt(s, 10, 48)
		if err != nil && key != "count" {
			c.errorf("invalid number: ‘%s’", params[key])
			panic(killed{1})
		}
		return n * mult
	}
	bs := num("bs")
	if ibs, ok := params["ibs"]; ok && ibs != "" {
		params["bs"] = ibs
		bs = num("bs")
	}
	if bs <= 0 {
		c.errorf("invalid number: ‘%s’", params["bs"])
		return 1
	}
	count := num("count")
	var r io.Reader = stdin{c}
	if name, ok := params["if"]; ok {
		f, err := c.input(name)
		if err != nil {
			c.errorf("failed to open '%s': %s", name, reason(err))
			return 1
		}
		defer f.Close()
		r = f
	}
	var w io.Writer = callOut{c}
	if name, ok := params["of"]; ok {
		flag := os.O_WRONLY | os.O_CREATE
		if !strings.Contains(params["conv"], "notrunc") {
			flag |= os.O_TRUNC
		}
		s, err := c.interp.open(name, flag)
		if err != nil {
			c.errorf("failed to open '%s': %s", name, reason(err))
			return 1
		}
		defer s.release()
		if s.file != nil && num("seek") > 0 {
			s.file.off = min(num("seek")*bs, 1<<40)
		}
		if s.w != nil {
			w = s.w
		}
	}
	buf := make([]byte, min(bs, 64<<10))
	for left := num("skip") * bs; left > 0; {
		n, err := r.Read(buf[:min(left, int64(len(buf)))])
		left -= int64(n)
		if err != nil {
			break
		}
		c.use.step(c.ctx)
	}
	var copied, full, partial int64
	status := 0
	limit := int64(1) << 62
	if count >= 0 {
		limit = count
	}
	for blocks := int64(0); blocks < limit && status == 0; blocks++ {
		var got int64
		var rerr error
		for got < bs {
			c.use.step(c.ctx)
			n, err := r.Read(buf[:min(bs-got, int64(len(buf)))])
			if n > 0 {
				if _, werr := w.Write(buf[:n]); werr != nil {
					c.errorf("error writing '%s': %s", params["of"], reason(werr))
					status = 1
					break
				}
			}
			got += int64(n)
			if rerr = err; err != nil {
				break
			}
		}
		copied += got
		switch {
		case got == bs:
			full++
		case got > 0:
			partial++
		}
		if rerr != nil || copied > maxOutput*4 {
			break
		}
	}
	if params["status"] != "none" {
		if params["status"] != "noxfer" {
			size := strconv.FormatInt(copied, 10) + " bytes"
			if copied >= 1000 {
				size += " (" + si(copied)
				if copied >= 1024 {
					size += ", " + iec(copied)
				}
				size += ")"
			}
			secs := 0.00011 + float64(copied)/6e8
			c.errln(fmt.Sprintf("%d+%d records in\n%d+%d records out\n%s copied, %.6g s, %s/s", full, partial, full, partial, size, secs, si(int64(float64(copied)/secs))))
		} else {
			c.errln(fmt.Sprintf("%d+%d records in\n%d+%d records out", full, partial, full, partial))
		}
	}
	return status
}

func si(n int64) string {
	v, u := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for v >= 1000 && u < 4 {
		v, u = v/1000, u+1
	}
	if v < 10 && u > 0 {
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}

func iec(n int64) string {
	v, u := float64(n), 0
	units := []string{"B", "KiB", "MiB", "GiB"}
	for v >= 1024 && u < 3 {
		v, u = v/1024, u+1
	}
	if v < 10 && u > 0 {
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}

// callOut writes to the standard output of a program.
type callOut struct{ c *call }

func (o callOut) Write(p []byte) (int, error) {
	o.c.printBytes(p)
	return len(p), nil
}
