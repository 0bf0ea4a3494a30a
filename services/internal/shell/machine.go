package shell

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/decnet/decnet/services"
)

// Options adjusts a Machine. The zero value is usable.
type Options struct {
	Users          []string       // login names besides root that have a home; see also AddUsers
	Addr           netip.Prefix   // of the network interface; zero: Identity.Addr in a /24, or invented when that is loopback
	Host           *services.Host // what else runs on the machine; nil: sshd alone
	AttackerStates int            // attackers whose changes are kept, by least recent use; 0: 256
	Quota          int64          // bytes that one attacker may write; 0: 8 MiB
	Log            *slog.Logger   // for faults of the shell itself; nil: discarded
}

// Machine is the fake computer of one decky. It is safe for concurrent use.
type Machine struct {
	id      services.Identity
	opt     Options
	now     func() time.Time
	release services.Release
	distro  distro

	once sync.Once // guards what follows until it is made
	hw   hardware
	base *node

	builtins map[string]builtin
	programs map[string]program

	attackers *lru.Cache[netip.Addr, *attacker]
	directory atomic.Pointer[directory]
	regexps   regexps
	memory    atomic.Int64
	procs     atomic.Int32
	pid       atomic.Int64
	people    atomic.Pointer[[]account]

	mu    sync.Mutex
	chaos *rand.ChaCha8
	named []string // of Options.Users and AddUsers
}

// attacker is what is kept between the log-ins of one address.
type attacker struct {
	files *layer

	mu     sync.Mutex
	logins []login
	ended  map[int]bool // processes of the machine that were killed
}

type login struct {
	user, tty, from string
	in, out         time.Time // out is zero while it lasts
	telnet          bool
}

const maxLogins = 32

// NewMachine makes the machine of id. It builds nothing until somebody logs in.
func NewMachine(id services.Identity, now func() time.Time, opt Options) *Machine {
	if opt.AttackerStates <= 0 {
		opt.AttackerStates = 256
	}
	if opt.Quota <= 0 {
		opt.Quota = 8 << 20
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	m := &Machine{id: id, opt: opt, now: now, release: id.Release()}
	m.distro = distroOf(m.release)
	m.AddUsers(opt.Users...)
	m.attackers, _ = lru.New[netip.Addr, *attacker](opt.AttackerStates) // fails only for sizes below 1
	return m
}

// machineKey is where a Host keeps its machines. Services that give themselves another
// host name have one of their own.
type machineKey struct{ id services.Identity }

// Open returns the machine of the Host and the Identity of env, which must be complete.
// All services of a decky that log attackers in open the same.
func Open(env services.Env) *Machine {
	return env.Host.Value(machineKey{env.Identity}, func() any {
		return NewMachine(env.Identity, env.Now, Options{Host: env.Host, Log: env.Log})
	}).(*Machine)
}

// AddUsers adds login names to Options.Users. Those that are added before the first
// log-in have a home that looks used.
func (m *Machine) AddUsers(names ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		if !slices.Contains(m.named, name) {
			m.named = append(m.named, name)
		}
	}
	m.setUsers(m.named)
}

// build makes what a log-in needs.
func (m *Machine) build() {
	m.once.Do(func() {
		m.builtins, m.programs = buildBuiltins(), buildPrograms()
		m.hw = newHardware(m.id, m.release, m.opt)
		m.base = m.newBase()
		m.pid.Store(2000 + m.id.Rand("pid").Int64N(20000))
	})
}

func (m *Machine) attacker(addr netip.Addr) *attacker {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.attackers.Get(addr); ok {
		return a
	}
	a := &attacker{files: &layer{quota: m.opt.Quota, root: m.base}}
	m.attackers.Add(addr, a)
	return a
}

func (m *Machine) newPID() int {
	n := m.pid.Add(1)
	if m.distro.bash == 402 {
		return int(n%32000) + 300
	}
	return int(n)
}

// boot is when the machine was started.
func (m *Machine) boot() time.Time { return m.id.BootTime(m.now()) }

// installed is when the machine was set up.
func (m *Machine) installed() time.Time {
	return m.boot().Add(-time.Duration(30+m.id.Rand("installed").IntN(300)) * 24 * time.Hour)
}

// noise fills p with what /dev/urandom gives.
func (m *Machine) noise(p []byte) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.chaos == nil {
		m.chaos = rand.NewChaCha8(m.id.Key("urandom " + strconv.FormatInt(m.now().UnixNano(), 10)))
	}
	n, _ := m.chaos.Read(p)
	return n
}

