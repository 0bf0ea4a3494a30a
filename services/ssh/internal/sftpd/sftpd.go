// Package sftpd is the server side of SFTP version 3 (draft-ietf-secsh-filexfer-02) as
// OpenSSH's sftp-server answers it, over an invented file tree.
//
//	err := sftpd.Serve(channel, sftpd.Server{Files: shell.Files(), Home: shell.Home()})
package sftpd

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/decnet/decnet/services/internal/shell"
	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// Files is the tree that is served. *shell.Files is one. Errors carry a syscall.Errno.
type Files interface {
	Open(name string, flag int, perm fs.FileMode) (shell.File, error)
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.FileInfo, error)
	RealPath(name string) (string, error)
	Readlink(name string) (string, error)
	Rename(oldname, newname string) error
	Remove(name string) error
	Mkdir(name string, perm fs.FileMode) error
	Symlink(oldname, newname string) error
	Link(oldname, newname string) error
	Chmod(name string, mode fs.FileMode) error
	Chown(name string, uid, gid int) error
	Chtimes(name string, mtime time.Time) error
}

// Server says what is served. Files is required.
type Server struct {
	Files  Files
	Home   string           // of the user, for paths that begin with ~
	Now    func() time.Time // for the listing's dates; nil: time.Now
	Blocks uint64           // size of the file system in blocks of 4 KiB, a third of which is used
	// Observe is told of every request that names a file: the kind ("open", "remove", …),
	// the path, and a second path for renames and links. nil: nobody is told.
	Observe func(request, path, target string)
}

// Message types, and the codes of STATUS.
const (
	msgInit, msgVersion             = 1, 2
	msgOpen, msgClose               = 3, 4
	msgRead, msgWrite               = 5, 6
	msgLstat, msgFstat              = 7, 8
	msgSetstat, msgFsetstat         = 9, 10
	msgOpendir, msgReaddir          = 11, 12
	msgRemove, msgMkdir, msgRmdir   = 13, 14, 15
	msgRealpath, msgStat, msgRename = 16, 17, 18
	msgReadlink, msgSymlink         = 19, 20
	msgStatus, msgHandle, msgData   = 101, 102, 103
	msgName, msgAttrs               = 104, 105
	msgExtended, msgExtendedReply   = 200, 201
	statusOK, statusEOF             = 0, 1
	statusNoFile, statusDenied      = 2, 3
	statusFailure, statusBadMessage = 4, 5
	statusUnsupported               = 8
)

var statusText = map[uint32]string{
	statusOK: "Success", statusEOF: "End of file", statusNoFile: "No such file",
	statusDenied: "Permission denied", statusFailure: "Failure", statusBadMessage: "Bad message",
	statusUnsupported: "Operation unsupported",
}

// Limits of sftp-server: a message, the data in one, the entries of one listing, and the
// files open at a time, which is ours and not the 20,000 of a real one.
const (
	maxMessage  = 256 << 10
	maxData     = maxMessage - 1024
	maxEntries  = 100
	maxHandles  = 256
	toldHandles = 20_000 - 5
)

// errBadMessage ends a session whose client does not speak the protocol; a real server
// exits without an answer.
var errBadMessage = errors.New("sftpd: bad message")

// Serve answers requests until the client ends its stream, which gives nil, or breaks the
// protocol. Files that are still open are closed.
func Serve(rw io.ReadWriter, srv Server) error {
	if srv.Now == nil {
		srv.Now = time.Now
	}
	if srv.Observe == nil {
		srv.Observe = func(string, string, string) {}
	}
	s := &session{Server: srv, handles: make(map[uint32]*handle)}
	defer s.closeAll()
	var buf []byte
	for {
		var header [4]byte
		if _, err := io.ReadFull(rw, header[:]); err != nil {
			return end(err)
		}
		n := binary.BigEndian.Uint32(header[:])
		if n > maxMessage || n == 0 {
			return errBadMessage
		}
		var err error
		if buf, err = readMessage(buf[:0], int(n), rw); err != nil {
			return end(err)
		}
		s.out = append(s.out[:0], 0, 0, 0, 0)
		if err := s.answer(buf); err != nil {
			return err
		}
		if len(s.out) == len(header) {
			continue
		}
		binary.BigEndian.PutUint32(s.out, uint32(len(s.out)-len(header)))
		if _, err := rw.Write(s.out); err != nil {
			return end(err)
		}
	}
}

