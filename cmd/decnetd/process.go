package main

import (
	"fmt"
	"os"
	"strings"
)

// thisProcess names this process so that another one of the machine can find out whether
// it is still there: by the boot, the namespace of process numbers, the number and the time
// at which it began. It returns "" where the system does not tell.
func thisProcess() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	began := startOf(os.Getpid())
	if began == "" {
		return ""
	}
	return fmt.Sprintf("%s %s %d %s", strings.TrimSpace(string(boot)), space, os.Getpid(), began)
}

// alive reports whether the process that thisProcess has named may still be there. Of
// another machine nobody knows.
func alive(process string) bool {
	var boot, space, began string
	var pid int
	if n, _ := fmt.Sscan(process, &boot, &space, &pid, &began); n < 4 {
		return true
	}
	if here := thisProcess(); !strings.HasPrefix(here, boot+" "+space+" ") {
		return true
	}
	return startOf(pid) == began
}

// startOf returns when a process began, in ticks since the boot; "" when there is none.
func startOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name of the program, which may hold anything, is in parentheses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const state, start = 0, 19 // fields 3 and 22 of proc(5)
	if len(fields) <= start || fields[state] == "Z" {
		return ""
	}
	return fields[start]
}
