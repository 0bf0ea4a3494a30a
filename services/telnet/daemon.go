package telnet

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/decnet/decnet/services"
)

// daemon is one of the programs that answer on port 23. They differ in what they negotiate
// and in how log-in goes on.
type daemon struct {
	opening  []byte // verb and option pairs that it begins with
	second   []byte // those that it goes on with
	last     []byte // those before the first text
	banner   func(id services.Identity) string
	wrong    string // after a wrong password
	tries    int    // log-ins before it hangs up
	goodbye  string // when it does
	answers  bool   // it answers what the client asks for
	restarts bool   // it sends restartAny
	timedOut string
}

// The programs that the persona key "telnetd" names.
const (
	autoDaemon = "auto"
	inetutils  = "inetutils"
	netkit     = "netkit"
	busybox    = "busybox"
)

// daemonOf returns the program that a distribution packages, or the one that is named.
func daemonOf(name string, release services.Release) daemon {
	if name == autoDaemon {
		switch release.ID {
		case "ubuntu", "rocky", "centos", "fedora":
			name = netkit
		case "alpine":
			name = busybox
		default:
			name = inetutils
		}
	}
	shadow := daemon{
		second: []byte{cmdWill, optSGA, cmdDo, optEcho, cmdDo, optNAWS, cmdWill, optStatus, cmdDo, optLFlow},
		last:   []byte{cmdWill, optEcho},
		banner: issueNet,
		wrong:  "\r\nLogin incorrect\r\n", tries: 5, goodbye: "Maximum number of tries exceeded (5)\r\n",
		timedOut: "\r\nLogin timed out after 60 seconds.\r\n", answers: true,
	}
	switch name {
	case netkit:
		shadow.opening = []byte{cmdDo, optTType, cmdDo, optTSpeed, cmdDo, optXDisplay, cmdDo, optNewEnviron}
		if release.ID != "ubuntu" { // login of util-linux
			shadow.wrong, shadow.tries, shadow.goodbye = "\r\nLogin incorrect\r\n\r\n", 3, ""
		}
		return shadow
	case busybox:
		return daemon{
			last:   []byte{cmdDo, optEcho, cmdDo, optNAWS, cmdWill, optEcho, cmdWill, optSGA},
			banner: issueNet,
			wrong:  "Login incorrect\r\n", tries: 3,
			timedOut: "\r\nLogin timed out after 60 seconds\r\n",
		}
	}
	shadow.opening = []byte{
		cmdWill, optAuth, cmdWill, optEncrypt, cmdDo, optTType, cmdDo, optTSpeed,
		cmdDo, optXDisplay, cmdDo, optNewEnviron, cmdDo, optOldEnviron,
	}
	shadow.second = []byte{
		cmdWill, optSGA, cmdDo, optEcho, cmdDo, optLinemode, cmdDo, optNAWS, cmdWill, optStatus, cmdDo, optLFlow,
	}
	shadow.last = []byte{cmdWill, optEcho, cmdDo, optTimingMark, cmdDo, optBinary}
	shadow.banner, shadow.restarts = systemLine, true
	return shadow
}

// systemLine is what telnetd of inetutils prints by itself.
func systemLine(id services.Identity) string {
	return "\r\nLinux " + kernel(id) + " (" + id.FQDN() + ") (pts/0)\r\n\r\n"
}

// kernel is uname -r, picked as the machine behind the log-in picks it.
func kernel(id services.Identity) string {
	release, _, _ := strings.Cut(id.Pick("kernel", id.Release().Kernels...), "|")
	return release
}

// issueNet is /etc/issue.net of the distribution.
func issueNet(id services.Identity) string {
	r := id.Release()
	switch r.ID {
	case "rocky", "fedora":
		return "\r\nKernel " + kernel(id) + " on an x86_64\r\n"
	case "centos":
		return "\r\nKernel " + kernel(id) + " on an x86_64\r\n"
	case "alpine":
		return "\r\nWelcome to Alpine Linux " + strings.TrimSuffix(r.VersionID, ".4") + "\r\nKernel " + kernel(id) + " on an x86_64 (/dev/pts/0)\r\n\r\n"
	}
	return r.PrettyName + "\r\n"
}

// patience is how long a client may say nothing before it gets a prompt although it has
// not answered. The real programs wait for ever; bots that do not negotiate would be lost.
const patience = 3 * time.Second

// negotiate goes through the opening of d until the client has answered, has typed, or has
// been silent for too long.
func (t *stream) negotiate(d daemon) error {
	idle := t.session.Idle()
	t.session.SetIdle(min(patience, idle))
	defer t.session.SetIdle(idle)
	typed := false
	ask := func(pairs []byte, await ...byte) error {
		if len(pairs) == 0 {
			return nil
		}
		var out []byte
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == cmdWill && t.options.us[pairs[i+1]].on {
				continue
			}
			out = t.options.ask(out, pairs[i], pairs[i+1])
		}
		if _, err := t.session.Write(out); err != nil {
			return err
		}
		done := func() bool { return t.options.settled(await...) }
		return t.await(&typed, done)
	}
	if err := ask(d.opening, odd(d.opening)...); err != nil {
		return err
	}
	if err := t.askDetails(&typed); err != nil {
		return err
	}
	await := []byte{}
	for _, option := range odd(d.second) {
		if option == optNAWS || option == optLinemode {
			await = append(await, option)
		}
	}
	if err := ask(d.second, await...); err != nil {
		return err
	}
	return ask(d.last)
}

// odd returns the options of verb and option pairs.
func odd(pairs []byte) []byte {
	var out []byte
	for i := 1; i < len(pairs); i += 2 {
		out = append(out, pairs[i])
	}
	return out
}

// askDetails asks for the values of the options that the client has.
func (t *stream) askDetails(typed *bool) error {
	var out []byte
	t.awaiting = make(map[byte]bool)
	for _, option := range []byte{optTSpeed, optXDisplay, optNewEnviron, optOldEnviron, optTType} {
		if !t.options.him[option].on || option == optOldEnviron && t.options.him[optNewEnviron].on {
			continue
		}
		out = append(out, iac, cmdSB, option, subSend, iac, cmdSE)
		t.awaiting[option] = true
	}
	if len(out) == 0 {
		return nil
	}
	if _, err := t.session.Write(out); err != nil {
		return err
	}
	return t.await(typed, func() bool { return len(t.awaiting) == 0 })
}

// await handles what the client sends until done. Text, or silence, ends the wait for good.
func (t *stream) await(typed *bool, done func() bool) error {
	for !*typed && !done() {
		text, err := t.pending()
		if err != nil {
			return err
		}
		if text {
			*typed = true
			return nil
		}
		if done() {
			return nil
		}
		err = t.fill()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			*typed = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
