package redis

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// The bounds of the real server: PROTO_INLINE_MAX_SIZE for a line, proto-max-bulk-len for
// one argument, and what a client that has not logged in may announce.
const (
	maxInline        = 64 << 10
	maxBulk          = 512 << 20
	maxMultibulk     = 1<<31 - 1
	unauthMultibulk  = 10
	unauthBulk       = 16 << 10
	readAheadForBulk = 32 << 10
)

// protocolError is the text after "Protocol error: " with which the server hangs up.
type protocolError string

func (e protocolError) Error() string { return "redis: protocol error: " + string(e) }

// requests reads requests in either of the two forms, RESP arrays and inline lines.
type requests struct {
	br   *bufio.Reader
	line []byte // the last header; reading on may overwrite what br returned
}

// next returns the arguments of the next request, none for an empty one. What it
// allocates is bounded by what was received, whatever lengths the request claims. A
// breach of the protocol gives a protocolError, after which nothing more can be read.
func (r *requests) next(authenticated bool) ([][]byte, error) {
	first, err := r.br.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] == '*' {
		return r.multibulk(authenticated)
	}
	line, err := r.until('\n', "too big inline request")
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	args, ok := splitInline(line)
	if !ok {
		return nil, protocolError("unbalanced quotes in request")
	}
	return args, nil
}

func (r *requests) multibulk(authenticated bool) ([][]byte, error) {
	line, err := r.header("too big mbulk count string")
	if err != nil {
		return nil, err
	}
	n, ok := parseInt(line[1:])
	switch {
	case !ok || n > maxMultibulk:
		return nil, protocolError("invalid multibulk length")
	case n > unauthMultibulk && !authenticated:
		return nil, protocolError("unauthenticated multibulk length")
	case n <= 0:
		return nil, nil
	}
	args := make([][]byte, 0, min(n, 16))
	for range n {
		line, err := r.header("too big bulk count string")
		if err != nil {
			return args, err
		}
		if line[0] != '$' {
			return args, protocolError(fmt.Sprintf("expected '$', got '%c'", line[0]))
		}
		size, ok := parseInt(line[1:])
		switch {
		case !ok || size < 0 || size > maxBulk:
			return args, protocolError("invalid bulk length")
		case size > unauthBulk && !authenticated:
			return args, protocolError("unauthenticated bulk length")
		}
		arg, err := r.bulk(int(size))
		if err != nil {
			return args, err
		}
		args = append(args, arg)
	}
	return args, nil
}

// bulk reads size bytes and the two that end them, whatever these are.
func (r *requests) bulk(size int) ([]byte, error) {
	arg := make([]byte, 0, min(size, readAheadForBulk))
	for len(arg) < size {
		part := min(size-len(arg), readAheadForBulk)
		chunk, err := r.br.Peek(min(part, r.br.Size()))
		if len(chunk) == 0 {
			return arg, err
		}
		arg = append(arg, chunk...)
		if _, err := r.br.Discard(len(chunk)); err != nil {
			return arg, err
		}
	}
	_, err := r.br.Discard(2)
	return arg, err
}

// header reads a line that ends at CR, and the byte after it. An empty one is its CR, which
// is what the server looks at then. The slice is valid until the next header.
func (r *requests) header(tooBig protocolError) ([]byte, error) {
	line, err := r.until('\r', tooBig)
	if err != nil {
		return nil, err
	}
	if len(line) > 1 {
		line = line[:len(line)-1]
	}
	r.line = append(r.line[:0], line...)
	_, err = r.br.Discard(1)
	return r.line, err
}

// until reads to delim. Like the real server it looks for the end of a line in a buffer
// that it fills piece by piece, stops looking at a NUL, and gives up only when the buffer
// has grown past maxInline without an end.
func (r *requests) until(delim byte, tooBig protocolError) ([]byte, error) {
	line, err := r.br.ReadSlice(delim)
	if err == nil && bytes.IndexByte(line, 0) < 0 {
		return line, nil
	}
	long := bytes.Clone(line)
	for err == nil || errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxInline {
			return nil, tooBig
		}
		ended := err == nil
		line, err = r.br.ReadSlice(delim)
		long = append(long, line...)
		if err == nil && !ended && bytes.IndexByte(long, 0) < 0 {
			return long, nil
		}
	}
	return long, err
}

// parseInt accepts what the server's string2ll does: no sign but minus, no leading zero.
func parseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

// splitInline splits a line into arguments as the server does: by white space, with
// "…" taking the escapes \n \r \t \b \a \xHH and \" and '…' taking \'. It reports false
// for a quote that is not closed or is followed by more text.
func splitInline(line []byte) ([][]byte, bool) {
	var args [][]byte
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return args, true
		}
		arg := []byte{}
	token:
		for i < len(line) {
			switch c := line[i]; {
			case isSpace(c):
				break token
			case c == '"' || c == '\'':
				text, n, ok := quoted(line[i:])
				if !ok {
					return nil, false
				}
				arg = append(arg, text...)
				i += n
				break token
			default:
				arg = append(arg, c)
				i++
			}
		}
		args = append(args, arg)
	}
}

// quoted decodes the quoted text at the beginning of s and returns how many bytes of s it
// takes. The closing quote must end s or be followed by white space.
func quoted(s []byte) (text []byte, n int, ok bool) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return text, i + 1, i+1 == len(s) || isSpace(s[i+1])
		case c == '\\' && quote == '\'' && i+1 < len(s) && s[i+1] == '\'':
			text = append(text, '\'')
			i++
		case c == '\\' && quote == '"' && i+3 < len(s) && s[i+1] == 'x' && isHex(s[i+2]) && isHex(s[i+3]):
			b, _ := strconv.ParseUint(string(s[i+2:i+4]), 16, 8)
			text = append(text, byte(b))
			i += 3
		case c == '\\' && quote == '"' && i+1 < len(s):
			i++
			text = append(text, unescape(s[i]))
		default:
			text = append(text, c)
		}
	}
	return nil, 0, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
