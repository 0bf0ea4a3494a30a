package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/decnet/decnet"
)

// noteworthy lists the events that a terminal shows, with the fields that say most.
var noteworthy = map[string][]string{
	"auth_attempt":      {"username", "password", "secret_kind", "outcome"},
	"command":           {"command"},
	"request":           {"method", "path", "status"},
	"exec":              {"command", "by"},
	"file_captured":     {"orig_path", "size", "sha256"},
	"download_attempt":  {"url", "path"},
	"forward_request":   {"kind", "dst_host", "dst_port"},
	"message_accepted":  {"mail_from", "rcpt_to", "body_bytes"},
	"jarm_scan":         {"dst_ip", "dst_port"},
	"jarm_fingerprint":  {"target_ip", "target_port", "jarm_hash"},
	"hassh_fingerprint": {"target_ip", "target_port", "hassh_server_hash", "ssh_banner"},
	"tcpfp_fingerprint": {"target_ip", "target_port", "tcpfp_hash"},
	"events_dropped":    {"count"},
	"records_discarded": {"file", "bytes"},
}

// console is a sink that prints noteworthy events, one line each. It prints what it can
// and drops the rest, so that a terminal that is held up holds up nothing else.
type console struct {
	lines  chan string
	out    io.Writer
	colour bool
	done   sync.WaitGroup
}

func newConsole(out io.Writer, colour bool) *console {
	c := &console{lines: make(chan string, 256), out: out, colour: colour}
	c.done.Go(func() {
		for l := range c.lines {
			fmt.Fprintln(out, l)
		}
	})
	return c
}

// Emit prints e if it is noteworthy.
func (c *console) Emit(e decnet.Event) {
	fields, ok := noteworthy[e.Type]
	if !ok {
		return
	}
	select {
	case c.lines <- c.line(&e, fields):
	default:
	}
}

// line never lets an attacker's bytes reach the terminal as control characters.
func (c *console) line(e *decnet.Event, fields []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-15s %s/%s ", e.Time.Local().Format("15:04:05"), e.Attacker, e.Decky, e.Service)
	name := e.Type
	if c.colour {
		name = text.FgYellow.Sprint(name)
	}
	b.WriteString(name)
	for _, key := range fields {
		v, ok := e.Field(key)
		if !ok {
			continue
		}
		if len(v) > 120 {
			v = v[:120] + "…"
		}
		if strings.ContainsAny(v, ` "`) || v == "" {
			v = strconv.QuoteToASCII(v)
		}
		v = plain(v)
		b.WriteString(" " + key + "=" + v)
	}
	return b.String()
}

// Close prints what is waiting. Nothing may be emitted afterwards.
func (c *console) Close() {
	close(c.lines)
	c.done.Wait()
}
