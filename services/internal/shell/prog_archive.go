package shell

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// readGzip unpacks within the budget of the log-in.
func (c *call) readGzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(&budgetReader{c, z})
}

func writeGzip(b []byte, name string, when time.Time) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Name, z.ModTime = name, when
	_, _ = z.Write(b) // writing to memory cannot fail
	_ = z.Close()
	return out.Bytes()
}

func progGzip(c *call) int {
	opts, operands := c.flags("S")
	unpack := has(opts, "-d", "--decompress") || c.name == "gunzip" || c.name == "zcat"
	toOut := has(opts, "-c", "--stdout") || c.name == "zcat"
	keep, force := has(opts, "-k", "--keep"), has(opts, "-f", "--force")
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	status := 0
	for _, name := range operands {
		from := name
		if unpack && name != "-" && !strings.HasSuffix(name, ".gz") && !strings.HasSuffix(name, ".tgz") {
			if _, err := c.files().stat("stat", name+".gz", true); err == nil {
				from = name + ".gz"
			} else if _, err := c.files().stat("stat", name, true); err != nil {
				from = name + ".gz"
			} else if !toOut {
				c.errln("gzip: " + name + ": unknown suffix -- ignored")
				status = 2
				continue
			}
		}
		b, err := c.contents(from)
		if err != nil {
			if reason(err) == "Is a directory" {
				c.errln("gzip: " + from + " is a directory -- ignored")
				status = 2
			} else {
				c.errln("gzip: " + from + ": " + reason(err))
				status = 1
			}
			continue
		}
		var out []byte
		if unpack {
			if out, err = c.readGzip(b); err != nil {
				label := from
				if name == "-" {
					label = "stdin"
				}
				if len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b {
					c.errln("\ngzip: " + label + ": unexpected end of file")
				} else {
					c.errln("\ngzip: " + label + ": not in gzip format")
				}
				status = 1
				continue
			}
		} else {
			c.grow(len(b))
			out = writeGzip(b, path.Base(from), c.sh.m.now())
		}
		if has(opts, "-t", "-l") {
			continue
		}
		if toOut || name == "-" {
			c.printBytes(out)
			continue
		}
		to := from + ".gz"
		if unpack {
			to = strings.TrimSuffix(from, ".gz")
			if t, ok := strings.CutSuffix(from, ".tgz"); ok {
				to = t + ".tar"
			}
		}
		if _, err := c.files().stat("stat", to, true); err == nil && !force {
			c.errln("gzip: " + to + " already exists;\tnot overwritten")
			status = 2
			continue
		}
		if err := c.create(to, out, 0o644); err != nil {
			c.errln("gzip: " + to + ": " + reason(err))
			status = 1
			continue
		}
		if !keep {
			_ = c.files().Remove(from)
		}
	}
	return status
}

func progTar(c *call) int {
	args := c.args[1:]
	if len(args) == 0 {
		c.errln("tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\nTry 'tar --help' or 'tar --usage' for more information.")
		return 2
	}
	var mode byte
	file, dir := "", "."
	verbose, zip := false, false
	strip := 0
	var names []string
	first := true
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		if !strings.HasPrefix(a, "-") && !first {
			names = append(names, a)
			continue
		}
		first = false
		if v, ok := strings.CutPrefix(a, "--strip-components="); ok {
			strip = len(v)
			for i, d := range []string{"0", "1", "2", "3"} {
				if v == d {
					strip = i
				}
			}
			continue
		}
		if strings.HasPrefix(a, "--") {
			switch a {
			case "--version":
				c.print("tar (GNU tar) 1.34\n")
				return 0
			case "--list":
				mode = 't'
			case "--extract":
				mode = 'x'
			case "--create":
				mode = 'c'
			case "--gzip":
				zip = true
			}
			continue
		}
		for _, f := range strings.TrimPrefix(a, "-") {
			switch f {
			case 'c', 'x', 't', 'r', 'u':
				mode = byte(f)
			case 'v':
				verbose = true
			case 'z', 'a':
				zip = zip || f == 'z'
			case 'f', 'C':
				if len(args) == 0 {
					c.errln("tar: option requires an argument -- '" + string(f) + "'")
					return 2
				}
				if f == 'f' {
					file = args[0]
				} else {
					dir = args[0]
				}
				args = args[1:]
			}
		}
	}
	for i := 0; i+1 < len(names); i++ {
		if names[i] == "-C" {
			dir = names[i+1]
			names = append(names[:i], names[i+2:]...)
		}
	}
	switch mode {
	case 'c':
		return c.tarCreate(file, dir, names, verbose, zip || strings.HasSuffix(file, ".gz") || strings.HasSuffix(file, ".tgz"))
	case 'x', 't':
		return c.tarRead(file, dir, names, mode == 'x', verbose, zip, strip)
	}
	c.errln("tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\nTry 'tar --help' or 'tar --usage' for more information.")
	return 2
}