// oops reports a fault in the shell itself. The attacker sees a crashed program.
func (m *Machine) oops(p any) {
	m.opt.Log.Error("shell panicked", "panic", p, "stack", string(debug.Stack()))
}

func (m *Machine) hostname() string { return m.id.Hostname }

// shortName is the host name up to the first dot.
func (m *Machine) shortName() string {
	s, _, _ := strings.Cut(m.id.Hostname, ".")
	return s
}

// kernel returns uname -r and uname -v.
func (m *Machine) kernel() (release, version string) {
	return kernelOf(m.id.Pick("kernel", m.release.Kernels...))
}

func (m *Machine) isSelf(host string) bool {
	if host == "localhost" || host == m.id.Hostname || host == m.shortName() {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a == m.hw.addr.Addr())
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func (m *Machine) maxTasks() int { return m.hw.memKB / 256 }

// hardware is what the machine is made of.
type hardware struct {
	cpu     string
	mhz     float64
	cores   int
	memKB   int
	diskGB  int
	disk    string // "sda", "vda"
	nic     string
	mac     string
	addr    netip.Prefix
	gateway netip.Addr
	dns     string
	vendor  string
	product string
	virt    string
	uuid    string // of the root file system
	machine string // /etc/machine-id
}

func newHardware(id services.Identity, r services.Release, opt Options) hardware {
	rnd := id.Rand("hardware")
	h := hardware{cores: []int{1, 2, 2, 4}[rnd.IntN(4)], diskGB: []int{20, 25, 40, 50, 80}[rnd.IntN(5)]}
	h.memKB = []int{1, 2, 2, 4, 8}[rnd.IntN(5)]<<20 - 60000 - rnd.IntN(40000)
	h.cpu = []string{
		"Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz", "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz",
		"Intel(R) Xeon(R) CPU E5-2650 v3 @ 2.30GHz", "Intel(R) Xeon(R) E-2136 CPU @ 3.30GHz",
	}[rnd.IntN(5)]
	if _, ghz, ok := strings.Cut(h.cpu, "@ "); ok {
		f, _ := strconv.ParseFloat(strings.TrimSuffix(ghz, "GHz"), 64)
		h.mhz = f*1000 - 0.5 + float64(rnd.IntN(1000))/1000
	}
	switch rnd.IntN(3) {
	case 0:
		h.vendor, h.product, h.virt, h.disk, h.nic = "QEMU", "Standard PC (i440FX + PIIX, 1996)", "KVM", "vda", "ens3"
		h.mac = fmt.Sprintf("52:54:00:%02x:%02x:%02x", rnd.IntN(256), rnd.IntN(256), rnd.IntN(256))
	case 1:
		h.vendor, h.product, h.virt, h.disk, h.nic = "VMware, Inc.", "VMware Virtual Platform", "VMware", "sda", "ens192"
		h.mac = fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80+rnd.IntN(64), rnd.IntN(256), rnd.IntN(256))
	default:
		h.vendor, h.product, h.virt, h.disk, h.nic = "QEMU", "Standard PC (Q35 + ICH9, 2009)", "KVM", "sda", "enp6s18"
		h.mac = fmt.Sprintf("bc:24:11:%02x:%02x:%02x", rnd.IntN(256), rnd.IntN(256), rnd.IntN(256))
	}
	if r.ID == "alpine" || r.ID == "centos" && rnd.IntN(2) == 0 {
		h.nic = "eth0"
	}
	switch {
	case opt.Addr.IsValid():
		h.addr = opt.Addr
	case id.Addr.Is4() && !id.Addr.IsLoopback() && !id.Addr.IsUnspecified():
		h.addr = netip.PrefixFrom(id.Addr, 24)
	default:
		h.addr = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(10 + rnd.IntN(90)), byte(rnd.IntN(250)), byte(10 + rnd.IntN(230))}), 24)
	}
	h.gateway = h.addr.Masked().Addr().Next()
	h.dns = h.gateway.String()
	h.uuid = uuid(id.Hex("rootfs", 32))
	h.machine = id.Hex("machine-id", 32)
	return h
}

func uuid(hex string) string {
	return hex[:8] + "-" + hex[8:12] + "-4" + hex[13:16] + "-a" + hex[17:20] + "-" + hex[20:32]
}
