package docker

import (
	"fmt"
	"strings"
	"sync"
)

// Action is what a Step does.
type Action string

// The actions.
const (
	ActionBuild   Action = "build"
	ActionPull    Action = "pull"
	ActionCreate  Action = "create"
	ActionReplace Action = "replace" // remove, and create anew
	ActionStart   Action = "start"
	ActionRestart Action = "restart"
	ActionRemove  Action = "remove"
	ActionProbe   Action = "probe" // ask the LAN whether addresses are free
	ActionLook    Action = "look"  // see what there is; told only when it is repeated
)

// Object is what a Step is about.
type Object string

// The objects.
const (
	ObjectImage     Object = "image"
	ObjectNetwork   Object = "network"
	ObjectVolume    Object = "volume"
	ObjectContainer Object = "container"
	ObjectInterface Object = "interface" // of this machine
	ObjectAddress   Object = "address"
	ObjectEngine    Object = "engine"
)

// Phase is how far a Step is.
type Phase string

// The phases. A step that is planned is in none.
const (
	PhaseBegun  Phase = "begun"
	PhaseSays   Phase = "says"  // Text is new
	PhaseRetry  Phase = "retry" // Err happened, and is not final
	PhaseDone   Phase = "done"
	PhaseFailed Phase = "failed" // Err is why
)

// Step is one thing that Apply or Down does, to be shown as a plan and as progress.
type Step struct {
	Action Action `json:"action"`
	Object Object `json:"object"`
	Name   string `json:"name"`            // as the engine has it
	Decky  string `json:"decky,omitempty"` // "": it belongs to all
	Reason string `json:"reason,omitempty"`

	Phase Phase  `json:"phase,omitempty"`
	Text  string `json:"text,omitempty"` // what the engine said last
	Err   error  `json:"-"`
}

// String returns a step in words, such as "replace container web-http: its settings changed".
func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", s.Action, s.Object, s.Name)
	if s.Reason != "" {
		fmt.Fprintf(&b, ": %s", s.Reason)
	}
	return b.String()
}

// progress tells one listener of steps, one at a time.
type progress struct {
	mu   sync.Mutex
	call func(Step)
}

func (p *progress) tell(s Step, phase Phase, text string, err error) {
	if p.call == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Phase, s.Text, s.Err = phase, text, err
	p.call(s)
}
