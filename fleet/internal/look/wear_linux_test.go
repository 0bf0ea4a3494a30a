package look

import (
	"os"
	"runtime"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// TestWear puts every look on after every other, in a network namespace of its own.
func TestWear(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		c, err := nftables.New()
		if err != nil {
			t.Error(err)
			return
		}
		for _, family := range []string{"windows", "bsd", "cisco", "embedded", "windows_server", "windows"} {
			if err := Wear(family); err != nil {
				t.Errorf("%s: %v", family, err)
				continue
			}
			tables, err := c.ListTables()
			if err != nil || len(tables) != 1 {
				t.Errorf("%s: %d tables, %v", family, len(tables), err)
				continue
			}
			rules, err := c.GetRules(tables[0], &nftables.Chain{Table: tables[0], Name: "out"})
			if want := len(looks[family].rules()); err != nil || len(rules) != want {
				t.Errorf("%s: %d rules, want %d, %v", family, len(rules), want, err)
			}
		}
	}()
	<-done
}

func TestWhatLooksAsTheKernelDoes(t *testing.T) {
	if err := Wear("linux"); err != nil { // needs no privilege
		t.Error(err)
	}
}
