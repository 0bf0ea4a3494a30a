package look

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Wear makes the network namespace of the calling thread look like an OS family, in the
// place of any that it looked like. An error wraps errors.ErrUnsupported when the kernel
// lacks a part, which the text names, and os.ErrPermission without CAP_NET_ADMIN.
//
// For windows it makes
//
//	table inet look {
//		chain out {
//			type filter hook postrouting priority filter; policy accept;
//			meta nfproto ipv4 ip id set numgen inc mod 65535 offset 1
//			tcp flags & (syn | ack) == (syn | ack) tcp window set 65535
//			tcp flags & (fin | syn | rst | ack) == rst tcp ackseq set numgen random mod 2147483648
//			icmp type echo-reply icmp code set 0
//			# … with options in the order M,?,T,N,W: M,N,W,?,T
//			# … with options in the order M,N,N,S,N,W: M,N,W,N,N,S
//		}
//	}
func Wear(family string) error {
	l, ok := looks[family]
	if !ok {
		return nil
	}
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "look"}
	c.AddTable(table) // so that there is one to delete
	c.DelTable(table)
	c.AddTable(table)
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "out", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityFilter,
	})
	for _, rule := range l.rules() {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
	}
	err = c.Flush()
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("this kernel lacks a part of nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_NUMGEN): %w: %w", err, errors.ErrUnsupported)
	}
	return err
}

func (l look) rules() (rules [][]expr.Any) {
	add := func(parts ...[]expr.Any) { rules = append(rules, slices.Concat(parts...)) }
	if l.noDF {
		add(ipv4, put(inIP, 6, 0, 0))
	}
	if l.id != idLinux {
		kind := uint32(unix.NFT_NG_INCREMENTAL)
		if l.id == idRandom {
			kind = unix.NFT_NG_RANDOM
		}
		add(ipv4, []expr.Any{
			&expr.Numgen{Register: 1, Modulus: 1<<16 - 1, Offset: 1, Type: kind},
			&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 2, Size: 2},
		}, store(inIP, 1, 4, 2))
	}
	if l.window != 0 {
		add(synACK, put(inTCP, 14, binary.BigEndian.AppendUint16(nil, l.window)...))
	}
	if l.mss != 0 {
		add(synACK, where(20, 2, 4), put(inTCP, 22, binary.BigEndian.AppendUint16(nil, l.mss)...))
	}
	if l.plain {
		add(tcpFlags(0x04), []expr.Any{&expr.Numgen{Register: 1, Modulus: 1 << 31, Type: unix.NFT_NG_RANDOM}}, store(inTCP, 1, 8, 4))
		add(ipv4, protocol(unix.IPPROTO_ICMP), where(0, 0), put(inICMP, 1, 0))
	}
	// The options begin at 20 with the MSS. Linux goes on with SACK or padding, timestamps,
	// padding and scale, or with padding, SACK, padding and scale.
	if l.order != orderLinux {
		add(synACK, where(26, 8, 10), where(36, 1, 3, 3),
			load(2, 24, 12), load(3, 36, 4), store(inTCP, 3, 24, 4), store(inTCP, 2, 28, 12), put(inTCP, 27, l.scale))
	}
	withoutTimestamps := [][]expr.Any{synACK, where(24, 1, 1, 4, 2, 1, 3, 3), load(2, 24, 4), load(3, 28, 4), store(inTCP, 3, 24, 4), put(inTCP, 27, l.scale)}
	switch l.order {
	case orderWindows:
		add(append(withoutTimestamps, store(inTCP, 2, 28, 4))...)
	case orderBSD:
		add(append(withoutTimestamps, put(inTCP, 28, 4, 2, 0, 0))...)
	}
	return rules
}

// ipv4 and synACK match packets; the rest of a rule is for those alone.
var (
	ipv4   = []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, is(unix.NFPROTO_IPV4)}
	synACK = tcpFlags(0x12)
)

// tcpFlags matches TCP packets by the flags FIN, SYN, RST and ACK.
func tcpFlags(flags byte) []expr.Any {
	return slices.Concat(protocol(unix.IPPROTO_TCP), load(1, 13, 1), []expr.Any{
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{0x17}, Xor: []byte{0}}, is(flags),
	})
}

func protocol(p byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, is(p)}
}

func is(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

// header is one of a packet, with the place of its checksum.
type header struct {
	base     expr.PayloadBase
	checksum uint32
}

var (
	inIP   = header{expr.PayloadBaseNetworkHeader, 10}
	inTCP  = header{expr.PayloadBaseTransportHeader, 16}
	inICMP = header{expr.PayloadBaseTransportHeader, 2}
)

// load reads bytes of the header above IP.
func load(register, offset, size uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: register, Base: inTCP.base, Offset: offset, Len: size}}
}

// where matches bytes of the header above IP.
func where(offset uint32, data ...byte) []expr.Any {
	return append(load(1, offset, uint32(len(data))), is(data...))
}

// store writes bytes of a header from a register.
func store(h header, register, offset, size uint32) []expr.Any {
	return []expr.Any{&expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: register, Base: h.base, Offset: offset, Len: size,
		CsumType: expr.CsumTypeInet, CsumOffset: h.checksum,
	}}
}

// put writes bytes of a header.
func put(h header, offset uint32, data ...byte) []expr.Any {
	return append([]expr.Any{&expr.Immediate{Register: 1, Data: data}}, store(h, 1, offset, uint32(len(data)))...)
}
