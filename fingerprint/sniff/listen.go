package sniff

// Interface says where and how Listen captures.
type Interface struct {
	Name        string // such as "eth0"
	Promiscuous bool   // also take what is addressed to other hosts
	Ring        int    // bytes that the kernel may keep ready; 0 means 16 MiB
}

// defaultRing and ringBlock size the memory shared with the kernel.
const (
	defaultRing = 16 << 20
	ringBlock   = 256 << 10
)
