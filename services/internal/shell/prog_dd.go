package shell

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func progTee(c *call) int {
	opts, operands := c.flags("")
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if has(opts, "-a", "--append") {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	status := 0
	var outs []*handle
	for _, name := range operands {
		h, err := c.files().open(name, flag, 0o666&^c.umask)
		if err != nil {
			c.errorf("%s: %s", name, reason(err))
			status = 1
			continue
		}
		defer h.Close()
		outs = append(outs, h)
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := (stdin{c}).Read(buf)
		for _, h := range outs {
			if _, werr := h.Write(buf[:n]); werr != nil {
				c.errorf("%s: %s", h.path, reason(werr))
				status = 1
			}
		}
		if n > 0 {
			c.out(buf[:n])
		}
		if err != nil {
			return status
		}
	}
}

func progDd(c *call) int {
	params := map[string]string{"bs": "512", "count": "-1", "skip": "0", "seek": "0"}
	for _, a := range c.args[1:] {
		k, v, ok := strings.Cut(a, "=")
		if !ok {
			c.errorf("unrecognized operand ‘%s’", a)
			c.try()
			return 1
		}
		params[k] = v
	}
	num := func(key string) int64 {
		s := params[key]
		mult := int64(1)
		for suffix, m := range map[string]int64{"kB": 1000, "K": 1 << 10, "k": 1 << 10, "MB": 1000_000, "M": 1 << 20, "G": 1 << 30, "c": 1, "b": 512} {
			if t, ok := strings.CutSuffix(s, suffix); ok && strings.Trim(t, "0123456789") == "" {
				s, mult = t, m
			}
		}
		n, err := strconv.ParseInt(s, 10, 48)
		if err != nil && key != "count" {
			c.errorf("invalid number: ‘%s’", params[key])
			panic(killed{1})
		}
		return n * mult
	}
	bs := num("bs")
	if ibs, ok := params["ibs"]; ok && ibs != "" {
		params["bs"] = ibs
		bs = num("bs")
	}
	if bs <= 0 {
		c.errorf("invalid number: ‘%s’", params["bs"])
		return 1
	}
	count := num("count")
	var r io.Reader = stdin{c}
	if name, ok := params["if"]; ok {
		f, err := c.input(name)
		if err != nil {
			c.errorf("failed to open '%s': %s", name, reason(err))
			return 1
		}
		defer f.Close()
		r = f
	}
	var w io.Writer = callOut{c}
	if name, ok := params["of"]; ok {
		flag := os.O_WRONLY | os.O_CREATE
		if !strings.Contains(params["conv"], "notrunc") {
			flag |= os.O_TRUNC
		}
		s, err := c.interp.open(name, flag)
		if err != nil {
			c.errorf("failed to open '%s': %s", name, reason(err))
			return 1
		}
		defer s.release()
		if s.file != nil && num("seek") > 0 {
			s.file.off = min(num("seek")*bs, 1<<40)
		}
		if s.w != nil {
			w = s.w
		}
	}
	buf := make([]byte, min(bs, 64<<10))
	for left := num("skip") * bs; left > 0; {
		n, err := r.Read(buf[:min(left, int64(len(buf)))])
		left -= int64(n)
		if err != nil {
			break
		}
		c.use.step(c.ctx)
	}
	var copied, full, partial int64
	status := 0
	limit := int64(1) << 62
	if count >= 0 {
		limit = count
	}
	for blocks := int64(0); blocks < limit && status == 0; blocks++ {
		var got int64
		var rerr error
		for got < bs {
			c.use.step(c.ctx)
			n, err := r.Read(buf[:min(bs-got, int64(len(buf)))])
			if n > 0 {
				if _, werr := w.Write(buf[:n]); werr != nil {
					c.errorf("error writing '%s': %s", params["of"], reason(werr))
					status = 1
					break
				}
			}
			got += int64(n)
			if rerr = err; err != nil {
				break
			}
		}
		copied += got
		switch {
		case got == bs:
			full++
		case got > 0:
			partial++
		}
		if rerr != nil || copied > maxOutput*4 {
			break
		}
	}
	if params["status"] != "none" {
		if params["status"] != "noxfer" {
			size := strconv.FormatInt(copied, 10) + " bytes"
			if copied >= 1000 {
				size += " (" + si(copied)
				if copied >= 1024 {
					size += ", " + iec(copied)
				}
				size += ")"
			}
			secs := 0.00011 + float64(copied)/6e8
			c.errln(fmt.Sprintf("%d+%d records in\n%d+%d records out\n%s copied, %.6g s, %s/s", full, partial, full, partial, size, secs, si(int64(float64(copied)/secs))))
		} else {
			c.errln(fmt.Sprintf("%d+%d records in\n%d+%d records out", full, partial, full, partial))
		}
	}
	return status
}

func si(n int64) string {
	v, u := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for v >= 1000 && u < 4 {
		v, u = v/1000, u+1
	}
	if v < 10 && u > 0 {
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}

func iec(n int64) string {
	v, u := float64(n), 0
	units := []string{"B", "KiB", "MiB", "GiB"}
	for v >= 1024 && u < 3 {
		v, u = v/1024, u+1
	}
	if v < 10 && u > 0 {
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}

// callOut writes to the standard output of a program.
type callOut struct{ c *call }

func (o callOut) Write(p []byte) (int, error) {
	o.c.printBytes(p)
	return len(p), nil
}
