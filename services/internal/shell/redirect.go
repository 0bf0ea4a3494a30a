package shell

import (
	"io"
	"os"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// replace puts s, whose reference it takes, in the place of a descriptor.
func (in *interp) replace(fd int, s *stream) {
	for len(in.fds) <= fd {
		in.fds = append(in.fds, nil)
	}
	if in.fds[fd] != nil {
		in.fds[fd].release()
	}
	in.fds[fd] = s
}

const maxFD = 255

// redirect puts redirections in place.
func (in *interp) redirect(list []*syntax.Redirect) bool {
	for _, rd := range list {
		fd := -1
		if rd.N != nil {
			n, err := strconv.Atoi(rd.N.Value)
			if err != nil || n > maxFD {
				if name, isVar := strings.CutPrefix(rd.N.Value, "{"); isVar && err != nil {
					n = max(10, len(in.fds))
					in.set(strings.TrimSuffix(name, "}"), strconv.Itoa(n))
				} else {
					in.errorf("%s: Bad file descriptor", rd.N.Value)
					return false
				}
			}
			if n > maxFD {
				in.errorf("redirection error: cannot duplicate fd: Invalid argument")
				return false
			}
			fd = n
		}
		if rd.Op == syntax.Hdoc || rd.Op == syntax.DashHdoc || rd.Op == syntax.WordHdoc {
			body, ok := in.hereDocument(rd)
			if !ok {
				return false
			}
			s := newStream(strings.NewReader(body), nil, nil)
			in.replace(max(fd, 0), s)
			continue
		}
		names, ok := in.fields([]*syntax.Word{rd.Word})
		if !ok {
			return false
		}
		if len(names) != 1 {
			in.errorf("%s: ambiguous redirect", printNode(rd.Word))
			return false
		}
		name := names[0]
		flag := os.O_RDONLY
		switch rd.Op {
		case syntax.DplIn, syntax.DplOut:
			if fd < 0 {
				fd = 0
				if rd.Op == syntax.DplOut {
					fd = 1
				}
			}
			from, move := strings.CutSuffix(name, "-")
			if from == "" {
				in.replace(fd, nil)
				continue
			}
			n, err := strconv.Atoi(from)
			if err != nil {
				if rd.Op == syntax.DplOut && rd.N == nil {
					flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC // >&file
					break
				}
				in.errorf("%s: ambiguous redirect", name)
				return false
			}
			if n < 0 || n >= len(in.fds) || in.fds[n] == nil {
				in.errorf("%s: %s", from, "Bad file descriptor")
				return false
			}
			if n == fd {
				continue
			}
			in.replace(fd, in.fds[n].retain())
			if move {
				in.replace(n, nil)
			}
			continue
		case syntax.RdrIn:
		case syntax.RdrInOut:
			flag = os.O_RDWR | os.O_CREATE
		case syntax.AppOut, syntax.AppAll:
			flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		default:
			flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		s, err := in.openRedirect(name, flag)
		if err != nil {
			in.redirectError(name, flag, err)
			return false
		}
		switch {
		case rd.Op == syntax.RdrAll || rd.Op == syntax.AppAll || rd.Op == syntax.DplOut:
			in.replace(1, s)
			in.replace(2, s.retain())
		case fd >= 0:
			in.replace(fd, s)
		case rd.Op == syntax.RdrIn || rd.Op == syntax.RdrInOut:
			in.replace(0, s)
		default:
			in.replace(1, s)
		}
	}
	return true
}

// netError is why the network cannot be used, in the words of the C library.
type netError string

func (e netError) Error() string { return string(e) }

const (
	errRefused     = netError("Connection refused")
	errUnreachable = netError("Network is unreachable")
	errNoName      = netError("Temporary failure in name resolution")
)

// openRedirect opens what a redirection names, /dev/tcp and /dev/udp as bash does.
func (in *interp) openRedirect(name string, flag int) (*stream, error) {
	for _, proto := range []string{"tcp", "udp"} {
		rest, ok := strings.CutPrefix(name, "/dev/"+proto+"/")
		host, port, two := strings.Cut(rest, "/")
		if !ok || !two || in.kind != bash {
			continue
		}
		in.sh.reach("connect_attempt", host, port, "bash", proto)
		switch {
		case in.sh.m.isSelf(host) && in.sh.m.listens(port):
			return newStream(strings.NewReader(""), io.Discard, nil), nil
		case in.sh.m.isSelf(host):
			in.errorf("connect: %v", errRefused)
			return nil, fail("open", name, errRefused)
		case isIP(host):
			in.errorf("connect: %v", errUnreachable)
			return nil, fail("open", name, errUnreachable)
		}
		in.errorf("%s: %v", host, errNoName)
		return nil, fail("open", name, netError("Invalid argument"))
	}
	return in.open(name, flag)
}

func (in *interp) redirectError(name string, flag int, err error) {
	why := reason(err)
	if in.kind == bash || in.kind == zsh {
		if in.kind == zsh {
			in.errorf("%s: %s", strings.ToLower(why), name)
			return
		}
		in.errorf("%s: %s", name, why)
		return
	}
	verb := "open"
	if flag&os.O_CREATE != 0 {
		verb = "create"
	}
	if in.kind == ash {
		if why == "No such file or directory" {
			why = "no such file"
			if verb == "create" {
				why = "nonexistent directory"
			}
		}
		in.errorf("can't %s %s: %s", verb, name, why)
		return
	}
	if why == "No such file or directory" {
		why = "No such file"
		if verb == "create" {
			why = "Directory nonexistent"
		}
	}
	in.errorf("cannot %s %s: %s", verb, name, why)
}

func (in *interp) hereDocument(rd *syntax.Redirect) (string, bool) {
	if rd.Op == syntax.WordHdoc {
		s, ok := in.word(rd.Word)
		return s + "\n", ok
	}
	if rd.Hdoc == nil {
		return "", true
	}
	body, ok := in.document(rd.Hdoc)
	if rd.Op == syntax.DashHdoc {
		rows := strings.Split(body, "\n")
		for i := range rows {
			rows[i] = strings.TrimLeft(rows[i], "\t")
		}
		body = strings.Join(rows, "\n")
	}
	return body, ok
}
