package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// tick is the unit of times in /proc, on every Linux that there is.
const tick = 10 * time.Millisecond

// processes are those that are measured: this one, and the server of the database.
type processes []string

// cpu is the time that they had of the processors.
func (p processes) cpu() (sum time.Duration) {
	for _, pid := range p {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		var user, system time.Duration
		if _, err := fmt.Sscan(fields[11]+" "+fields[12], (*int64)(&user), (*int64)(&system)); err == nil {
			sum += (user + system) * tick
		}
	}
	return sum
}

// peak is the most memory that this process had, readers included.
func (p processes) peak() int64 {
	status, err := os.ReadFile("/proc/" + p[0] + "/status")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kib int64
	_, _ = fmt.Sscan(string(after), &kib)
	return kib << 10
}
