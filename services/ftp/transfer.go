package ftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// bindTries is how many random ports are tried for a passive listener.
const bindTries = 10

// dataPort is what PASV, EPSV, PORT or EPRT prepared for the next transfer.
type dataPort struct {
	listener net.Listener
	active   bool // PORT or EPRT
}

func (d *dataPort) close() {
	if d.listener != nil {
		d.listener.Close()
	}
	*d = dataPort{}
}

// transfer answers the commands that need or prepare a data connection, and reports
// whether verb is one.
func (c *session) transfer(verb, arg string) bool {
	switch verb {
	case "PASV":
		c.pasv()
	case "EPSV":
		c.epsv(arg)
	case "PORT":
		c.portCommand(arg)
	case "EPRT":
		c.eprt(arg)
	case "LIST", "NLST":
		c.sendList(parseListing(arg, listing{long: verb == "LIST"}))
	case "RETR":
		c.retr(arg)
	case "STOR", "STOU", "APPE":
		if !c.srv.write || c.guest && verb == "APPE" {
			c.denied()
			break
		}
		c.stor(verb, arg)
	default:
		return false
	}
	return true
}

func (c *session) pasv() {
	if c.epsvAll {
		c.denied()
		return
	}
	port, ok := c.listen()
	if !ok {
		return
	}
	host := "0,0,0,0"
	if a := c.Local.Addr(); a.Is4() {
		host = strings.ReplaceAll(a.String(), ".", ",")
	}
	c.replyf("227 Entering Passive Mode (%s,%d,%d).", host, port>>8, port&0xff)
}

func (c *session) epsv(arg string) {
	switch arg = strings.TrimLeft(arg, " "); {
	case strings.EqualFold(arg, "ALL"):
		c.epsvAll = true
		c.reply("200 EPSV ALL ok.")
	case arg != "" && arg != "1" && arg != "2":
		c.reply("522 Bad network protocol.")
	default:
		if port, ok := c.listen(); ok {
			c.replyf("229 Entering Extended Passive Mode (|||%d|)", port)
		}
	}
}

// listen opens the passive listener on the local address of the control connection.
func (c *session) listen() (port int, ok bool) {
	c.data.close()
	var err error
	for range bindTries {
		var raw [4]byte
		c.random(raw[:])
		n := uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3])
		port = c.srv.pasvMin + int(n%uint32(c.srv.pasvMax-c.srv.pasvMin+1))
		at := netip.AddrPortFrom(c.Local.Addr(), uint16(port))
		if c.data.listener, err = c.srv.env.Listen(c.ctx, at); err == nil {
			return port, true
		}
	}
	c.srv.env.Log.Warn("ftp: no passive port", "decky", c.srv.env.Decky, "addr", c.Local.Addr(), "err", err)
	c.reply("500 OOPS: vsf_sysutil_bind")
	c.ended = true
	return 0, false
}

func (c *session) portCommand(arg string) {
	if c.epsvAll {
		c.denied()
		return
	}
	to, ok := parsePort(arg)
	if !ok || !c.legal(to) {
		c.reply("500 Illegal PORT command.")
		return
	}
	c.data.close()
	c.data.active = true
	c.reply("200 PORT command successful. Consider using PASV.")
}

func (c *session) eprt(arg string) {
	to, fault := parseEPRT(arg)
	if fault != "" {
		c.reply(fault)
		return
	}
	if !c.legal(to) {
		c.reply("500 Illegal EPRT command.")
		return
	}
	c.data.close()
	c.data.active = true
	c.reply("200 EPRT command successful. Consider using EPSV.")
}

// legal reports whether the server may be told to connect to to: the client itself, on a
// port that needs no privilege. Whatever else is asked for is a bounce, and reported.
func (c *session) legal(to netip.AddrPort) bool {
	if to.Addr() == c.Attacker.Addr() && to.Port() >= 1024 {
		return true
	}
	c.Warn("forward_request",
		decnet.F("method", "ftp_bounce"),
		decnet.F("dst_ip", to.Addr().String()),
		decnet.F("dst_port", strconv.Itoa(int(to.Port()))))
	return false
}

// ready reports whether a data connection was prepared, and says so when not.
func (c *session) ready() bool {
	if c.data.listener == nil && !c.data.active {
		c.reply("425 Use PORT or PASV first.")
		return false
	}
	return true
}

// open makes the data connection and announces the transfer with text. It returns nil
// when there is none. The caller closes it with done.
func (c *session) open(text string) *services.Conn {
	defer c.data.close()
	if c.data.listener == nil {
		c.reply("425 Failed to establish connection.")
		return nil
	}
	select {
	case c.srv.data <- struct{}{}:
	default: // as many as the service may have connections
		c.reply("425 Failed to establish connection.")
		return nil
	}
	conn := c.accept()
	if conn == nil {
		<-c.srv.data
		return nil
	}
	c.reply("150 " + text)
	return conn
}

// done closes the data connection.
func (c *session) done(conn *services.Conn) error {
	<-c.srv.data
	return conn.Close()
}

