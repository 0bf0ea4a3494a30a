package shell

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// progTruncate sets the size of files, fallocate makes them as large as they are to be.
func progTruncate(c *call) int {
	if c.name == "fallocate" {
		return c.fallocate()
	}
	opts, operands := c.flags("sr", "--size", "--reference")
	spec, sized := valueOf(opts, "-s", "--size")
	ref, like := valueOf(opts, "-r", "--reference")
	switch {
	case !sized && !like:
		c.errorf("you must specify either ‘--size’ or ‘--reference’")
		c.try()
		return 1
	case len(operands) == 0:
		c.errorf("missing file operand")
		c.try()
		return 1
	}
	var base int64 = -1
	if like {
		i, err := c.files().stat("stat", ref, true)
		if err != nil {
			c.errorf("cannot stat '%s': %s", ref, reason(err))
			return 1
		}
		base = i.size
	}
	op, number := byte(0), spec
	if spec != "" && strings.IndexByte("+-<>/%", spec[0]) >= 0 {
		op, number = spec[0], spec[1:]
	}
	n, err := parseSize(number)
	if sized && (err != nil || n < 0) {
		c.errorf("Invalid number: ‘%s’", spec)
		return 1
	}
	status := 0
	for _, name := range operands {
		if err := c.resize(name, !has(opts, "-c", "--no-create"), func(size int64) int64 {
			if base >= 0 {
				size = base
			}
			switch op {
			case '+':
				return size + n
			case '-':
				return max(size-n, 0)
			case '<':
				return min(size, n)
			case '>':
				return max(size, n)
			case '/':
				return size - size%max(n, 1)
			case '%':
				return (size + max(n, 1) - 1) / max(n, 1) * max(n, 1)
			}
			if !sized {
				return size
			}
			return n
		}); err != nil {
			switch what := reason(err); what {
			case "Is a directory", "Permission denied":
				c.errorf("cannot open '%s' for writing: %s", name, what)
			default:
				c.errorf("failed to truncate '%s': %s", name, what)
			}
			status = 1
		}
	}
	return status
}

// resize gives a file the size that next makes of the one it has.
func (c *call) resize(name string, create bool, next func(int64) int64) error {
	flag := os.O_WRONLY
	if create {
		flag |= os.O_CREATE
	} else if _, err := c.files().stat("stat", name, true); err != nil {
		return nil
	}
	h, err := c.files().open(name, flag, 0o666&^c.umask)
	if err != nil {
		return err
	}
	defer h.Close()
	i, err := h.Stat()
	if err != nil {
		return err
	}
	return h.Truncate(next(i.Size()))
}

func (c *call) fallocate() int {
	opts, operands := c.flags("lo", "--length", "--offset")
	s, ok := valueOf(opts, "-l", "--length")
	switch {
	case !ok:
		c.errorf("no length argument specified")
		return 1
	case len(operands) == 0:
		c.errorf("no filename specified")
		return 1
	}
	n, err := parseSize(strings.TrimSuffix(strings.TrimSuffix(s, "iB"), "B"))
	if err != nil || n <= 0 {
		c.errorf("invalid length value specified")
		return 1
	}
	if err := c.resize(operands[0], true, func(size int64) int64 { return max(size, n) }); err != nil {
		c.errorf("fallocate failed: %s", reason(err))
		return 1
	}
	return 0
}

// progLink is link(1) and unlink(1), which call the system call of that name.
func progLink(c *call) int {
	_, operands := c.flags("")
	want := map[string]int{"link": 2, "unlink": 1}[c.name]
	switch {
	case len(operands) == 0:
		c.errorf("missing operand")
		c.try()
		return 1
	case len(operands) < want:
		c.errorf("missing operand after ‘%s’", operands[0])
		c.try()
		return 1
	case len(operands) > want:
		c.errorf("extra operand ‘%s’", operands[want])
		c.try()
		return 1
	}
	if c.name == "link" {
		if err := c.files().Link(operands[0], operands[1]); err != nil {
			c.errorf("cannot create link '%s' to '%s': %s", operands[1], operands[0], reason(err))
			return 1
		}
		return 0
	}
	err := error(nil)
	if i, e := c.files().stat("stat", operands[0], false); e == nil && i.mode.IsDir() {
		err = fail("unlink", operands[0], errIsDir)
	} else {
		err = c.files().Remove(operands[0])
	}
	if err != nil {
		c.errorf("cannot unlink '%s': %s", operands[0], reason(err))
		return 1
	}
	return 0
}

// progSplit cuts a file into pieces of lines or bytes.
func progSplit(c *call) int {
	opts, operands := c.flags("lbanCt", "--lines", "--bytes")
	count, byBytes := "1000", false
	for _, o := range opts {
		switch o.name {
		case "-l", "--lines":
			count, byBytes = o.value, false
		case "-b", "--bytes":
			count, byBytes = o.value, true
		}
	}
	n, err := parseSize(count)
	if err != nil || n <= 0 {
		why := ""
		if err == nil {
			why = ": Numerical result out of range"
		}
		c.errorf("invalid number of %s: ‘%s’%s", map[bool]string{true: "bytes", false: "lines"}[byBytes], count, why)
		return 1
	}
	name, prefix := "-", "x"
	if len(operands) > 0 {
		name = operands[0]
	}
	if len(operands) > 1 {
		prefix = operands[1]
	}
	r, err := c.input(name)
	if err != nil {
		c.errorf("cannot open '%s' for reading: %s", name, reason(err))
		return 1
	}
	defer r.Close()
	b, _ := io.ReadAll(&budgetReader{c, r}) // what cannot be read ends the file
	for piece := 0; len(b) > 0; piece++ {
		c.use.step(c.ctx)
		end := len(b)
		if byBytes {
			end = int(min(n, int64(end)))
		} else {
			end = 0
			for range n {
				i := bytes.IndexByte(b[end:], '\n')
				if i < 0 {
					end = len(b)
					break
				}
				if end += i + 1; end == len(b) {
					break
				}
			}
		}
		if piece >= 26*26 {
			c.errorf("output file suffixes exhausted")
			return 1
		}
		to := fmt.Sprintf("%s%c%c", prefix, 'a'+piece/26, 'a'+piece%26)
		if has(opts, "-d") {
			to = fmt.Sprintf("%s%02d", prefix, piece)
		}
		if err := c.create(to, b[:end], 0o666); err != nil {
			c.errorf("%s: %s", to, reason(err))
			return 1
		}
		b = b[end:]
	}
	return 0
}
