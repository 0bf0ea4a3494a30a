package shell

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// progScript runs a shell, or the command of -c, and keeps what it prints in a file.
func progScript(c *call) int {
	opts, operands := c.flags("cEIOBToe", "--command", "--log-out")
	command, given := valueOf(opts, "-c", "--command")
	quiet := has(opts, "-q", "--quiet")
	name := "typescript"
	if len(operands) > 0 {
		name = operands[0]
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if has(opts, "-a", "--append") {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	h, err := c.files().open(name, flag, 0o666&^c.umask)
	if err != nil {
		c.errorf("cannot open %s: %s", name, reason(err))
		return 1
	}
	defer h.Close()
	if !quiet {
		c.print("Script started, output log file is '" + name + "'.\n")
	}
	c.flush()
	stamp := func() string { return clock(c.sh.m.now(), "2006-01-02 15:04:05") + "+00:00" }
	what := ""
	if given {
		what = "COMMAND=\"" + command + "\" "
	}
	where := "<not executed on terminal>"
	if c.term != nil {
		width, height := c.term.size()
		where = fmt.Sprintf("TERM=%q TTY=%q COLUMNS=\"%d\" LINES=\"%d\"", c.term.name, "/dev/"+c.sh.tty, width, height)
	}
	_, _ = io.WriteString(h, "Script started on "+stamp()+" ["+what+where+"]\n") // a full disk loses the record
	saved := c.fds
	c.fds = retained(saved)
	restore := func() {
		release(c.fds)
		c.fds = saved
	}
	defer func() {
		if restore != nil { // the command was killed
			restore()
		}
	}()
	for fd := 1; fd <= 2 && fd < len(c.fds); fd++ {
		if c.fds[fd] == nil || c.fds[fd].w == nil {
			continue
		}
		s := newStream(nil, &recording{to: c.fds[fd], log: h}, c.fds[fd].retained())
		s.tty = c.fds[fd].tty
		c.replace(fd, s)
	}
	args := []string{"/bin/sh", "-i"}
	if shell := c.interp.env("SHELL"); shell != "" {
		args[0] = shell
	}
	if given {
		args = []string{args[0], "-c", command}
	} else if c.term == nil {
		args = args[:1]
	}
	status := c.executeFile(args[0], args)
	restore()
	restore = nil
	_, _ = fmt.Fprintf(h, "\nScript done on %s [COMMAND_EXIT_CODE=\"%d\"]\n", stamp(), status)
	if !quiet {
		c.print("Script done.\n")
	}
	if has(opts, "-e", "--return") {
		return status
	}
	return 0
}

// recording copies what it writes to a file, with the line ends of a terminal.
type recording struct {
	to  *stream
	log *handle
}

func (r *recording) Write(p []byte) (int, error) {
	line := bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	if r.to.tty { // the terminal adds the carriage returns itself
		if _, err := r.to.w.Write(p); err != nil {
			return 0, err
		}
	} else if _, err := r.to.w.Write(line); err != nil {
		return 0, err
	}
	_, _ = r.log.Write(line) // a full disk loses the record
	return len(p), nil
}

// retained returns a closer that gives up one more reference to the stream.
func (s *stream) retained() io.Closer { return reference{s.retain()} }

type reference struct{ s *stream }

func (r reference) Close() error {
	r.s.release()
	return nil
}

// progLdd prints the libraries of a program.
func progLdd(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		c.errln("ldd: missing file arguments\nTry `ldd --help' for more information.")
		return 1
	}
	status := 0
	for _, name := range operands {
		i, err := c.files().stat("stat", name, true)
		at := name
		if !strings.Contains(at, "/") {
			at = "./" + at
		}
		if err != nil {
			c.errln("ldd: " + at + ": No such file or directory")
			status = 1
			continue
		}
		if len(operands) > 1 {
			c.print(name + ":\n")
		}
		if _, ok := i.node.src.(elf); !ok {
			c.errln("\tnot a dynamic executable")
			status = 1
			continue
		}
		r := c.sh.m.id.Rand(fmt.Sprint("ldd ", c.sh.m.newPID()))
		base := 0x7f0000000000 + r.Int64N(1<<39)&^0xfff
		c.printf("\tlinux-vdso.so.1 (0x%016x)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x%016x)\n\t/lib64/ld-linux-x86-64.so.2 (0x%016x)\n", base+0x217000, base, base+0x219000)
	}
	return status
}

// progLoader is the dynamic loader, which runs the program that it is given.
func progLoader(c *call) int {
	if len(c.args) < 2 {
		c.errln(c.args[0] + ": missing program name\nTry '" + c.args[0] + " --help' for more information.")
		return 1
	}
	name := c.args[1]
	if _, err := c.files().stat("stat", name, true); err != nil {
		c.errln(name + ": error while loading shared libraries: " + name + ": cannot open shared object file: No such file or directory")
		return 127
	}
	c.flush()
	return c.executeFile(name, c.args[1:])
}
