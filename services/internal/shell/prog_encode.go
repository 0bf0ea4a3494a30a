package shell

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

func progSeq(c *call) int {
	opts, _ := c.flags("sf", "--separator")
	var operands []string // a negative number looks like options
	skip := false
	for _, a := range c.args[1:] {
		switch {
		case skip:
			skip = false
		case a == "-s" || a == "-f":
			skip = true
		case strings.HasPrefix(a, "-") && (len(a) < 2 || a[1] < '0' || a[1] > '9'):
		default:
			operands = append(operands, a)
		}
	}
	sep := "\n"
	if s, ok := valueOf(opts, "-s", "--separator"); ok {
		sep = s
	}
	if len(operands) == 0 || len(operands) > 3 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	nums := []float64{1, 1, 1}
	parsed := make([]float64, len(operands))
	decimals, width := 0, 0
	for i, o := range operands {
		x, err := strconv.ParseFloat(o, 64)
		if err != nil {
			c.errorf("invalid floating point argument: ‘%s’", o)
			c.try()
			return 1
		}
		parsed[i] = x
		if _, f, ok := strings.Cut(o, "."); ok {
			decimals = max(decimals, len(f))
		}
		width = max(width, len(o))
	}
	switch len(parsed) {
	case 1:
		nums[2] = parsed[0]
	case 2:
		nums[0], nums[2] = parsed[0], parsed[1]
	case 3:
		copy(nums, parsed)
	}
	first, step, last := nums[0], nums[1], nums[2]
	if step == 0 {
		c.errorf("invalid Zero increment value: ‘%s’", operands[1])
		return 1
	}
	printed := false
	for i := 0.0; ; i++ {
		x := first + i*step
		if step > 0 && x > last || step < 0 && x < last {
			break
		}
		c.use.step(c.ctx)
		if printed {
			c.print(sep)
		}
		printed = true
		s := strconv.FormatFloat(x, 'f', min(decimals, 20), 64)
		if has(opts, "-w") {
			s = strings.Repeat("0", max(0, width-len(s))) + s
		}
		c.print(s)
	}
	if printed {
		c.print("\n")
	}
	return 0
}

func progYes(c *call) int {
	s := "y"
	if len(c.args) > 1 {
		s = strings.Join(c.args[1:], " ")
	}
	block := []byte(strings.Repeat(s+"\n", 1+4096/(len(s)+1)))
	for {
		c.out(block)
		c.use.step(c.ctx)
	}
}

// progBase64 is base64 and base32.
func progBase64(c *call) int {
	encoding := base64Letters
	if c.name == "base32" {
		encoding = base32Letters
	}
	opts, operands := c.flags("w", "--wrap")
	wrap := 76
	if w, ok := valueOf(opts, "-w", "--wrap"); ok {
		wrap, _ = strconv.Atoi(w)
	}
	if len(operands) > 1 {
		c.errorf("extra operand ‘%s’", operands[1])
		c.try()
		return 1
	}
	status := 0
	status = max(status, c.each(operands, func(_ string, b []byte) {
		if has(opts, "-d", "-D", "--decode") {
			out, err := encoding.decode(b, has(opts, "-i", "--ignore-garbage"))
			c.printBytes(out)
			if err != nil {
				c.errorf("invalid input")
				status = 1
			}
			return
		}
		c.grow(len(b) * 3 / 2)
		s := encoding.encode(b)
		for wrap > 0 && len(s) > wrap {
			c.print(s[:wrap] + "\n")
			s = s[wrap:]
		}
		c.print(s)
		if wrap > 0 && s != "" {
			c.print("\n")
		}
	}))
	return status
}

// letters is an encoding of bytes in letters.
type letters struct {
	alphabet     string
	encode       func([]byte) string
	length       func(int) int
	strict, open func(dst, src []byte) (int, error) // with padding and without
}

var (
	base64Letters = letters{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", base64.StdEncoding.EncodeToString,
		base64.StdEncoding.DecodedLen, base64.StdEncoding.Decode, base64.RawStdEncoding.Decode}
	base32Letters = letters{"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=", base32.StdEncoding.EncodeToString,
		base32.StdEncoding.DecodedLen, base32.StdEncoding.Decode, base32.StdEncoding.WithPadding(base32.NoPadding).Decode}
)

