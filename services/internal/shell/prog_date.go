package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func progDate(c *call) int {
	opts, operands := c.flags("dsrfI", "--date", "--set", "--reference")
	t := c.sh.m.now()
	if s, ok := valueOf(opts, "-d", "--date"); ok {
		var good bool
		if t, good = parseDate(s, t); !good {
			c.errorf("invalid date ‘%s’", s)
			return 1
		}
	}
	if has(opts, "-s", "--set") && c.cred.uid != 0 {
		c.errorf("cannot set date: Operation not permitted")
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	if c.sh.m.distro.family == "debian" && c.env("LANG") == "en_US.UTF-8" {
		format = "%a %b %e %I:%M:%S %p %Z %Y"
	}
	switch {
	case len(operands) > 0 && strings.HasPrefix(operands[0], "+"):
		format = operands[0][1:]
	case len(operands) > 0:
		c.errorf("invalid date ‘%s’", operands[0])
		return 1
	case has(opts, "-R", "--rfc-email"):
		format = "%a, %d %b %Y %H:%M:%S +0000"
	case has(opts, "-I", "--iso-8601"):
		format = "%F"
	}
	c.print(strftime(format, t.UTC()) + "\n")
	return 0
}

func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		for i+1 < len(format) && strings.IndexByte("-_0^#", format[i]) >= 0 {
			i++
		}
		layouts := map[byte]string{'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'S': "05",
			'y': "06", 'Y': "2006", 'Z': "UTC", 'z': "+0000", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/2006", 'X': "03:04:05 PM", 'r': "03:04:05 PM", 'N': "000000000", 'j': "002", 'P': "pm"}
		switch f := format[i]; f {
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'N':
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
		case 'Z', 'z':
			b.WriteString(layouts[f])
		case 'u', 'w':
			d := int(t.Weekday())
			if f == 'u' && d == 0 {
				d = 7
			}
			b.WriteString(strconv.Itoa(d))
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '%':
			b.WriteByte('%')
		default:
			if l, ok := layouts[f]; ok {
				b.WriteString(t.Format(l))
			} else {
				b.WriteByte('%')
				b.WriteByte(f)
			}
		}
	}
	return b.String()
}

func progSleep(c *call) int {
	if len(c.args) < 2 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	var total time.Duration
	for _, a := range c.args[1:] {
		d, ok := interval(a)
		if !ok {
			c.errorf("invalid time interval ‘%s’", a)
			c.try()
			return 1
		}
		total = min(total+d, maxCommandT)
	}
	c.flush()
	c.sleepFor(total)
	return 0
}
