package shell

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// process is a line of the invented process table.
type process struct {
	pid, ppid int
	user      string
	tty       string // "?" or "pts/0"
	stat      string
	start     time.Time
	cpu       time.Duration
	vsz, rss  int // KiB
	cmd       string
	name      string // of the program where cmd does not tell
}

// comm is the name of the program.
func (p *process) comm() string {
	if p.name != "" {
		return p.name
	}
	if strings.HasPrefix(p.cmd, "[") {
		return strings.Trim(p.cmd, "[]")
	}
	s, _, _ := strings.Cut(p.cmd, " ")
	s = strings.TrimSuffix(s, ":")
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		s = s[i+1:]
	}
	return strings.TrimPrefix(s, "-")
}

func (m *Machine) sshdPID() int { return 500 + m.id.Rand("sshd").IntN(400) }

// daemons are the processes that run since the machine was started.
func (m *Machine) daemons() []process {
	boot := m.boot()
	up := m.now().Sub(boot)
	var out []process
	add := func(pid, ppid int, user, stat string, after, vsz, rss int, share float64, cmd string) {
		out = append(out, process{pid: pid, ppid: ppid, user: user, tty: "?", stat: stat, start: boot.Add(time.Duration(after) * time.Second),
			cpu: time.Duration(float64(up) * share), vsz: vsz, rss: rss, cmd: cmd})
	}
	initCmd := "/sbin/init"
	if m.distro.family == "rhel" {
		initCmd = "/usr/lib/systemd/systemd --switched-root --system --deserialize 31"
	}
	add(1, 0, "root", "Ss", 0, 167840, 11780, 2e-5, initCmd)
	if m.distro.family != "alpine" {
		out[0].name = "systemd"
	}
	for i, k := range []string{"kthreadd", "rcu_gp", "rcu_par_gp", "slub_flushwq", "netns", "kworker/0:0H-events_highpri", "mm_percpu_wq", "rcu_tasks_kthread", "ksoftirqd/0", "rcu_preempt", "migration/0", "cpuhp/0", "kdevtmpfs", "inet_frag_wq", "kauditd", "khungtaskd", "oom_reaper", "writeback", "kcompactd0", "ksmd", "khugepaged", "kintegrityd", "kblockd", "blkcg_punt_bio", "kswapd0", "kthrotld", "scsi_eh_0", "scsi_tmf_0", "jbd2/" + m.hw.disk + "1-8", "ext4-rsv-conver"} {
		stat, ppid := "I<", 2
		if k == "kthreadd" {
			stat, ppid = "S", 0
		} else if strings.ContainsAny(k, "/0") && !strings.HasPrefix(k, "kworker") || strings.HasPrefix(k, "k") && !strings.HasPrefix(k, "kworker") {
			stat = "S"
		}
		share := 0.0
		if k == "rcu_preempt" {
			share = 5e-6
		}
		add(2+i+i/7, ppid, "root", stat, 0, 0, 0, share, "["+k+"]")
	}
	r := m.id.Rand("daemons")
	pid := 250
	next := func() int { pid += 1 + r.IntN(25); return pid }
	if m.distro.family == "alpine" {
		out[0].cmd = "/sbin/init"
		add(next(), 1, "root", "Ss", 3, 1636, 1020, 1e-6, "/sbin/syslogd -t -n")
		add(next(), 1, "root", "Ss", 4, 1628, 4, 1e-6, "/usr/sbin/crond -c /etc/crontabs -f")
		add(m.sshdPID()+30, 1, "root", "Ss+", 8, 1620, 920, 0, "/sbin/getty 38400 tty1")
	} else {
		add(next(), 1, "root", "Ss", 2, 49620, 16144, 1e-5, "/lib/systemd/systemd-journald")
		add(next(), 1, "root", "Ss", 2, 26712, 6024, 1e-6, "/lib/systemd/systemd-udevd")
		if m.distro.family == "debian" {
			add(next(), 1, "systemd+", "Ssl", 4, 90080, 6552, 2e-6, "/lib/systemd/systemd-timesyncd")
			add(next(), 1, "root", "Ss", 5, 6608, 2660, 2e-6, "/usr/sbin/cron -f")
			add(next(), 1, "message+", "Ss", 5, 9128, 4720, 1e-6, "/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only")
			add(next(), 1, "root", "Ssl", 5, 222400, 5480, 2e-6, "/usr/sbin/rsyslogd -n -iNONE")
		} else {
			add(next(), 1, "root", "S<sl", 4, 94348, 2684, 1e-6, "/sbin/auditd")
			add(next(), 1, "dbus", "Ss", 5, 10488, 4604, 1e-6, "/usr/bin/dbus-broker-launch --scope system --audit")
			add(next(), 1, "chrony", "S", 5, 84536, 3660, 1e-6, "/usr/sbin/chronyd -F 2")
			add(next(), 1, "root", "Ssl", 6, 256148, 18020, 2e-6, "/usr/sbin/NetworkManager --no-daemon")
			add(next(), 1, "root", "Ssl", 6, 161344, 6900, 1e-6, "/usr/sbin/rsyslogd -n")
			add(next(), 1, "root", "Ss", 7, 7532, 3300, 1e-6, "/usr/sbin/crond -n")
		}
		add(next(), 1, "root", "Ss", 5, 25572, 7900, 1e-6, "/lib/systemd/systemd-logind")
		add(m.sshdPID()+24, 1, "root", "Ss+", 8, 5872, 1012, 0, "/sbin/agetty -o -p -- \\u --noclear - linux")
	}
	out = append(out, m.serverProcesses()...)
	now := m.now()
	worker := process{pid: 9000 + int(now.Unix()/1800%800), ppid: 2, user: "root", tty: "?", stat: "I", start: now.Truncate(30 * time.Minute), cmd: "[kworker/u" + strconv.Itoa(2*m.hw.cores) + ":1-events_unbound]"}
	return append(out, worker)
}

