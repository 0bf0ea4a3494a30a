// Package http is a honeypot web server: Apache httpd, nginx or IIS to whoever looks, with
// the pages of a fresh installation, a WordPress site or phpMyAdmin. It serves ports 80
// and, with TLS, 443.
//
//	srv, err := http.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, services.Config{"fake_app": "wordpress"})
//	err = srv.Serve(ctx, socks)
//
// Requests, credentials in headers and forms, and uploads are reported; nobody ever gets in.
package http

import (
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/web"
)

// Service is the http honeypot. The zero value is ready for use.
type Service struct{}

// Info describes the honeypot: ports 80 and 443, and the keys of the README.
func (Service) Info() services.Info {
	return services.Info{
		Name:  "http",
		Title: "Web server (Apache, nginx, IIS; WordPress, phpMyAdmin)",
		Ports: []services.Port{{Network: "tcp", Number: 80}, {Network: "tcp", Number: 443}},
		Keys:  web.Keys(),
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
