package ssh

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/services"
)

// reportHello emits the session event: what the client said before encryption began. A
// client that said nothing has none.
func reportHello(session *services.Session) {
	opening := session.Opening()
	if len(opening) == 0 {
		return
	}
	hello, err := fingerprint.ParseSSH(opening)
	if len(hello.Banner) == 0 {
		// Not SSH at all: the first line tells what it was.
		line, _, _ := bytes.Cut(opening, []byte("\n"))
		session.Emit("session", decnet.F("client_banner", string(bytes.TrimSuffix(line, []byte("\r")))))
		return
	}
	fields := []decnet.Field{decnet.F("client_banner", string(hello.Banner))}
	if err == nil && hello.KexInitIsComplete {
		fields = append(fields,
			decnet.F("hassh", hello.HASSH()),
			decnet.F("hassh_raw", string(hello.AppendHASSHRaw(nil))),
			list("kex_algorithms", hello.Kex),
			list("host_key_algorithms", hello.HostKey),
			list("ciphers", hello.CipherC2S),
			list("macs", hello.MACC2S),
			list("compression", hello.CompC2S),
			list("languages", hello.LangC2S),
		)
	}
	session.Emit("session", fields...)
}

// list makes a field of a name-list: a JSON array.
func list(key string, names []byte) decnet.Field {
	items := []string{}
	if len(names) > 0 {
		items = strings.Split(string(names), ",")
	}
	text, _ := json.Marshal(items) // strings always marshal
	return decnet.F(key, string(text))
}
