package mysql

import (
	"fmt"
	"net/netip"
)

// failure is an error as the client sees it.
type failure struct {
	code  uint16
	state string
	text  string
}

func (f *failure) Error() string { return fmt.Sprintf("mysql: %d (%s): %s", f.code, f.state, f.text) }

func fail(code uint16, state, format string, args ...any) *failure {
	return &failure{code, state, fmt.Sprintf(format, args...)}
}

// payload is the error packet; a client from before 4.1 gets no state.
func (f *failure) payload(caps uint32) []byte {
	b := []byte{0xff, byte(f.code), byte(f.code >> 8)}
	if caps&capProtocol41 != 0 {
		b = append(append(b, '#'), f.state...)
	}
	return append(b, f.text...)
}

// host is how the server names the peer in its messages.
func host(a netip.Addr) string {
	if a.IsLoopback() {
		return "localhost"
	}
	return a.String()
}

func accessDenied(user, host string, withPassword bool) *failure {
	using := "NO"
	if withPassword {
		using = "YES"
	}
	return fail(1045, "28000", "Access denied for user '%s'@'%s' (using password: %s)", user, host, using)
}

var (
	badHandshake = fail(1043, "08S01", "Bad handshake")
	outOfOrder   = fail(1156, "08S01", "Got packets out of order")
	packetTooBig = fail(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes")
	unknownCom   = fail(1047, "08S01", "Unknown command")
	noDatabase   = fail(1046, "3D000", "No database selected")
	emptyQuery   = fail(1065, "42000", "Query was empty")
)