// accept waits for the client on the passive listener. It has answered when it returns nil.
func (c *session) accept() *services.Conn {
	l := c.data.listener
	stop := context.AfterFunc(c.ctx, func() { l.Close() })
	defer stop()
	if d, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		_ = d.SetDeadline(time.Now().Add(acceptTimeout))
	}
	nc, err := l.Accept()
	c.data.close() // it is for one connection
	if err != nil {
		c.reply("425 Failed to establish connection.")
		return nil
	}
	conn := services.NewConn(nc, services.Limits{SessionSize: maxUpload, Idle: dataTimeout, Total: c.srv.env.Limits.Total})
	if conn.Attacker.Addr() != c.Attacker.Addr() {
		nc.Close()
		c.Warn("data_intruder", decnet.F("intruder_ip", conn.Attacker.Addr().String()))
		c.reply("425 Security: Bad IP connecting.")
		return nil
	}
	return conn
}

// send writes content to the client and reports whether the transfer went well; when
// not, it has answered.
func (c *session) send(conn *services.Conn, content []byte) bool {
	stop := context.AfterFunc(c.ctx, func() { conn.Close() })
	defer stop()
	_, err := conn.Write(content)
	err = errors.Join(err, c.done(conn))
	return c.transferred(err, "426 Failure writing network stream.")
}

func (c *session) transferred(err error, failure string) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.reply("421 Data timeout. Reconnect. Sorry.")
		c.ended = true
	case errors.Is(err, services.ErrSessionSize):
		c.reply("451 Failure writing to local file.")
	default:
		c.reply(failure)
	}
	return false
}

func (c *session) sendList(l listing) {
	if !c.ready() {
		return
	}
	text, ok := c.list(l)
	conn := c.open("Here comes the directory listing.")
	switch {
	case conn == nil || !c.send(conn, []byte(text)):
	case ok:
		c.reply("226 Directory send OK.")
	default:
		c.reply("226 Transfer done (but failed to open directory).")
	}
}

func (c *session) retr(arg string) {
	if !c.ready() {
		return
	}
	offset := c.restart
	c.restart = 0
	if !c.binary && offset != 0 {
		c.reply("550 No support for resume of ASCII transfer.")
		return
	}
	p := c.resolve(arg)
	n := c.files.stat(p)
	found := arg != "" && n != nil && n.whole() && n.readable(c.uid, c.guest)
	outcome := "failure"
	if found {
		outcome = "success"
	}
	c.Emit("download_attempt", decnet.F("path", p), decnet.F("outcome", outcome))
	if !found {
		c.reply("550 Failed to open file.")
		return
	}
	conn := c.open("Opening BINARY mode data connection for " + arg + " (" + strconv.FormatInt(n.size, 10) + " bytes).")
	if conn != nil && c.send(conn, n.content[min(offset, n.size):]) {
		c.reply("226 Transfer complete.")
	}
}

// stor answers STOR, STOU and APPE.
func (c *session) stor(verb, arg string) {
	if !c.ready() {
		return
	}
	offset := c.restart
	c.restart = 0
	name, text := arg, "Ok to send data."
	if verb == "STOU" {
		name = c.unique(arg)
		text = "FILE: " + name
	}
	p := c.resolve(name)
	now := c.srv.env.Now()
	old, err := c.files.create(p, c.uid, c.gid, 0o666&^c.umask, c.guest, now)
	if name == "" || err != nil {
		c.reply("553 Could not create file.")
		return
	}
	conn := c.open(text)
	if conn == nil {
		return
	}
	stop := context.AfterFunc(c.ctx, func() { conn.Close() })
	defer stop()

	head := headWriter{}
	var failed readError
	source := failed.watch(io.TeeReader(conn, &head))
	art, storeErr := c.Capture(c.ctx, p, source, decnet.F("username", c.name), decnet.F("verb", verb))
	_ = c.done(conn)
	size, kept := art.Size, head.kept.Bytes()
	if verb == "APPE" && old.whole() {
		kept = append(bytes.Clone(old.content), kept...)
		size += old.size
	} else if offset > 0 {
		kept = nil
		size = max(old.size, offset+size)
	}
	c.files.fill(p, size, kept[:min(len(kept), maxKept)], c.srv.env.Now())
	if failed.err == nil && storeErr != nil {
		c.srv.env.Log.Error("ftp: upload not stored", "decky", c.srv.env.Decky, "err", storeErr)
	}
	if c.transferred(failed.err, "426 Failure reading network stream.") {
		c.reply("226 Transfer complete.")
	}
}

// unique returns the name under which STOU stores: the one asked for when it is free,
// else with a number.
func (c *session) unique(arg string) string {
	if arg == "" {
		arg = "STOU"
	} else if c.files.stat(c.resolve(arg)) == nil {
		return arg
	}
	for i := 1; ; i++ {
		name := arg + "." + strconv.Itoa(i)
		if c.files.stat(c.resolve(name)) == nil {
			return name
		}
	}
}

// headWriter keeps the beginning of what is written to it.
type headWriter struct{ kept bytes.Buffer }

func (h *headWriter) Write(p []byte) (int, error) {
	h.kept.Write(p[:min(len(p), maxKept-h.kept.Len())])
	return len(p), nil
}

// readError remembers the error, other than io.EOF, that ended a stream.
type readError struct{ err error }

func (e *readError) watch(r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			e.err = err
		}
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
