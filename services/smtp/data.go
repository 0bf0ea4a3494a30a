package smtp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// headerKept bounds what is kept of a message to find its Subject and Message-ID.
const headerKept = 16 << 10

// message streams a message body to the artifact store while it arrives.
type message struct {
	w    *io.PipeWriter
	done chan services.Artifact
	head []byte
	size int64
}

// begin opens the message of the current transaction.
func (c *session) begin() *message {
	r, w := io.Pipe()
	m := &message{w: w, done: make(chan services.Artifact, 1)}
	path := "message-" + c.mail.queueID + ".eml"
	extra := []decnet.Field{decnet.F("mail_from", c.mail.from), decnet.F("rcpt_to", jsonList(c.mail.rcpts))}
	go func() {
		art, err := c.Capture(c.ctx, path, r, extra...)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			c.srv.env.Log.Error("smtp: message not stored", "decky", c.srv.env.Decky, "err", err)
		}
		_ = r.Close() // a store that failed must not block the attacker
		m.done <- art
	}()
	return m
}

// Write adds to the body. What goes beyond the announced limit is counted and dropped.
func (m *message) Write(p []byte) (int, error) {
	m.head = append(m.head, p[:min(len(p), headerKept-len(m.head))]...)
	if room := messageLimit - m.size; room > 0 {
		_, _ = m.w.Write(p[:min(int64(len(p)), room)])
	}
	m.size += int64(len(p))
	return len(p), nil
}

// close ends the body and returns how it was stored.
func (m *message) close() services.Artifact {
	m.w.Close()
	return <-m.done
}

// abandon ends the body before its time.
func (m *message) abandon() {
	_ = m.w.CloseWithError(io.ErrUnexpectedEOF)
	<-m.done
}

func (c *session) data(argv []string) error {
	switch {
	case c.mail.msg != nil || c.mail.failed:
		return c.fail("503 5.5.1 Error: DATA after BDAT")
	case c.mail.queueID == "" && c.mail.open:
		return c.fail("554 5.5.1 Error: no valid recipients")
	case c.mail.queueID == "":
		return c.fail("503 5.5.1 Error: need RCPT command")
	case len(argv) != 1:
		return c.fail("501 5.5.4 Syntax: DATA")
	}
	c.reply("354 End data with <CR><LF>.<CR><LF>")
	if err := c.out.Flush(); err != nil {
		return err
	}
	c.mail.msg = c.begin()
	if _, err := io.Copy(c.mail.msg, &dotReader{r: c.in, start: true}); err != nil {
		return err
	}
	c.finish("250 2.0.0 Ok: queued as %s")
	return nil
}

// finish answers the end of a message and reports it. format takes the queue id.
func (c *session) finish(format string) {
	m, mail := c.mail.msg, c.mail
	art := m.close()
	c.mail = envelope{}
	if m.size > messageLimit {
		_ = c.fail("552 5.3.4 Error: message file too big")
		return
	}
	subject, id := headers(m.head)
	c.Emit("message_accepted",
		decnet.F("mail_from", mail.from),
		decnet.F("rcpt_to", jsonList(mail.rcpts)),
		decnet.F("body_bytes", strconv.FormatInt(m.size, 10)),
		decnet.F("queue_id", mail.queueID),
		decnet.F("msg_id", id),
		decnet.F("sha256", art.SHA256),
		decnet.F("subject", subject))
	c.errors, c.junk = 0, 0
	c.replyf(format, mail.queueID)
}

// bdat answers BDAT (RFC 3030).
func (c *session) bdat(argv []string) error {
	last := len(argv) == 3 && strings.EqualFold(argv[2], "LAST")
	var n int64
	if len(argv) == 2 || last {
		v, err := strconv.ParseUint(argv[1], 10, 62)
		if err == nil {
			n = int64(v)
		} else {
			argv = nil
		}
	}
	if len(argv) < 2 || len(argv) > 2 && !last {
		return c.fail("521 5.5.4 Syntax: BDAT count [LAST]")
	}
	refuse := ""
	switch {
	case c.mail.failed:
		refuse = "551 5.0.0 Discarded " + argv[1] + " bytes after earlier error"
	case !c.mail.open:
		refuse = "503 5.5.1 Error: need RCPT command"
	case c.mail.queueID == "":
		refuse = "554 5.5.1 Error: no valid recipients"
	case n == 0 && !last:
		refuse = "551 5.7.1 Null BDAT request"
	}
	if refuse == "" && c.mail.msg == nil {
		c.mail.msg = c.begin()
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	var to io.Writer = io.Discard
	if refuse == "" {
		to = c.mail.msg
	}
	if _, err := io.CopyN(to, c.in, n); err != nil {
		return err
	}
	if refuse != "" {
		open := c.mail.open
		if last {
			c.mail.abandon()
		} else {
			c.mail.failed = open
		}
		return c.fail(refuse)
	}
	if last {
		c.finish("250 2.0.0 Ok: " + strconv.FormatInt(c.mail.msg.size, 10) + " bytes queued as %s")
		return nil
	}
	c.replyf("250 2.0.0 Ok: %d bytes", n)
	return nil
}

// dotReader reads a message up to the line that ends it, without the dots that stuff it
// (RFC 5321 section 4.5.2). As Postfix with smtpd_forbid_bare_newline=no it takes LF for
// the end of a line, with any number of CR before it.
type dotReader struct {
	r     *bufio.Reader
	rest  []byte // of the last slice read
	start bool   // the next byte begins a line
	ended bool
}

func (d *dotReader) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.ended {
			return 0, io.EOF
		}
		part, err := d.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if d.start && part[0] == '.' {
			part = part[1:]
			if err == nil && len(bytes.TrimRight(part, "\r\n")) == 0 {
				d.ended = true
				continue
			}
		}
		d.start = err == nil
		d.rest = part
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// headers returns the Subject and Message-ID of a message by its beginning, unfolded.
func headers(head []byte) (subject, id string) {
	var field *string
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if field != nil {
				*field += " " + string(bytes.TrimSpace(line))
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		field = nil
		switch strings.ToLower(string(name)) {
		case "subject":
			field = &subject
		case "message-id":
			field = &id
		}
		if field != nil {
			*field = string(bytes.TrimSpace(value))
		}
	}
	return subject, id
}

func jsonList(list []string) string {
	if list == nil {
		return "[]"
	}
	text, _ := json.Marshal(list)
	return string(text)
}