// decode returns what can be decoded, with an error when that is not all.
func (l letters) decode(b []byte, skipGarbage bool) ([]byte, error) {
	clean := bytes.Map(func(r rune) rune {
		if r == '\n' || skipGarbage && !strings.ContainsRune(l.alphabet, r) {
			return -1
		}
		return r
	}, b)
	out := make([]byte, l.length(len(clean))+8)
	n, err := l.strict(out, clean)
	if err != nil {
		if m, err := l.open(out, bytes.TrimRight(clean, "=")); err == nil && m > n {
			n = m
		}
	}
	return out[:n], err
}

func progSum(c *call) int {
	opts, operands := c.flags("")
	hash := func(b []byte) string {
		switch c.name {
		case "md5sum":
			s := md5.Sum(b)
			return hex.EncodeToString(s[:])
		case "sha1sum":
			s := sha1.Sum(b)
			return hex.EncodeToString(s[:])
		case "sha224sum":
			s := sha256.Sum224(b)
			return hex.EncodeToString(s[:])
		case "sha384sum":
			s := sha512.Sum384(b)
			return hex.EncodeToString(s[:])
		case "sha512sum":
			s := sha512.Sum512(b)
			return hex.EncodeToString(s[:])
		}
		s := sha256.Sum256(b)
		return hex.EncodeToString(s[:])
	}
	if has(opts, "-c", "--check") {
		bad := 0
		status := c.each(operands, func(_ string, b []byte) {
			for _, row := range c.lines(b) {
				sum, name, ok := strings.Cut(row, "  ")
				if !ok {
					continue
				}
				content, err := c.contents(name)
				switch {
				case err != nil:
					c.errorf("%s: %s", name, reason(err))
					c.print(name + ": FAILED open or read\n")
					bad++
				case hash(content) == sum:
					c.print(name + ": OK\n")
				default:
					c.print(name + ": FAILED\n")
					bad++
				}
			}
		})
		if bad > 0 {
			c.errorf("WARNING: %d computed checksum did NOT match", bad)
			return 1
		}
		return status
	}
	return c.each(operands, func(name string, b []byte) { c.printf("%s  %s\n", hash(b), name) })
}

func progXxd(c *call) int {
	opts, operands := c.flags("lscg")
	limit := -1
	if s, ok := valueOf(opts, "-l"); ok {
		if n, err := strconv.ParseInt(s, 0, 32); err == nil {
			limit = int(n)
		}
	}
	return c.each(operands, func(_ string, b []byte) {
		if has(opts, "-r") {
			c.printBytes(unhex(string(b), has(opts, "-p")))
			return
		}
		if limit >= 0 && limit < len(b) {
			b = b[:limit]
		}
		if has(opts, "-p") {
			s := hex.EncodeToString(b)
			for len(s) > 60 {
				c.print(s[:60] + "\n")
				s = s[60:]
			}
			c.print(s + "\n")
			return
		}
		for off := 0; off < len(b); off += 16 {
			row := b[off:min(off+16, len(b))]
			var h strings.Builder
			for i, x := range row {
				if i > 0 && i%2 == 0 {
					h.WriteByte(' ')
				}
				fmt.Fprintf(&h, "%02x", x)
			}
			c.printf("%08x: %-39s  %s\n", off, h.String(), dots(row))
		}
	})
}

func unhex(s string, plain bool) []byte {
	if !plain {
		var joined strings.Builder
		for row := range strings.SplitSeq(s, "\n") {
			if _, rest, ok := strings.Cut(row, ": "); ok {
				rest, _, _ = strings.Cut(rest, "  ")
				joined.WriteString(rest)
			}
		}
		s = joined.String()
	}
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.ASCII_Hex_Digit, r) {
			return r
		}
		return -1
	}, s)
	out, _ := hex.DecodeString(s[:len(s)&^1])
	return out
}

