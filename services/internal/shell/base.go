package shell

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// elf is the content of one of the machine's own programs.
type elf struct {
	program string
	length  int64
}

func (e elf) size(*Shell) int64 { return e.length }

// bytes makes a file that starts as a 64-bit ELF program does, the same on every read.
func (e elf) bytes(*Shell) []byte {
	b := make([]byte, e.length)
	var seed [32]byte
	copy(seed[:], e.program)
	r := rand.NewChaCha8(seed)
	_, _ = r.Read(b)
	for i := range b {
		if b[i]&3 == 0 { // programs have many zero bytes
			b[i] = 0
		}
	}
	copy(b, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x3e\x00\x01\x00\x00\x00")
	copy(b[0x18:], "\x60\x4b\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00")
	copy(b[0x34:], "\x40\x00\x38\x00\x0d\x00\x40\x00\x1f\x00\x1e\x00\x06\x00\x00\x00\x04\x00\x00\x00")
	copy(b[0x318:], "/lib64/ld-linux-x86-64.so.2\x00")
	copy(b[0x1200:], "\x00GLIBC_2.34\x00libc.so.6\x00__libc_start_main\x00"+e.program+"\x00")
	return b
}

// builder makes the base tree.
type builder struct {
	m    *Machine
	root *node
	ino  uint64
	when int64 // mtime of what is made
}

func (b *builder) node(mode fs.FileMode) *node {
	b.ino++
	return &node{mode: mode, mtime: b.when, ino: b.ino, links: 1}
}

func (b *builder) parent(name string) (*node, string) {
	n := b.root
	dir, base := path.Split(name)
	for elem := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if elem == "" {
			continue
		}
		i, ok := n.find(elem)
		if !ok {
			d := b.node(fs.ModeDir | 0o755)
			n.kids = slices.Insert(n.kids, i, entry{elem, d})
		}
		n = n.kids[i].node
	}
	return n, base
}

func (b *builder) put(name string, n *node) *node {
	p, base := b.parent(name)
	if i, ok := p.find(base); ok {
		p.kids[i].node = n
	} else {
		p.kids = slices.Insert(p.kids, i, entry{base, n})
	}
	return n
}

func (b *builder) dir(name string, perm fs.FileMode) *node {
	p, base := b.parent(name)
	if i, ok := p.find(base); ok {
		p.kids[i].node.mode = fs.ModeDir | perm
		return p.kids[i].node
	}
	return b.put(name, b.node(fs.ModeDir|perm))
}

func (b *builder) file(name string, perm fs.FileMode, src source) *node {
	n := b.node(perm)
	n.src = src
	return b.put(name, n)
}

func (b *builder) link(name, target string) {
	n := b.node(fs.ModeSymlink | 0o777)
	n.target = target
	b.put(name, n)
}

func (b *builder) device(name string, perm fs.FileMode, block bool) *node {
	mode := fs.ModeDevice | fs.ModeCharDevice | perm
	if block {
		mode = fs.ModeDevice | perm
	}
	n := b.node(mode)
	n.mtime = timeBoot
	return b.put(name, n)
}

// at sets the owner and the time of what it is given.
func (n *node) at(mtime int64, uid, gid int) *node {
	n.mtime, n.uid, n.gid = mtime, uint32(uid), uint32(gid)
	return n
}

// newBase makes the tree that all attackers start from.
func (m *Machine) newBase() *node {
	b := &builder{m: m, when: m.installed().Unix()}
	b.root = b.node(fs.ModeDir | 0o755)
	for _, d := range strings.Fields("boot dev etc home media mnt opt proc root run srv sys tmp usr var usr/bin usr/sbin usr/lib usr/local/bin usr/local/sbin usr/share usr/include usr/src var/log var/lib var/cache var/spool var/backups var/mail var/opt var/local dev/shm dev/pts run/lock run/user") {
		b.dir("/"+d, 0o755)
	}
	b.dir("/root", 0o700)
	b.dir("/tmp", fs.ModeSticky|0o777).mtime = timeNow
	b.dir("/var/tmp", fs.ModeSticky|0o777).mtime = timeNow
	b.dir("/dev/shm", fs.ModeSticky|0o777).mtime = timeBoot
	b.dir("/run/lock", fs.ModeSticky|0o777).mtime = timeBoot
	for _, d := range []string{"/dev", "/run", "/run/user", "/dev/pts"} {
		b.dir(d, 0o755).mtime = timeBoot
	}
	b.programs()
	b.devices()
	m.etc(b)
	m.proc(b)
	m.logs(b)
	m.bait(b)
	return b.root
}

