package shell

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// errTimedOut is why a command ends when its timeout(1) has passed.
var errTimedOut = errors.New("timed out")

const statusTimedOut = 124

// progTimeout runs a command for as long as it may.
func progTimeout(c *call) int {
	args := c.args[1:]
	signal, preserve := "TERM", false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		a := args[0]
		args = args[1:]
		switch {
		case a == "-k" || a == "--kill-after":
			if len(args) > 0 {
				args = args[1:]
			}
		case a == "-s" || a == "--signal":
			if len(args) > 0 {
				signal, args = args[0], args[1:]
			}
		case strings.HasPrefix(a, "--signal="), strings.HasPrefix(a, "-s"):
			signal = strings.TrimPrefix(strings.TrimPrefix(a, "--signal="), "-s")
		case strings.HasPrefix(a, "-k"), strings.HasPrefix(a, "--kill-after="), a == "--foreground", a == "-v", a == "--verbose":
		case a == "--preserve-status":
			preserve = true
		default:
			c.badOption(a)
			return 125
		}
	}
	if len(args) < 2 {
		c.try()
		return 125
	}
	limit, ok := interval(args[0])
	if !ok {
		c.errorf("invalid time interval ‘%s’", args[0])
		c.try()
		return 125
	}
	args = args[1:]
	path, ok := c.locate(args[0])
	if _, err := c.files().stat("stat", path, true); !ok || err != nil {
		c.errorf("failed to run command ‘%s’: No such file or directory", args[0])
		return 127
	}
	if limit == 0 {
		return c.executeFile(path, args)
	}
	sub := c.fork()
	if sub == nil {
		return 125
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, limit, errTimedOut)
	defer cancel()
	if term := c.term; term != nil {
		// A program that waits for keys hears of the end too.
		stop := context.AfterFunc(ctx, func() { term.interrupt(true) })
		defer func() {
			if !stop() && c.ctx.Err() == nil {
				term.interrupt(false)
			}
		}()
	}
	sub.ctx = ctx
	status := sub.run(func() { sub.status = sub.executeFile(path, args) })
	check(c.ctx)
	if context.Cause(ctx) != errTimedOut {
		return status
	}
	number := signalNumber(signal)
	switch {
	case number == 9 || preserve:
		return 128 + number
	}
	return statusTimedOut
}

// interval parses a number of seconds, or of the unit that follows it.
func interval(s string) (time.Duration, bool) {
	unit := 1.0
	if s != "" {
		if u, ok := map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[s[len(s)-1]]; ok {
			s, unit = s[:len(s)-1], u
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || x < 0 || x != x {
		return 0, false
	}
	return time.Duration(min(x*unit, 1e9) * float64(time.Second)), true
}

// signalNumber returns the number of a signal by name or number, that of TERM for what is
// no signal.
func signalNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n < len(signalNames) {
		return n
	}
	for i, name := range signalNames {
		if i > 0 && strings.EqualFold(name, strings.TrimPrefix(strings.ToUpper(s), "SIG")) {
			return i
		}
	}
	return 15
}
