package shell

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// program is one of the machine's programs. It returns its exit status.
type program func(c *call) int

// call is one running program.
type call struct {
	*interp
	args []string // args[0] is what it was called by
	name string   // the last element of args[0]
	buf  []byte
	// applet says that busybox runs it under its name.
	applet bool
}

const flushAt = 8 << 10

// print adds to standard output.
func (c *call) print(s string) {
	c.buf = append(c.buf, s...)
	if len(c.buf) >= flushAt {
		c.flush()
	}
}

func (c *call) printf(format string, args ...any) { c.print(fmt.Sprintf(format, args...)) }

func (c *call) printBytes(p []byte) {
	if len(p) >= flushAt {
		c.flush()
		c.out(p)
		return
	}
	c.buf = append(c.buf, p...)
	if len(c.buf) >= flushAt {
		c.flush()
	}
}

func (c *call) flush() {
	if len(c.buf) > 0 {
		b := c.buf
		c.buf = nil
		c.out(b)
	}
}

func (c *call) out(b []byte) {
	if err := c.put(1, b); err != nil {
		c.write(2, c.name+": write error: "+reason(err)+"\n")
		panic(killed{1})
	}
}

// errorf prints a message on standard error, after the name of the program.
func (c *call) errorf(format string, args ...any) {
	c.flush()
	c.interp.write(2, c.name+": "+fmt.Sprintf(format, args...)+"\n")
}

// errln prints a line on standard error as it is.
func (c *call) errln(s string) {
	c.flush()
	c.interp.write(2, s+"\n")
}

// usage reports an option that the program does not have and returns 1.
func (c *call) badOption(opt string) int {
	if strings.HasPrefix(opt, "--") {
		c.errorf("unrecognized option '%s'", opt)
	} else {
		c.errorf("invalid option -- '%s'", strings.TrimPrefix(opt, "-")[:1])
	}
	c.try()
	return 1
}

func (c *call) try() { c.errln("Try '" + c.name + " --help' for more information.") }

// flags splits the arguments into options and operands. Letters in withValue take a
// value, which is what follows or the next argument; so do long options in it, written
// as "--name". Operands may stand between options.
func (c *call) flags(withValue string, long ...string) (opts []option, operands []string) {
	takes := func(name string) bool {
		for _, l := range long {
			if l == name {
				return true
			}
		}
		return false
	}
	rest := c.args[1:]
	for len(rest) > 0 {
		a := rest[0]
		rest = rest[1:]
		switch {
		case a == "--":
			return opts, append(operands, rest...)
		case strings.HasPrefix(a, "--"):
			name, value, ok := strings.Cut(a, "=")
			if !ok && takes(name) && len(rest) > 0 {
				value, rest = rest[0], rest[1:]
			}
			opts = append(opts, option{name, value})
		case len(a) > 1 && a[0] == '-':
			for i := 1; i < len(a); i++ {
				o := option{name: "-" + a[i:i+1]}
				if strings.IndexByte(withValue, a[i]) >= 0 {
					o.value = a[i+1:]
					if o.value == "" && len(rest) == 0 && i == len(a)-1 {
						c.errorf("option requires an argument -- '%s'", a[i:i+1])
						c.try()
						panic(killed{1})
					}
					if o.value == "" {
						o.value, rest = rest[0], rest[1:]
					}
					opts = append(opts, o)
					break
				}
				opts = append(opts, o)
			}
		default:
			operands = append(operands, a)
		}
	}
	return opts, operands
}

type option struct{ name, value string }

// has reports whether one of names is among opts.
func has(opts []option, names ...string) bool {
	_, ok := valueOf(opts, names...)
	return ok
}

func valueOf(opts []option, names ...string) (string, bool) {
	value, ok := "", false
	for _, o := range opts {
		for _, n := range names {
			if o.name == n {
				value, ok = o.value, true
			}
		}
	}
	return value, ok
}

// stdin reads standard input.
type stdin struct{ c *call }

func (s stdin) Read(p []byte) (int, error) {
	s.c.flush()
	n, err := s.c.get(0, p)
	if err == syscall.EBADF {
		err = io.EOF
	}
	return n, err
}

// input opens a file to read, or standard input for "-".
func (c *call) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin{c}), nil
	}
	s, err := c.interp.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if s.file != nil && s.file.node.isDir() {
		s.release()
		return nil, fail("read", name, errIsDir)
	}
	return &fileInput{c, s}, nil
}

var errIsDir = syscall.EISDIR

type fileInput struct {
	c *call
	s *stream
}

func (f *fileInput) Read(p []byte) (int, error) {
	f.c.use.step(f.c.ctx)
	check(f.c.ctx)
	if f.s.r == nil {
		return 0, io.EOF
	}
	n, err := f.s.r.Read(p)
	if err != nil && err != io.EOF {
		err = io.EOF
	}
	return n, err
}

func (f *fileInput) Close() error {
	f.s.release()
	return nil
}

// contents reads all of a file, or of standard input for "-", within the budget.
func (c *call) contents(name string) ([]byte, error) {
	r, err := c.input(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		c.grow(n)
		out = append(out, buf[:n]...)
		if err != nil {
			return out, nil
		}
	}
}

// each calls f with the content of every operand, standard input when there is none. It
// prints a message for what cannot be read and returns the exit status.
func (c *call) each(operands []string, f func(name string, content []byte)) int {
	status := 0
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	for _, name := range operands {
		b, err := c.contents(name)
		if err != nil {
			c.errorf("%s: %s", name, reason(err))
			status = 1
			continue
		}
		f(name, b)
	}
	return status
}

// grow accounts for n bytes that the program needs until it ends.
func (c *call) grow(n int) {
	if !c.use.hold(n) {
		c.errln(c.name + ": memory exhausted")
		panic(killed{2})
	}
	c.pending += n
}

// lines is lines within the budget.
func (c *call) lines(content []byte) []string {
	c.grow(16 * bytes.Count(content, []byte("\n")))
	return lines(content)
}

// lines splits content into lines without their ends.
func lines(content []byte) []string {
	if len(content) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
}

// create writes a whole file.
func (c *call) create(name string, content []byte, perm os.FileMode) error {
	h, err := c.files().open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm&^c.umask)
	if err != nil {
		return err
	}
	_, err = io.Copy(onlyWriter{h}, bytes.NewReader(content))
	_ = h.Close()
	return err
}

// onlyWriter hides other methods.
type onlyWriter struct{ io.Writer }