func end(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// readMessage reads n bytes, allocating as they arrive.
func readMessage(buf []byte, n int, r io.Reader) ([]byte, error) {
	for n > 0 {
		step := min(n, max(4<<10, len(buf), cap(buf)-len(buf)))
		start := len(buf)
		buf = slices.Grow(buf, step)[:start+step]
		if _, err := io.ReadFull(r, buf[start:]); err != nil {
			return nil, err
		}
		n -= step
	}
	return buf, nil
}

type session struct {
	Server
	initialized bool
	handles     map[uint32]*handle
	out         []byte
	names       *names
}

type handle struct {
	path  string
	file  shell.File // nil: a directory
	write bool
	list  []fs.FileInfo
	at    int // next entry of list
}

func (s *session) closeAll() {
	for _, h := range s.handles {
		if h.file != nil {
			_ = h.file.Close()
		}
	}
}

// answer appends the answer to one message to s.out.
func (s *session) answer(message []byte) error {
	r := &fields{wire.Read(message[1:])}
	kind := message[0]
	if kind == msgInit {
		r.Uint32()
		if r.Bad {
			return errBadMessage
		}
		s.initialized = true
		s.out = appendVersion(s.out)
		return nil
	}
	if !s.initialized {
		return errBadMessage
	}
	id := r.Uint32()
	run := request(kind)
	if run == nil {
		return nil // a real server logs it and says nothing
	}
	reply, err := run(s, r)
	switch {
	case r.Bad:
		return errBadMessage
	case err != nil || reply == nil:
		s.status(id, err)
	default:
		s.out = append(s.out, reply.kind)
		s.out = append(wire.AppendUint32(s.out, id), reply.body...)
	}
	return nil
}

// reply is an answer other than a STATUS.
type reply struct {
	kind byte
	body []byte
}

// textError is a status with words of its own.
type textError struct {
	code uint32
	text string
}

func (e *textError) Error() string { return e.text }

func (s *session) status(id uint32, err error) {
	code := statusOf(err)
	text := statusText[code]
	var te *textError
	if errors.As(err, &te) {
		code, text = te.code, te.text
	}
	s.out = append(s.out, msgStatus)
	s.out = wire.AppendUint32(wire.AppendUint32(s.out, id), code)
	s.out = wire.AppendString(wire.AppendString(s.out, text), "")
}

// statusOf is errno_to_portable of sftp-server.
func statusOf(err error) uint32 {
	if err == nil {
		return statusOK
	}
	if errors.Is(err, io.EOF) {
		return statusEOF
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return statusFailure
	}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EBADF, syscall.ELOOP:
		return statusNoFile
	case syscall.EPERM, syscall.EACCES, syscall.EFAULT:
		return statusDenied
	case syscall.ENAMETOOLONG, syscall.EINVAL:
		return statusBadMessage
	case syscall.ENOSYS:
		return statusUnsupported
	}
	return statusFailure
}

// request returns what answers messages of a kind, nil for an unknown kind.
func request(kind byte) func(*session, *fields) (*reply, error) {
	switch kind {
	case msgOpen:
		return (*session).open
	case msgClose:
		return (*session).close
	case msgRead:
		return (*session).read
	case msgWrite:
		return (*session).write
	case msgLstat:
		return (*session).lstat
	case msgFstat:
		return (*session).fstat
	case msgSetstat:
		return (*session).setstat
	case msgFsetstat:
		return (*session).fsetstat
	case msgOpendir:
		return (*session).opendir
	case msgReaddir:
		return (*session).readdir
	case msgRemove:
		return (*session).remove
	case msgMkdir:
		return (*session).mkdir
	case msgRmdir:
		return (*session).rmdir
	case msgRealpath:
		return (*session).realpath
	case msgStat:
		return (*session).stat
	case msgRename:
		return (*session).rename
	case msgReadlink:
		return (*session).readlink
	case msgSymlink:
		return (*session).symlink
	case msgExtended:
		return (*session).extended
	}
	return nil
}

