package shell

import (
	"strconv"
	"time"
)

// progVmstat prints the averages since the start, then one line for every interval.
func progVmstat(c *call) int {
	opts, operands := c.flags("Sdp")
	m := c.sh.m
	pause, times := time.Duration(0), 1
	for i, o := range operands {
		n, err := strconv.Atoi(o)
		if err != nil || n < 0 {
			c.errorf("failed to parse argument: '%s': Invalid argument", o)
			return 1
		}
		if i == 0 {
			pause, times = time.Duration(min(n, 1<<20))*time.Second, 1<<20
			continue
		}
		times = n
	}
	if pause == 0 && len(operands) < 2 {
		times = 1
	}
	scale := 1
	if s, ok := valueOf(opts, "-S"); ok && (s == "M" || s == "m") {
		scale = 1 << 10
	}
	c.print("procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n")
	for i := range times {
		if i > 0 {
			c.flush()
			c.sleepFor(max(pause, time.Second/10))
		}
		_, free, _, buffers, cached := m.memoryUse()
		r := m.id.Rand("vmstat " + strconv.FormatInt(m.now().UnixNano()+int64(i), 10))
		in, out := r.IntN(4), r.IntN(30)
		if i == 0 {
			in, out = 3, 11
		}
		idle := 97 + r.IntN(3)
		c.printf("%2d %2d %6d %6d %6d %6d %4d %4d %5d %5d %4d %4d %2d %2d %2d %2d %2d\n", 1, 0, 0, free/scale, buffers/scale, cached/scale, 0, 0, in, out, 60+r.IntN(60), 90+r.IntN(90), (100-idle)/2, (101-idle)/2, idle, 0, 0)
	}
	return 0
}
