package egress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/fleet"
)

// Options says whom a lock is for.
type Options struct {
	Decky string       // required
	Exits []fleet.Exit // what passes beside replies

	// IPv4Only says that the decky has no IPv6, of which it needs nothing to be found: no
	// neighbour discovery, no errors. The lock takes half the memory then.
	IPv4Only bool
}

// Lock locks the network namespace of the calling thread, in the place of any lock that it
// has, and reports what is dropped until the watch or r is closed. An error wraps
// errors.ErrUnsupported when the kernel lacks a part, which the text names, and
// os.ErrPermission without CAP_NET_ADMIN.
func (r *Reporter) Lock(opt Options) (*Watch, error) {
	w, err := r.watch(opt.Decky)
	if err != nil {
		return nil, err
	}
	if err := install(opt); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// logGroup is the group of nfnetlink_log(8) that dropped packets go to, in each namespace.
const logGroup = 1

// Of the packets that are dropped in one namespace, so many are reported per second; a
// first burst may be larger.
const (
	reportRate  = 10
	reportBurst = 20
)

// resolver is where container engines put theirs.
var resolver = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// install locks the namespace so that senders learn nothing, or else, on a kernel without
// NFQUEUE for nftables, so that they get an error.
func install(opt Options) error {
	silently := &expr.Target{Name: "NFQUEUE", Info: &xt.Unknown{0, 0}} // into queue 0
	err := replace(opt, silently)
	if errors.Is(err, errors.ErrUnsupported) {
		err = replace(opt, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	return err
}

// replace makes, in one transaction, of whatever there is
//
//	table inet decnet {
//		chain refused {
//			limit rate 10/second burst 20 packets log group 1 snaplen 96
//			ip daddr 127.0.0.11 drop
//			queue                                 # last: or drop
//		}
//		chain output {
//			type filter hook output priority mangle; policy drop;
//			ip daddr 127.0.0.11 goto refused      # not where an exit leads to port 53
//			oif lo accept
//			ct direction reply ct state established accept
//			ct direction reply ct state related meta l4proto { icmp, ipv6-icmp } accept
//			ip daddr 10.0.0.53 udp dport 53 accept                     # for each exit
//			meta l4proto tcp ip length 40 tcp flags & rst == rst accept
//			meta l4proto tcp ip6 length 20 tcp flags & rst == rst accept
//			icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
//			icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit 1 accept
//			goto refused
//		}
//		chain forward {
//			type filter hook forward priority mangle; policy drop;
//		}
//	}
//
// Nobody reads the queue, and the kernel drops what goes there without a word. A verdict of
// drop would tell the sender, with an error that no firewall outside of his machine gives
// him. Questions to the resolver are refused with that error, because whoever asks it would
// wait for long.
//
// The priority is that before the addresses of destinations are translated, so that what is
// reported is what was asked for. Bare headers with RST are the kernel's answers to segments
// that belong to no connection, which scanners send. A decky without IPv6 has none of the
// rules for that.
func replace(opt Options, last expr.Any) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "decnet"}
	c.AddTable(table) // so that there is one to delete
	c.DelTable(table)
	c.AddTable(table)
	refused := c.AddChain(&nftables.Chain{Table: table, Name: "refused"})
	output := c.AddChain(baseChain(table, "output", nftables.ChainHookOutput))
	c.AddChain(baseChain(table, "forward", nftables.ChainHookForward))
	rule := func(chain *nftables.Chain, parts ...[]expr.Any) {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Concat(parts...)})
	}

	rule(refused, []expr.Any{
		&expr.Limit{Type: expr.LimitTypePkts, Rate: reportRate, Unit: expr.LimitTimeSecond, Burst: reportBurst},
		&expr.Log{
			Key:   1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_SNAPLEN,
			Group: logGroup, Snaplen: snapLen,
		},
	})
	rule(refused, destination(resolver), verdict(expr.VerdictDrop))
	rule(refused, []expr.Any{last})

	accept := verdict(expr.VerdictAccept)
	refuse := []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: refused.Name}}
	if !slices.ContainsFunc(opt.Exits, func(e fleet.Exit) bool { return e.To.Port() == 53 }) {
		rule(output, destination(resolver), refuse)
	}
	rule(output, []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, is([]byte("lo\x00")...)}, accept)
	rule(output, reply(expr.CtStateBitESTABLISHED), accept)
	rule(output, reply(expr.CtStateBitRELATED), transport(unix.IPPROTO_ICMP), accept)
	if !opt.IPv4Only {
		rule(output, reply(expr.CtStateBitRELATED), transport(unix.IPPROTO_ICMPV6), accept)
	}
	for _, e := range opt.Exits {
		protocol := byte(unix.IPPROTO_TCP)
		if e.Protocol == "udp" {
			protocol = unix.IPPROTO_UDP
		}
		port := binary.BigEndian.AppendUint16(nil, e.To.Port())
		rule(output, destination(e.To.Addr()), transport(protocol), transportHeader(2, 2, is(port...)), accept)
	}
	reset := func(length ...expr.Any) []expr.Any {
		const rst = 0x04
		return slices.Concat(length, transport(unix.IPPROTO_TCP), transportHeader(13, 1, mask(rst), is(rst)))
	}
	rule(output, family(unix.NFPROTO_IPV4), reset(networkHeader(2, 2, is(0, 40))...), accept)
	if !opt.IPv4Only {
		rule(output, family(unix.NFPROTO_IPV6), reset(networkHeader(4, 2, is(0, 20))...), accept)
		for _, m := range []struct{ kind, hops byte }{
			{133, 255}, {135, 255}, {136, 255}, // solicitation of routers, solicitation and advertisement of neighbours
			{131, 1}, {132, 1}, {143, 1}, // membership in groups
		} {
			rule(output, family(unix.NFPROTO_IPV6), networkHeader(7, 1, is(m.hops)),
				transport(unix.IPPROTO_ICMPV6), transportHeader(0, 1, is(m.kind)), accept)
		}
	}
	rule(output, refuse)

	err = c.Flush()
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) ||
		errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("this kernel lacks a part of nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_CT, CONFIG_NFT_LOG, CONFIG_NFT_LIMIT): %w: %w", err, errors.ErrUnsupported)
	}
	return err
}