func (s *session) newHandle(h *handle) (*reply, error) {
	for n := uint32(0); n < maxHandles; n++ {
		if _, taken := s.handles[n]; !taken {
			s.handles[n] = h
			return &reply{msgHandle, wire.AppendString(nil, wire.AppendUint32(nil, n))}, nil
		}
	}
	if h.file != nil {
		_ = h.file.Close()
	}
	return nil, syscall.EMFILE
}

// lookup returns the handle that a message names, nil when there is none.
func (s *session) lookup(name []byte) (uint32, *handle) {
	if len(name) != 4 {
		return 0, nil
	}
	n := binary.BigEndian.Uint32(name)
	return n, s.handles[n]
}

// The flags of OPEN.
const (
	openRead, openWrite, openAppend    = 1, 2, 4
	openCreate, openTruncate, openExcl = 8, 16, 32
)

func (s *session) open(r *fields) (*reply, error) {
	name, flags, a := r.path(), r.Uint32(), r.attrs()
	if r.Bad {
		return nil, nil
	}
	flag := os.O_RDONLY
	switch {
	case flags&openRead != 0 && flags&openWrite != 0:
		flag = os.O_RDWR
	case flags&openWrite != 0:
		flag = os.O_WRONLY
	}
	for bit, f := range map[uint32]int{openAppend: os.O_APPEND, openCreate: os.O_CREATE, openTruncate: os.O_TRUNC, openExcl: os.O_EXCL} {
		if flags&bit != 0 {
			flag |= f
		}
	}
	perm := fs.FileMode(0o666)
	if a.flags&attrPermissions != 0 {
		perm = fs.FileMode(a.mode & 0o777)
	}
	s.Observe("open", name, "")
	f, err := s.Files.Open(name, flag, perm&^umask)
	if err != nil {
		return nil, err
	}
	return s.newHandle(&handle{path: name, file: f, write: flags&openWrite != 0})
}

// umask is what sshd's children have.
const umask = 0o022

func (s *session) close(r *fields) (*reply, error) {
	n, h := s.lookup(r.ByteString())
	if h == nil {
		return nil, syscall.EBADF
	}
	delete(s.handles, n)
	if h.file == nil {
		return nil, nil
	}
	return nil, h.file.Close()
}

func (s *session) read(r *fields) (*reply, error) {
	_, h := s.lookup(r.ByteString())
	off, n := r.Uint64(), r.Uint32()
	if r.Bad {
		return nil, nil
	}
	if h == nil || h.file == nil {
		return nil, errFailure
	}
	data := make([]byte, min(n, maxData, 64<<10))
	got, err := h.file.ReadAt(data, int64(off))
	if got == 0 {
		if err == nil {
			err = io.EOF
		}
		return nil, err
	}
	return &reply{msgData, wire.AppendString(nil, data[:got])}, nil
}

// errFailure has no errno, which makes it a plain failure.
var errFailure = errors.New("failure")

func (s *session) write(r *fields) (*reply, error) {
	_, h := s.lookup(r.ByteString())
	off, data := r.Uint64(), r.ByteString()
	if r.Bad {
		return nil, nil
	}
	if h == nil || h.file == nil {
		return nil, errFailure
	}
	_, err := h.file.WriteAt(data, int64(off))
	return nil, err
}

func (s *session) stat(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("stat", name, "")
	return attrsOf(s.Files.Stat(name))
}

func (s *session) lstat(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("lstat", name, "")
	return attrsOf(s.Files.Lstat(name))
}

func (s *session) fstat(r *fields) (*reply, error) {
	_, h := s.lookup(r.ByteString())
	switch {
	case h == nil:
		return nil, errFailure
	case h.file == nil:
		return attrsOf(s.Files.Stat(h.path))
	}
	return attrsOf(h.file.Stat())
}

func attrsOf(info fs.FileInfo, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	return &reply{msgAttrs, appendAttrs(nil, info)}, nil
}

func (s *session) setstat(r *fields) (*reply, error) {
	name, a := r.path(), r.attrs()
	if r.Bad {
		return nil, nil
	}
	s.Observe("setstat", name, "")
	return nil, s.set(name, a, nil)
}

func (s *session) fsetstat(r *fields) (*reply, error) {
	_, h := s.lookup(r.ByteString())
	a := r.attrs()
	if r.Bad {
		return nil, nil
	}
	if h == nil {
		return nil, errFailure
	}
	return nil, s.set(h.path, a, h.file)
}

