package ftp

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"github.com/decnet/decnet/services"
)

// anchor is the latest moment that bait can date from.
var anchor = time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)

// bait makes the texts of one decky. All secrets are invented.
type bait struct {
	id     services.Identity
	r      *rand.Rand
	app    string
	dbHost string
	dbPass string
	people []string
	age    time.Duration
}

// baitTree returns the files of the decky before anybody changes them.
func baitTree(id services.Identity) *tree {
	r := id.Rand("ftp bait")
	b := &bait{
		id:     id,
		r:      r,
		app:    pick(r, "intranet", "webshop", "portal", "crm", "inventory", "billing", "tickets", "erp", "payroll", "wiki"),
		dbHost: pick(r, "localhost", "127.0.0.1", fmt.Sprintf("10.%d.%d.%d", r.IntN(200), r.IntN(250), 2+r.IntN(200)), "db01", "sql-prod"),
		age:    time.Duration(r.IntN(200*24*60)) * time.Minute,
	}
	b.dbPass = b.secret()
	for range 3 + r.IntN(3) {
		b.people = append(b.people, pick(r, "anna", "mark", "lucas", "sofia", "peter", "julia", "david", "emma", "paul", "nina", "oliver", "laura"))
	}
	return b.tree()
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// secret returns a password as people invent them or as generators do.
func (b *bait) secret() string {
	if b.r.IntN(2) == 0 {
		word := pick(b.r, "Autumn", "Harbour", "Granite", "Falcon", "Meadow", "Copper", "Winter", "Orchid", "Saturn", "Bridge")
		return fmt.Sprintf("%s%d%s", word, 10+b.r.IntN(990), pick(b.r, "!", "#", "$", "?", "*"))
	}
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	p := make([]byte, 12+b.r.IntN(6))
	for i := range p {
		p[i] = letters[b.r.IntN(len(letters))]
	}
	return string(p)
}

// at returns a moment some days before the youngest bait.
func (b *bait) at(days int) time.Time {
	return anchor.Add(-b.age - time.Duration(days)*24*time.Hour - time.Duration(b.r.IntN(86400))*time.Second)
}

func (b *bait) tree() *tree {
	guest := 105 + b.r.IntN(20)
	t := &tree{guestUID: guest, guestGID: guest + 2 + b.r.IntN(6), nodes: make(map[string]*node)}
	dir := func(p string, mode uint16, uid int, when time.Time) {
		t.nodes[p] = &node{dir: true, mode: mode, uid: uid, gid: uid, size: 4096, mtime: when}
	}
	file := func(p string, content []byte, when time.Time) {
		t.nodes[p] = &node{mode: 0o644, uid: localUID, gid: localUID, size: int64(len(content)), mtime: when, content: content}
	}
	dumped := b.at(1)
	configured := b.at(90)
	config, dump := b.config(), b.dump(dumped)
	archive := b.archive(config, configured, dumped)
	backups := "/" + pick(b.r, "backup", "backups", "bak", "old")
	dir("/", 0o755, localUID, dumped)
	dir(backups, 0o755, localUID, dumped)
	dir("/upload", 0o777, 0, b.at(20))
	dir("/pub", 0o755, 0, b.at(200))
	file("/"+pick(b.r, "credentials.txt", "passwords.txt", "logins.txt", "accounts.txt"), b.credentials(), b.at(30))
	file("/"+pick(b.r, "config.ini", b.app+".ini", "settings.ini", "app.ini"), config, configured)
	file(backups+"/"+b.app+"-"+dumped.Format("2006-01-02")+".tar.gz", archive, dumped)
	file(backups+"/"+pick(b.r, b.app+".sql", "db_dump.sql", b.app+"_prod.sql", "dump-"+dumped.Format("20060102")+".sql"), dump, dumped)
	file("/pub/README", []byte("Files for "+b.id.FQDN()+" only. Drop deliveries in /upload.\n"), b.at(200))
	return t
}

func (b *bait) config() []byte {
	return fmt.Appendf(nil, `; %s
[app]
name = %s
env = production
debug = 0
secret = %s

[database]
driver = mysql
host = %s
port = 3306
name = %s_prod
user = %s
password = %s

[mail]
host = %s
user = noreply
password = %s
`, b.id.FQDN(), b.app, b.id.Hex("ftp app secret", 40), b.dbHost, b.app, b.app, b.dbPass, "mail."+b.domain(), b.secret())
}

func (b *bait) domain() string {
	if b.id.Domain != "" {
		return b.id.Domain
	}
	if _, d, ok := strings.Cut(b.id.Hostname, "."); ok {
		return d
	}
	return "lan"
}

func (b *bait) credentials() []byte {
	var out bytes.Buffer
	for _, line := range []string{
		"ssh " + b.id.Hostname + "\troot\t",
		"mysql " + b.dbHost + "\t" + b.app + "\t",
		pick(b.r, "vpn", "router", "switch", "nas", "esxi") + "\tadmin\t",
		b.app + "\t" + b.people[0] + "@" + b.domain() + "\t",
	} {
		password := b.secret()
		if strings.HasPrefix(line, "mysql") {
			password = b.dbPass
		}
		out.WriteString(line + password + "\n")
	}
	return out.Bytes()
}

// dump returns what mysqldump would write of a small table of users.
func (b *bait) dump(when time.Time) []byte {
	const hash = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var out bytes.Buffer
	fmt.Fprintf(&out, `-- MySQL dump 10.13
--
-- Host: %s    Database: %s_prod
-- ------------------------------------------------------

DROP TABLE IF EXISTS `+"`users`"+`;
CREATE TABLE `+"`users`"+` (
  `+"`id`"+` int NOT NULL AUTO_INCREMENT,
  `+"`email`"+` varchar(190) NOT NULL,
  `+"`password`"+` char(60) NOT NULL,
  `+"`role`"+` varchar(20) NOT NULL DEFAULT 'user',
  `+"`created`"+` datetime NOT NULL,
  PRIMARY KEY (`+"`id`"+`)
) ENGINE=InnoDB;

INSERT INTO `+"`users`"+` VALUES `, b.dbHost, b.app)
	for i, person := range b.people {
		role := "user"
		if i == 0 {
			role = "admin"
		}
		digest := make([]byte, 53)
		for j := range digest {
			digest[j] = hash[b.r.IntN(len(hash))]
		}
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, "(%d,'%s@%s','$2y$10$%s','%s','%s')", i+1, person, b.domain(), digest, role, b.at(100+b.r.IntN(400)).Format(time.DateTime))
	}
	fmt.Fprintf(&out, ";\n\n-- Dump completed on %s\n", when.Format("2006-01-02 15:04:05"))
	return out.Bytes()
}