// processes is the process table as the attacker sees it, sorted by number.
func (sh *Shell) processes() []process {
	list := sh.m.daemons()
	a := sh.attacker
	a.mu.Lock()
	list = slices.DeleteFunc(list, func(p process) bool { return a.ended[p.pid] })
	a.mu.Unlock()
	tty := "notty"
	sh.mu.Lock()
	if len(sh.terminals) > 0 {
		tty = sh.tty
	}
	sh.mu.Unlock()
	list = append(list, sh.holder(tty))
	slices.SortFunc(list, func(a, b process) int { return a.pid - b.pid })
	return list
}

// holder is the server process that holds the log-in.
func (sh *Shell) holder(tty string) process {
	p := process{pid: sh.pid, ppid: sh.m.sshdPID(), user: "root", tty: "?", stat: "Ss", start: sh.since, cpu: 20 * time.Millisecond,
		vsz: 17720, rss: 10828, cmd: "sshd: " + sh.user.name + "@" + tty}
	if sh.overSSH() {
		return p
	}
	p.ppid, p.vsz, p.rss, p.cmd = sh.m.serverPID(products["telnet"].slot), 3944, 2140, "in.telnetd: "+sh.from.Addr().String()
	switch {
	case sh.m.distro.family == "alpine":
		p.vsz, p.rss, p.cmd = 1628, 1012, "/usr/sbin/telnetd -F"
	case sh.m.distro.family != "rhel" && sh.m.release.ID != "ubuntu":
		p.cmd = "/usr/sbin/telnetd"
	}
	return p
}

func (in *interp) running() []*job {
	in.jobs.mu.Lock()
	defer in.jobs.mu.Unlock()
	return slices.Clone(in.jobs.list)
}

// process returns a process of the machine, nil when there is none.
func (sh *Shell) process(pid int) *process {
	for _, p := range sh.processes() {
		if p.pid == pid {
			return &p
		}
	}
	return nil
}

// end takes a process off the table for this attacker.
func (sh *Shell) end(pid int) {
	if pid <= 2 {
		return
	}
	a := sh.attacker
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.ended = make(map[int]bool)
	}
	if len(a.ended) < 512 {
		a.ended[pid] = true
	}
}

