package sniff

import "golang.org/x/sys/unix"

// step is an instruction of a kernel filter. Jumps name the label of the step that they
// lead to; "" is the step that follows.
type step struct {
	label   string
	code    uint16
	k       uint32
	yes, no string
}

// The instructions that the filter is made of.
const (
	loadByte  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	loadHalf  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	byteAtX   = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
	halfAtX   = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
	headerToX = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // length of the IPv4 header
	ifEqual   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	ifBits    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	mask      = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	accept    = unix.BPF_RET | unix.BPF_K
)

// kernelFilter returns the program (bpf(4)) that lets pass what a Sniffer may be
// interested in: of IPv4 and IPv6, TCP, tunnels and fragments, and of UDP what looks like
// the beginning of QUIC, like DTLS or like VXLAN.
func kernelFilter(link LinkType) []unix.SockFilter {
	var steps []step
	ip := uint32(0)
	if link == LinkEthernet {
		ip = 14
		steps = []step{
			{code: loadHalf, k: 12},
			{code: ifEqual, k: etherIPv4, yes: "ipv4"},
			{code: ifEqual, k: etherIPv6, yes: "ipv6"},
			{code: ifEqual, k: etherVLAN, yes: "pass"},
			{code: ifEqual, k: etherQinQ, yes: "pass"},
			{code: ifEqual, k: etherQinQOld, yes: "pass"},
			{code: ifEqual, k: etherPPPoE, yes: "pass", no: "drop"},
		}
	} else {
		steps = []step{
			{code: loadByte, k: 0},
			{code: mask, k: 0xf0},
			{code: ifEqual, k: 0x40, yes: "ipv4"},
			{code: ifEqual, k: 0x60, yes: "ipv6", no: "drop"},
		}
	}
	steps = append(steps,
		step{label: "ipv4", code: loadHalf, k: ip + 6},
		step{code: ifBits, k: 0x3fff, yes: "pass"}, // more fragments, or an offset
		step{code: loadByte, k: ip + 9})
	for _, proto := range [...]uint32{protoTCP, protoGRE, protoIPv4, protoIPv6} {
		steps = append(steps, step{code: ifEqual, k: proto, yes: "pass"})
	}
	steps = append(steps,
		step{code: ifEqual, k: protoUDP, no: "drop"},
		step{code: headerToX, k: ip})
	steps = append(steps, udpSteps(halfAtX, byteAtX, ip)...)
	steps = append(steps,
		step{label: "ipv6", code: loadByte, k: ip + 6},
		step{code: ifEqual, k: protoUDP, yes: "udp6"})
	for _, proto := range [...]uint32{
		protoTCP, protoGRE, protoIPv4, protoIPv6,
		protoHopByHop, protoRouting, protoFragment, protoAH, protoDestOpts, protoMobility, protoHIP, protoShim6,
	} {
		steps = append(steps, step{code: ifEqual, k: proto, yes: "pass"})
	}
	steps[len(steps)-1].no = "drop"
	udp6 := udpSteps(loadHalf, loadByte, ip+40)
	udp6[0].label = "udp6"
	steps = append(steps, udp6...)
	steps = append(steps,
		step{label: "drop", code: accept, k: 0},
		step{label: "pass", code: accept, k: maxCaptured})
	return assemble(steps)
}

// udpSteps look at a UDP datagram that begins at offset at.
func udpSteps(half, octet uint16, at uint32) []step {
	const destination, payload = 2, 8
	return []step{
		{code: half, k: at + destination},
		{code: ifEqual, k: vxlanPort, yes: "pass"},
		{code: ifEqual, k: vxlanPortOld, yes: "pass"},
		{code: octet, k: at + payload},
		{code: ifEqual, k: 0x16, yes: "pass"},            // a DTLS handshake
		{code: ifBits, k: 0x80, yes: "pass", no: "drop"}, // a long header of QUIC
	}
}

// assemble turns labels into distances. Jumps lead forward only.
func assemble(steps []step) []unix.SockFilter {
	at := map[string]int{}
	for i, s := range steps {
		if s.label != "" {
			at[s.label] = i
		}
	}
	program := make([]unix.SockFilter, len(steps))
	for i, s := range steps {
		distance := func(label string) uint8 {
			if label == "" {
				return 0
			}
			return uint8(at[label] - i - 1)
		}
		program[i] = unix.SockFilter{Code: s.code, Jt: distance(s.yes), Jf: distance(s.no), K: s.k}
	}
	return program
}
