package ssh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services/internal/shell"
)

// scpCommand is the command that scp(1) runs at the other end, in its original protocol:
// "scp -t target" to send there, "scp -f file…" to fetch.
type scpCommand struct {
	to                         bool // -t
	recursive, times, wantsDir bool
	paths                      []string
}

// parseSCP recognises such a command. What has other flags or needs the shell is left to
// the shell.
func parseSCP(command string) (scpCommand, bool) {
	var c scpCommand
	words, ok := words(command)
	if !ok || len(words) < 3 || path.Base(words[0]) != "scp" {
		return c, false
	}
	from := false
	words = words[1:]
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		flags := words[0][1:]
		words = words[1:]
		if flags == "-" {
			break
		}
		for _, f := range flags {
			switch f {
			case 't':
				c.to = true
			case 'f':
				from = true
			case 'r':
				c.recursive = true
			case 'p':
				c.times = true
			case 'd':
				c.wantsDir = true
			case 'v', 'q':
			default:
				return c, false
			}
		}
	}
	c.paths = words
	return c, c.to != from && len(words) > 0
}

// words splits a command line as a shell does that has nothing to expand; ok is false when
// it has, home directories and file name patterns apart.
func words(command string) (list []string, ok bool) {
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(command) && (quote == 0 || strings.IndexByte("\\\"$`", command[i+1]) >= 0):
			i++
			inWord = true
			word.WriteByte(command[i])
		case c == quote:
			quote = 0
		case strings.IndexByte("$`", c) >= 0:
			return nil, false
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			if inWord {
				list = append(list, word.String())
				word.Reset()
			}
			inWord = false
		case strings.IndexByte("\n;&|<>()#", c) >= 0:
			return nil, false
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	if inWord {
		list = append(list, word.String())
	}
	return list, quote == 0
}

// scp is one running scp command.
type scp struct {
	scpCommand
	ctx     context.Context
	files   *shell.Files
	in      *bufio.Reader
	out     io.Writer
	errs    int
	observe func(request, path string)
}

// errScrewup ends the command at once, after the client has been told why.
var errScrewup = errors.New("ssh: scp protocol error")

func (c *channel) runSCP(ctx context.Context, command scpCommand) int {
	s := &scp{
		scpCommand: command, ctx: ctx, files: c.shell.Files(), in: bufio.NewReader(c), out: c,
		observe: func(request, path string) { c.reportFile(request, path, "") },
	}
	for i, p := range s.paths {
		if rest, ok := strings.CutPrefix(p, "~/"); ok || p == "~" {
			s.paths[i] = path.Join(c.shell.Home(), rest)
		}
	}
	var err error
	if s.to {
		err = s.receiveAll()
	} else {
		err = s.sendAll()
	}
	if err != nil || s.errs > 0 {
		return 1
	}
	return 0
}

func (c *channel) reportFile(request, path, target string) {
	fields := []decnet.Field{decnet.F("request", request), decnet.F("path", path)}
	if target != "" {
		fields = append(fields, decnet.F("target", target))
	}
	c.session.Emit("file_request", fields...)
}

// complain tells the client of an error that does not end the transfer.
func (s *scp) complain(format string, args ...any) error {
	s.errs++
	_, err := fmt.Fprintf(s.out, "\x01scp: "+format+"\n", args...)
	return err
}

// screwup tells the client that it broke the protocol.
func (s *scp) screwup(why string) error {
	_ = s.complain("protocol error: %s", why)
	return errScrewup
}

func (s *scp) ack() error {
	_, err := s.out.Write([]byte{0})
	return err
}

