// Package all lists the built-in honeypots.
//
//	registry, err := all.Registry()
//	svc, err := registry.Lookup("ssh")
package all

import (
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ftp"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/https"
	"github.com/decnet/decnet/services/mysql"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/smtp"
	"github.com/decnet/decnet/services/ssh"
	"github.com/decnet/decnet/services/telnet"
)

// Services returns one of each, with default settings. The caller owns the slice.
func Services() []services.Service {
	return []services.Service{
		ftp.Service{},
		http.Service{},
		https.Service{},
		mysql.Service{},
		redis.Service{},
		smtp.Service{},
		smtp.Service{Relay: true},
		ssh.Service{},
		telnet.Service{},
	}
}

// Registry returns a registry of Services.
func Registry() (*services.Registry, error) { return services.NewRegistry(Services()...) }
