package shell

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
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
		if trimmed == "" && name != "" {
			trimmed = "/"
		}
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
			if !c.removeTree(strings.TrimSuffix(name, "/")+"/"+k.name, k, verbose, depth+1) {
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
