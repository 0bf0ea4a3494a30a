// Package https is the honeypot of package http on port 443 alone, with a certificate of
// the operator's choice.
//
//	srv, err := https.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, services.Config{"tls_cn": "intranet"})
//	err = srv.Serve(ctx, socks)
//
// Besides requests and credentials it reports what identifies the TLS client: server name,
// ALPN, JA3 and JA4.
package https

import (
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/web"
)

// Service is the https honeypot. The zero value is ready for use.
type Service struct{}

// Info describes the honeypot: port 443, and the keys of the README.
func (Service) Info() services.Info {
	return services.Info{
		Name:  "https",
		Title: "Web server over TLS (Apache, nginx, IIS; WordPress, phpMyAdmin)",
		Ports: []services.Port{{Network: "tcp", Number: 443}},
		Keys:  web.TLSKeys(),
	}
}

// New makes a server with the persona that cfg describes. See services.Service.
func (s Service) New(env services.Env, cfg services.Config) (services.Server, error) {
	srv, err := web.New(env, cfg, s.Info())
	if err != nil {
		return nil, err
	}
	return srv, nil
}

// Product returns "nginx", "apache" or "haproxy", which hides IIS. See services.Variant.
func (s Service) Product(id services.Identity, cfg services.Config) (string, error) {
	return web.Product(id, cfg, s.Info())
}
