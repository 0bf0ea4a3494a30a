package shell

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet/services"
)

// server is a daemon of the machine that listens, as ps, ss and systemctl show it.
type server struct {
	comm, unit string
	pid, fd    int
	backlog    int
	sockets    []socket
	processes  []process // without times; numbers count from pid
	account    string    // line of /etc/passwd that its package adds
}

// socket is what a server listens on.
type socket struct {
	port services.Port
	v4   bool // 0.0.0.0
	v6   bool // [::]; without v4 it takes both
}

// families says on which addresses a server listens.
type families int

const (
	onlyV4 families = iota
	each            // one socket for IPv4 and one for IPv6
	both            // one IPv6 socket for both
)

// served is what the machine's Host runs, sshd alone when it has none.
func (m *Machine) served() []services.Served {
	if m.opt.Host != nil {
		if list := m.opt.Host.Served(); len(list) > 0 {
			return list
		}
	}
	return []services.Served{{Service: "ssh", Ports: []services.Port{{Network: "tcp", Number: 22}}}}
}

// products are what the slugs of services and the products of Host.Served are to the
// machine. Each has a number of its own, from which its process ids come.
var products = map[string]struct {
	slot int
	make func(m *Machine) (server, families)
}{
	"ssh":        {0, (*Machine).sshd},
	"telnet":     {1, (*Machine).telnetd},
	"http":       {2, (*Machine).apache},
	"https":      {2, (*Machine).apache},
	"apache":     {2, (*Machine).apache},
	"nginx":      {3, (*Machine).nginx},
	"haproxy":    {4, (*Machine).haproxy},
	"ftp":        {5, (*Machine).vsftpd},
	"redis":      {6, (*Machine).redis},
	"mysql":      {7, (*Machine).mysqld},
	"mariadb":    {8, (*Machine).mariadbd},
	"smtp":       {9, (*Machine).postfix},
	"smtp_relay": {9, (*Machine).postfix},
}

// servers are the daemons that listen now, in the order of their process ids.
func (m *Machine) servers() []server {
	var list []server
	for _, s := range m.served() {
		name := cmp.Or(s.Product, s.Service)
		p, known := products[name]
		var made server
		var f families
		if known {
			made, f = p.make(m)
			made.pid = m.serverPID(p.slot)
		} else {
			made = server{comm: name, unit: name, backlog: 128, processes: []process{{user: "root", stat: "Ss", vsz: 24180, rss: 6212, cmd: "/usr/sbin/" + name}}}
			made.pid = m.serverPID(10 + m.id.Rand("server "+name).IntN(1000))
		}
		i := slices.IndexFunc(list, func(o server) bool { return o.pid == made.pid })
		if i < 0 {
			i = len(list)
			list = append(list, made)
		}
		for _, p := range s.Ports {
			list[i].sockets = append(list[i].sockets, socket{port: p, v4: f != both, v6: f != onlyV4})
		}
	}
	slices.SortFunc(list, func(a, b server) int { return a.pid - b.pid })
	return list
}

func (m *Machine) serverPID(slot int) int {
	if slot == 0 {
		return m.sshdPID()
	}
	return 940 + 16*slot + m.id.Rand("server "+strconv.Itoa(slot)).IntN(8)
}

// serverProcesses are those of the servers.
func (m *Machine) serverProcesses() []process {
	var list []process
	for _, s := range m.servers() {
		for i, p := range s.processes {
			p.pid, p.ppid, p.tty = s.pid+i, 1, "?"
			if i > 0 {
				p.ppid = s.pid
			}
			p.start = m.boot().Add(8*time.Second + time.Duration(i)*20*time.Millisecond)
			p.cpu = time.Duration(float64(m.now().Sub(p.start)) * float64(p.rss) * 1e-10)
			list = append(list, p)
		}
	}
	return list
}

