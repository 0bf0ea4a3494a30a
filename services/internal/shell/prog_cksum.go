package shell

import (
	"strconv"
	"strings"
)

// progCksum is cksum, which prints the CRC of POSIX, and sum, which prints the rotated
// sum of BSD or, with -s, the one of System V.
func progCksum(c *call) int {
	opts, operands := c.flags("a", "--algorithm")
	return c.each(operands, func(name string, b []byte) {
		label := " " + name
		if len(operands) == 0 {
			label = ""
		}
		switch {
		case c.name == "cksum":
			c.print(strconv.FormatUint(uint64(posixCRC(b)), 10) + " " + strconv.Itoa(len(b)) + label + "\n")
		case has(opts, "-s", "--sysv"):
			var n uint32
			for _, x := range b {
				n += uint32(x)
			}
			n = n&0xffff + n>>16
			c.printf("%d %d%s\n", n&0xffff+n>>16, (len(b)+511)/512, label)
		default:
			var n uint16
			for _, x := range b {
				n = n>>1 | n<<15
				n += uint16(x)
			}
			c.printf("%05d %5d%s\n", n, (len(b)+1023)/1024, label)
		}
	})
}

// posixCRC is the checksum of cksum in POSIX: the content, then its length.
func posixCRC(b []byte) uint32 {
	var crc uint32
	add := func(x byte) {
		crc ^= uint32(x) << 24
		for range 8 {
			if crc&0x80000000 != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	for _, x := range b {
		add(x)
	}
	for n := len(b); n > 0; n >>= 8 {
		add(byte(n))
	}
	return ^crc
}

// progFactor prints the prime factors of numbers.
func progFactor(c *call) int {
	_, operands := c.flags("")
	status := 0
	if len(operands) == 0 {
		b, _ := c.contents("-") // what cannot be read ends the input
		operands = strings.Fields(string(b))
	}
	for _, o := range operands {
		n, err := strconv.ParseUint(o, 10, 63)
		if err != nil {
			c.errorf("‘%s’ is not a valid positive integer", o)
			status = 1
			continue
		}
		c.print(o + ":")
		for p := uint64(2); n > 1; p++ {
			if p%1024 == 0 {
				c.use.step(c.ctx)
			}
			if p*p > n {
				p = n
			}
			for n%p == 0 && n > 1 {
				c.print(" " + strconv.FormatUint(p, 10))
				n /= p
			}
		}
		c.print("\n")
	}
	return status
}
