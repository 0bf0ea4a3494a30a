package telnet

import (
	"errors"
	"strings"

	"github.com/decnet/decnet/services"
)

// What a client can do at a prompt besides answering.
var (
	errInterrupt = errors.New("telnet: interrupted")
	errEndOfFile = errors.New("telnet: end of file")
)

// Characters with a meaning to the terminal.
const (
	ctrlC     = 3
	ctrlD     = 4
	backspace = 8
	ctrlU     = 0x15
	quit      = 0x1c
	erase     = 0x7f
)

// readLine reads a line as a terminal in cooked mode gives it to login(1). echo is off
// for passwords; the line end is echoed all the same.
func (t *stream) readLine(limit int, echo bool) (string, error) {
	var line, shown []byte
	for {
		if len(shown) > 0 && t.r == t.w {
			if _, err := t.Write(shown); err != nil {
				return "", err
			}
			shown = shown[:0]
		}
		b, err := t.ReadByte()
		if err != nil {
			return "", err
		}
		var show string
		switch b {
		case '\r', '\n':
			_, err := t.Write(append(shown, "\r\n"...))
			return string(line), err
		case ctrlC, quit:
			_, _ = t.session.Write([]byte{iac, cmdDM, '^', b + '@'})
			return "", errInterrupt
		case ctrlD:
			if len(line) == 0 {
				_, err := t.Write(append(shown, "\r\n"...))
				return "", errors.Join(errEndOfFile, err)
			}
		case erase, backspace:
			if len(line) > 0 {
				line, show = line[:len(line)-1], rubout
			}
		case ctrlU:
			show = strings.Repeat(rubout, len(line))
			line = line[:0]
		default:
			if len(line) == limit {
				return "", services.ErrLineTooLong
			}
			line, show = append(line, b), string([]byte{b})
		}
		if echo {
			shown = append(shown, show...)
		}
	}
}

// rubout takes the last character off the screen.
const rubout = "\b \b"
