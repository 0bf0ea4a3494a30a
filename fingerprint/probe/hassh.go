package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/decnet/decnet/fingerprint"
)

// sshOpening bounds how much of a server's side HASSHServer reads: lines before the
// identification, the line itself, and a packet of 35000 bytes.
const sshOpening = 128 << 10

// HASSHResult is what an SSH server says of itself in the clear.
type HASSHResult struct {
	Hash  string               // HASSHServer, 32 hexadecimal digits
	Raw   string               // the text that was hashed
	Hello fingerprint.SSHHello // the identification line and all ten name-lists
}

// HASSHServer connects to the SSH server at target (HOST:PORT), sends an identification
// line, reads the server's own and its first key exchange packet, and closes.
//
// With a server that identifies itself and then fails, the result holds its Banner and the
// error says what went wrong. An error that wraps fingerprint.ErrMalformed means that it
// does not speak SSH 2, os.ErrDeadlineExceeded or context.DeadlineExceeded that it kept
// silent, io.EOF that it hung up. A target that is not HOST:PORT gives decnet.ErrInvalid.
func HASSHServer(ctx context.Context, target string, cfg Config) (HASSHResult, error) {
	cfg = cfg.complete()
	if _, err := hostOf(ctx, target); err != nil {
		return HASSHResult{}, fmt.Errorf("probe: hassh: %w", err)
	}
	answer, err := cfg.exchange(ctx, target, []byte(cfg.Ident+"\r\n"), sshOpening, func(b []byte) bool {
		_, err := fingerprint.ParseSSH(b)
		return !errors.Is(err, fingerprint.ErrTruncated)
	})
	hello, parseErr := fingerprint.ParseSSH(answer)
	if err == nil {
		err = parseErr
	}
	if err != nil {
		return HASSHResult{Hello: hello}, fmt.Errorf("probe: hassh %s: %w", target, err)
	}
	return HASSHResult{hello.HASSHServer(), string(hello.AppendHASSHServerRaw(nil)), hello}, nil
}
