package ftp

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet/services"
)

var update = flag.Bool("update", false, "rewrite the golden dialogues from the real vsftpd")

var variable = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`Mode \(([0-9]+,[0-9]+,[0-9]+,[0-9]+),[0-9]+,[0-9]+\)`), "Mode ($1,PORT)"},
	{regexp.MustCompile(`\(\|\|\|[0-9]+\|\)`), "(|||PORT|)"},
	{regexp.MustCompile(`(?m) [A-Z][a-z][a-z] [0-9][0-9] ([0-9][0-9]:[0-9][0-9]| [0-9]{4}) `), " DATE "},
	{regexp.MustCompile(`213 20[0-9]{12}`), "213 TIME"},
	{regexp.MustCompile(`client count was [0-9]+`), "client count was N"},
}

// client plays a script against a server and returns all that happened as text. A line
// "LIST x" after "data " is preceded by PASV and followed by what the data connection
// brought; after "send " by what it takes.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	log  strings.Builder
}

func (c *client) reply() string {
	_ = c.conn.SetReadDeadline(time.Now().Add(8 * time.Second))
	var text string
	for {
		line, err := c.r.ReadString('\n')
		text += line
		if err != nil {
			return text + "<" + err.Error() + ">"
		}
		if len(line) > 3 && line[3] == ' ' && line[0] >= '1' && line[0] <= '5' && strings.HasPrefix(text, line[:3]) {
			return text
		}
	}
}

func (c *client) say(line string) string {
	fmt.Fprintf(c.conn, "%s\r\n", line)
	r := c.reply()
	c.log.WriteString("> " + line + "\n" + r)
	return r
}

func (c *client) passive(t *testing.T) net.Conn {
	r := c.say("PASV")
	var a, b, d, e, hi, lo int
	if _, err := fmt.Sscanf(r, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d).", &a, &b, &d, &e, &hi, &lo); err != nil {
		t.Fatalf("%q: %v", r, err)
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("%d.%d.%d.%d:%d", a, b, d, e, hi<<8|lo))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func play(t *testing.T, addr, script string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{conn: conn, r: bufio.NewReader(conn)}
	c.log.WriteString(c.reply())
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		how, rest, _ := strings.Cut(line, " ")
		if how != "data" && how != "send" {
			c.say(line)
			continue
		}
		d := c.passive(t)
		if strings.HasPrefix(c.say(rest), "150") {
			if how == "send" {
				_, _ = d.Write([]byte("uploaded\r\ndata\n"))
				d.Close()
			} else {
				got, _ := io.ReadAll(d)
				c.log.Write(got)
			}
			c.log.WriteString(c.reply())
		}
		d.Close()
	}
	text := c.log.String()
	for _, v := range variable {
		text = v.re.ReplaceAllString(text, v.to)
	}
	return text
}

