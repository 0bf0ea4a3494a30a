package daemon

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// processes are the children of the first process of a container: those that it started,
// and those whose parents have ended.
type processes struct {
	mu      sync.Mutex
	waiting map[int]chan struct{} // those that it started
}

// start starts a program. ended is closed when it has ended.
func (p *processes) start(path string, args []string, attr *os.ProcAttr) (pid int, ended <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	process, err := os.StartProcess(path, args, attr)
	if err != nil {
		return 0, nil, err
	}
	defer process.Release()
	done := make(chan struct{})
	p.waiting[process.Pid] = done
	return process.Pid, done, nil
}

// reap takes the exit status of every child until ctx ends.
func (p *processes) reap(ctx context.Context) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		p.reapAll()
		select {
		case <-ctx.Done():
			p.mu.Lock()
			for pid := range p.waiting {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			}
			left := len(p.waiting)
			p.mu.Unlock()
			if left == 0 {
				return
			}
			<-ended
		case <-ended:
		}
	}
}

func (p *processes) reapAll() {
	for {
		p.mu.Lock()
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if done := p.waiting[pid]; pid > 0 && done != nil {
			delete(p.waiting, pid)
			close(done)
		}
		p.mu.Unlock()
		if pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}

// parent returns the parent of a process, 0 when there is none or it has ended.
func parent(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name in parentheses can hold anything; what follows it cannot.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

// loginSession returns the number that the kernel has given to the log-in a process is of, ""
// when there is none. pam_loginuid(8) asks for it; children inherit it, and root in the
// container cannot change it.
func loginSession(pid int) string {
	const none = "4294967295"
	id, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/sessionid")
	own, err2 := os.ReadFile("/proc/self/sessionid") // that of who started the engine
	if err != nil || err2 != nil || string(id) == none || bytes.Equal(id, own) {
		return ""
	}
	return string(id)
}