// reasonOf is what strerror(3) says of err.
func reasonOf(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "Input/output error"
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// maxRecord is the longest control record that scp takes.
const maxRecord = 16 << 10

// record returns the next control record, io.EOF when there is none.
func (s *scp) record() (string, error) {
	first, err := s.in.ReadByte()
	if err != nil {
		return "", io.EOF
	}
	if first == '\n' {
		return "", s.screwup("unexpected <newline>")
	}
	line := []byte{first}
	for len(line) < maxRecord {
		b, err := s.in.ReadByte()
		if err != nil {
			return "", s.screwup("lost connection")
		}
		if b == '\n' {
			break
		}
		line = append(line, b)
	}
	return string(line), nil
}

// response reads the client's word on what was sent, which is true when all is well.
func (s *scp) response() (bool, error) {
	b, err := s.in.ReadByte()
	if err != nil {
		return false, err
	}
	if b == 0 {
		return true, nil
	}
	for n := 0; b != '\n' && n < maxRecord; n++ {
		if b, err = s.in.ReadByte(); err != nil {
			return false, err
		}
	}
	s.errs++
	return false, nil
}

func (s *scp) receiveAll() error {
	if len(s.paths) != 1 {
		_ = s.complain("ambiguous target")
		return errScrewup
	}
	target := s.paths[0]
	if s.wantsDir {
		info, err := s.files.Stat(target)
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err != nil {
			_ = s.complain("%s: %s", target, reasonOf(err))
			return errScrewup
		}
	}
	return s.receive(target, 0)
}

// maxDepth bounds how deep directories may be nested.
const maxDepth = 64

// receive takes files and directories for target until the client is done with it.
func (s *scp) receive(target string, depth int) error {
	if err := s.ack(); err != nil {
		return err
	}
	info, err := s.files.Stat(target)
	isDir := err == nil && info.IsDir()
	var mtime time.Time
	for first := true; s.ctx.Err() == nil; first = false {
		record, err := s.record()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch record[0] {
		case 1:
			s.errs++
			continue
		case 2:
			return errScrewup
		case 'E':
			return s.ack()
		case 'T':
			if mtime, err = s.parseTimes(record); err != nil {
				return err
			}
			if err := s.ack(); err != nil {
				return err
			}
			continue
		case 'C', 'D':
		default:
			if first {
				_ = s.complain("%s", record)
				return errScrewup
			}
			return s.screwup("expected control record")
		}
		h, err := s.parseHeader(record)
		if err != nil {
			return err
		}
		name := target
		if isDir {
			name = path.Join(target, h.name)
		}
		if record[0] == 'D' {
			err = s.receiveDir(name, h, depth)
		} else {
			err = s.receiveFile(name, h, mtime)
		}
		if err != nil {
			return err
		}
		mtime = time.Time{}
	}
	return s.ctx.Err()
}

// header is a control record that announces a file or directory.
type header struct {
	mode fs.FileMode
	size int64
	name string
}

func (s *scp) parseHeader(record string) (h header, err error) {
	const modeDigits = 4
	rest := record[1:]
	if len(rest) < modeDigits || strings.Trim(rest[:modeDigits], "01234567") != "" {
		return h, s.screwup("bad mode")
	}
	mode, _ := strconv.ParseUint(rest[:modeDigits], 8, 16)
	h.mode = fs.FileMode(mode & 0o777)
	if !s.times {
		h.mode &^= 0o022
	}
	rest, ok := strings.CutPrefix(rest[modeDigits:], " ")
	if !ok {
		return h, s.screwup("mode not delimited")
	}
	size, name, ok := cutNumber(rest)
	switch {
	case size < 0:
		return h, s.screwup("size not present")
	case !ok:
		return h, s.screwup("size not delimited")
	case size == tooLarge:
		return h, s.screwup("size out of range")
	case name == "" || name == "." || name == ".." || strings.Contains(name, "/"):
		_ = s.complain("error: unexpected filename: %s", name)
		return h, errScrewup
	}
	h.size, h.name = size, name
	return h, nil
}

const tooLarge = 1<<63 - 1

// cutNumber returns the number at the start of text, negative when there is none, and
// what follows the space behind it.
func cutNumber(text string) (n int64, rest string, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 0 {
		return -1, "", false
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		n = tooLarge
	}
	rest, ok = strings.CutPrefix(text[end:], " ")
	return n, rest, ok
}

func (s *scp) parseTimes(record string) (time.Time, error) {
	rest := record[1:]
	var mtime int64
	for i, field := range []string{"mtime.sec", "mtime.usec", "atime.sec", "atime.usec"} {
		n, tail, ok := cutNumber(rest)
		if n < 0 {
			return time.Time{}, s.screwup(field + " not present")
		}
		if !ok && i < 3 || i == 3 && strings.Trim(rest, "0123456789") != "" {
			return time.Time{}, s.screwup(field + " not delimited")
		}
		if i == 0 {
			mtime = n
		}
		rest = tail
	}
	return time.Unix(min(mtime, 1<<40), 0), nil
}

func (s *scp) receiveDir(name string, h header, depth int) error {
	if !s.recursive {
		return s.screwup("received directory without -r")
	}
	if depth >= maxDepth {
		return s.screwup("expected control record")
	}
	info, err := s.files.Stat(name)
	switch {
	case err == nil && !info.IsDir():
		return s.complain("%s: %s", name, reasonOf(syscall.ENOTDIR))
	case err != nil:
		s.observe("mkdir", name)
		if err := s.files.Mkdir(name, h.mode|0o700); err != nil {
			return s.complain("%s: %s", name, reasonOf(err))
		}
	}
	return s.receive(name, depth+1)
}

func (s *scp) receiveFile(name string, h header, mtime time.Time) error {
	s.observe("open", name)
	f, err := s.files.Open(name, os.O_WRONLY|os.O_CREATE, h.mode|0o200)
	if err != nil {
		return s.complain("%s: %s", name, reasonOf(err))
	}
	if err := s.ack(); err != nil {
		_ = f.Close()
		return err
	}
	werr, err := s.copyIn(f, h.size)
	if werr == nil && err == nil {
		werr = f.Truncate(h.size)
	}
	if cerr := f.Close(); werr == nil {
		werr = cerr
	}
	if err != nil {
		return err
	}
	if s.times && !mtime.IsZero() {
		_ = s.files.Chtimes(name, mtime)
	}
	if _, err := s.response(); err != nil {
		return err
	}
	if werr != nil {
		return s.complain("%s: %s", name, reasonOf(werr))
	}
	return s.ack()
}

// copyIn writes size bytes of the client's to w. After an error of w, which it returns as
// werr, it goes on reading.
func (s *scp) copyIn(w io.Writer, size int64) (werr, err error) {
	buf := make([]byte, 16<<10)
	for size > 0 {
		n, err := s.in.Read(buf[:min(size, int64(len(buf)))])
		size -= int64(n)
		if werr == nil {
			_, werr = w.Write(buf[:n])
		}
		if err != nil {
			return werr, err
		}
	}
	return werr, nil
}

func (s *scp) sendAll() error {
	if _, err := s.response(); err != nil {
		return err
	}
	for _, p := range s.paths {
		for _, name := range s.glob(p) {
			if err := s.send(name, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// glob expands a pattern in the last element of p, as the shell would before scp sees it.
func (s *scp) glob(p string) []string {
	dir, pattern := path.Split(p)
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{p}
	}
	where := dir
	if where == "" {
		where = "."
	}
	list, err := s.files.ReadDir(where)
	if err != nil {
		return []string{p}
	}
	var found []string
	for _, info := range list {
		hidden := strings.HasPrefix(info.Name(), ".") && !strings.HasPrefix(pattern, ".")
		if ok, err := path.Match(pattern, info.Name()); err == nil && ok && !hidden {
			found = append(found, dir+info.Name())
		}
	}
	if found == nil {
		return []string{p}
	}
	return found
}

// maxSend bounds what is sent of one file; only those of /proc claim to be larger.
const maxSend = 1 << 30

// send sends a file, or a directory if the client asked for those too.
func (s *scp) send(name string, depth int) error {
	s.observe("open", name)
	info, err := s.files.Stat(name)
	switch {
	case err != nil:
		return s.complain("%s: %s", name, reasonOf(err))
	case info.IsDir() && s.recursive && depth < maxDepth:
		return s.sendDir(name, info, depth)
	case !info.Mode().IsRegular():
		return s.complain("%s: not a regular file", name)
	case info.Size() > maxSend:
		return s.complain("%s: %s", name, reasonOf(syscall.EPERM))
	}
	f, err := s.files.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return s.complain("%s: %s", name, reasonOf(err))
	}
	defer f.Close()
	if ok, err := s.announce('C', info, info.Size()); err != nil || !ok {
		return err
	}
	n, err := io.Copy(s.out, io.LimitReader(f, info.Size()))
	if err == nil {
		_, err = io.CopyN(s.out, zeros{}, info.Size()-n)
	}
	if err != nil {
		return err
	}
	if err := s.ack(); err != nil {
		return err
	}
	_, err = s.response()
	return err
}

// zeros stands for what a file has lost since its size was announced.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (s *scp) sendDir(name string, info fs.FileInfo, depth int) error {
	list, err := s.files.ReadDir(name)
	if err != nil {
		return s.complain("%s: %s", name, reasonOf(err))
	}
	if ok, err := s.announce('D', info, 0); err != nil || !ok {
		return err
	}
	for _, entry := range list {
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		if err := s.send(path.Join(name, entry.Name()), depth+1); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(s.out, "E\n"); err != nil {
		return err
	}
	_, err = s.response()
	return err
}

// announce sends the control records before a file or directory.
func (s *scp) announce(kind byte, info fs.FileInfo, size int64) (bool, error) {
	if s.times {
		t := info.ModTime().Unix()
		if _, err := fmt.Fprintf(s.out, "T%d 0 %d 0\n", t, t); err != nil {
			return false, err
		}
		if ok, err := s.response(); err != nil || !ok {
			return ok, err
		}
	}
	if _, err := fmt.Fprintf(s.out, "%c%04o %d %s\n", kind, info.Mode().Perm(), size, info.Name()); err != nil {
		return false, err
	}
	return s.response()
}
