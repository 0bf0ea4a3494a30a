package web

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/keys"
	"github.com/decnet/decnet/services/internal/tlshello"
)

// tlsProfile is how a product sets up TLS, as far as crypto/tls can follow.
type tlsProfile struct {
	alpn         []string
	optionalALPN bool // a client that offers something else is served without
	serverOrder  bool // the server's order of cipher suites counts, not the client's
	tickets      bool
}

// suites are the TLS 1.2 cipher suites of OpenSSL's HIGH:!aNULL that crypto/tls knows, in
// OpenSSL's order.
var suites = []uint16{
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA,
}

func (a *apache) tlsProfile() tlsProfile {
	return tlsProfile{alpn: []string{"http/1.1"}, optionalALPN: true}
}

func (n *nginx) tlsProfile() tlsProfile {
	return tlsProfile{alpn: []string{"http/1.1", "http/1.0", "http/0.9"}, serverOrder: true, tickets: true}
}

func (s *iis) tlsProfile() tlsProfile {
	return tlsProfile{alpn: []string{"http/1.1"}, optionalALPN: true, serverOrder: true, tickets: true}
}

// transport wraps connections in TLS as the persona would.
type transport struct {
	profile tlsProfile
	config  *tls.Config
}

func newTransport(id services.Identity, cfg services.Config, profile tlsProfile) (*transport, error) {
	certificate := sync.OnceValues(func() (*tls.Certificate, error) { return selfSigned(id, cfg["tls_cn"]) })
	if certFile, keyFile := cfg["tls_cert"], cfg["tls_key"]; certFile != "" || keyFile != "" {
		if certFile == "" || keyFile == "" {
			return nil, fmt.Errorf("tls_cert and tls_key need each other: %w", decnet.ErrSemantic)
		}
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("tls_cert: %w: %w", err, decnet.ErrSemantic)
		}
		certificate = func() (*tls.Certificate, error) { return &pair, nil }
	}
	config := &tls.Config{
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() },
		MinVersion:             tls.VersionTLS12,
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP521, tls.CurveP384},
		CipherSuites:           suites,
		NextProtos:             profile.alpn,
		SessionTicketsDisabled: !profile.tickets,
	}
	if id.Distro == "centos7" { // OpenSSL 1.0.2
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	}
	config.SetSessionTicketKeys([][32]byte{id.Key("web.ticket")})
	return &transport{profile, config}, nil
}

// server starts TLS on nc.
func (t *transport) server(nc net.Conn) *tls.Conn {
	config := t.config.Clone()
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen := t.config.Clone()
		if t.profile.optionalALPN && !slices.Contains(h.SupportedProtos, "http/1.1") {
			chosen.NextProtos = nil
		}
		// crypto/tls has an order of its own, so it is left one suite to choose from.
		first, second := h.CipherSuites, suites
		if t.profile.serverOrder {
			first, second = second, first
		}
		for _, s := range first {
			if slices.Contains(second, s) && slices.Contains(suites, s) {
				chosen.CipherSuites = []uint16{s}
				break
			}
		}
		return chosen, nil
	}
	return tls.Server(nc, config)
}

// selfSigned makes the certificate that Debian's ssl-cert makes when it is installed: an
// RSA key of 2048 bits, the host's name as common and only alternative name, ten years.
func selfSigned(id services.Identity, cn string) (*tls.Certificate, error) {
	if cn == "" {
		cn = id.FQDN()
	}
	key := keys.RSA(id, "tls", 2048)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("web: certificate: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, fmt.Errorf("web: certificate: %w", err)
	}
	keyID := sha1.Sum(info.Key.Bytes)
	extensions := make([]pkix.Extension, 0, 3)
	name := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(cn)}
	if ip := net.ParseIP(cn); ip != nil {
		name.Tag, name.Bytes = 7, ip
		if v4 := ip.To4(); v4 != nil {
			name.Bytes = v4
		}
	}
	for _, e := range []struct {
		last  int
		value any
	}{{19, []asn1.RawValue{}}, {17, []asn1.RawValue{name}}, {14, keyID[:]}} {
		der, err := asn1.Marshal(e.value)
		if err != nil {
			return nil, fmt.Errorf("web: certificate: %w", err)
		}
		extensions = append(extensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, e.last}, Value: der})
	}
	serial := id.Key("serial:tls")
	serial[0] &= 0x7f
	notBefore := installed(id)
	tmpl := &x509.Certificate{
		SerialNumber:    new(big.Int).SetBytes(serial[:20]),
		Subject:         pkix.Name{CommonName: cn},
		NotBefore:       notBefore,
		NotAfter:        notBefore.AddDate(0, 0, 3650),
		ExtraExtensions: extensions,
	}
	der, err := x509.CreateCertificate(nil, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("web: certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// installed returns when the decky's web server was installed.
func installed(id services.Identity) time.Time {
	return time.Date(2024, 9, 2, 7, 0, 0, 0, time.UTC).Add(time.Duration(id.Rand("web.installed").Int64N(280*24*3600)) * time.Second)
}

// replay is a connection of which some bytes were read already.
type replay struct {
	net.Conn
	head []byte
}

// Read returns the bytes that were read before the others.
func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}

// firstTLS reports whether b can begin a TLS record or an SSL 2 hello.
func firstTLS(b byte) bool { return b == 0x16 || b >= 0x80 }

// secure serves a connection to the TLS port.
func (s *Server) secure(ctx context.Context, session *services.Session) error {
	c := newConn(session, session, true)
	c.within(s.bounds().first)
	if err := c.fill(); err != nil {
		return err
	}
	if !firstTLS(c.unread()[0]) {
		return s.withoutTLS(ctx, c)
	}
	wrapped := s.tls.server(&replay{session, c.unread()})
	session.SetIdle(min(c.idle, s.bounds().head))
	err := wrapped.HandshakeContext(ctx)
	s.reportHello(session, wrapped.ConnectionState(), err)
	if err != nil {
		return err
	}
	return s.converse(ctx, newConn(session, wrapped, true))
}

// reportHello emits the session event of a TLS client.
func (s *Server) reportHello(session *services.Session, state tls.ConnectionState, err error) {
	fields := tlshello.Fields(session.Opening())
	if err != nil {
		fields = append(fields, decnet.F("error", err.Error()))
	} else {
		fields = append(fields, decnet.F("tls_version", tls.VersionName(state.Version)), decnet.F("tls_cipher", tls.CipherSuiteName(state.CipherSuite)))
	}
	session.Emit("session", fields...)
}

// withoutTLS answers a client that speaks something else than TLS.
func (s *Server) withoutTLS(ctx context.Context, c *conn) error {
	c.secure = false
	c.within(s.bounds().head)
	p, err := s.plainOnTLS(c)
	x := c.begin(ctx, s)
	if c.request.raw == "" {
		c.request.raw = string(c.unread())
	}
	if err != nil {
		x.report(0)
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		return err
	}
	x.report(p.status)
	_, err = x.send(p)
	c.linger(s.bounds(), false)
	return err
}
