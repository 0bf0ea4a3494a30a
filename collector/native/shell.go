package native

import (
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// shellCommand understands "CMD uid=… user=… src=… pwd=… cmd=…", of which the shell of
// telnet leaves out user and src.
func shellCommand(msg string) (service string, fields []decnet.Field) {
	rest, ok := strings.CutPrefix(msg, "CMD uid=")
	if !ok {
		return "", nil
	}
	uid, rest, _ := strings.Cut(rest, " ")
	if _, err := strconv.ParseUint(uid, 10, 32); err != nil {
		return "", nil
	}
	fields = []decnet.Field{decnet.F("uid", uid)}
	service = "telnet"
	if after, ok := strings.CutPrefix(rest, "user="); ok {
		user, after, ok := strings.Cut(after, " src=")
		src, after, ok2 := strings.Cut(after, " ")
		if !ok || !ok2 {
			return "", nil
		}
		service, rest = "ssh", after
		fields = append(fields, decnet.F("user", user), decnet.F("src_ip", src))
	}
	rest, ok = strings.CutPrefix(rest, "pwd=")
	pwd, command, ok2 := strings.Cut(rest, " cmd=")
	if !ok || !ok2 {
		return "", nil
	}
	return service, append(fields, decnet.F("pwd", pwd), decnet.F("command", command))
}

// skippedFile understands "file_skipped size=… path=… reason=…".
func skippedFile(msg string) []decnet.Field {
	rest, ok := strings.CutPrefix(msg, "file_skipped size=")
	size, rest, ok2 := strings.Cut(rest, " path=")
	at := strings.LastIndex(rest, " reason=")
	if !ok || !ok2 || at < 0 {
		return nil
	}
	return []decnet.Field{
		decnet.F("size", size), decnet.F("orig_path", rest[:at]), decnet.F("reason", rest[at+len(" reason="):]),
	}
}
