package lan

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// logGroup is the group of nfnetlink_log(8) that dropped packets go to, in each namespace.
const logGroup = 1

// Of the packets that are dropped in one namespace, so many are reported per second; a
// first burst may be larger.
const (
	reportRate  = 10
	reportBurst = 20
)

// lockEgress lets nothing but replies out of the namespace of the calling thread, which has
// no IPv6. ARP is not IP and passes.
//
//	table ip decnet {
//		chain output {
//			type filter hook output priority filter; policy drop;
//			ct state established,related accept
//			meta l4proto tcp ip length 40 tcp flags & rst == rst accept
//			limit rate 10/second burst 20 packets log group 1 snaplen 64
//		}
//		chain forward {
//			type filter hook forward priority filter; policy drop;
//		}
//	}
//
// The second rule is for the kernel's answers to segments that belong to no connection,
// which scanners send: a bare header with RST.
func lockEgress() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	drop := nftables.ChainPolicyDrop
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "decnet"})
	chain := func(name string, hook *nftables.ChainHook) *nftables.Chain {
		return c.AddChain(&nftables.Chain{
			Table: table, Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook,
			Priority: nftables.ChainPriorityFilter, Policy: &drop,
		})
	}
	output := chain("output", nftables.ChainHookOutput)
	chain("forward", nftables.ChainHookForward)
	rule := func(exprs ...expr.Any) {
		c.AddRule(&nftables.Rule{Table: table, Chain: output, Exprs: exprs})
	}
	is := func(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	mask := func(m ...byte) expr.Any {
		return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(m)), Mask: m, Xor: make([]byte, len(m))}
	}
	rule(
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		mask(binary.NativeEndian.AppendUint32(nil, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)...),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		accept,
	)
	rule(
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, is(unix.IPPROTO_TCP),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 2, Len: 2}, is(0, 40),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		mask(tcpRST), is(tcpRST),
		accept,
	)
	rule(
		&expr.Limit{Type: expr.LimitTypePkts, Rate: reportRate, Unit: expr.LimitTimeSecond, Burst: reportBurst},
		&expr.Log{
			Key:   1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_SNAPLEN,
			Group: logGroup, Snaplen: snapLen,
		},
	)
	err = c.Flush()
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("this kernel lacks a part of nftables (CONFIG_NF_TABLES_IPV4, CONFIG_NFT_CT, CONFIG_NFT_LOG, CONFIG_NFT_LIMIT): %w: %w", err, errors.ErrUnsupported)
	}
	return privilege(err)
}

const tcpRST = 0x04
