package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// The fake applications of the fake_app key.
const (
	appApache     = "apache_default"
	appNginx      = "nginx_default"
	appWordPress  = "wordpress"
	appPHPMyAdmin = "phpmyadmin"
	appIIS        = "iis_default"
)

// Keys returns the persona keys of the http honeypot.
func Keys() []services.Key {
	return []services.Key{
		{Name: "server_header", Type: services.KeyString, Doc: "Server header, which also chooses the product whose rules and pages hold; empty: that of the decky's distribution"},
		{Name: "response_code", Type: services.KeyInt, Min: 200, Max: 599, Doc: "status of every answer to a well-formed request; empty: what the product would say"},
		{Name: "fake_app", Type: services.KeyEnum, Enum: []string{appApache, appNginx, appWordPress, appPHPMyAdmin, appIIS}, Doc: "what the server shows; empty: chosen by the decky's seed among what fits"},
		{Name: "extra_headers", Type: services.KeyJSON, Doc: "header fields added to every answer, in their order"},
		{Name: "custom_body", Type: services.KeyString, Doc: "page shown under every path, instead of the fake application"},
		{Name: "files", Type: services.KeyPath, Doc: "directory whose files are served read-only, before everything else"},
	}
}

// TLSKeys returns the persona keys of the https honeypot.
func TLSKeys() []services.Key {
	return append(Keys(),
		services.Key{Name: "tls_cert", Type: services.KeyPath, Doc: "PEM file of the certificate chain, with tls_key; empty: a self-signed certificate of the decky's own"},
		services.Key{Name: "tls_key", Type: services.KeyPath, Doc: "PEM file of the private key, with tls_cert"},
		services.Key{Name: "tls_cn", Type: services.KeyString, Doc: "common name of the self-signed certificate; empty: the decky's FQDN"},
	)
}

// persona is what the keys come to for one decky.
type persona struct {
	id     services.Identity
	name   string // FQDN
	server string // Server header
	app    string
	given  bool // the app was asked for by name
	status int  // of every answer; 0: the product's own
	custom string
	extra  []field
}

func newPersona(env services.Env, cfg services.Config) (persona, error) {
	p := persona{
		id: env.Identity, name: env.Identity.FQDN(), server: cfg["server_header"], app: cfg["fake_app"],
		given: cfg["fake_app"] != "", status: cfg.Int("response_code"), custom: cfg["custom_body"],
	}
	if strings.ContainsFunc(p.server, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return p, fmt.Errorf("server_header: %q has control characters: %w", p.server, decnet.ErrSemantic)
	}
	var err error
	if p.extra, err = extraHeaders(cfg["extra_headers"]); err != nil {
		return p, err
	}
	release := env.Identity.Release()
	if p.app == "" {
		p.app = p.defaultApp()
	}
	if p.server == "" {
		switch {
		case p.app == appIIS:
			p.server = "Microsoft-IIS/10.0"
		case p.app == appNginx, p.app != appApache && release.Package == "apk":
			p.server = release.Nginx
		default:
			p.server = release.Apache
		}
	}
	return p, nil
}

// defaultApp returns an application that suits the Server header, if one is set, and the
// distribution otherwise.
func (p *persona) defaultApp() string {
	switch {
	case strings.HasPrefix(p.server, "nginx"):
		return p.id.Pick("web.app", appNginx, appNginx, appWordPress)
	case strings.HasPrefix(p.server, "Microsoft-IIS"):
		return appIIS
	case strings.HasPrefix(p.server, "Apache"):
		return p.id.Pick("web.app", appApache, appWordPress, appPHPMyAdmin)
	case p.server != "":
		return appApache
	case p.id.Release().Package == "apk":
		return appNginx
	}
	return p.id.Pick("web.app", appApache, appApache, appNginx, appWordPress, appPHPMyAdmin)
}

// engine returns the product that the persona runs on.
func (p *persona) engine(nonce func() string) engine {
	h := host{server: p.server, name: p.name, extra: p.extra, nonce: nonce}
	switch {
	case strings.HasPrefix(p.server, "nginx"):
		return &nginx{h}
	case strings.HasPrefix(p.server, "Microsoft-IIS"):
		return &iis{h}
	case strings.HasPrefix(p.server, "Apache"):
		return newApache(h, p.id.Rand("web.allow").IntN(4))
	case p.app == appNginx:
		return &nginx{h}
	case p.app == appIIS:
		return &iis{h}
	}
	return newApache(h, p.id.Rand("web.allow").IntN(4))
}

// Product returns which web server [New] makes of the same settings, by the name that
// services.Env.Product has.
func Product(id services.Identity, cfg services.Config, info services.Info) (string, error) {
	cfg, err := cfg.Check(info)
	if err != nil {
		return "", err
	}
	p, err := newPersona(services.Env{Identity: id}, cfg)
	if err != nil {
		return "", err
	}
	return productOf(p.engine(nil)), nil
}

// productOf is what the other services of the decky tell of e. IIS does not run on their
// system, so something else passes its answers on.
func productOf(e engine) string {
	switch e.(type) {
	case *nginx:
		return "nginx"
	case *iis:
		return "haproxy"
	}
	return "apache"
}

// extraHeaders reads a JSON object of strings in its order. Names and values that would
// break a header are refused.
func extraHeaders(text string) ([]field, error) {
	if text == "" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("extra_headers: %w: %w", err, decnet.ErrSemantic)
	}
	var out []field
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("extra_headers: %w: %w", err, decnet.ErrSemantic)
		}
		var value string
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("extra_headers: %w: %w", err, decnet.ErrSemantic)
		}
		key, _ := name.(string)
		if !isToken([]byte(key)) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("extra_headers: %s is not a header field: %w", strconv.Quote(key+": "+value), decnet.ErrSemantic)
		}
		out = append(out, field{key, value})
	}
	return out, nil
}