// scripts are played against ours always, and against the real vsftpd in TestTwin.
var scripts = map[string]string{
	"before_login": "USER\nPASS\nPASS x\nFOO\nNOOP\nSYST\nFEAT\nHELP\nOPTS UTF8 ON\nOPTS foo\nOPTS\nAUTH TLS\nAUTH\nPBSZ 0\nPROT P\nPWD\nLIST\n \nuser alice\nUSER anonymous\npass a@b\nPWD\nQUIT now\n",
	"failures":     "USER nobodyx\nPASS a\nPASS a\nUSER alice\nPASS b\nUSER alice\nPASS c\n",
	"plain": "USER alice\nPASS secret\nFOO\nNOOP\nNOOP x\nSYST\nHELP\nHELP USER\nFEAT\nSTAT\nPWD\nXPWD\nCWD\nCWD upload\nPWD\nCDUP\nXCUP\nCWD /nonexist\nCWD ~\nCWD plain.txt\nCWD /\nPWD\n" +
		"TYPE\nTYPE A\nTYPE I\nTYPE L8\nTYPE L 8\nTYPE E\nTYPE A N\ntype a\nMODE\nMODE S\nMODE B\nSTRU\nSTRU F\nSTRU R\nALLO\nALLO 5\nREIN\nACCT\nACCT x\nSMNT\nABOR\nSITE\nSITE HELP\nSITE CHMOD\nSITE CHMOD x\nSITE CHMOD 644 nope\n" +
		"SITE UMASK\nSITE UMASK 022\nSITE UMASK zz\nSITE FOO\nSITE EXEC id\nSITE CPFR /etc/passwd\nOPTS UTF8 ON\nOPTS utf8 on\nOPTS UTF8\nUSER bob\nUSER alice\nPASS x\nPASS\nAUTH TLS\nAUTH\nPBSZ 0\nPROT P\nCCC\nADAT\nMLSD\nMLST\nLANG\nCLNT x\nXCRC\nHOST a\nREST\nREST 5\nREST -5\nREST abc\nREST 99999999999999999999999\nREST 0\n" +
		"LIST\nNLST\nRETR\nRETR plain.txt\nSTOR\nSTOR x\nAPPE\nSTOU\n  NOOP\nNOOP \nQUIT\n",
	"names": "USER alice\nPASS secret\nSIZE plain.txt\nSIZE\nSIZE upload\nSIZE nope\nMDTM plain.txt\nMDTM\nMDTM nope\nMDTM upload\nMDTM 20200101000000 plain.txt\nMDTM plain.txt\nMDTM 20200101000000 nope\nDELE\nDELE nope\nDELE upload\nMKD\nMKD upload\nMKD a\"b\nCWD a\"b\nPWD\nCDUP\nRMD\nRMD a\"b\nRMD nope\nRMD plain.txt\nXMKD x1\nXRMD x1\n" +
		"RNFR\nRNTO a\nRNTO\nRNFR nope\nRNFR plain.txt\nNOOP\nRNTO h2\nRNFR h2\nRNTO /nodir/x\nRNFR h2\nRNTO upload\nRNFR h2\nRNTO plain.txt\nRNFR plain.txt\nRNTO plain.txt\nMKD /nodir/y\nRMD pub\nRMD /\nMKD /\nDELE /\nRMD .\nSITE CHMOD 600 plain.txt\nSTAT plain.txt\nSITE CHMOD 999 plain.txt\nSTAT plain.txt\nSITE CHMOD 644 plain.txt\nCWD ..\nCWD pub/..\nCWD /pub/\nPWD\nCWD /./pub//\nPWD\nQUIT\n",
	"transfer": "USER alice\nPASS secret\nTYPE I\ndata LIST\ndata LIST -la\ndata LIST -a pub\ndata LIST *.txt\ndata LIST plain.txt\ndata LIST nope\ndata LIST -l plain.txt\ndata LIST -R\ndata LIST -r\ndata LIST -F\ndata LIST pub\ndata LIST /pub\ndata LIST pub/R*\ndata LIST */*\ndata LIST ?lain.txt\ndata LIST {plain,x}.txt\ndata LIST [p]lain.txt\ndata LIST -- -x\ndata LIST -la nope\n" +
		"data NLST\ndata NLST -a\ndata NLST pub\ndata NLST /pub\ndata NLST pub/R*\ndata NLST nope\ndata NLST -l pub\nSTAT pub\nSTAT -l pub\nSTAT nope\nSTAT plain.txt\ndata RETR plain.txt\ndata RETR nope\ndata RETR pub\ndata RETR\nREST 6\ndata RETR plain.txt\nREST 100\ndata RETR plain.txt\nTYPE A\ndata RETR plain.txt\nREST 6\ndata RETR plain.txt\nTYPE I\n" +
		"send STOR up.txt\nSIZE up.txt\nsend STOR up.txt\ndata RETR up.txt\nsend STOR upload/up.txt\nsend STOR nodir/up.txt\nsend STOR\nsend STOR upload\nsend APPE up.txt\nSIZE up.txt\ndata RETR up.txt\nsend APPE new.txt\nREST 5\nsend STOR up.txt\nSIZE up.txt\nREST 5\nsend STOR r.txt\nSIZE r.txt\nsend STOU\nsend STOU\nsend STOU base\nsend STOU base\ndata LIST\nMKD d\ndata LIST d\ndata LIST\nQUIT\n",
	"ports": "USER anonymous\nPASS a\nPORT\nPORT 127,0,0,1,200,1\nLIST\nLIST\nPORT 10,0,0,1,4,1\nPORT 127,0,0,1,0,80\nPORT 1,2,3\nPORT 127,0,0,1,300,1\nPORT 127,0,0,1,200\nPORT 127,0,0,1,200,1,1\nPORT 127.0.0.1,200,1\nPORT 127,0,0,1,,1\nPORT  127,0,0,1,200,1\nPORT a,b,c,d,e,f\n" +
		"EPRT |1|127.0.0.1|5000|\nLIST\nEPRT |1|127.0.0.1|80|\nEPRT |1|10.0.0.1|5000|\nEPRT |2|::1|5000|\nEPRT |3|x|5|\nEPRT\nEPRT foo\nEPRT |1|127.0.0.1|5000\nEPRT  |1|127.0.0.1|5000|\nEPRT 1127.0.0.15000\nEPRT |1|127.0.0.1|99999|\nEPRT |1|127.0.0.1|-5|\nEPRT |1||5000|\nEPRT ||127.0.0.1|5000|\nEPRT |1|127.0.0.1|0x50|\nEPRT |1|127.0.0.1|5000|x\nEPRT !1!127.0.0.1!5000!\nEPRT |2|fe80::1|5000|\nEPRT |2|zz|5000|\nEPRT |1|127.0.0.300|5000|\nEPRT |1|1.2.3.4.5|5000|\n" +
		"EPSV\nEPSV 1\nEPSV 2\nEPSV 3\nEPSV x\nEPSV  1\nPASV x\nEPSV ALL\nPASV\nPORT 127,0,0,1,200,1\nEPRT |1|127.0.0.1|5000|\nQUIT\n",
	"guest": "USER ftp\nPASS a@b\nSTAT\nHELP\nUSER ftp\nUSER alice\nUSER anonymous\nPASS x\nPWD\nsend STOR x\nsend APPE x\nsend STOU\nDELE plain.txt\nMKD x\nRMD pub\nRNFR plain.txt\nRNTO x\nSITE CHMOD 644 plain.txt\nSITE\nSITE HELP\nSITE FOO\nSITE UMASK\nSIZE plain.txt\nMDTM 20200101000000 plain.txt\nCWD upload\nsend STOR x\nsend STOR x\ndata RETR x\nSIZE x\nsend APPE x\nDELE x\nMKD nd\nMKD nd\nRMD nd\nsend STOU\nsend STOU b\nCWD nd\nCWD ..\ndata LIST\ndata LIST -la\nALLO\nQUIT\n",
}

