package shell

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// history is what was typed in an interactive shell.
type history struct {
	mu    sync.Mutex
	file  string
	lines []string
	fresh int // how many of them are not in the file
}

const maxHistory = 1000

func (h *history) load(b []byte) {
	h.lines = lines(b)
	if n := len(h.lines) - maxHistory; n > 0 {
		h.lines = h.lines[n:]
	}
}

func (h *history) add(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, strings.ReplaceAll(s, "\n", "; "))
	h.fresh++
	if n := len(h.lines) - maxHistory; n > 0 {
		h.lines = h.lines[n:]
		h.fresh = min(h.fresh, len(h.lines))
	}
}

func (h *history) list() []string {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

func (h *history) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines, h.fresh = nil, 0
}

func (h *history) drop(which string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n, err := strconv.Atoi(which); err == nil && n >= 1 && n <= len(h.lines) {
		h.lines = slices.Delete(h.lines, n-1, n)
		h.fresh = min(h.fresh, len(h.lines))
	}
}

// saveHistory appends what is new to the history file, without reporting it as an upload.
func (in *interp) saveHistory() {
	h := in.history
	if h == nil {
		return
	}
	h.mu.Lock()
	fresh := slices.Clone(h.lines[len(h.lines)-h.fresh:])
	h.fresh = 0
	file := h.file
	h.mu.Unlock()
	if v := in.vars["HISTFILE"]; v == nil || file == "" || len(fresh) == 0 {
		return
	}
	f, err := in.files().open(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	_, _ = f.Write([]byte(strings.Join(fresh, "\n") + "\n")) // a full disk loses history
	f.dirty = false
	_ = f.Close()
}
