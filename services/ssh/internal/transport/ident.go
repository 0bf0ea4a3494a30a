package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// maxBanner is the longest identification line that OpenSSH takes, which is more than
// the 255 bytes of RFC 4253 section 4.2.
const maxBanner = 8192

// packetBuffer is the size of the read buffer, which a connection gets when it has
// identified itself.
const packetBuffer = 4 << 10

// identify sends our identification line and reads the client's.
func (t *Transport) identify() error {
	if _, err := t.conn.Write([]byte("SSH-2.0-" + t.cfg.Version + "\r\n")); err != nil {
		return err
	}
	line, err := readBanner(t.conn)
	if err == nil {
		err = checkBanner(line)
	}
	if refusal, ok := err.(refusedBanner); ok {
		if _, err := t.conn.Write([]byte(refusal + "\r\n")); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s", ErrProtocol, string(refusal))
	}
	if err != nil {
		return err
	}
	t.clientVersion = line
	t.r = bufio.NewReaderSize(t.conn, packetBuffer)
	return nil
}

// refusedBanner is what sshd answers to an identification line that it does not take.
type refusedBanner string

func (r refusedBanner) Error() string { return string(r) }

const (
	invalidBanner  refusedBanner = "Invalid SSH identification string."
	majorsDisagree refusedBanner = "Protocol major versions differ."
)

// readBanner reads one line byte by byte as sshd does, which gives up at the first NUL
// and at a carriage return that is not followed by a line feed. What comes after stays in
// the socket, so that a refused client is reset exactly when sshd would reset it.
func readBanner(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, 64)
	var one [1]byte
	expectLF := false
	for {
		_, err := io.ReadFull(r, one[:])
		c := one[0]
		switch {
		case err != nil:
			return nil, err
		case c == '\r':
			expectLF = true
			continue
		case c == '\n':
			return line, nil
		case c == 0 || expectLF:
			return nil, invalidBanner
		}
		line = append(line, c)
		if len(line) > maxBanner {
			return nil, invalidBanner
		}
	}
}

// checkBanner takes "SSH-<major>.<minor>-<software>" of protocol 2, which 1.99 also means.
func checkBanner(line []byte) error {
	rest, ok := bytes.CutPrefix(line, []byte("SSH-"))
	if !ok {
		return invalidBanner
	}
	majorText, rest, ok1 := bytes.Cut(rest, []byte("."))
	minorText, software, ok2 := bytes.Cut(rest, []byte("-"))
	major, err1 := strconv.Atoi(string(majorText))
	minor, err2 := strconv.Atoi(string(minorText))
	switch {
	case !ok1 || !ok2 || err1 != nil || err2 != nil || len(software) == 0:
		return invalidBanner
	case major == 2, major == 1 && minor == 99:
		return nil
	}
	return majorsDisagree
}
