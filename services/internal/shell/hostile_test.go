package shell

import (
	"context"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Nothing that attackers run may take more than its budget of memory, processes or time,
// nor end the process.
func TestW49_HostileScripts(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"endless loop", "while true; do :; done"},
		{"endless for", "for ((;;)); do :; done"},
		{"fork bomb", ":(){ :|:& };:"},
		{"fork bomb, other name", "b(){ b|b & }; b; wait"},
		{"subshells", "f(){ (f); }; f"},
		{"substitutions", "f(){ echo $(f); }; f"},
		{"recursion", "f(){ f; }; f"},
		{"mutual recursion", "f(){ g; }; g(){ f; }; f"},
		{"eval recursion", "x='eval \"$x\"'; eval \"$x\""},
		{"source recursion", "echo '. /tmp/s' > /tmp/s; . /tmp/s"},
		{"script recursion", "echo '/tmp/s' > /tmp/s; chmod +x /tmp/s; /tmp/s"},
		{"interpreter loop", "printf '#!/tmp/s\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s"},
		{"yes", "yes > /dev/null"},
		{"yes to a variable", "x=$(yes)"},
		{"cat zero", "cat /dev/zero | wc -c"},
		{"zero to a variable", "x=$(cat /dev/urandom)"},
		{"braces", "echo {1..999999999}"},
		{"brace product", "echo {1..9999}{1..9999}{1..9999}"},
		{"brace overflow", "echo {9223372036854775800..9223372036854775807}; echo {-9223372036854775808..9223372036854775807}"},
		{"printf width", "printf %999999999d 1 | wc -c"},
		{"printf star", "printf '%*d' 2147483647 1 | wc -c"},
		{"printf to a variable", "x=$(printf %999999999d 1); echo ${#x}"},
		{"printf repeated", "printf '%60000d%60000d%60000d' $(seq 1 5000)"},
		{"seq", "seq 1 1000000000000 > /dev/null"},
		{"seq to a variable", "x=$(seq 1 1000000000000)"},
		{"doubling", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"},
		{"doubling by append", "x=aaaaaaaaaaaaaaaa; while :; do x+=$x; done"},
		{"doubling arrays", "a=(x x x x); while :; do a=(${a[@]} ${a[@]}); done"},
		{"many variables", "i=0; while :; do i=$((i+1)); eval v$i=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"},
		{"replacement", "x=$(seq 1 20000); y=${x//?/$x}; echo ${#y}"},
		{"patterns", "x=$(printf %60000s a); for i in 1 2 3 4 5 6 7 8 9; do y=${x##*?*?*?*b}; done"},
		{"arithmetic recursion", "a=b; b=a; echo $((a))"},
		{"arithmetic", "echo $((2**9999999999)) $((1<<99)) $((-9223372036854775808/-1)) $((9223372036854775807+1))"},
		{"deep pipeline", "echo a" + strings.Repeat(" | cat", 400)},
		{"endless pipeline", "yes | while read x; do echo $x; done | cat > /dev/null"},
		{"here document", "cat <<E\n" + strings.Repeat("a", 300<<10) + "\nE\n"},
		{"many here documents", "while :; do cat <<E >/dev/null\n$(seq 1 100)\nE\ndone"},
		{"parentheses", strings.Repeat("(", 200000)},
		{"substitution nesting", strings.Repeat("$(", 100000)},
		{"quote nesting", strings.Repeat("\"$(", 60000)},
		{"if nesting", strings.Repeat("if ", 100000)},
		{"brace nesting", strings.Repeat("{ ", 100000)},
		{"backquotes", strings.Repeat("`\\", 50000)},
		{"arithmetic nesting", "echo $((" + strings.Repeat("(", 100000)},
		{"not nesting", strings.Repeat("! ", 100000) + "true"},
		{"test nesting", "[[ " + strings.Repeat("( ", 50000)},
		{"test builtin nesting", "[ " + strings.Repeat("! ", 50000) + "a ]"},
		{"parameter nesting", strings.Repeat("${x:-", 50000)},
		{"awk nesting", "awk 'BEGIN{x=" + strings.Repeat("(", 50000) + "'"},
		{"awk loop", "awk 'BEGIN{while(1)x=x\"aaaaaaaa\"}'"},
		{"awk empty loop", "awk 'BEGIN{for(;;);}'"},
		{"awk array", "awk 'BEGIN{while(1)a[i++]=1}'"},
		{"sed growth", "echo a | sed " + strings.Repeat("-e 's/a/aaaaaaaaaa/g' ", 12)},
		{"sed nesting", "sed '" + strings.Repeat("{", 50000) + "'"},
		{"find exec", "find / -exec find / \\; > /dev/null"},
		{"grep all", "grep -r a / > /dev/null"},
		{"gzip bomb", "dd if=/dev/zero bs=64k count=100 2>/dev/null | gzip -c > /tmp/b; for i in 1 2 3 4 5 6 7 8; do cat /tmp/b; done | gunzip -c | wc -c"},
		{"tar of itself", "cd /tmp; while :; do tar cf a.tar . ; done"},
		{"copy into itself", "mkdir /tmp/q; cp -r /tmp /tmp/q"},
		{"links", "cd /tmp; ln -s a b; ln -s b a; cat a; cd a; ls a/; find -L a"},
		{"deep directories", "cd /tmp; while mkdir d && cd d; do :; done"},
		{"large arrays", "a[9223372036854775807]=x; a[-1]=y; echo ${#a[@]} ${a[-5]}"},
		{"read zero", "read x < /dev/zero; echo ${#x}"},
		{"mapfile", "yes | mapfile x; echo ${#x[@]}"},
		{"sleepers", "while :; do sleep 1000 & done"},
		{"job output", "while :; do yes & done"},
		{"exec self", "exec bash -c 'exec bash'"},
		{"xargs", "yes | xargs -n 1 echo > /dev/null"},
		{"xargs itself", "yes xargs | xargs xargs"},
		{"tee", "yes | tee /tmp/a /tmp/b /tmp/c > /dev/null"},
		{"sort", "yes | sort"},
		{"process substitution", "f(){ cat <(f); }; f"},
		{"coproc", "while :; do coproc cat; done"},
		{"descriptors", "while :; do exec {fd}>/tmp/x; done; exec 250>/tmp/x 999>/tmp/y 99999999999999>/tmp/z"},
		{"closed output", "exec >&- 2>&-; echo a; ls; cat /etc/passwd"},
		{"busybox nesting", "busybox " + strings.Repeat("busybox ", 5000) + "ls"},
		{"env nesting", "env " + strings.Repeat("env ", 5000) + "ls"},
		{"su nesting", strings.Repeat("sudo ", 3000) + "ls"},
		{"odd bytes", "\x00\xff\xfe\x80${\x01}`\x02`\n\x03;;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, "debian", Options{})
			sh := b.login("root", "192.0.2.7:4711")
			ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
			defer cancel()
			start := time.Now()
			sh.Exec(ctx, c.script, Stdio{In: strings.NewReader("y\nn\n"), Out: io.Discard, Err: io.Discard})
			if d := time.Since(start); d > 15*time.Second {
				t.Errorf("took %v", d)
			}
			if n := sh.memory.Load(); n != 0 {
				t.Errorf("%d bytes are still accounted for", n)
			}
			if n := sh.procs.Load(); n != 0 {
				t.Errorf("%d processes are still accounted for", n)
			}
			if used := sh.files.size(); used > 8<<20 {
				t.Errorf("%d bytes of files", used)
			}
			if out, _, status := b.run(sh, "echo alive", ""); out != "alive\n" || status != 0 {
				t.Errorf("afterwards: %q %d", out, status)
			}
		})
	}
}

