package shell

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func (m *Machine) linkLocal() string {
	h := strings.Split(m.hw.mac, ":")
	first, _ := strconv.ParseUint(h[0], 16, 8)
	a, err := netip.ParseAddr(fmt.Sprintf("fe80::%02x%s:%sff:fe%s:%s%s", first^2, h[1], h[2], h[3], h[4], h[5]))
	if err != nil {
		return "fe80::1"
	}
	return a.String()
}

func (m *Machine) broadcast() string {
	a := m.hw.addr.Addr()
	if !a.Is4() {
		return ""
	}
	b := a.As4()
	host := ^uint32(0) >> m.hw.addr.Bits()
	for i := range b {
		b[i] |= byte(host >> (24 - 8*i))
	}
	return netip.AddrFrom4(b).String()
}

func (m *Machine) netmask() string {
	mask := ^uint32(0) << (32 - m.hw.addr.Bits())
	return netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}).String()
}

func progIP(c *call) int {
	m := c.sh.m
	var args []string
	brief, only4, only6 := false, false, false
	for _, a := range c.args[1:] {
		switch a {
		case "-br", "-brief", "--brief":
			brief = true
		case "-4":
			only4 = true
		case "-6":
			only6 = true
		case "-o", "-c", "-s", "-d", "-color", "-oneline", "-details":
		case "-V", "-Version":
			c.print("ip utility, iproute2-6.1.0, libbpf 1.1.0\n")
			return 0
		default:
			args = append(args, a)
		}
	}
	if len(args) == 0 {
		c.errln("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n       ip [ -force ] -batch filename\nwhere  OBJECT := { address | addrlabel | fou | help | ila | ioam | l2tp | link |\n                   macsec | maddress | monitor | mptcp | mroute | mrule |\n                   neighbor | neighbour | netconf | netns | nexthop | ntable |\n                   ntbl | route | rule | sr | stats | tap | tcpmetrics |\n                   token | tunnel | tuntap | vrf | xfrm }\n       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |\n                    -h[uman-readable] | -iec | -j[son] | -p[retty] |\n                    -f[amily] { inet | inet6 | mpls | bridge | link } |\n                    -4 | -6 | -M | -B | -0 |\n                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |\n                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |\n                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |\n                    -c[olor]}")
		return 255
	}
	changes := len(args) > 1 && slices.Contains([]string{"add", "del", "set", "flush", "replace", "change", "delete"}, args[1])
	if changes {
		if c.cred.uid != 0 {
			c.errln("RTNETLINK answers: Operation not permitted")
			return 2
		}
		return 0
	}
	object := func(name string, least int) bool { return len(args[0]) >= least && strings.HasPrefix(name, args[0]) }
	lo, nic := "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN", "2: "+m.hw.nic+": <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP"
	wantLo, wantNIC := true, true
	if dev := args[len(args)-1]; len(args) > 1 {
		if dev == m.hw.nic {
			wantLo = false
		} else if dev == "lo" {
			wantNIC = false
		} else if slices.Contains(args, "dev") || len(args) > 2 && (args[1] == "show" || args[1] == "list") {
			c.errln("Device \"" + dev + "\" does not exist.")
			return 1
		}
	}
	switch {
	case object("address", 1) || object("addr", 1):
		if brief {
			if wantLo {
				c.print("lo               UNKNOWN        127.0.0.1/8 ::1/128 \n")
			}
			if wantNIC {
				c.printf("%-16s UP             %s %s/64 \n", m.hw.nic, m.hw.addr, m.linkLocal())
			}
			return 0
		}
		if wantLo {
			c.print(lo + " group default qlen 1000\n")
			if !only4 && !only6 {
				c.print("    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n")
			}
			if !only6 {
				c.print("    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n")
			}
			if !only4 {
				c.print("    inet6 ::1/128 scope host noprefixroute \n       valid_lft forever preferred_lft forever\n")
			}
		}
		if wantNIC {
			c.print(nic + " group default qlen 1000\n")
			if !only4 && !only6 {
				c.printf("    link/ether %s brd ff:ff:ff:ff:ff:ff\n", m.hw.mac)
			}
			if !only6 && m.hw.addr.Addr().Is4() {
				c.printf("    inet %s brd %s scope global %s\n       valid_lft forever preferred_lft forever\n", m.hw.addr, m.broadcast(), m.hw.nic)
			}
			if !only4 {
				c.printf("    inet6 %s/64 scope link \n       valid_lft forever preferred_lft forever\n", m.linkLocal())
			}
		}
	case object("link", 1):
		if wantLo {
			c.print(lo + " mode DEFAULT group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n")
		}
		if wantNIC {
			c.print(nic + " mode DEFAULT group default qlen 1000\n    link/ether " + m.hw.mac + " brd ff:ff:ff:ff:ff:ff\n")
		}
	case object("route", 1):
		if len(args) > 2 && args[1] == "get" {
			c.printf("%s via %s dev %s src %s uid %d \n    cache \n", args[2], m.hw.gateway, m.hw.nic, m.hw.addr.Addr(), c.cred.uid)
			return 0
		}
		c.printf("default via %s dev %s onlink \n%s dev %s proto kernel scope link src %s \n", m.hw.gateway, m.hw.nic, m.hw.addr.Masked(), m.hw.nic, m.hw.addr.Addr())
	case object("neighbour", 1) || object("neighbor", 1):
		c.printf("%s dev %s lladdr %s REACHABLE\n", m.hw.gateway, m.hw.nic, m.gatewayMAC())
		if a := c.sh.from.Addr(); m.hw.addr.Contains(a) && a != m.hw.gateway {
			h := m.id.Hex("mac "+a.String(), 6)
			c.printf("%s dev %s lladdr 00:0c:29:%s:%s:%s REACHABLE\n", a, m.hw.nic, h[:2], h[2:4], h[4:])
		}
	case object("rule", 2):
		c.print("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n")
	case object("netns", 2), object("maddress", 2), object("tunnel", 2):
	default:
		c.errln("Object \"" + args[0] + "\" is unknown, try \"ip help\".")
		return 1
	}
	return 0
}

