package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// typed is a command that a shell tells of before it runs it.
type typed struct {
	Command []byte `json:"c"`
	Dir     []byte `json:"d"` // where
}

// sftpServer is what sshd has the shell run for the subsystem.
const sftpServer = "/usr/lib/openssh/sftp-server -f AUTH -l INFO"

// serveCommands hears of the commands that shells run. The shell waits for the answer, and
// so do its ancestors: whose command it is does not depend on what anybody says.
func (s *server) serveCommands(ctx context.Context, name string) error {
	return s.serveStream(ctx, name, publicMode, func(c *net.UnixConn, a asker) {
		var t typed
		if a.visit == nil || json.NewDecoder(io.LimitReader(c, maxCommand)).Decode(&t) != nil {
			return
		}
		if string(t.Command) != sftpServer { // that one is told as a subsystem
			a.visit.Emit("command", decnet.F("command", string(t.Command)), decnet.F("user", userName(a.uid)),
				decnet.F("uid", strconv.Itoa(a.uid)), decnet.F("pwd", string(t.Dir)))
		}
		_, _ = c.Write([]byte{1}) // who has hung up does not wait
	})
}

// userName returns the name of a user, "" for one without.
func userName(uid int) string {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(passwd)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(uid) {
			return f[0]
		}
	}
	return ""
}

// Tell is what the process does that a shell starts for each command: it tells the first
// process of the container, and returns when that knows whose command it is.
func Tell(command string) error {
	dir, err := os.Getwd()
	if err != nil {
		dir = "" // it has been removed
	}
	_, err = ask(commandSocket, typed{[]byte(command), []byte(dir)})
	return err
}
