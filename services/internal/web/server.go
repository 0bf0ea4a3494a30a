package web

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/decnet/decnet/services"
)

// limits are those of both honeypots: a session may carry a body of maxBody and more, and
// the products' own times cut silence short.
var limits = services.Limits{Line: 8 << 10, SessionSize: 48 << 20, Idle: 2 * time.Minute, Total: 10 * time.Minute}

// Server is a web server with the persona of one decky.
type Server struct {
	name string
	env  services.Env
	site *site
	tls  *transport
	engine
}

// New makes the server of the honeypot that info describes, whose Keys are those of
// [Keys] or [TLSKeys]. Settings that cannot be used give an error that wraps
// decnet.ErrSemantic. The private key is made when the first client speaks TLS.
func New(env services.Env, cfg services.Config, info services.Info) (*Server, error) {
	env = env.Complete()
	cfg, err := cfg.Check(info)
	if err != nil {
		return nil, err
	}
	env.Limits = env.Limits.Or(limits)
	s := &Server{name: info.Name, env: env}
	p, err := newPersona(env, cfg)
	if err != nil {
		return nil, err
	}
	s.engine = p.engine(s.nonce)
	s.env.Product = productOf(s.engine)
	if s.site, err = newSite(p, cfg["files"]); err != nil {
		return nil, err
	}
	if s.tls, err = newTransport(env.Identity, cfg, s.tlsProfile()); err != nil {
		return nil, err
	}
	return s, nil
}

// nonce returns 32 hexadecimal digits that were never used before.
func (s *Server) nonce() string {
	raw := make([]byte, 16)
	_, _ = io.ReadFull(s.env.Rand, raw)
	return hex.EncodeToString(raw)
}

// tlsPort is the declared port that speaks TLS.
const tlsPort = 443

// Serve serves socks: those declared for port 443 with TLS, the others without. See
// services.Server.
func (s *Server) Serve(ctx context.Context, socks []services.Socket) error {
	defer s.site.close()
	var plain, secure []services.Socket
	for _, sock := range socks {
		if sock.Port.Number == tlsPort {
			secure = append(secure, sock)
		} else {
			plain = append(plain, sock)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, group := range []struct {
		socks  []services.Socket
		handle services.SessionHandler
	}{{plain, s.plain}, {secure, s.secure}} {
		if len(group.socks) == 0 {
			continue
		}
		wg.Go(func() {
			defer cancel()
			errs[i] = s.env.Serve(ctx, s.name, group.socks, group.handle)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Server) plain(ctx context.Context, session *services.Session) error {
	return s.converse(ctx, newConn(session, session, false))
}

// converse answers requests until the connection ends.
func (s *Server) converse(ctx context.Context, c *conn) error {
	for n := 0; ; n++ {
		f, started, err := c.readRequest(s.engine, n > 0)
		if err != nil {
			return s.abandoned(ctx, c, started, err)
		}
		x := c.begin(ctx, s)
		open, err := x.run(f)
		if err != nil || !open {
			c.linger(s.bounds(), f != nil && f.status == 413)
			return err
		}
		c.kept++
	}
}

// abandoned ends a connection on which a request did not come to its end.
func (s *Server) abandoned(ctx context.Context, c *conn, started bool, err error) error {
	x := c.begin(ctx, s)
	f := s.interrupted(started, errors.Is(err, os.ErrDeadlineExceeded))
	switch {
	case f != nil:
		if c.request.host == "" {
			c.request.host = s.site.name
		}
		_, _ = x.run(f)
		c.linger(s.bounds(), false)
	case c.request.raw != "":
		x.report(0)
	}
	return err
}

// exchange is one request and its answer.
type exchange struct {
	*Server
	ctx     context.Context
	conn    *conn
	request *request
	content received
}

// begin returns the exchange for the request that was read last. There is one at a time.
func (c *conn) begin(ctx context.Context, s *Server) *exchange {
	c.exchange = exchange{Server: s, ctx: ctx, conn: c, request: &c.request}
	return &c.exchange
}

// run answers the request, or refuses it for f, and reports it. open says that the
// connection is good for another request.
func (x *exchange) run(f *fault) (open bool, err error) {
	r := x.request
	if f != nil {
		if r.host == "" {
			r.host = x.site.name
		}
		return x.finish(x.refuse(r, f))
	}
	x.authorization()
	res := x.site.find(r.path)
	switch {
	case !r.hasBody():
		x.query()
	case !x.readsFirst(r, res):
		return x.answerFirst(x.answer(res))
	default:
		if r.expecting {
			r.expecting = false
			if _, err := x.conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
				return false, err
			}
		}
		x.conn.within(x.bounds().body)
		if err := x.receive(newBody(x.conn, r)); err != nil {
			p := x.refuse(r, x.badBody(r, err))
			p.close = true
			return x.finish(p)
		}
	}
	return x.finish(x.answer(res))
}

// answer makes the answer to a well-formed request for res, with the persona's status if it
// has one of its own.
func (x *exchange) answer(res *resource) *response {
	status := x.site.status
	if status == 0 {
		return x.respond(x, res)
	}
	f := &fault{status: status, open: true}
	if status == 401 {
		f.fields = []field{{"WWW-Authenticate", `Basic realm="Restricted"`}}
	}
	if x.site.bare {
		return x.refuse(x.request, f)
	}
	if res == nil || res.page == nil && res.script == nil {
		res = x.site.find("/")
	}
	switch {
	case res != nil && res.script != nil:
		p := res.script(x)
		p.status = status
		return p
	case res != nil && res.page != nil:
		body, stream, err := res.page.part(res.page.whole())
		if err == nil {
			return &response{status: status, ctype: res.page.ctype, fields: f.fields, body: body, stream: stream, size: res.page.size, script: true}
		}
	}
	return x.refuse(x.request, f)
}

// finish reports the request and sends its answer.
func (x *exchange) finish(p *response) (open bool, err error) {
	x.report(p.status)
	return x.send(p)
}

// answerFirst sends the answer, then reads the body that nobody asked for.
func (x *exchange) answerFirst(p *response) (open bool, err error) {
	open, err = x.send(p)
	if err == nil && (open || !x.request.expecting) {
		x.conn.within(x.bounds().linger)
		if x.receive(newBody(x.conn, x.request)) != nil {
			open = false
		}
	}
	x.report(p.status)
	return open, err
}

// send writes p.
func (x *exchange) send(p *response) (open bool, err error) {
	c, r := x.conn, x.request
	if p.stream != nil {
		defer p.stream.Close()
	}
	if p.status == 0 {
		return false, nil
	}
	c.out = x.appendHead(c.out[:0], c, r, p, x.env.Now())
	switch {
	case r.method == "HEAD" && r.version != http09 || p.status == 304 || p.status == 204:
	case p.stream != nil:
		if _, err := c.Write(c.out); err != nil {
			return false, err
		}
		if _, err := io.Copy(c, p.stream); err != nil {
			return false, err
		}
		return !p.drops(), nil
	case p.chunked:
		c.out = appendChunks(c.out, p.body)
	default:
		c.out = append(c.out, p.body...)
	}
	_, err = c.Write(c.out)
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
	return !p.drops() && err == nil, err
}

// appendChunks frames body in chunks of the size of a server's buffer.
func appendChunks(dst, body []byte) []byte {
	const size = 8192
	for len(body) > 0 {
		n := min(len(body), size)
		dst = append(dst, hexText(n)...)
		dst = append(dst, "\r\n"...)
		dst = append(dst, body[:n]...)
		dst = append(dst, "\r\n"...)
		body = body[n:]
	}
	return append(dst, "0\r\n\r\n"...)
}