func (m *Machine) proc(b *builder) {
	p := func(name string, f func(sh *Shell) string) {
		b.file("/proc/"+name, 0o444, kernel(func(sh *Shell) []byte { return []byte(f(sh)) })).mtime = timeNow
	}
	d := b.dir("/proc", 0o555)
	d.mtime = timeBoot
	d.src = listing(procDirs)
	release, version := m.kernel()
	p("version", func(sh *Shell) string {
		return "Linux version " + release + " " + m.distro.gcc + " " + version + "\n"
	})
	p("cpuinfo", func(*Shell) string { return m.cpuinfo() })
	p("meminfo", func(*Shell) string { return m.meminfo() })
	p("uptime", func(*Shell) string {
		up := m.now().Sub(m.boot()).Seconds()
		return fmt.Sprintf("%.2f %.2f\n", up, up*float64(m.hw.cores)*0.987)
	})
	p("loadavg", func(sh *Shell) string {
		return fmt.Sprintf("%.2f %.2f %.2f 1/%d %d\n", m.load(m.now()), m.load(m.now().Add(-5*time.Minute)), m.load(m.now().Add(-15*time.Minute)), len(m.daemons())+70, m.newPID())
	})
	p("stat", func(*Shell) string { return m.procStat() })
	p("mounts", func(*Shell) string { return m.mounts() })
	p("filesystems", func(*Shell) string {
		return "nodev\tsysfs\nnodev\ttmpfs\nnodev\tbdev\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\nnodev\tdevtmpfs\nnodev\tsecurityfs\nnodev\tsockfs\nnodev\tbpf\nnodev\tpipefs\nnodev\tramfs\nnodev\tdevpts\nnodev\tmqueue\n\t" + m.rootFS() + "\n"
	})
	p("cmdline", func(*Shell) string {
		return "BOOT_IMAGE=/boot/vmlinuz-" + release + " root=UUID=" + m.hw.uuid + " ro quiet\n"
	})
	p("modules", func(*Shell) string { return m.modules() })
	p("partitions", func(*Shell) string {
		kb := int64(m.hw.diskGB) << 20
		if m.hw.disk == "vda" {
			return fmt.Sprintf("major minor  #blocks  name\n\n 254        0   %d vda\n 254        1   %d vda1\n", kb, kb-1024)
		}
		return fmt.Sprintf("major minor  #blocks  name\n\n   8        0   %d sda\n   8        1   %d sda1\n", kb, kb-1024)
	})
	p("swaps", func(*Shell) string {
		return "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	})
	p("interrupts", func(*Shell) string {
		return "           CPU0       \n  0:         25   IO-APIC   2-edge      timer\n  1:          9   IO-APIC   1-edge      i8042\n  8:          1   IO-APIC   8-edge      rtc0\n"
	})
	p("devices", func(*Shell) string {
		return "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n 10 misc\n136 pts\n\nBlock devices:\n  7 loop\n  8 sd\n254 virtblk\n"
	})
	p("net/dev", func(*Shell) string { return m.netDev() })
	p("net/route", func(*Shell) string { return m.netRoute() })
	p("net/arp", func(*Shell) string {
		return "IP address       HW type     Flags       HW address            Mask     Device\n" + fmt.Sprintf("%-17s0x1         0x2         %-22s*        %s\n", m.hw.gateway, m.gatewayMAC(), m.hw.nic)
	})
	p("net/tcp", netTCP)
	p("net/tcp6", netTCP6)
	p("net/udp", func(*Shell) string {
		return "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n"
	})
	p("net/unix", func(*Shell) string {
		return "Num       RefCount Protocol Flags    Type St Inode Path\n0000000000000000: 00000002 00000000 00010000 0001 01 13312 /run/systemd/private\n"
	})
	for name, value := range map[string]string{
		"kernel/hostname": m.shortName(), "kernel/osrelease": release, "kernel/version": version, "kernel/ostype": "Linux", "kernel/pid_max": "4194304",
		"kernel/threads-max": strconv.Itoa(m.maxTasks() * 2), "kernel/randomize_va_space": "2", "kernel/core_pattern": "core", "kernel/domainname": "(none)",
		"fs/file-max": "9223372036854775807", "vm/swappiness": "60", "vm/overcommit_memory": "0", "vm/nr_hugepages": "0", "net/ipv4/ip_forward": "0", "net/ipv4/tcp_syncookies": "1",
		"kernel/random/boot_id": uuid(m.id.Hex("boot "+strconv.FormatInt(m.boot().Unix(), 10), 32)), "kernel/random/entropy_avail": "256",
	} {
		v := value + "\n"
		b.file("/proc/sys/"+name, 0o644, kernel(func(*Shell) []byte { return []byte(v) })).mtime = timeNow
	}
	b.link("/etc/mtab", "../proc/self/mounts")
	s := func(name, value string) {
		b.file("/sys/"+name, 0o444, kernel(func(*Shell) []byte { return []byte(value + "\n") })).mtime = timeBoot
	}
	s("class/net/"+m.hw.nic+"/address", m.hw.mac)
	s("class/net/"+m.hw.nic+"/operstate", "up")
	s("class/net/"+m.hw.nic+"/mtu", "1500")
	s("class/net/lo/address", "00:00:00:00:00:00")
	s("class/dmi/id/sys_vendor", m.hw.vendor)
	s("class/dmi/id/product_name", m.hw.product)
	s("class/dmi/id/bios_vendor", map[string]string{"QEMU": "SeaBIOS"}[m.hw.vendor]+map[bool]string{true: "Phoenix Technologies LTD", false: ""}[m.hw.vendor != "QEMU"])
	s("block/"+m.hw.disk+"/size", strconv.FormatInt(int64(m.hw.diskGB)<<21, 10))
	s("devices/system/cpu/online", map[bool]string{true: "0", false: "0-" + strconv.Itoa(m.hw.cores-1)}[m.hw.cores == 1])
	s("devices/system/cpu/possible", map[bool]string{true: "0", false: "0-" + strconv.Itoa(m.hw.cores-1)}[m.hw.cores == 1])
	s("kernel/mm/transparent_hugepage/enabled", "always [madvise] never")
}

// procDirs makes the directories of the processes.
func procDirs(sh *Shell) []entry {
	var out []entry
	for _, p := range append(sh.processes(), process{pid: sh.pid + 1, ppid: sh.pid, user: sh.user.name, tty: "?", stat: "S", start: sh.since, vsz: 8104, rss: 5216, cmd: "-" + shellName(sh.m.distro.login)}) {
		out = append(out, entry{strconv.Itoa(p.pid), procDir(sh, p)})
	}
	self := process{pid: sh.pid + 1, ppid: sh.pid, user: sh.user.name, stat: "R", start: sh.since, vsz: 8104, rss: 5216, cmd: shellName(sh.m.distro.login)}
	if p := sh.self.Load(); p != nil {
		self = *p
	}
	return append(out, entry{"self", procDir(sh, self)})
}

// uidOf is the number of a process's owner, whose name ps may have cut.
func (m *Machine) uidOf(user string) int {
	user = strings.TrimSuffix(user, "+")
	for _, a := range append(m.users(), parseAccounts([]byte(m.systemAccounts()+m.serverAccounts()))...) {
		if strings.HasPrefix(a.name, user) {
			return a.uid
		}
	}
	return 0
}

func shellName(d dialect) string {
	return [...]string{bash: "bash", dash: "sh", ash: "ash", zsh: "zsh"}[d]
}

func procDir(sh *Shell, p process) *node {
	file := func(perm fs.FileMode, s string) *node {
		return &node{mode: perm, mtime: p.start.Unix(), links: 1, ino: uint64(p.pid)<<16 | 1, src: kernel(func(*Shell) []byte { return []byte(s) })}
	}
	link := func(to string) *node {
		return &node{mode: fs.ModeSymlink | 0o777, mtime: p.start.Unix(), links: 1, ino: uint64(p.pid)<<16 | 2, target: to}
	}
	dir := func(kids ...entry) *node {
		return &node{mode: fs.ModeDir | 0o555, mtime: p.start.Unix(), links: 2, ino: uint64(p.pid) << 16, kids: kids}
	}
	name := p.comm()
	uid := sh.m.uidOf(p.user)
	cmdline := strings.ReplaceAll(p.cmd, " ", "\x00") + "\x00"
	exe := "/usr/bin/" + name
	if first, _, _ := strings.Cut(p.cmd, " "); strings.HasPrefix(first, "/") {
		exe = first
	}
	if strings.HasPrefix(p.cmd, "[") {
		cmdline, exe = "", ""
	}
	status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\nUid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nFDSize:\t256\nVmPeak:\t%8d kB\nVmSize:\t%8d kB\nVmRSS:\t%8d kB\nThreads:\t1\n",
		name, p.pid, p.pid, p.ppid, uid, uid, uid, uid, uid, uid, uid, uid, p.vsz, p.vsz, p.rss)
	kids := []entry{
		{"cgroup", file(0o444, "0::/system.slice/ssh.service\n")},
		{"cmdline", file(0o444, cmdline)},
		{"comm", file(0o644, name+"\n")},
		{"cwd", link("/")},
		{"environ", file(0o400, "LANG=en_US.UTF-8\x00PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\x00")},
	}
	if exe != "" {
		kids = append(kids, entry{"exe", link(exe)})
	}
	kids = append(kids,
		entry{"fd", dir(entry{"0", link("/dev/null")}, entry{"1", link("/dev/null")}, entry{"2", link("/dev/null")})},
		entry{"maps", file(0o444, fmt.Sprintf("55d0c4a5e000-55d0c4a8d000 r--p 00000000 %02x:%02x %d                     %s\n7ffd0b7e9000-7ffd0b80a000 rw-p 00000000 00:00 0                          [stack]\n", sh.m.hw.device()>>8, sh.m.hw.device()&0xff, 131000+p.pid, exe))},
		entry{"mounts", file(0o444, sh.m.mounts())},
		entry{"root", link("/")},
		entry{"stat", file(0o444, fmt.Sprintf("%d (%s) S %d %d %d 0 -1 4194560 1000 0 0 0 2 1 0 0 20 0 1 0 %d %d %d\n", p.pid, name, p.ppid, p.pid, p.pid, int64(p.start.Sub(sh.m.boot()).Seconds()*100), p.vsz<<10, p.rss>>2))},
		entry{"status", file(0o444, status)},
	)
	return dir(kids...)
}

func (m *Machine) cpuinfo() string {
	cpu := cpuOf(m.hw.cpu)
	var b strings.Builder
	for i := range m.hw.cores {
		fmt.Fprintf(&b, "processor\t: %d\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: %d\nmodel name\t: %s\nstepping\t: %d\nmicrocode\t: 0x1\ncpu MHz\t\t: %.3f\ncache size\t: 16384 KB\nphysical id\t: %d\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: %d\ninitial apicid\t: %d\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\nflags\t\t: %s\nbugs\t\t: cpu_meltdown spectre_v1 spectre_v2 spec_store_bypass l1tf mds swapgs taa itlb_multihit mmio_stale_data\nbogomips\t: %.2f\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n",
			i, cpu.model, m.hw.cpu, cpu.stepping, m.hw.mhz, i, i, i, cpu.flags, 2*m.hw.mhz)
	}
	return b.String()
}

// memoryUse is how the machine's memory is used, in KiB.
func (m *Machine) memoryUse() (total, free, available, buffers, cached int) {
	total = m.hw.memKB
	r := m.id.Rand("memory " + strconv.FormatInt(m.now().Unix()/300, 10))
	used := 180_000 + total/20 + r.IntN(20_000)
	buffers = 20_000 + total/60
	cached = total/3 + r.IntN(total/50)
	free = total - used - buffers - cached
	return total, free, free + cached*9/10, buffers, cached
}

func (m *Machine) meminfo() string {
	total, free, available, buffers, cached := m.memoryUse()
	var b strings.Builder
	for _, f := range []struct {
		name string
		kb   int
	}{{"MemTotal", total}, {"MemFree", free}, {"MemAvailable", available}, {"Buffers", buffers}, {"Cached", cached}, {"SwapCached", 0},
		{"Active", cached * 2 / 3}, {"Inactive", cached / 3}, {"SwapTotal", 0}, {"SwapFree", 0}, {"Dirty", 84}, {"Writeback", 0},
		{"AnonPages", total / 16}, {"Mapped", total / 20}, {"Shmem", 900}, {"Slab", total / 30}, {"PageTables", 2200}, {"CommitLimit", total / 2},
		{"Committed_AS", total / 5}, {"VmallocTotal", 34359738367}, {"VmallocUsed", 14500}, {"HugePages_Total", -1}, {"Hugepagesize", 2048}} {
		if f.kb < 0 {
			b.WriteString("HugePages_Total:       0\nHugePages_Free:        0\n")
			continue
		}
		fmt.Fprintf(&b, "%-15s%9d kB\n", f.name+":", f.kb)
	}
	return b.String()
}

func (m *Machine) procStat() string {
	up := int64(m.now().Sub(m.boot()).Seconds() * 100)
	var b strings.Builder
	fmt.Fprintf(&b, "cpu  %d 312 %d %d %d 0 %d 0 0 0\n", up/200, up/300, up*int64(m.hw.cores)*98/100, up/2000, up/9000)
	for i := range m.hw.cores {
		fmt.Fprintf(&b, "cpu%d %d 78 %d %d %d 0 %d 0 0 0\n", i, up/200/int64(m.hw.cores), up/300/int64(m.hw.cores), up*98/100, up/8000, up/36000)
	}
	fmt.Fprintf(&b, "ctxt %d\nbtime %d\nprocesses %d\nprocs_running 1\nprocs_blocked 0\n", up*3, m.boot().Unix(), m.newPID())
	return b.String()
}

func (m *Machine) mounts() string {
	mem := m.hw.memKB
	return fmt.Sprintf("sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\nudev /dev devtmpfs rw,nosuid,relatime,size=%dk,nr_inodes=%d,mode=755,inode64 0 0\ndevpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=000 0 0\ntmpfs /run tmpfs rw,nosuid,nodev,noexec,relatime,size=%dk,mode=755,inode64 0 0\n/dev/%s1 / %s rw,relatime,errors=remount-ro 0 0\nsecurityfs /sys/kernel/security securityfs rw,nosuid,nodev,noexec,relatime 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev,inode64 0 0\ntmpfs /run/lock tmpfs rw,nosuid,nodev,noexec,relatime,size=5120k,inode64 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0\n",
		mem/2-30000, mem/8, mem/10, m.hw.disk, m.rootFS())
}

// loaded are the kernel modules, with size and users.
var loaded = []struct {
	name string
	size int
	use  int
	by   string
}{
	{"tls", 135168, 0, ""}, {"intel_rapl_msr", 20480, 0, ""}, {"intel_rapl_common", 32768, 1, "intel_rapl_msr"}, {"ghash_clmulni_intel", 16384, 0, ""},
	{"aesni_intel", 393216, 0, ""}, {"crypto_simd", 16384, 1, "aesni_intel"}, {"cryptd", 28672, 2, "crypto_simd,ghash_clmulni_intel"}, {"rapl", 20480, 0, ""},
	{"joydev", 28672, 0, ""}, {"evdev", 28672, 3, ""}, {"serio_raw", 20480, 0, ""}, {"button", 24576, 0, ""}, {"fuse", 176128, 1, ""}, {"loop", 32768, 0, ""},
	{"dm_mod", 184320, 0, ""}, {"configfs", 57344, 1, ""}, {"ip_tables", 36864, 0, ""}, {"x_tables", 61440, 1, "ip_tables"}, {"autofs4", 53248, 2, ""},
	{"ext4", 983040, 1, ""}, {"crc16", 16384, 1, "ext4"}, {"mbcache", 16384, 1, "ext4"}, {"jbd2", 167936, 1, "ext4"}, {"sd_mod", 65536, 3, ""}, {"libata", 401408, 2, "ata_piix,ata_generic"},
	{"virtio_net", 73728, 0, ""}, {"net_failover", 24576, 1, "virtio_net"}, {"virtio_pci", 24576, 0, ""}, {"scsi_mod", 286720, 3, "libata,sd_mod,sg"}, {"psmouse", 184320, 0, ""},
}

func (m *Machine) modules() string {
	var b strings.Builder
	for _, l := range loaded {
		by := l.by
		if by == "" {
			by = "-"
		} else {
			by += ","
		}
		fmt.Fprintf(&b, "%s %d %d %s Live 0x0000000000000000\n", l.name, l.size, l.use, by)
	}
	return b.String()
}

// traffic is how many bytes and packets the interface has moved.
func (m *Machine) traffic() (rx, rxPackets, tx, txPackets int64) {
	up := int64(m.now().Sub(m.boot()).Seconds())
	r := m.id.Rand("traffic")
	rx = up * (800 + r.Int64N(2000))
	tx = up * (300 + r.Int64N(900))
	return rx, rx / 420, tx, tx / 510
}

func (m *Machine) netDev() string {
	rx, rp, tx, tp := m.traffic()
	return "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		fmt.Sprintf("%6s: %7d %7d    0    0    0     0          0         0 %8d %7d    0    0    0     0       0          0\n", "lo", rx/900, rp/500, rx/900, rp/500) +
		fmt.Sprintf("%6s: %7d %7d    0    0    0     0          0         0 %8d %7d    0    0    0     0       0          0\n", m.hw.nic, rx, rp, tx, tp)
}

func (m *Machine) gatewayMAC() string {
	h := m.id.Hex("gateway mac", 6)
	return "00:1b:17:" + h[:2] + ":" + h[2:4] + ":" + h[4:6]
}

func hexAddr(a [4]byte) string { return fmt.Sprintf("%02X%02X%02X%02X", a[3], a[2], a[1], a[0]) }

func (m *Machine) netRoute() string {
	if !m.hw.addr.Addr().Is4() {
		return "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	}
	mask := ^uint32(0) << (32 - m.hw.addr.Bits())
	return "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n" +
		fmt.Sprintf("%s\t00000000\t%s\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", m.hw.nic, hexAddr(m.hw.gateway.As4())) +
		fmt.Sprintf("%s\t%s\t00000000\t0001\t0\t0\t0\t%s\t0\t0\t0\n", m.hw.nic, hexAddr(m.hw.addr.Masked().Addr().As4()), hexAddr([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}))
}

func netTCP(sh *Shell) string {
	var b strings.Builder
	b.WriteString("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n")
	n := 0
	for _, l := range sh.m.listeners("tcp") {
		if !l.v6 {
			fmt.Fprintf(&b, "%4d: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0                     \n", n, l.port.Number, 16000+int(l.port.Number))
			n++
		}
	}
	if l := sh.local(); l.Addr().Is4() && sh.from.Addr().Is4() {
		fmt.Fprintf(&b, "%4d: %s:%04X %s:%04X 01 00000000:00000000 02:000A5E12 00000000     0        0 %d 2 0000000000000000 20 4 30 10 -1                    \n",
			n, hexAddr(l.Addr().As4()), l.Port(), hexAddr(sh.from.Addr().As4()), sh.from.Port(), 30000+sh.pid)
	}
	return b.String()
}

func netTCP6(sh *Shell) string {
	var b strings.Builder
	b.WriteString("  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n")
	n := 0
	for _, l := range sh.m.listeners("tcp") {
		if l.v6 {
			fmt.Fprintf(&b, "%4d: 00000000000000000000000000000000:%04X 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0\n", n, l.port.Number, 17000+int(l.port.Number))
			n++
		}
	}
	return b.String()
}

// dmesg is the kernel's log of the last start.
func (m *Machine) dmesg() string {
	release, version := m.kernel()
	r := m.id.Rand("dmesg")
	at := 0.0
	var b strings.Builder
	line := func(step float64, format string, args ...any) {
		at += step * (0.5 + float64(r.IntN(1000))/1000)
		fmt.Fprintf(&b, "[%12.6f] %s\n", at, fmt.Sprintf(format, args...))
	}
	line(0, "Linux version %s %s %s", release, m.distro.gcc, version)
	line(0, "Command line: BOOT_IMAGE=/boot/vmlinuz-%s root=UUID=%s ro quiet", release, m.hw.uuid)
	line(0, "BIOS-provided physical RAM map:")
	line(0, "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable")
	line(0, "NX (Execute Disable) protection: active")
	line(0, "SMBIOS 2.8 present.")
	line(0, "DMI: %s %s, BIOS 1.16.2-1 04/01/2014", m.hw.vendor, m.hw.product)
	line(0, "Hypervisor detected: %s", m.hw.virt)
	line(0.000002, "tsc: Detected %.3f MHz processor", m.hw.mhz)
	line(0.02, "Memory: %dK/%dK available", m.hw.memKB, m.hw.memKB+98304)
	cpu := cpuOf(m.hw.cpu)
	line(0.1, "smpboot: CPU0: %s (family: 0x6, model: 0x%x, stepping: 0x%x)", m.hw.cpu, cpu.model, cpu.stepping)
	line(0.2, "smp: Brought up 1 node, %d CPUs", m.hw.cores)
	line(0.3, "PCI: Using configuration type 1 for base access")
	line(0.4, "NET: Registered PF_INET6 protocol family")
	line(0.6, "Run /init as init process")
	line(0.5, "%s: detected capacity change from 0 to %d", m.hw.disk, int64(m.hw.diskGB)<<21)
	line(0.7, "EXT4-fs (%s1): mounted filesystem with ordered data mode. Quota mode: none.", m.hw.disk)
	line(0.9, "systemd[1]: Detected virtualization %s.", strings.ToLower(m.hw.virt))
	line(0.2, "systemd[1]: Hostname set to <%s>.", m.shortName())
	line(1.8, "%s: link up, 1000 Mbps", m.hw.nic)
	return b.String()
}
