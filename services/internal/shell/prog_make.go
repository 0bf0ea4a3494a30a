package shell

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func progMkdir(c *call) int {
	opts, operands := c.flags("mZ", "--mode")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	perm := 0o777 &^ c.umask
	if s, ok := valueOf(opts, "-m", "--mode"); ok {
		m, ok := changeMode(s, fs.ModeDir|perm, c.umask)
		if !ok {
			c.errorf("invalid mode ‘%s’", s)
			return 1
		}
		perm = m.Perm()
	}
	status := 0
	for _, name := range operands {
		if has(opts, "-p", "--parents") {
			at := ""
			if strings.HasPrefix(name, "/") {
				at = "/"
			}
			for elem := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
				at += elem
				if i, err := c.files().stat("stat", at, true); err == nil && i.mode.IsDir() {
					at += "/"
					continue
				}
				if err := c.files().Mkdir(at, perm); err != nil {
					c.errorf("cannot create directory ‘%s’: %s", at, reason(err))
					status = 1
					break
				}
				at += "/"
			}
			continue
		}
		if err := c.files().Mkdir(name, perm); err != nil {
			c.errorf("cannot create directory ‘%s’: %s", name, reason(err))
			status = 1
		} else if has(opts, "-v") {
			c.printf("mkdir: created directory '%s'\n", name)
		}
	}
	return status
}

func progRmdir(c *call) int {
	_, operands := c.flags("")
	status := 0
	for _, name := range operands {
		i, err := c.files().stat("stat", name, false)
		if err == nil && !i.mode.IsDir() {
			err = syscall.ENOTDIR
		}
		if err == nil {
			err = c.files().Remove(name)
		}
		if err != nil {
			c.errorf("failed to remove '%s': %s", name, reason(err))
			status = 1
		}
	}
	return status
}

func progLn(c *call) int {
	opts, operands := c.flags("")
	if len(operands) == 0 {
		return c.missingOperand(operands)
	}
	if len(operands) == 1 {
		operands = append(operands, ".")
	}
	return c.transfer(operands, func(from, to string) int {
		if has(opts, "-f", "--force") {
			_ = c.files().Remove(to)
		}
		var err error
		kind := "hard link"
		if has(opts, "-s", "--symbolic") {
			kind = "symbolic link"
			err = c.files().Symlink(from, to)
		} else {
			if _, err := c.files().stat("stat", from, false); err != nil {
				c.errorf("failed to access '%s': %s", from, reason(err))
				return 1
			}
			err = c.files().Link(from, to)
		}
		if err != nil {
			c.errorf("failed to create %s '%s': %s", kind, to, reason(err))
			return 1
		}
		return 0
	})
}

func progTouch(c *call) int {
	opts, operands := c.flags("drt", "--date", "--reference")
	when := c.sh.m.now()
	if ref, ok := valueOf(opts, "-r", "--reference"); ok {
		i, err := c.files().stat("stat", ref, true)
		if err != nil {
			c.errorf("failed to get attributes of '%s': %s", ref, reason(err))
			return 1
		}
		when = i.mtime
	}
	if s, ok := valueOf(opts, "-d", "--date"); ok {
		if t, ok := parseDate(s, when); ok {
			when = t
		} else {
			c.errorf("invalid date format '%s'", s)
			return 1
		}
	}
	if s, ok := valueOf(opts, "-t"); ok {
		for _, layout := range []string{"200601021504.05", "200601021504", "0601021504", "01021504"} {
			if t, err := time.Parse(layout, s); err == nil {
				if t.Year() == 0 {
					t = t.AddDate(c.sh.m.now().Year(), 0, 0)
				}
				when = t
				break
			}
		}
	}
	if len(operands) == 0 {
		c.errorf("missing file operand")
		c.try()
		return 1
	}
	status := 0
	for _, name := range operands {
		if _, err := c.files().stat("stat", name, true); err != nil {
			if has(opts, "-c", "--no-create") {
				continue
			}
			h, err := c.files().open(name, os.O_WRONLY|os.O_CREATE, 0o666&^c.umask)
			if err != nil {
				c.errorf("cannot touch '%s': %s", name, reason(err))
				status = 1
				continue
			}
			_ = h.Close()
		}
		if err := c.files().Chtimes(name, when); err != nil {
			c.errorf("cannot touch '%s': %s", name, reason(err))
			status = 1
		}
	}
	return status
}

// parseDate understands the dates that date -d and touch -d are given most.
func parseDate(s string, now time.Time) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if sec, ok := strings.CutPrefix(s, "@"); ok {
		n, err := strconv.ParseInt(sec, 10, 64)
		return time.Unix(n, 0), err == nil && n > -1<<40 && n < 1<<40
	}
	switch s {
	case "now", "today", "":
		return now, true
	case "yesterday":
		return now.AddDate(0, 0, -1), true
	case "tomorrow":
		return now.AddDate(0, 0, 1), true
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/01/02", "Jan 2 2006", "2 Jan 2006", "20060102", time.RFC1123, time.UnixDate, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	f := strings.Fields(s)
	sign := 1
	if len(f) == 3 && f[2] == "ago" {
		sign, f = -1, f[:2]
	}
	if len(f) == 2 {
		if n, err := strconv.Atoi(f[0]); err == nil && n > -100000 && n < 100000 {
			n *= sign
			switch strings.TrimSuffix(f[1], "s") {
			case "day":
				return now.AddDate(0, 0, n), true
			case "week":
				return now.AddDate(0, 0, 7*n), true
			case "month":
				return now.AddDate(0, n, 0), true
			case "year":
				return now.AddDate(n, 0, 0), true
			case "hour":
				return now.Add(time.Duration(n) * time.Hour), true
			case "minute", "min":
				return now.Add(time.Duration(n) * time.Minute), true
			case "second", "sec":
				return now.Add(time.Duration(n) * time.Second), true
			}
		}
	}
	return time.Time{}, false
}