func (b *builder) programs() {
	bin, sbin := "/usr/bin/", "/usr/sbin/"
	if b.m.distro.merged() {
		for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
			b.link("/"+d, "usr/"+d)
		}
		b.dir("/usr/lib64", 0o755)
		if b.m.distro.family == "arch" {
			b.link("/sbin", "usr/bin")
			sbin = bin
		}
	} else {
		for _, d := range []string{"bin", "sbin", "lib"} {
			b.dir("/"+d, 0o755)
		}
	}
	when := func(name string, r *rand.Rand) int64 { return b.when - int64(r.IntN(300*24*3600)) }
	rnd := b.m.id.Rand("programs")
	have := func(name, family string) bool {
		return family == "" || slices.Contains(strings.Split(family, ","), b.m.distro.family) || slices.Contains(strings.Split(family, ","), b.m.release.ID)
	}
	if b.m.distro.family == "alpine" {
		b.file("/bin/busybox", 0o755, elf{"busybox", 824984}).mtime = when("busybox", rnd)
		for _, p := range slices.Sorted(maps.Keys(b.m.programs)) {
			if where, ok := alpinePrograms[p]; ok {
				if where == "" {
					b.file("/usr/bin/"+p, 0o755, elf{p, int64(20000 + rnd.IntN(200000))})
				} else {
					b.link(where+"/"+p, "/bin/busybox")
				}
			}
		}
		return
	}
	for _, p := range slices.Sorted(maps.Keys(b.m.programs)) {
		spec := placement[p]
		if spec == "-" || !have(p, spec) {
			continue
		}
		dir := bin
		if systemPrograms[p] {
			dir = sbin
		}
		n := b.file(dir+p, 0o755, elf{p, int64(22000+rnd.IntN(150000)) &^ 7})
		n.mtime = when(p, rnd)
		if setuid[p] {
			n.mode |= fs.ModeSetuid
		}
	}
	b.file("/usr/bin/bash", 0o755, elf{"bash", 1265648})
	if b.m.distro.sh == dash {
		b.file("/usr/bin/dash", 0o755, elf{"dash", 125640})
		b.link("/usr/bin/sh", "dash")
	} else {
		b.link("/usr/bin/sh", "bash")
	}
	if b.m.distro.login == zsh {
		b.file("/usr/bin/zsh", 0o755, elf{"zsh", 878288})
	}
	b.link("/usr/bin/awk", "/etc/alternatives/awk")
	b.link("/etc/alternatives/awk", "/usr/bin/mawk")
	b.file("/usr/bin/mawk", 0o755, elf{"awk", 158488})
	if b.m.distro.family != "debian" {
		b.file("/usr/bin/gawk", 0o755, elf{"awk", 714968})
		b.link("/usr/bin/awk", "gawk")
	}
	for _, l := range []string{"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libcrypt.so.1", "libz.so.1", "libssl.so.3", "libcrypto.so.3", "libpam.so.0", "libselinux.so.1"} {
		b.file("/usr/lib/x86_64-linux-gnu/"+l, 0o644, elf{l, int64(80000+rnd.IntN(1800000)) &^ 7})
	}
	b.file("/usr/lib64/ld-linux-x86-64.so.2", 0o755, elf{"ld", 210968})
	kernel, _ := b.m.kernel()
	b.file("/boot/vmlinuz-"+kernel, 0o644, elf{"vmlinuz", 8152768})
	b.file("/boot/System.map-"+kernel, 0o600, text("ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n"))
	b.file("/boot/config-"+kernel, 0o644, text("#\n# Automatically generated file; DO NOT EDIT.\n#\nCONFIG_64BIT=y\nCONFIG_X86_64=y\nCONFIG_MODULES=y\n"))
	b.dir("/usr/lib/modules/"+kernel, 0o755)
}

func (b *builder) devices() {
	for name, perm := range map[string]fs.FileMode{"null": 0o666, "zero": 0o666, "full": 0o666, "random": 0o666, "urandom": 0o666, "tty": 0o666, "ptmx": 0o666,
		"console": 0o600, "tty0": 0o620, "tty1": 0o620, "kmsg": 0o644, "mem": 0o640, "rtc0": 0o600, "ttyS0": 0o660, "fuse": 0o666, "hpet": 0o600, "snapshot": 0o660} {
		b.device("/dev/"+name, perm, false)
	}
	d := b.m.hw.disk
	for _, name := range []string{d, d + "1", d + "2"} {
		b.device("/dev/"+name, 0o660, true).gid = 6
	}
	for i := range 4 {
		b.device("/dev/loop"+string(rune('0'+i)), 0o660, true).gid = 6
	}
	b.link("/dev/fd", "/proc/self/fd")
	b.link("/dev/stdin", "/proc/self/fd/0")
	b.link("/dev/stdout", "/proc/self/fd/1")
	b.link("/dev/stderr", "/proc/self/fd/2")
	b.link("/dev/log", "/run/systemd/journal/dev-log")
	b.dir("/dev/disk/by-uuid", 0o755)
	b.link("/dev/disk/by-uuid/"+b.m.hw.uuid, "../../"+d+"1")
}
