package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// factory is where the image has what a machine starts with, as systemd's has.
const factory = "/usr/share/factory"

// boot makes the machine what the persona says. What a start before has left is gone.
func (s *server) boot() error {
	for _, d := range writable {
		if err := copyTree(filepath.Join(factory, d.name), filepath.Join("/", d.name)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd locks up there who has not logged in
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(); err != nil {
			return err
		}
	}
	return s.accounts()
}

// copyTree copies what is below from to to, which exists, with owners, modes and times.
// What the engine mounts there is left alone.
func copyTree(from, to string) error {
	device := func(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Dev }
	top, err := os.Stat(to)
	if err != nil {
		return err
	}
	var dirs []func() error
	err = filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if there, err := os.Lstat(target); err == nil && device(there) != device(top) {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() {
			dirs = append(dirs, func() error { return attributes(target, info) })
			if err := os.Mkdir(target, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			return nil
		}
		if err := copyFile(name, target, info); err != nil {
			return err
		}
		return attributes(target, info)
	})
	if err != nil {
		return err
	}
	for _, set := range slices.Backward(dirs) { // what is written into a directory changes its time
		if err := set(); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file or a link. The image has nothing else there that a machine needs.
func copyFile(from, to string, info fs.FileInfo) error {
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(link, to)
	case 0:
	default:
		return fmt.Errorf("%s is neither a file nor a link", from)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func attributes(name string, info fs.FileInfo) error {
	st := info.Sys().(*syscall.Stat_t)
	if err := os.Lchown(name, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	return errors.Join(os.Chmod(name, info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)), os.Chtimes(name, info.ModTime(), info.ModTime()))
}

// file is one that the persona adds.
type file struct {
	name    string
	mode    fs.FileMode
	text    string
	written time.Time // zero: now
}

func (f file) write() error {
	if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(f.name, []byte(f.text), f.mode); err != nil {
		return err
	}
	if f.written.IsZero() {
		return os.Chmod(f.name, f.mode)
	}
	return errors.Join(os.Chmod(f.name, f.mode), os.Chtimes(f.name, f.written, f.written))
}

// accounts adds the users and sets the passwords that the persona gives them.
func (s *server) accounts() error {
	for _, user := range s.policy.Users() {
		// One that the distribution has already keeps what it has but gets a password.
		if out, err := exec.Command("/usr/sbin/useradd", "-m", "-s", "/bin/bash", user).CombinedOutput(); err != nil {
			if passwd, _ := os.ReadFile("/etc/passwd"); !slices.ContainsFunc(strings.Split(string(passwd), "\n"), func(l string) bool { return strings.HasPrefix(l, user+":") }) {
				return fmt.Errorf("useradd %s: %w: %s", user, err, out)
			}
		}
	}
	if s.policy.Closed() {
		return nil
	}
	var lines strings.Builder
	for user, password := range s.policy.Passwords() {
		if strings.ContainsAny(password, "\n\x00") || password == "" {
			continue // no log-in can send it
		}
		lines.WriteString(user + ":" + password + "\n")
	}
	cmd := exec.Command("/usr/sbin/chpasswd", "-c", "SHA512")
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("chpasswd: %w: %s", err, out)
	}
	return nil
}