// check takes the errors of an archive in memory, which has none.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// archive returns a gzip-compressed tar file of the application's directory.
func (b *bait) archive(config []byte, configured, made time.Time) []byte {
	root := path.Join("var/www", b.app)
	files := []struct {
		name    string
		content []byte
	}{
		{"config/config.ini", config},
		{"index.php", []byte("<?php\nrequire __DIR__ . '/lib/bootstrap.php';\n" + pick(b.r, "App", "Kernel", "Site") + "::run();\n")},
		{"lib/bootstrap.php", []byte("<?php\n$config = parse_ini_file(__DIR__ . '/../config/config.ini', true);\n")},
		{"cron/backup.sh", fmt.Appendf(nil, "#!/bin/sh\nmysqldump -h %s -u %s -p'%s' %s_prod > /srv/ftp/%s.sql\n", b.dbHost, b.app, b.dbPass, b.app, b.app)},
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	zip.ModTime = made
	w := tar.NewWriter(zip)
	for _, f := range files {
		h := &tar.Header{
			Name: path.Join(root, f.name), Mode: 0o644, Size: int64(len(f.content)), ModTime: configured,
			Uname: "root", Gname: b.id.Release().WebUser, Format: tar.FormatGNU,
		}
		check(w.WriteHeader(h))
		_, err := w.Write(f.content)
		check(err)
	}
	check(w.Close())
	check(zip.Close())
	return out.Bytes()
}