// dialogueServer makes a server whose tree the scripts know.
func dialogueServer(t *testing.T) *server {
	t.Helper()
	srv, err := Service{}.server(services.Env{Decky: "decky-01"}, services.Config{"users": "alice:secret"})
	if err != nil {
		t.Fatal(err)
	}
	srv.pause = func(context.Context, time.Duration) {}
	when := time.Date(2024, 3, 4, 5, 6, 0, 0, time.UTC)
	base := &tree{guestUID: 105, guestGID: 107, nodes: map[string]*node{
		"/":           {dir: true, mode: 0o755, uid: localUID, gid: localUID, size: 4096, mtime: when},
		"/upload":     {dir: true, mode: 0o777, size: 4096, mtime: when},
		"/pub":        {dir: true, mode: 0o755, size: 4096, mtime: when},
		"/pub/README": {mode: 0o644, size: 6, mtime: when, content: []byte("hello\n")},
		"/plain.txt":  {mode: 0o644, uid: localUID, gid: localUID, size: 21, mtime: when, content: []byte("hello world\nline two\n")},
	}}
	srv.base = func() *tree { return base }
	return srv
}

// start serves srv on a loopback port until the test ends.
func start(t *testing.T, srv *server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.Serve(ctx, []services.Socket{{Port: srv.port, Stream: l}}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestDialoguesOfVsftpd(t *testing.T) {
	t.Parallel()
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, start(t, dialogueServer(t)), script)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("vsftpd (-) and ours (+):\n%s", diff)
			}
		})
	}
}