func baseChain(table *nftables.Table, name string, hook *nftables.ChainHook) *nftables.Chain {
	drop := nftables.ChainPolicyDrop
	return &nftables.Chain{
		Table: table, Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityMangle, Policy: &drop,
	}
}

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

func is(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func mask(m ...byte) expr.Any {
	return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(m)), Mask: m, Xor: make([]byte, len(m))}
}

// reply matches packets of a state in the direction of whoever was spoken to first.
func reply(state uint32) []expr.Any {
	const direction = 1 // IP_CT_DIR_REPLY
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, is(direction),
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1}, mask(binary.NativeEndian.AppendUint32(nil, state)...),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// family matches packets of IPv4 or IPv6.
func family(f byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, is(f)}
}

// transport matches packets of a protocol above IP, whatever headers are between.
func transport(protocol byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, is(protocol)}
}

// destination matches packets to an address.
func destination(a netip.Addr) []expr.Any {
	if a.Is4() {
		return slices.Concat(family(unix.NFPROTO_IPV4), networkHeader(16, 4, is(a.AsSlice()...)))
	}
	return slices.Concat(family(unix.NFPROTO_IPV6), networkHeader(24, 16, is(a.AsSlice()...)))
}

func networkHeader(offset, size uint32, then ...expr.Any) []expr.Any {
	return append([]expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size}}, then...)
}

func transportHeader(offset, size uint32, then ...expr.Any) []expr.Any {
	return append([]expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: size}}, then...)
}
