package daemon

import (
	"crypto"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services/internal/keys"
)

// rsaBits is what ssh-keygen -A makes.
const rsaBits = 3072

// files are those that make this machine another one than the next: its keys, and what
// people look for who break in. They follow from the seed of the decky.
func (s *server) files() ([]file, error) {
	list := s.leftovers()
	if s.program.info.Name == "ssh" {
		hostKeys, err := s.hostKeys()
		if err != nil {
			return nil, err
		}
		list = append(list, hostKeys...)
	}
	return append(list,
		file{name: "/run/utmp", mode: 0o664}, file{name: "/var/log/wtmp", mode: 0o664}, file{name: "/var/log/btmp", mode: 0o660},
		file{name: "/var/log/lastlog", mode: 0o664},
		file{name: "/etc/machine-id", mode: 0o444, text: s.env.Identity.Hex("machine-id", 32) + "\n"},
	), nil
}

// hostKeys are those that the emulation of the same decky has.
func (s *server) hostKeys() ([]file, error) {
	id := s.env.Identity
	host, _, _ := strings.Cut(id.Hostname, ".")
	made := id.BootTime(s.env.Now()).Add(-30 * 24 * time.Hour)
	var list []file
	for name, key := range map[string]crypto.Signer{
		"rsa": keys.RSA(id, "ssh", rsaBits), "ecdsa": keys.ECDSA(id, "ssh"), "ed25519": keys.Ed25519(id, "ssh"),
	} {
		block, err := ssh.MarshalPrivateKey(key, "root@"+host)
		if err != nil {
			return nil, err
		}
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			return nil, err
		}
		path := "/etc/ssh/ssh_host_" + name + "_key"
		line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n") + " root@" + host + "\n"
		list = append(list, file{path, 0o600, string(pem.EncodeToMemory(block)), made}, file{path + ".pub", 0o644, line, made})
	}
	return list, nil
}

// leftovers are what people leave lying about.
func (s *server) leftovers() []file {
	id := s.env.Identity
	r := id.Rand("leftovers")
	project := pick(r, "billing", "intranet", "warehouse", "orders", "helpdesk", "payroll")
	db, store := neighbour(id.Addr, 40+r.IntN(60)), neighbour(id.Addr, 110+r.IntN(80))
	password, key, copyPassword := secret(r), token(r, 40), secret(r)
	day := func(n int) time.Time {
		return id.BootTime(s.env.Now()).Add(-time.Duration(n*24+r.IntN(24)) * time.Hour).Truncate(time.Second)
	}
	at := func(name string, mode fs.FileMode, n int, format string, args ...any) file {
		return file{name, mode, fmt.Sprintf(format, args...), day(n)}
	}
	return []file{
		at("/root/notes.txt", 0o600, 5, "%s\n\n* database is on %s now, the old one only answers until the end of the month\n* copies go to %s every night, account svc-copy / %s\n* new starter needs an account here, ask for the key first\n", project, db, store, copyPassword),
		at("/root/scripts/copy.sh", 0o700, 9, "#!/bin/bash\n# nightly copy of %[1]s\nset -eu\nday=$(date +%%F)\nmysqldump -h %[2]s -u %[1]s -p'%[3]s' %[1]s | gzip > /var/backups/%[1]s-$day.sql.gz\ncurl -sS -T /var/backups/%[1]s-$day.sql.gz -u 'svc-copy:%[4]s' http://%[5]s/copies/\n", project, db, password, copyPassword, store),
		at("/opt/"+project+"/.env", 0o640, 12, "APP_ENV=production\nAPP_KEY=%s\nDB_HOST=%s\nDB_NAME=%s\nDB_USER=%s\nDB_PASSWORD=%s\nSESSION_SECRET=%s\n", key, db, project, project, password, token(r, 32)),
		at("/etc/cron.d/"+project, 0o644, 9, "15 2 * * * root /root/scripts/copy.sh > /dev/null 2>&1\n"),
		at("/root/.bash_history", 0o600, 2, "df -h\ncd /opt/%[1]s\nls -la\nvi .env\nmysql -h %[2]s -u %[1]s -p %[1]s\ntail -f /var/log/syslog\n/root/scripts/copy.sh\nls -lh /var/backups\nssh admin@%[3]s\nexit\n", project, db, store),
		at("/var/www/html/index.html", 0o644, 20, "<!doctype html>\n<title>%s</title>\n<p>Nothing to see here, %s is on port 8443.\n", id.Hostname, project),
	}
}

func pick(r *rand.Rand, choices ...string) string { return choices[r.IntN(len(choices))] }

// secret is a password as people make them.
func secret(r *rand.Rand) string {
	words := []string{"Kestrel", "Juniper", "Basalt", "Velvet", "Comet", "Harvest", "Ginger", "Ripple", "Cobalt", "Thistle"}
	return pick(r, words...) + pick(r, "-", "!", "_", "#") + pick(r, words...) + fmt.Sprint(10+r.IntN(90))
}

// token is a secret as machines make them.
func token(r *rand.Rand, n int) string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// neighbour is an address near that of the machine.
func neighbour(a netip.Addr, last int) string {
	if !a.Is4() {
		return fmt.Sprintf("10.20.0.%d", last)
	}
	b := a.As4()
	return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], last)
}