func (m *Machine) sshd() (server, families) {
	s := server{comm: "sshd", unit: "ssh", fd: 3, backlog: 128}
	p := process{user: "root", stat: "Ss", vsz: 15436, rss: 9272, cmd: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"}
	switch m.distro.family {
	case "alpine":
		p.vsz, p.rss, p.cmd = 6860, 4300, "sshd: /usr/sbin/sshd [listener] 0 of 10-100 startups"
		fallthrough
	case "rhel", "arch":
		s.unit = "sshd"
	}
	s.processes = []process{p}
	return s, each
}

// telnetd is started by inetd, by systemd, or in the case of busybox by itself.
func (m *Machine) telnetd() (server, families) {
	switch {
	case m.distro.family == "alpine":
		return server{comm: "telnetd", unit: "telnetd", fd: 3, backlog: 5,
			processes: []process{{user: "root", stat: "Ss", vsz: 1628, rss: 940, cmd: "/usr/sbin/telnetd -F"}}}, both
	case m.distro.family == "rhel":
		return server{comm: "xinetd", unit: "xinetd", fd: 5, backlog: 64,
			processes: []process{{user: "root", stat: "Ss", vsz: 25048, rss: 1112, cmd: "/usr/sbin/xinetd -stayalive -pidfile /var/run/xinetd.pid"}}}, both
	case m.release.ID == "ubuntu":
		return server{comm: "inetd", unit: "inetd", fd: 7, backlog: 128,
			processes: []process{{user: "root", stat: "Ss", vsz: 3820, rss: 1540, cmd: "/usr/sbin/inetd"}}}, onlyV4
	}
	return server{comm: "inetutils-inetd", unit: "inetutils-inetd", fd: 4, backlog: 10,
		processes: []process{{user: "root", stat: "Ss", vsz: 3720, rss: 1580, cmd: "/usr/sbin/inetutils-inetd"}}}, onlyV4
}

func (m *Machine) apache() (server, families) {
	name, args := "apache2", "/usr/sbin/apache2 -k start"
	s := server{fd: 4, backlog: 511}
	switch m.distro.family {
	case "rhel":
		name, args = "httpd", "/usr/sbin/httpd -DFOREGROUND"
		s.account = "apache:x:48:48:Apache:/usr/share/httpd:/sbin/nologin"
	case "alpine":
		name, args = "httpd", "/usr/sbin/httpd -k start -f /etc/apache2/httpd.conf"
		s.account = "apache:x:100:101:apache:/var/www:/sbin/nologin"
	case "arch":
		name, args = "httpd", "/usr/bin/httpd -k start -DFOREGROUND"
		s.account = "http:x:33:33::/srv/http:/usr/bin/nologin"
	}
	s.comm, s.unit = name, name
	s.processes = []process{
		{user: "root", stat: "Ss", vsz: 6960, rss: 4844, cmd: args},
		{user: m.release.WebUser, stat: "Sl", vsz: 752560, rss: 5120, cmd: args},
		{user: m.release.WebUser, stat: "Sl", vsz: 752624, rss: 5088, cmd: args},
	}
	return s, both
}

func (m *Machine) nginx() (server, families) {
	user := m.release.WebUser
	s := server{comm: "nginx", unit: "nginx", fd: 6, backlog: 511}
	switch m.distro.family {
	case "rhel":
		user, s.account = "nginx", "nginx:x:991:990:Nginx web server:/var/lib/nginx:/sbin/nologin"
	case "alpine":
		user, s.account = "nginx", "nginx:x:101:102:nginx:/var/lib/nginx:/sbin/nologin"
	case "arch":
		s.account = "http:x:33:33::/srv/http:/usr/bin/nologin"
	}
	args := "nginx: master process /usr/sbin/nginx"
	if m.distro.family == "debian" {
		args += " -g daemon on; master_process on;"
	}
	s.processes = []process{{user: "root", stat: "Ss", vsz: 55196, rss: 1708, cmd: args}}
	for range m.hw.cores {
		s.processes = append(s.processes, process{user: user, stat: "S", vsz: 55864, rss: 5696, cmd: "nginx: worker process"})
	}
	return s, each
}

// haproxy is what stands before a web server that cannot run on this system.
func (m *Machine) haproxy() (server, families) {
	args := "/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid"
	s := server{comm: "haproxy", unit: "haproxy", fd: 7, backlog: 4096, account: "haproxy:x:110:117::/var/lib/haproxy:/usr/sbin/nologin"}
	s.processes = []process{
		{user: "root", stat: "Ss", vsz: 34120, rss: 10240, cmd: args},
		{user: "haproxy", stat: "Sl", vsz: 141964, rss: 11532, cmd: args},
	}
	return s, onlyV4
}

func (m *Machine) vsftpd() (server, families) {
	s := server{comm: "vsftpd", unit: "vsftpd", fd: 3, backlog: 32}
	conf := "/etc/vsftpd.conf"
	if m.distro.family == "debian" {
		s.account = "ftp:x:106:113:ftp daemon,,,:/srv/ftp:/usr/sbin/nologin"
	} else {
		conf = "/etc/vsftpd/vsftpd.conf"
	}
	s.processes = []process{{user: "root", stat: "Ss", vsz: 9484, rss: 3424, cmd: "/usr/sbin/vsftpd " + conf}}
	return s, both
}

func (m *Machine) redis() (server, families) {
	s := server{comm: "redis-server", unit: "redis", fd: 6, backlog: 511, account: "redis:x:993:991:Redis Database Server:/var/lib/redis:/sbin/nologin"}
	if m.distro.family == "debian" {
		s.unit, s.account = "redis-server", "redis:x:104:111::/var/lib/redis:/usr/sbin/nologin"
	}
	s.processes = []process{{user: "redis", stat: "Ssl", vsz: 65880, rss: 11916, cmd: "/usr/bin/redis-server *:6379"}}
	return s, each
}

func (m *Machine) mysqlAccount() string {
	if m.distro.family == "debian" {
		return "mysql:x:103:110:MySQL Server,,,:/nonexistent:/bin/false"
	}
	return "mysql:x:27:27:MySQL Server:/var/lib/mysql:/sbin/nologin"
}

func (m *Machine) mysqld() (server, families) {
	s := server{comm: "mysqld", unit: "mysql", fd: 23, backlog: 151, account: m.mysqlAccount()}
	args := "/usr/sbin/mysqld"
	if m.distro.family == "rhel" {
		s.unit, args = "mysqld", "/usr/libexec/mysqld --basedir=/usr"
	}
	s.processes = []process{{user: "mysql", stat: "Ssl", vsz: 1785220, rss: 212684, cmd: args}}
	return s, both
}

func (m *Machine) mariadbd() (server, families) {
	s := server{comm: "mariadbd", unit: "mariadb", fd: 22, backlog: 80, account: m.mysqlAccount()}
	args := "/usr/sbin/mariadbd"
	switch {
	case m.release.ID == "ubuntu" && m.release.VersionID == "20.04":
		s.comm, args = "mysqld", "/usr/sbin/mysqld"
	case m.release.ID == "centos":
		s.comm, args = "mysqld", "/usr/libexec/mysqld --basedir=/usr --datadir=/var/lib/mysql"
	case m.distro.family == "rhel":
		args = "/usr/libexec/mariadbd --basedir=/usr"
	}
	s.processes = []process{{user: "mysql", stat: "Ssl", vsz: 1346908, rss: 98124, cmd: args}}
	return s, onlyV4
}

func (m *Machine) postfix() (server, families) {
	s := server{comm: "master", unit: "postfix", fd: 13, backlog: 100, account: "postfix:x:89:89::/var/spool/postfix:/sbin/nologin"}
	dir := "/usr/libexec/postfix/"
	if m.distro.family == "debian" {
		dir, s.account = "/usr/lib/postfix/sbin/", "postfix:x:105:112::/var/spool/postfix:/usr/sbin/nologin"
	}
	s.processes = []process{
		{user: "root", stat: "Ss", vsz: 42996, rss: 4636, cmd: dir + "master -w"},
		{user: "postfix", stat: "S", vsz: 43344, rss: 6904, cmd: "qmgr -l -t unix -u"},
		{user: "postfix", stat: "S", vsz: 43048, rss: 6848, cmd: "pickup -l -t unix -u -c"},
	}
	return s, each
}

// serverAccounts are the lines of /etc/passwd that the packages of the servers add.
func (m *Machine) serverAccounts() string {
	var b strings.Builder
	for _, s := range m.servers() {
		if s.account != "" {
			b.WriteString(s.account + "\n")
		}
	}
	return b.String()
}

// listener is one listening socket.
type listener struct {
	server *server
	port   services.Port
	v6     bool
	any    bool // an IPv6 socket that takes both
}

// address is where it listens, as ss writes it.
func (l *listener) address() string {
	switch {
	case l.any:
		return "*"
	case l.v6:
		return "[::]"
	}
	return "0.0.0.0"
}

// listeners are the listening sockets of a network, those of IPv4 first, by number.
func (m *Machine) listeners(network string) []listener {
	var list []listener
	for _, s := range m.servers() {
		for _, k := range s.sockets {
			if k.port.Network != network {
				continue
			}
			if k.v4 {
				list = append(list, listener{server: &s, port: k.port})
			}
			if k.v6 {
				list = append(list, listener{server: &s, port: k.port, v6: true, any: !k.v4})
			}
		}
	}
	order := func(l listener) int {
		n := int(l.port.Number)
		if l.v6 {
			n += 1 << 16
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b listener) int { return order(a) - order(b) })
	return list
}

// listens reports whether a TCP port of the machine takes connections.
func (m *Machine) listens(port string) bool {
	n, err := strconv.Atoi(port)
	return err == nil && slices.ContainsFunc(m.listeners("tcp"), func(l listener) bool { return int(l.port.Number) == n })
}