// TestTwin plays the dialogues against the vsftpd of the machine.
func TestTwin(t *testing.T) {
	if _, err := exec.LookPath("vsftpd"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and Debian's vsftpd")
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			got := play(t, startVsftpd(t), script)
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("recorded (-) and vsftpd now (+):\n%s", diff)
			}
		})
	}
}

// startVsftpd runs the real vsftpd over the tree of dialogueServer, in a mount namespace
// in which an account alice exists.
func startVsftpd(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vsftpd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Chmod(dir, 0o755))
	srv := filepath.Join(dir, "srv")
	base := dialogueServer(t).base()
	for _, p := range []string{"/", "/upload", "/pub", "/pub/README", "/plain.txt"} {
		n := base.nodes[p]
		if n.dir {
			check(os.MkdirAll(srv+p, 0o755))
		} else {
			check(os.WriteFile(srv+p, n.content, 0o644))
		}
		check(os.Chmod(srv+p, os.FileMode(n.mode)))
		check(os.Chown(srv+p, n.uid, n.gid))
	}
	for p, n := range base.nodes {
		check(os.Chtimes(srv+p, n.mtime, n.mtime))
	}
	ftpUser := "ftp:x:105:107::/srv/ftp:/usr/sbin/nologin\n"
	for name, line := range map[string]string{
		"passwd": ftpUser + "alice:x:1000:1000::" + srv + ":/bin/bash\n",
		"group":  "ftp:x:107:\nalice:x:1000:\n",
		"shadow": "alice:" + hashed(t, "secret") + ":19000:0:99999:7:::\n",
	} {
		old, err := os.ReadFile("/etc/" + name)
		check(err)
		var kept []byte
		for l := range bytes.Lines(old) {
			if !bytes.HasPrefix(l, []byte("ftp:")) {
				kept = append(kept, l...)
			}
		}
		check(os.WriteFile(filepath.Join(dir, name), append(kept, line...), 0o644))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	conf := filepath.Join(dir, "vsftpd.conf")
	check(os.WriteFile(conf, fmt.Appendf(nil, `background=NO
listen=NO
listen_ipv6=YES
listen_port=%d
anonymous_enable=YES
local_enable=YES
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_root=%s
local_root=%s
chroot_local_user=YES
allow_writeable_chroot=YES
dirmessage_enable=YES
use_localtime=YES
connect_from_port_20=NO
secure_chroot_dir=%s/empty
pam_service_name=vsftpd
ssl_enable=NO
`, port, srv, srv, dir), 0o644))
	check(os.Mkdir(dir+"/empty", 0o755))
	cmd := exec.Command("unshare", "-m", "sh", "-c",
		`for f in passwd group shadow; do mount --bind "$0/$f" "/etc/$f" || exit 1; done; exec vsftpd "$1"`, dir, conf)
	check(cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for end := time.Now().Add(5 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		if time.Now().After(end) {
			t.Fatal("vsftpd does not come up: ", err)
		}
	}
}

func hashed(t *testing.T, password string) string {
	t.Helper()
	out, err := exec.Command("openssl", "passwd", "-6", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