func (c *call) tarRead(file, dir string, names []string, extract, verbose, zip bool, strip int) int {
	if file == "" {
		file = "-"
	}
	b, err := c.contents(file)
	if err != nil {
		c.errln("tar: " + file + ": Cannot open: " + reason(err) + "\ntar: Error is not recoverable: exiting now")
		return 2
	}
	gzipped := len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b
	if zip && !gzipped {
		why := "not in gzip format"
		if len(b) == 0 {
			why = "unexpected end of file"
		}
		c.errln("\ngzip: stdin: " + why + "\ntar: Child returned status 1\ntar: Error is not recoverable: exiting now")
		return 2
	}
	if gzipped {
		if b, err = c.readGzip(b); err != nil {
			c.errln("\ngzip: stdin: unexpected end of file\ntar: Child returned status 1\ntar: Error is not recoverable: exiting now")
			return 2
		}
	}
	r := tar.NewReader(bytes.NewReader(b))
	count := 0
	for {
		c.use.step(c.ctx)
		h, err := r.Next()
		if err == io.EOF && (count > 0 || len(b) >= 1024) {
			return 0
		}
		if err != nil {
			if count == 0 && len(b) >= 512 {
				c.errln("tar: This does not look like a tar archive\ntar: Skipping to next header\ntar: Exiting with failure status due to previous errors")
			} else if count == 0 {
				c.errln("tar: This does not look like a tar archive\ntar: Exiting with failure status due to previous errors")
			} else {
				c.errln("tar: Unexpected EOF in archive\ntar: Error is not recoverable: exiting now")
			}
			return 2
		}
		count++
		if len(names) > 0 && !matchesAny(names, h.Name) {
			continue
		}
		if verbose || !extract {
			if verbose && !extract {
				c.printf("%s %s/%s %9d %s %s\n", modeString(h.FileInfo().Mode()), h.Uname, h.Gname, h.Size, clock(h.ModTime, "2006-01-02 15:04"), h.Name)
			} else {
				c.print(h.Name + "\n")
			}
		}
		if extract {
			c.untar(dir, h, r, strip)
		}
	}
}

func matchesAny(names []string, name string) bool {
	for _, n := range names {
		if name == n || strings.HasPrefix(name, strings.TrimSuffix(n, "/")+"/") {
			return true
		}
	}
	return false
}

// untar makes one member below dir. Names cannot leave the machine's own tree.
func (c *call) untar(dir string, h *tar.Header, r io.Reader, strip int) {
	name := path.Clean("/" + h.Name)
	for range strip {
		_, rest, ok := strings.Cut(strings.TrimPrefix(name, "/"), "/")
		if !ok {
			return
		}
		name = "/" + rest
	}
	if name == "/" {
		return
	}
	to := strings.TrimSuffix(dir, "/") + name
	files := c.files()
	if h.Typeflag == tar.TypeDir {
		if err := files.Mkdir(to, fs.FileMode(h.Mode).Perm()); err != nil && reason(err) != "File exists" {
			c.errorf("%s: Cannot mkdir: %s", strings.TrimPrefix(name, "/"), reason(err))
		}
		return
	}
	c.parents(to)
	switch h.Typeflag {
	case tar.TypeSymlink:
		_ = files.Remove(to)
		_ = files.Symlink(h.Linkname, to)
	case tar.TypeReg:
		content, err := io.ReadAll(&budgetReader{c, r})
		if err == nil {
			err = c.create(to, content, fs.FileMode(h.Mode).Perm())
		}
		if err != nil {
			c.errorf("%s: Cannot open: %s", strings.TrimPrefix(name, "/"), reason(err))
			return
		}
		_ = files.Chtimes(to, h.ModTime)
	}
}

// parents makes the directories above name.
func (c *call) parents(name string) {
	dir := path.Dir(name)
	if _, err := c.files().stat("stat", dir, true); err == nil || dir == name {
		return
	}
	c.parents(dir)
	_ = c.files().Mkdir(dir, 0o755)
}

func (c *call) tarCreate(file, dir string, names []string, verbose, zip bool) int {
	if len(names) == 0 {
		c.errln("tar: Cowardly refusing to create an empty archive\nTry 'tar --help' or 'tar --usage' for more information.")
		return 2
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	status := 0
	who := c.sh.names()
	var add func(name string, depth int)
	add = func(name string, depth int) {
		c.use.step(c.ctx)
		at := name
		if !strings.HasPrefix(name, "/") {
			at = dir + "/" + name
		}
		i, err := c.files().stat("stat", at, false)
		if err != nil || depth > 64 {
			c.errln("tar: " + name + ": Cannot stat: " + reason(err))
			status = 2
			return
		}
		h := &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: int64(i.mode.Perm()), ModTime: i.mtime, Uname: who.user(i.node.uid), Gname: who.group(i.node.gid), Uid: int(i.node.uid), Gid: int(i.node.gid), Typeflag: tar.TypeReg}
		var content []byte
		switch {
		case i.mode.IsDir():
			h.Typeflag = tar.TypeDir
			h.Name = strings.TrimSuffix(h.Name, "/") + "/"
		case i.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, i.node.target
		case i.mode.IsRegular():
			if content, err = c.contents(at); err != nil {
				c.errln("tar: " + name + ": Cannot open: " + reason(err))
				status = 2
				return
			}
			h.Size = int64(len(content))
		default:
			return
		}
		if verbose {
			c.errln(h.Name)
		}
		c.grow(len(content) + 512)
		if w.WriteHeader(h) == nil {
			_, _ = w.Write(content) // writing to memory cannot fail
		}
		if i.mode.IsDir() {
			list, _ := c.files().list(at)
			for _, k := range list {
				add(strings.TrimSuffix(name, "/")+"/"+k.name, depth+1)
			}
		}
	}
	for _, n := range names {
		if strings.HasPrefix(n, "/") {
			c.errln("tar: Removing leading `/' from member names")
		}
		add(n, 0)
	}
	_ = w.Close()
	b := out.Bytes()
	if zip {
		b = writeGzip(b, "", time.Time{})
	}
	if file == "" || file == "-" {
		c.printBytes(b)
	} else if err := c.create(file, b, 0o644); err != nil {
		c.errln("tar: " + file + ": Cannot open: " + reason(err) + "\ntar: Error is not recoverable: exiting now")
		return 2
	}
	if status != 0 {
		c.errln("tar: Exiting with failure status due to previous errors")
	}
	return status
}
