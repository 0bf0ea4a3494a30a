package shell

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
)

func progHead(c *call) int {
	args := c.args[:1]
	for _, a := range c.args[1:] {
		if last := args[len(args)-1]; len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9' && last != "-n" && last != "-c" {
			args = append(slices.Clip(args), "-n", a[1:])
		} else {
			args = append(slices.Clip(args), a)
		}
	}
	c.args = args
	opts, operands := c.flags("nc", "--lines", "--bytes")
	count, byBytes := "10", false
	for _, o := range opts {
		switch o.name {
		case "-n", "--lines":
			count, byBytes = o.value, false
		case "-c", "--bytes":
			count, byBytes = o.value, true
		case "-q", "-v", "-f", "-F", "-s", "--quiet", "--silent", "--verbose", "--follow", "--retry":
		default:
			return c.badOption(o.name)
		}
	}
	fromStart := c.name == "tail" && strings.HasPrefix(count, "+")
	n, err := parseSize(strings.TrimPrefix(count, "+"))
	if err != nil {
		what := "lines"
		if byBytes {
			what = "bytes"
		}
		c.errorf("invalid number of %s: ‘%s’", what, count)
		return 1
	}
	status := 0
	many := len(operands) > 1 || has(opts, "-v")
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	for i, name := range operands {
		r, err := c.input(name)
		if err != nil {
			if reason(err) == "Is a directory" {
				c.errorf("error reading '%s': Is a directory", name)
			} else {
				c.errorf("cannot open '%s' for reading: %s", name, reason(err))
			}
			status = 1
			continue
		}
		if many && !has(opts, "-q") {
			if i > 0 {
				c.print("\n")
			}
			title := name
			if name == "-" {
				title = "standard input"
			}
			c.print("==> " + title + " <==\n")
		}
		if c.name == "tail" {
			b, _ := io.ReadAll(&budgetReader{c, r})
			c.printBytes(tailOf(b, n, byBytes, fromStart))
		} else {
			c.head(r, n, byBytes)
		}
		_ = r.Close()
	}
	if c.name == "tail" && has(opts, "-f", "-F", "--follow") {
		c.flush()
		c.sleepFor(maxCommandT)
	}
	return status
}

// budgetReader charges what is read to the budget of the log-in.
type budgetReader struct {
	c *call
	r io.Reader
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.c.grow(n)
	return n, err
}

func parseSize(s string) (int64, error) {
	mult := int64(1)
	for suffix, m := range map[string]int64{"K": 1 << 10, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "b": 512} {
		if t, ok := strings.CutSuffix(s, suffix); ok {
			s, mult = t, m
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return n * mult, err
}

func (c *call) head(r io.Reader, n int64, byBytes bool) {
	if n < 0 {
		b, _ := io.ReadAll(&budgetReader{c, r})
		if byBytes {
			c.printBytes(b[:max(0, int64(len(b))+n)])
			return
		}
		c.grow(17 * len(b))
		all := slices.Collect(strings.Lines(string(b)))
		for _, l := range all[:max(0, int64(len(all))+n)] {
			c.print(l)
		}
		return
	}
	size := 4096
	if _, pipe := r.(*fileInput); !pipe {
		size = 512
	}
	buf := make([]byte, size)
	for n > 0 {
		k, err := r.Read(buf)
		chunk := buf[:k]
		if byBytes {
			chunk = chunk[:min(int64(k), n)]
			n -= int64(len(chunk))
		} else {
			for i, b := range chunk {
				if b == '\n' {
					if n--; n == 0 {
						chunk = chunk[:i+1]
						break
					}
				}
			}
		}
		c.printBytes(chunk)
		if err != nil {
			return
		}
	}
}

func tailOf(b []byte, n int64, byBytes, fromStart bool) []byte {
	if byBytes {
		if fromStart {
			return b[min(int64(len(b)), max(n-1, 0)):]
		}
		return b[max(0, int64(len(b))-max(n, -n)):]
	}
	if fromStart {
		for n--; n > 0; n-- {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return nil
			}
			b = b[i+1:]
		}
		return b
	}
	if n == 0 {
		return nil
	}
	i := len(b)
	if i > 0 && b[i-1] == '\n' {
		i--
	}
	for ; n > 0; n-- {
		j := bytes.LastIndexByte(b[:i], '\n')
		if j < 0 {
			return b
		}
		i = j
	}
	return b[i+1:]
}
