package mysql

import "github.com/decnet/decnet/services"

// flavor is what MySQL and MariaDB do differently.
type flavor struct {
	mariadb bool
	product string // in messages
	prefix  string // before the version in the greeting
	caps    uint32
	extra   uint32 // MariaDB's own capabilities
	charset byte
	plugin  string
	tls     bool
}

var (
	flavorMySQL = flavor{
		product: "MySQL", caps: 0xdfffffff, charset: 0xff, plugin: pluginSHA2, tls: true,
	}
	// As mariadb-server of Debian 12 is configured: without TLS.
	flavorMariaDB = flavor{
		mariadb: true, product: "MariaDB", prefix: "5.5.5-", caps: 0x81fff7fe, extra: 0x1d, charset: 45, plugin: pluginNative,
	}
)

// clause is how a message names a part of a statement.
func (f *flavor) clause(part string) string {
	names := map[string][2]string{
		"field": {"field list", "SELECT"}, "where": {"where clause", "WHERE"}, "order": {"order clause", "ORDER BY"},
		"group": {"group statement", "GROUP BY"}, "having": {"having clause", "HAVING"}, "on": {"on clause", "ON"}, "set": {"field list", "SET"},
	}
	if f.mariadb {
		return names[part][1]
	}
	return names[part][0]
}

// version is what a packaged server of the release says.
func (f *flavor) version(rel services.Release) string {
	if f.mariadb {
		switch rel.ID + rel.VersionID {
		case "ubuntu22.04":
			return "10.6.18-MariaDB-0ubuntu0.22.04.1"
		case "ubuntu20.04":
			return "10.3.39-MariaDB-0ubuntu0.20.04.2"
		case "rocky9.5":
			return "10.5.27-MariaDB"
		case "centos7":
			return "5.5.68-MariaDB"
		}
		if rel.ID == "debian" {
			return "10.11.11-MariaDB-0+deb12u1"
		}
		return "10.11.11-MariaDB"
	}
	switch rel.ID + rel.VersionID {
	case "ubuntu22.04":
		return "8.0.41-0ubuntu0.22.04.1"
	case "ubuntu20.04":
		return "8.0.41-0ubuntu0.20.04.1"
	}
	return "8.0.41"
}

// comment is version_comment.
func (f *flavor) comment(rel services.Release) string {
	switch {
	case rel.ID == "ubuntu" && f.mariadb:
		return "Ubuntu " + rel.VersionID
	case rel.ID == "ubuntu":
		return "(Ubuntu)"
	case rel.ID == "debian" && f.mariadb:
		return "Debian 12"
	case f.mariadb:
		return "MariaDB Server"
	case rel.ID == "rocky":
		return "Source distribution"
	}
	return "MySQL Community Server - GPL"
}
