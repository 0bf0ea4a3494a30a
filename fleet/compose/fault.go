package compose

import "strings"

// place is a decky, or one service of it.
type place struct{ decky, service string }

func (p place) String() string {
	if p.service == "" {
		return p.decky
	}
	return p.decky + ": " + p.service
}

// Fault is one thing that keeps a fleet from becoming a document.
type Fault struct {
	Decky   string // "": the fleet as a whole
	Service string // "": the decky as a whole
	Err     error
}

// Error names the place and the reason.
func (f *Fault) Error() string {
	parts := []string{"compose"}
	for _, p := range []string{f.Decky, f.Service} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(append(parts, f.Err.Error()), ": ")
}

// Unwrap returns the reason.
func (f *Fault) Unwrap() error { return f.Err }

func (t *translation) fault(at place, err error) {
	t.faults = append(t.faults, &Fault{at.decky, at.service, err})
}
