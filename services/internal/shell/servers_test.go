package shell

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/services"
)

func tcp(n uint16) []services.Port { return []services.Port{{Network: "tcp", Number: n}} }

// everything is a Host that runs each product once, and an unknown one.
func everything() *services.Host {
	host := new(services.Host)
	for _, s := range []services.Served{
		{Service: "ssh", Ports: tcp(22)}, {Service: "telnet", Ports: tcp(23)}, {Service: "http", Product: "apache", Ports: append(tcp(80), tcp(443)...)},
		{Service: "https", Product: "nginx", Ports: tcp(8443)}, {Service: "ftp", Ports: tcp(21)}, {Service: "redis", Ports: tcp(6379)},
		{Service: "mysql", Product: "mysql", Ports: tcp(3306)}, {Service: "mysql", Product: "mariadb", Ports: tcp(3307)}, {Service: "smtp", Ports: tcp(25)},
		{Service: "smtp_relay", Ports: tcp(587)}, {Service: "http", Product: "haproxy", Ports: tcp(8080)}, {Service: "gopher", Ports: tcp(70)},
	} {
		host.Serve(s)
	}
	return host
}

// Each program that shows the servers shows the same ones.
func TestServersAreSeenAlike(t *testing.T) {
	for distro, names := range map[string]string{
		"debian":   "sshd inetutils-inetd apache2 nginx vsftpd redis-server mysqld mariadbd master haproxy gopher",
		"ubuntu20": "sshd inetd apache2 nginx vsftpd redis-server mysqld mysqld master haproxy gopher",
		"rocky9":   "sshd xinetd httpd nginx vsftpd redis-server mysqld mariadbd master haproxy gopher",
		"centos7":  "sshd xinetd httpd nginx vsftpd redis-server mysqld mysqld master haproxy gopher",
		"alpine":   "sshd telnetd httpd nginx vsftpd redis-server mysqld mariadbd master haproxy gopher",
	} {
		b := newBox(t, distro, Options{Host: everything()})
		sh := b.login("root", "192.0.2.7:4711")
		var got []string
		pids := map[int]bool{}
		for _, s := range b.m.servers() {
			got = append(got, s.comm)
			for i := range s.processes {
				if pids[s.pid+i] {
					t.Errorf("%s: two processes have the number %d", distro, s.pid+i)
				}
				pids[s.pid+i] = true
			}
			if p := sh.process(s.pid); p == nil || !strings.Contains(p.comm(), strings.TrimSuffix(s.comm, "-inetd")) {
				t.Errorf("%s: %s is not in the process table: %+v", distro, s.comm, p)
			}
			if out, _, status := b.run(sh, "systemctl status "+s.unit, ""); distro != "alpine" && (status != 0 || !strings.Contains(out, "("+s.comm+")")) {
				t.Errorf("%s: %s: %s", distro, s.unit, out)
			}
			if s.account != "" {
				name, _, _ := strings.Cut(s.account, ":")
				if _, _, status := b.run(sh, "id "+name+" && grep -q ^"+name+": /etc/group && grep -q ^"+name+": /etc/shadow", ""); status != 0 {
					t.Errorf("%s: no account %s", distro, name)
				}
			}
		}
		want := strings.Fields(names)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", distro, got, want)
		}
		for _, tool := range []string{"ss", "netstat"} {
			out, _, status := b.run(sh, tool+" -tlnp", "")
			if status == 127 { // not part of every distribution
				continue
			}
			for _, port := range []string{"21", "22", "23", "25", "70", "80", "443", "587", "3306", "3307", "6379", "8080", "8443"} {
				if !strings.Contains(out, ":"+port+" ") || !b.m.listens(port) {
					t.Errorf("%s: %s: port %s is missing in\n%s", distro, tool, port, out)
				}
			}
		}
		if b.m.listens("5432") {
			t.Errorf("%s: 5432 listens", distro)
		}
	}
}

// Without a Host there is sshd alone; with one that runs no sshd there is none.
func TestSSHDIsThereWhenServed(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	if out, _, _ := b.run(sh, "ss -tln | tail -n +2 | wc -l; systemctl is-active ssh", ""); out != "2\nactive\n" {
		t.Errorf("%q", out)
	}
	host := new(services.Host)
	host.Serve(services.Served{Service: "telnet", Ports: tcp(23)})
	b = newBox(t, "debian", Options{Host: host})
	sh = b.login("root", "192.0.2.7:4711")
	if out, _, _ := b.run(sh, "ss -tln | grep -c :22; ps aux | grep -c '[/]sshd'; systemctl is-active ssh", ""); out != "0\n0\ninactive\n" {
		t.Errorf("%q", out)
	}
}

// A connection to a port that listens is not refused, whatever makes it.
func TestOwnPortsTakeConnections(t *testing.T) {
	b := newBox(t, "debian", Options{Host: everything()})
	sh := b.login("root", "192.0.2.7:4711")
	for command, want := range map[string]string{
		"curl -sS http://127.0.0.1/":                    "curl: (56) Recv failure: Connection reset by peer\n",
		"curl -sS http://127.0.0.1:81/":                 "curl: (7) Failed to connect to 127.0.0.1 port 81 after 0 ms: Couldn't connect to server\n",
		"ssh localhost":                                 "kex_exchange_identification: read: Connection reset by peer\nConnection reset by localhost port 22\n",
		"telnet localhost 25":                           "Trying localhost...\nConnected to localhost.\nEscape character is '^]'.\nConnection closed by foreign host.\n",
		"nc -zv 127.0.0.1 3306":                         "Connection to 127.0.0.1 3306 port [tcp/*] succeeded!\n",
		"wget -q http://web-01/":                        "",
		"(echo > /dev/tcp/127.0.0.1/6379) && echo open": "open\n",
	} {
		out, errs, _ := b.run(sh, command, "")
		if out+errs != want {
			t.Errorf("%s: %q, want %q", command, out+errs, want)
		}
	}
}

// A log-in over telnet is not one of sshd.
func TestTelnetLogin(t *testing.T) {
	b := newBox(t, "debian", Options{Host: everything()})
	client, server := net.Pipe()
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	conn := services.NewConn(addressed{server, "192.0.2.7:4711", "10.0.0.5:23"}, services.Limits{})
	sh := b.m.Login(b.env.NewSession("telnet", conn), "root")
	t.Cleanup(sh.Close)
	out, _, _ := b.run(sh, "env | grep -c SSH; ps -ef | grep -c '[s]shd: root'; ps -eo args | grep '[/]telnetd'; ss -tnp | grep -c :23; tail -n 1 /var/log/auth.log", "")
	want := "0\n0\n/usr/sbin/telnetd\n1\nMar 14 09:26:53 web-01 login["
	if !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "session opened for user root(uid=0) by LOGIN(uid=0)\n") {
		t.Errorf("%q", out)
	}
}