func progIfconfig(c *call) int {
	m := c.sh.m
	rx, rp, tx, tp := m.traffic()
	amount := func(n int64) string {
		v, u := float64(n), ""
		for _, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
			if v < 1024 {
				break
			}
			v, u = v/1024, unit
		}
		if u == "" {
			return fmt.Sprintf("%.1f B", v)
		}
		return fmt.Sprintf("%.1f %s", v, strings.Replace(u, "i", "i", 1))
	}
	_, operands := c.flags("")
	if len(operands) > 1 && c.cred.uid != 0 {
		c.errln("SIOCSIFFLAGS: Operation not permitted")
		return 255
	}
	want := func(n string) bool { return len(operands) == 0 || operands[0] == n }
	if len(operands) > 0 && !want("lo") && !want(m.hw.nic) {
		c.errln(operands[0] + ": error fetching interface information: Device not found")
		return 1
	}
	if want(m.hw.nic) {
		c.printf("%s: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n        inet %s  netmask %s  broadcast %s\n        inet6 %s  prefixlen 64  scopeid 0x20<link>\n        ether %s  txqueuelen 1000  (Ethernet)\n        RX packets %d  bytes %d (%s)\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets %d  bytes %d (%s)\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\n",
			m.hw.nic, m.hw.addr.Addr(), m.netmask(), m.broadcast(), m.linkLocal(), m.hw.mac, rp, rx, amount(rx), tp, tx, amount(tx))
	}
	if want("lo") {
		c.printf("lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n        inet 127.0.0.1  netmask 255.0.0.0\n        inet6 ::1  prefixlen 128  scopeid 0x10<host>\n        loop  txqueuelen 1000  (Local Loopback)\n        RX packets %d  bytes %d (%s)\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets %d  bytes %d (%s)\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\n",
			rp/500, rx/900, amount(rx/900), rp/500, rx/900, amount(rx/900))
	}
	return 0
}

func progRoute(c *call) int {
	m := c.sh.m
	c.print("Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n")
	gw := m.hw.gateway.String()
	first := "default"
	if opts, _ := c.flags(""); has(opts, "-n") || c.name == "netstat" {
		first = "0.0.0.0"
	}
	c.printf("%-15s %-15s %-15s UG    0      0        0 %s\n", first, gw, "0.0.0.0", m.hw.nic)
	c.printf("%-15s %-15s %-15s U     0      0        0 %s\n", m.hw.addr.Masked().Addr(), "0.0.0.0", m.netmask(), m.hw.nic)
	return 0
}

func progArp(c *call) int {
	m := c.sh.m
	opts, _ := c.flags("i")
	if has(opts, "-a") {
		c.printf("? (%s) at %s [ether] on %s\n", m.hw.gateway, m.gatewayMAC(), m.hw.nic)
		return 0
	}
	c.print("Address                  HWtype  HWaddress           Flags Mask            Iface\n")
	c.printf("%-24s ether   %-19s C                     %s\n", m.hw.gateway, m.gatewayMAC(), m.hw.nic)
	return 0
}
