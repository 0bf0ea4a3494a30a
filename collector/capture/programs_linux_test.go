package capture

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestCallsThatStartPrograms(t *testing.T) {
	for text, want := range map[string]call{
		strconv.Itoa(unix.SYS_EXECVE) + " 0x10 0x20 0x30 0x0 0x0 0x0 0x7ff0 0x7f00":   {0x20, true},
		strconv.Itoa(unix.SYS_EXECVEAT) + " 0x3 0x10 0x20 0x30 0x0 0x0 0x7ff0 0x7f00": {0x20, true},
		"11 0x10 0x20 0x30 0x0 0x0 0x0 0x7ff0 0x7f00":                                 {0x20, false},
	} {
		if got, ok := parseCall(text); !ok || got != want {
			t.Errorf("%s: %+v, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "running", "0 0x1 0x2 0x3", strconv.Itoa(unix.SYS_EXECVE), strconv.Itoa(unix.SYS_EXECVE) + " 0x1 0x0 0x0 0x0", strconv.Itoa(unix.SYS_EXECVE) + " 0x1 x 0x0 0x0"} {
		if got, ok := parseCall(text); ok {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestTextInMemory reads what this process has itself at places that it knows.
func TestTextInMemory(t *testing.T) {
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	page, err := unix.Mmap(-1, 0, 2*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	if err := unix.Mprotect(page[os.Getpagesize():], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	start := uint64(uintptr(unsafe.Pointer(&page[0])))
	last := os.Getpagesize() - 4
	copy(page[last:], "end\x00") // nothing can be read after it
	copy(page[100:], strings.Repeat("x", 1000))
	for at, want := range map[uint64]string{start + uint64(last): "end", start + 100: strings.Repeat("x", 1000), start: ""} {
		if got := stringAt(memory, at); got != want {
			t.Errorf("at %d: %d bytes, want %d", at-start, len(got), len(want))
		}
	}
	copy(page[last:], "open") // and no zero byte either
	if got := stringAt(memory, start+uint64(last)); got != "open" {
		t.Errorf("%q", got)
	}
	if got := stringAt(memory, 1); got != "" {
		t.Errorf("what is not there is %q", got)
	}
}

// TestArgumentsOfNothing asks of a process that has ended.
func TestArgumentsOfNothing(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dir := "/proc/" + strconv.Itoa(cmd.Process.Pid)
	if raw := callOf(dir); raw != "" || !slices.Equal(argsOf(dir, strconv.Itoa(unix.SYS_EXECVE)+" 0x1 0x2 0x3 0x4"), nil) {
		t.Errorf("%q", raw)
	}
}

func FuzzCalls(f *testing.F) {
	f.Add("59 0x10 0x20 0x30 0x0 0x0 0x0 0x7ff0 0x7f00")
	f.Add("running")
	f.Add("322 0x3 0x10 0xffffffffffffffff 0x30")
	f.Fuzz(func(t *testing.T, text string) {
		if c, ok := parseCall(text); ok && c.argv == 0 {
			t.Errorf("%+v", c)
		}
	})
}