// The worst of the scripts, one after the other, leave no more than the budget behind and
// never hold much more while they run.
func TestW49_MemoryIsBounded(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	var peak uint64
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				peak = max(peak, s.HeapAlloc)
			}
		}
	}()
	for _, script := range []string{"x=aaaaaaaa; while :; do x=$x$x; done", "x=$(yes)", "a=$(seq 1 100000); while :; do b=(${a} ${b[@]}); done", "x=$(seq 1 20000); y=${x//?/$x}", "printf '%60000d%60000d' $(seq 1 16000)"} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		sh.Exec(ctx, script, Stdio{})
		cancel()
	}
	close(stop)
	<-done
	if peak > 200<<20 {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
}

// An endless loop is slowed down instead of keeping a core busy.
func TestLoopsAreSlowedDown(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	in := sh.shell(ctx, "bash", "c", Stdio{})
	sh.start(in, func() { in.eval("while :; do :; done") })
	if n := in.use.steps.Load(); n > 80_000 {
		t.Errorf("%d steps in a second", n)
	}
}

// A call that reaches the operating system for an attacker is impossible: the package
// names no function that could make one.
func TestW17_NoWayToTheHost(t *testing.T) {
	allowed := map[string]map[string]bool{
		"os":                     {"O_RDONLY": true, "O_WRONLY": true, "O_RDWR": true, "O_CREATE": true, "O_TRUNC": true, "O_APPEND": true, "O_EXCL": true, "FileMode": true},
		"io/fs":                  nil, // types and constants; ReadFile and the like need an FS, and none is made
		"syscall":                {"Errno": true, "Stat_t": true, "Timespec": true, "O_NOFOLLOW": true},
		"runtime":                {"Callers": true},
		"net/netip":              nil,
		"net/url":                nil,
		"mvdan.cc/sh/v3/syntax":  nil,
		"mvdan.cc/sh/v3/pattern": nil,
	}
	forbidden := []string{"os/exec", "os/user", "net", "net/http", "plugin", "unsafe", "golang.org/x/sys/unix", "mvdan.cc/sh/v3/interp", "mvdan.cc/sh/v3/expand", "path/filepath", "io/ioutil", "C"}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		local := map[string]string{}
		for _, im := range f.Imports {
			p := strings.Trim(im.Path.Value, `"`)
			for _, bad := range forbidden {
				if p == bad {
					t.Errorf("%s imports %s", name, p)
				}
			}
			base := p[strings.LastIndexByte(p, '/')+1:]
			if im.Name != nil {
				base = im.Name.Name
			}
			local[base] = p
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || id.Obj != nil {
				return true
			}
			names, checked := allowed[local[id.Name]]
			if checked && names != nil && !names[sel.Sel.Name] &&
				!(local[id.Name] == "syscall" && (strings.HasPrefix(sel.Sel.Name, "E") || strings.HasPrefix(sel.Sel.Name, "S_"))) {
				t.Errorf("%s uses %s.%s", name, id.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// Real files of this machine can be neither read nor written, whatever the spelling.
func TestHostFilesStayOut(t *testing.T) {
	dir := t.TempDir()
	canary := filepath.Join(dir, "canary")
	if err := os.WriteFile(canary, []byte("of the host"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DECNET_CANARY", "of the host")
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{
		"cat C; cat < C; read x < C; echo $x; echo $(<C); . C; source C; bash C; C", "ls -la D; echo D/*; find D; cd D && pwd; [ -e C ] && echo there; [[ -f C ]] && echo there",
		"echo x > C; echo x >> C; touch C; cp /etc/passwd C; dd if=C of=D/new; mkdir -p D/sub; rm -rf D; mv C /tmp; ln -s C /tmp/l; cat /tmp/l; tar cf - C; tee D/tee < /dev/null",
		"cat <(cat C); cat /proc/self/root/C /proc/self/cwd/C /proc/1/root/C; cat /proc/self/environ; env; set; echo $DECNET_CANARY; export -p; declare -p", "cat ../../../../../../C; cat //C; cat /./C; cat '/tmp/../'C; cat ~root/../C",
		"echo ~; echo ~+; echo $HOME $PWD $OLDPWD; pwd -P; hostname; cat /etc/hostname; uname -n; echo $HOSTNAME", "command -v go; type go; which go; hash go; echo x > /tmp/sh-interp-1; cat /tmp/sh-interp-1; cat W/shell.go; ls W",
		"wget --post-file=C http://127.0.0.1/; curl file://C; curl -d @C http://127.0.0.1/; crontab C; tar xf C; gzip -c C; base64 C; xxd C; strings C; sed p C; awk 1 C; grep . C; python3 C; sed w/D/sed /etc/passwd; awk 'BEGIN{print > \"D/awk\"}'",
	} {
		script = strings.NewReplacer("C", canary, "D", dir, "W", wd).Replace(strings.ReplaceAll(script, "DECNET_CANARY", "DECNET_"+"\x00"))
		script = strings.ReplaceAll(script, "DECNET_\x00", "DECNET_CANARY")
		out, errs, _ := b.run(sh, script, "")
		for _, leak := range []string{"of the host", "there\n", "package shell"} {
			if strings.Contains(out+errs, leak) {
				t.Errorf("%s\n leaks %q: %s%s", script, leak, out, errs)
			}
		}
		if len(host) > 3 && strings.Contains(out, host) {
			t.Errorf("%s\n leaks the host name: %s", script, out)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Errorf("the directory was changed: %v %v", list, err)
	}
	if content, err := os.ReadFile(canary); err != nil || string(content) != "of the host" {
		t.Errorf("the file was changed: %q %v", content, err)
	}
}
