package daemon

import (
	"fmt"
	"os"
	"path"
	"strings"
	"time"
)

// The files that the log service of a Debian keeps, and how large one gets before it is
// moved to FILE.1.
const (
	authFile   = "/var/log/auth.log"
	syslogFile = "/var/log/syslog"
	maxLogFile = 1 << 20
)

// authLog writes what programs log to the files where an intruder looks for it. It says
// nothing of what the daemon would not log by itself.
type authLog struct{ files map[string]*os.File }

func (l *authLog) write(now time.Time, host string, line logLine) {
	const auth, authpriv, info = 4, 10, 6
	ours := strings.HasPrefix(line.text, "pam_exec(")
	if line.severity > info || ours {
		return
	}
	name := syslogFile
	if line.facility == auth || line.facility == authpriv {
		name = authFile
	}
	tag := line.tag
	if line.pid > 0 {
		tag = fmt.Sprintf("%s[%d]", line.tag, line.pid)
	}
	host, _, _ = strings.Cut(host, ".")
	f := l.open(name)
	if f == nil {
		return
	}
	text := fmt.Sprintf("%s %s %s: %s\n", now.Format("2006-01-02T15:04:05.000000-07:00"), host, tag, strings.ReplaceAll(line.text, "\n", "#012"))
	_, _ = f.WriteString(text) // a full disk loses lines on every machine
}

// open returns the file of a name, a new one where an intruder removed it. It is nil where
// there can be none.
func (l *authLog) open(name string) *os.File {
	if l.files == nil {
		l.files = make(map[string]*os.File)
	}
	f := l.files[name]
	if f != nil {
		mine, err := f.Stat()
		now, err2 := os.Lstat(name)
		if err == nil && err2 == nil && os.SameFile(mine, now) && mine.Size() < maxLogFile {
			return f
		}
		f.Close()
		delete(l.files, name)
		if err2 == nil && now.Size() >= maxLogFile {
			_ = os.Rename(name, name+".1") // else it is appended to
		}
	}
	if err := os.MkdirAll(path.Dir(name), 0o755); err != nil {
		return nil
	}
	const noFollow = 0x20000 // O_NOFOLLOW: where an intruder's link leads, nothing is written
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND|noFollow, 0o640)
	if err != nil {
		return nil
	}
	l.files[name] = f
	return f
}

func (l *authLog) close() {
	for _, f := range l.files {
		f.Close()
	}
}