func dots(b []byte) string {
	out := make([]byte, len(b))
	for i, x := range b {
		out[i] = x
		if x < ' ' || x > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

func progHexdump(c *call) int {
	opts, operands := c.flags("nse")
	limit := -1
	if s, ok := valueOf(opts, "-n"); ok {
		limit, _ = strconv.Atoi(s)
	}
	canonical := has(opts, "-C") || c.name == "hd"
	return c.each(operands, func(_ string, b []byte) {
		if limit >= 0 && limit < len(b) {
			b = b[:limit]
		}
		var last []byte
		starred := false
		for off := 0; off < len(b); off += 16 {
			row := b[off:min(off+16, len(b))]
			if bytes.Equal(row, last) && !has(opts, "-v") {
				if !starred {
					c.print("*\n")
				}
				starred = true
				continue
			}
			last, starred = row, false
			if canonical {
				var h strings.Builder
				for i, x := range row {
					if i == 8 {
						h.WriteByte(' ')
					}
					fmt.Fprintf(&h, "%02x ", x)
				}
				c.printf("%08x  %-49s |%s|\n", off, h.String(), dots(row))
				continue
			}
			c.printf("%07x", off)
			for i := 0; i < len(row); i += 2 {
				hi := byte(0)
				if i+1 < len(row) {
					hi = row[i+1]
				}
				c.printf(" %02x%02x", hi, row[i])
			}
			c.print("\n")
		}
		if len(b) > 0 {
			if canonical {
				c.printf("%08x\n", len(b))
			} else {
				c.printf("%07x\n", len(b))
			}
		}
	})
}

func progOd(c *call) int {
	opts, operands := c.flags("AtNjw")
	return c.each(operands, func(_ string, b []byte) {
		if s, ok := valueOf(opts, "-N"); ok {
			if n, err := strconv.Atoi(s); err == nil && n < len(b) && n >= 0 {
				b = b[:n]
			}
		}
		format, _ := valueOf(opts, "-t")
		base, _ := valueOf(opts, "-A")
		address := func(n int) string {
			switch base {
			case "n":
				return ""
			case "x":
				return fmt.Sprintf("%06x", n)
			case "d":
				return fmt.Sprintf("%07d", n)
			}
			return fmt.Sprintf("%07o", n)
		}
		for off := 0; off < len(b); off += 16 {
			row := b[off:min(off+16, len(b))]
			c.print(address(off))
			switch {
			case strings.HasPrefix(format, "x1") || has(opts, "-h") && format == "":
				for _, x := range row {
					c.printf(" %02x", x)
				}
			case strings.HasPrefix(format, "u1"), strings.HasPrefix(format, "d1"):
				for _, x := range row {
					c.printf(" %3d", x)
				}
			case has(opts, "-c") || strings.HasPrefix(format, "c"):
				for _, x := range row {
					switch {
					case x == '\n':
						c.print(`  \n`)
					case x == '\t':
						c.print(`  \t`)
					case x == '\r':
						c.print(`  \r`)
					case x == 0:
						c.print(`  \0`)
					case x >= ' ' && x <= '~':
						c.printf("   %c", x)
					default:
						c.printf(" %03o", x)
					}
				}
			default:
				for i := 0; i < len(row); i += 2 {
					v := uint16(row[i])
					if i+1 < len(row) {
						v |= uint16(row[i+1]) << 8
					}
					if has(opts, "-x") || strings.HasPrefix(format, "x") {
						c.printf(" %04x", v)
					} else {
						c.printf(" %06o", v)
					}
				}
			}
			c.print("\n")
		}
		if base != "n" {
			c.print(address(len(b)) + "\n")
		}
	})
}

func progStrings(c *call) int {
	opts, operands := c.flags("n")
	least := 4
	if s, ok := valueOf(opts, "-n"); ok {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			least = n
		}
	}
	return c.each(operands, func(_ string, b []byte) {
		start := -1
		for i := 0; i <= len(b); i++ {
			if i < len(b) && (b[i] >= ' ' && b[i] <= '~' || b[i] == '\t') {
				if start < 0 {
					start = i
				}
				continue
			}
			if start >= 0 && i-start >= least {
				c.print(string(b[start:i]) + "\n")
			}
			start = -1
		}
	})
}
