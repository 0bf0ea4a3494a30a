package sftpd

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// fields reads the fields of a message, and those of SFTP.
type fields struct{ wire.Fields }

// path is a string without a NUL, which a real server could not keep either.
func (f *fields) path() string {
	s := string(f.ByteString())
	if strings.IndexByte(s, 0) >= 0 {
		f.Bad = true
	}
	return s
}

// The flags of ATTRS.
const (
	attrSize, attrOwner, attrPermissions, attrTimes = 1, 2, 4, 8
	attrExtended                                    = 1 << 31
)

type attrs struct {
	flags          uint32
	size           uint64
	uid, gid, mode uint32
	atime, mtime   uint32
}

func (f *fields) attrs() attrs {
	a := attrs{flags: f.Uint32()}
	if a.flags&attrSize != 0 {
		a.size = f.Uint64()
	}
	if a.flags&attrOwner != 0 {
		a.uid, a.gid = f.Uint32(), f.Uint32()
	}
	if a.flags&attrPermissions != 0 {
		a.mode = f.Uint32()
	}
	if a.flags&attrTimes != 0 {
		a.atime, a.mtime = f.Uint32(), f.Uint32()
	}
	if a.flags&attrExtended != 0 {
		for n := f.Uint32(); n > 0 && !f.Bad; n-- {
			f.ByteString()
			f.ByteString()
		}
	}
	return a
}

// statOf returns what a file info of the fake machine has beyond its methods.
func statOf(info fs.FileInfo) syscall.Stat_t {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return *st
	}
	return syscall.Stat_t{Nlink: 1}
}

func appendAttrs(b []byte, info fs.FileInfo) []byte {
	st := statOf(info)
	mtime := uint32(info.ModTime().Unix())
	b = wire.AppendUint32(b, attrSize|attrOwner|attrPermissions|attrTimes)
	b = wire.AppendUint64(b, uint64(info.Size()))
	b = wire.AppendUint32(wire.AppendUint32(b, st.Uid), st.Gid)
	b = wire.AppendUint32(b, unixMode(info.Mode()))
	return wire.AppendUint32(wire.AppendUint32(b, mtime), mtime)
}

// The bits of st_mode beyond the permissions.
var modeBits = []struct {
	goBit fs.FileMode
	unix  uint32
}{
	{fs.ModeDir, syscall.S_IFDIR},
	{fs.ModeSymlink, syscall.S_IFLNK},
	{fs.ModeNamedPipe, syscall.S_IFIFO},
	{fs.ModeSocket, syscall.S_IFSOCK},
	{fs.ModeDevice | fs.ModeCharDevice, syscall.S_IFCHR},
	{fs.ModeDevice, syscall.S_IFBLK},
}

var specialBits = []struct {
	goBit fs.FileMode
	unix  uint32
}{
	{fs.ModeSetuid, syscall.S_ISUID},
	{fs.ModeSetgid, syscall.S_ISGID},
	{fs.ModeSticky, syscall.S_ISVTX},
}

func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for _, b := range specialBits {
		if m&b.goBit != 0 {
			mode |= b.unix
		}
	}
	for _, b := range modeBits {
		if m&b.goBit == b.goBit {
			return mode | b.unix
		}
	}
	return mode | syscall.S_IFREG
}

// modeOf is the inverse of unixMode for permissions.
func modeOf(unix uint32) fs.FileMode {
	m := fs.FileMode(unix & 0o777)
	for _, b := range specialBits {
		if unix&b.unix != 0 {
			m |= b.goBit
		}
	}
	return m
}

// longName is a line of "ls -l" as sftp-server writes it.
func (s *session) longName(info fs.FileInfo) string {
	st := statOf(info)
	names := s.ownerNames()
	when := "Jan _2  2006"
	const recent = 365 * 24 * time.Hour / 2
	if age := s.Now().Sub(info.ModTime()); age < recent {
		when = "Jan _2 15:04"
	}
	return fmt.Sprintf("%s %3d %-8s %-8s %8d %s %s", modeText(info.Mode()), st.Nlink,
		names.user(st.Uid), names.group(st.Gid), info.Size(), info.ModTime().UTC().Format(when), info.Name())
}

// modeText is strmode(3) without its trailing space, as OpenSSH keeps one.
func modeText(m fs.FileMode) string {
	b := []byte("-rwxrwxrwx")
	for i, bit := 0, fs.FileMode(0o400); bit > 0; i, bit = i+1, bit>>1 {
		if m&bit == 0 {
			b[1+i] = '-'
		}
	}
	for _, t := range []struct {
		bit  fs.FileMode
		char byte
	}{{fs.ModeDevice, 'b'}, {fs.ModeCharDevice, 'c'}, {fs.ModeDir, 'd'}, {fs.ModeSymlink, 'l'}, {fs.ModeNamedPipe, 'p'}, {fs.ModeSocket, 's'}} {
		if m&t.bit != 0 {
			b[0] = t.char
		}
	}
	for _, x := range []struct {
		bit       fs.FileMode
		at        int
		with, not byte
	}{{fs.ModeSetuid, 3, 's', 'S'}, {fs.ModeSetgid, 6, 's', 'S'}, {fs.ModeSticky, 9, 't', 'T'}} {
		if m&x.bit == 0 {
			continue
		}
		if b[x.at] == 'x' {
			b[x.at] = x.with
		} else {
			b[x.at] = x.not
		}
	}
	return string(b)
}

// names holds the users and groups of the machine.
type names struct{ users, groups map[uint32]string }

func (n *names) user(id uint32) string  { return nameOr(n.users, id) }
func (n *names) group(id uint32) string { return nameOr(n.groups, id) }

func nameOr(m map[uint32]string, id uint32) string {
	if name, ok := m[id]; ok {
		return name
	}
	return strconv.FormatUint(uint64(id), 10)
}

// ownerNames reads /etc/passwd and /etc/group of the machine, once a session.
func (s *session) ownerNames() *names {
	if s.names == nil {
		s.names = &names{s.readNames("/etc/passwd"), s.readNames("/etc/group")}
	}
	return s.names
}

func (s *session) readNames(path string) map[uint32]string {
	m := make(map[uint32]string)
	f, err := s.Files.Open(path, 0, 0)
	if err != nil {
		return m
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	n, _ := f.ReadAt(buf, 0)
	for line := range strings.Lines(string(buf[:n])) {
		parts := strings.SplitN(line, ":", 4)
		if len(parts) < 4 {
			continue
		}
		if id, err := strconv.ParseUint(parts[2], 10, 32); err == nil {
			if _, have := m[uint32(id)]; !have {
				m[uint32(id)] = parts[0]
			}
		}
	}
	return m
}