// set changes what a says of name, the size by way of file if it is open.
func (s *session) set(name string, a attrs, file shell.File) error {
	var errs []error
	if a.flags&attrSize != 0 {
		errs = append(errs, s.truncate(name, int64(a.size), file))
	}
	if a.flags&attrPermissions != 0 {
		errs = append(errs, s.Files.Chmod(name, modeOf(a.mode)))
	}
	if a.flags&attrTimes != 0 {
		errs = append(errs, s.Files.Chtimes(name, time.Unix(int64(a.mtime), 0)))
	}
	if a.flags&attrOwner != 0 {
		errs = append(errs, s.Files.Chown(name, int(a.uid), int(a.gid)))
	}
	for _, err := range slices.Backward(errs) {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) truncate(name string, size int64, file shell.File) error {
	if size < 0 {
		return syscall.EINVAL
	}
	if file != nil {
		return file.Truncate(size)
	}
	f, err := s.Files.Open(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *session) opendir(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("opendir", name, "")
	list, err := s.Files.ReadDir(name)
	if err != nil {
		return nil, err
	}
	dots := make([]fs.FileInfo, 0, 2+len(list))
	for _, dot := range []string{".", ".."} {
		if info, err := s.Files.Stat(name + "/" + dot); err == nil {
			dots = append(dots, renamed{info, dot})
		}
	}
	return s.newHandle(&handle{path: name, list: append(dots, list...)})
}

// renamed is a file under another name.
type renamed struct {
	fs.FileInfo
	name string
}

func (r renamed) Name() string { return r.name }

func (s *session) readdir(r *fields) (*reply, error) {
	_, h := s.lookup(r.ByteString())
	if h == nil || h.file != nil {
		return nil, errFailure
	}
	if h.at == len(h.list) {
		return nil, io.EOF
	}
	part := h.list[h.at:min(len(h.list), h.at+maxEntries)]
	h.at += len(part)
	body := wire.AppendUint32(nil, uint32(len(part)))
	for _, info := range part {
		body = wire.AppendString(body, info.Name())
		body = wire.AppendString(body, s.longName(info))
		body = appendAttrs(body, info)
	}
	return &reply{msgName, body}, nil
}

func (s *session) remove(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("remove", name, "")
	if info, err := s.Files.Lstat(name); err == nil && info.IsDir() {
		return nil, syscall.EISDIR
	}
	return nil, s.Files.Remove(name)
}

func (s *session) rmdir(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("rmdir", name, "")
	if info, err := s.Files.Lstat(name); err == nil && !info.IsDir() {
		return nil, syscall.ENOTDIR
	}
	return nil, s.Files.Remove(name)
}

func (s *session) mkdir(r *fields) (*reply, error) {
	name, a := r.path(), r.attrs()
	if r.Bad {
		return nil, nil
	}
	perm := fs.FileMode(0o777)
	if a.flags&attrPermissions != 0 {
		perm = fs.FileMode(a.mode & 0o777)
	}
	s.Observe("mkdir", name, "")
	return nil, s.Files.Mkdir(name, perm&^umask)
}

func (s *session) realpath(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	if name == "" {
		name = "."
	}
	return s.resolve(name)
}

func (s *session) resolve(name string) (*reply, error) {
	full, err := s.Files.RealPath(name)
	return oneName(full, err)
}

// oneName is a NAME answer with one entry and no attributes.
func oneName(name string, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	body := wire.AppendUint32(nil, 1)
	body = wire.AppendString(wire.AppendString(body, name), name)
	return &reply{msgName, wire.AppendUint32(body, 0)}, nil
}

func (s *session) readlink(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	return oneName(s.Files.Readlink(name))
}

// rename is that of version 3: it does not replace.
func (s *session) rename(r *fields) (*reply, error) {
	from, to := r.path(), r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("rename", from, to)
	if _, err := s.Files.Lstat(to); err == nil {
		return nil, syscall.EEXIST
	}
	return nil, s.Files.Rename(from, to)
}

func (s *session) symlink(r *fields) (*reply, error) {
	target, name := r.path(), r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("symlink", name, target)
	return nil, s.Files.Symlink(target, name)
}
