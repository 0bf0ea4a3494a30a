package main

import (
	"math"
	"syscall"
)

// openFiles is how many files the process may have open. Go has raised it as far as it goes.
func openFiles() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(lim.Cur)
}
