package sftpd

import (
	"io"
	"path"
	"strings"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// extension is an extended request and the version that sftp-server gives it.
type extension struct {
	name, version string
	run           func(*session, *fields) (*reply, error)
}

// extensions are those of OpenSSH 9.2, in the order in which it announces them.
var extensions = []extension{
	{"posix-rename@openssh.com", "1", (*session).posixRename},
	{"statvfs@openssh.com", "2", (*session).statvfs},
	{"fstatvfs@openssh.com", "2", (*session).fstatvfs},
	{"hardlink@openssh.com", "1", (*session).hardlink},
	{"fsync@openssh.com", "1", (*session).fsync},
	{"lsetstat@openssh.com", "1", (*session).setstat},
	{"limits@openssh.com", "1", (*session).limits},
	{"expand-path@openssh.com", "1", (*session).expandPath},
	{"copy-data", "1", (*session).copyData},
	{"home-directory", "1", (*session).homeDirectory},
	{"users-groups-by-id@openssh.com", "1", (*session).usersGroups},
}

func appendVersion(b []byte) []byte {
	b = wire.AppendUint32(append(b, msgVersion), 3)
	for _, e := range extensions {
		b = wire.AppendString(wire.AppendString(b, e.name), e.version)
	}
	return b
}

var errUnsupported = &textError{statusUnsupported, statusText[statusUnsupported]}

func (s *session) extended(r *fields) (*reply, error) {
	name := string(r.ByteString())
	for _, e := range extensions {
		if e.name == name {
			return e.run(s, r)
		}
	}
	return nil, errUnsupported
}

func (s *session) posixRename(r *fields) (*reply, error) {
	from, to := r.path(), r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("rename", from, to)
	return nil, s.Files.Rename(from, to)
}

func (s *session) hardlink(r *fields) (*reply, error) {
	from, to := r.path(), r.path()
	if r.Bad {
		return nil, nil
	}
	s.Observe("link", from, to)
	return nil, s.Files.Link(from, to)
}

func (s *session) statvfs(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	if _, err := s.Files.Stat(name); err != nil {
		return nil, err
	}
	return s.fileSystem()
}

func (s *session) fstatvfs(r *fields) (*reply, error) {
	if _, h := s.lookup(r.ByteString()); h == nil {
		return nil, errFailure
	}
	return s.fileSystem()
}

// fileSystem describes one ext4 file system.
func (s *session) fileSystem() (*reply, error) {
	const block, maxName, noSuid = 4096, 255, 0
	free := s.Blocks - s.Blocks/3
	inodes := s.Blocks / 4
	var b []byte
	for _, n := range []uint64{
		block, block, s.Blocks, free, free - s.Blocks/20,
		inodes, inodes - inodes/11, inodes - inodes/11, 0xfd01, noSuid, maxName,
	} {
		b = wire.AppendUint64(b, n)
	}
	return &reply{msgExtendedReply, b}, nil
}

func (s *session) fsync(r *fields) (*reply, error) {
	if _, h := s.lookup(r.ByteString()); h == nil || h.file == nil {
		return nil, &textError{statusNoFile, statusText[statusNoFile]}
	}
	return nil, nil
}

func (s *session) limits(*fields) (*reply, error) {
	var b []byte
	for _, n := range []uint64{maxMessage, maxData, maxData, toldHandles} {
		b = wire.AppendUint64(b, n)
	}
	return &reply{msgExtendedReply, b}, nil
}

func (s *session) expandPath(r *fields) (*reply, error) {
	name := r.path()
	if r.Bad {
		return nil, nil
	}
	if rest, ok := strings.CutPrefix(name, "~"); ok {
		user, tail, _ := strings.Cut(rest, "/")
		home, err := s.homeOf(user)
		if err != nil {
			return nil, err
		}
		name = path.Join(home, tail)
	}
	return s.resolve(name)
}

func (s *session) homeDirectory(r *fields) (*reply, error) {
	user := r.path()
	if r.Bad {
		return nil, nil
	}
	return oneName(s.homeOf(user))
}

// homeOf returns the home directory of a user, "" standing for the one logged in.
func (s *session) homeOf(user string) (string, error) {
	if user == "" {
		return s.Home, nil
	}
	for _, home := range []string{"/" + user, "/home/" + user} {
		if info, err := s.Files.Stat(home); err == nil && info.IsDir() && !strings.Contains(user, "/") {
			return home, nil
		}
	}
	return "", &textError{statusNoFile, "no such user"}
}

func (s *session) usersGroups(r *fields) (*reply, error) {
	users, groups := r.ByteString(), r.ByteString()
	if r.Bad {
		return nil, nil
	}
	names := s.ownerNames()
	b := wire.AppendString(nil, lookupIDs(users, names.users))
	return &reply{msgExtendedReply, wire.AppendString(b, lookupIDs(groups, names.groups))}, nil
}

func lookupIDs(ids []byte, names map[uint32]string) (out []byte) {
	for r := (&fields{wire.Read(ids)}); len(r.Rest) >= 4; {
		out = wire.AppendString(out, names[r.Uint32()])
		if len(out) > maxData/2 {
			break
		}
	}
	return out
}

// copyData copies between two open files of the session.
func (s *session) copyData(r *fields) (*reply, error) {
	_, from := s.lookup(r.ByteString())
	off, n := r.Uint64(), r.Uint64()
	_, to := s.lookup(r.ByteString())
	at := r.Uint64()
	if r.Bad {
		return nil, nil
	}
	if from == nil || to == nil || from.file == nil || to.file == nil || from == to {
		return nil, errFailure
	}
	if n == 0 || n > maxCopy {
		n = maxCopy
	}
	_, err := io.CopyBuffer(io.NewOffsetWriter(to.file, int64(at)), io.NewSectionReader(from.file, int64(off), int64(n)), make([]byte, 32<<10))
	return nil, err
}

// maxCopy bounds what one request copies.
const maxCopy = 64 << 20
