package web

import (
	"bytes"
	"errors"
	"io"
)

// maxBody bounds the body of one request. What is longer is refused after that many bytes.
const maxBody = 16 << 20

var (
	errBadChunk = errors.New("web: malformed chunk")
	errTooLarge = errors.New("web: body too large")
)

// body reads the body of a request, in either framing, up to maxBody bytes.
type body struct {
	c       *conn
	chunked bool
	left    int64 // bytes of the body, or of the chunk, that are still to come
	begun   bool  // the first chunk has been seen
	read    int64
	err     error // what ended reading, io.EOF after the whole body
}

func newBody(c *conn, r *request) *body {
	return &body{c: c, chunked: r.chunked, left: r.length}
}

// Read reads decoded bytes. It returns io.EOF after the whole body, errBadChunk when the
// framing is broken, errTooLarge after maxBody bytes, io.ErrUnexpectedEOF when the client
// went away.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.next(p)
	b.read += int64(n)
	if err == nil && b.read > maxBody {
		err = errTooLarge
	}
	b.err = err
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (b *body) next(p []byte) (int, error) {
	if b.left == 0 {
		if !b.chunked {
			return 0, io.EOF
		}
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.c.Read(p)
	b.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// nextChunk reads the line that opens a chunk. After the last chunk it reads the trailer
// and returns io.EOF.
func (b *body) nextChunk() error {
	if b.begun {
		end, err := b.line()
		if err != nil {
			return err
		}
		if len(end) > 0 {
			return errBadChunk
		}
	}
	b.begun = true
	line, err := b.line()
	if err != nil {
		return err
	}
	size, ok := chunkSize(line)
	if !ok {
		return errBadChunk
	}
	b.left = size
	if size > 0 {
		return nil
	}
	for range 100 {
		line, err := b.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
	}
	return errBadChunk
}

// line returns the next line of the framing without its end; it is valid until the next read.
func (b *body) line() ([]byte, error) {
	c := b.c
	for {
		if n := bytes.IndexByte(c.buf[c.r:c.w], '\n'); n >= 0 {
			line := c.buf[c.r : c.r+n]
			c.r += n + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		if c.w-c.r > 8<<10 {
			return nil, errBadChunk
		}
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// chunkSize parses the size at the start of a chunk line, before any extension.
func chunkSize(line []byte) (int64, bool) {
	digits, _, _ := bytes.Cut(line, []byte{';'})
	digits = bytes.Trim(digits, " \t")
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if !isHex(c) {
			return 0, false
		}
		n = n<<4 | int64(hexValue(c))
	}
	return n, true
}

// brokenChunks reports whether the beginning of a chunked body, as far as it has come, is
// malformed.
func brokenChunks(b []byte) bool {
	for {
		line, rest, ok := bytes.Cut(b, []byte{'\n'})
		if !ok {
			return false
		}
		size, ok := chunkSize(bytes.TrimSuffix(line, []byte{'\r'}))
		if !ok {
			return true
		}
		if size == 0 || int64(len(rest)) < size+2 {
			return false
		}
		b = rest[size:]
		if b[0] == '\r' {
			b = b[1:]
		}
		if b[0] != '\n' {
			return true
		}
		b = b[1:]
	}
}
