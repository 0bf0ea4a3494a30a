package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Method is a way to probe a port.
type Method string

// The methods, in the order in which a Worker uses them.
const (
	MethodJARM  Method = "jarm"
	MethodHASSH Method = "hassh"
	MethodTCP   Method = "tcp"
)

// Memory remembers what was probed, so that nothing is probed twice. It is safe for
// concurrent use, and what it remembers outlives the process. With an error of either
// method nothing is probed.
type Memory interface {
	// Done reports whether addr was marked as probed with method at port.
	Done(ctx context.Context, addr netip.Addr, method Method, port uint16) (bool, error)
	// Mark remembers that addr is probed with method at port. A Worker calls it before the
	// probe, so that one which a crash interrupts is not made again.
	Mark(ctx context.Context, addr netip.Addr, method Method, port uint16) error
}

// StateMemory keeps one document for each address in a store. It holds nothing in memory.
type StateMemory struct {
	state store.State
	mu    sync.Mutex // between reading a document and writing it back
}

// NewStateMemory makes a StateMemory over state, which no other Memory may write to
// meanwhile.
func NewStateMemory(state store.State) *StateMemory { return &StateMemory{state: state} }

// StateKey returns the key of the document that a StateMemory keeps for addr: a JSON object
// from methods to lists of ports.
func StateKey(addr netip.Addr) string { return "probed/" + addr.String() }

// Done implements Memory. Its errors are those of the store, like those of Mark.
func (m *StateMemory) Done(ctx context.Context, addr netip.Addr, method Method, port uint16) (bool, error) {
	marks, err := m.marks(ctx, addr)
	return slices.Contains(marks[method], port), err
}

// Mark implements Memory.
func (m *StateMemory) Mark(ctx context.Context, addr netip.Addr, method Method, port uint16) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	marks, err := m.marks(ctx, addr)
	if err != nil || slices.Contains(marks[method], port) {
		return err
	}
	marks[method] = append(marks[method], port)
	doc, err := json.Marshal(marks)
	if err == nil {
		err = m.state.SetState(ctx, StateKey(addr), doc)
	}
	if err != nil {
		return fmt.Errorf("probe: memory of %s: %w", addr, err)
	}
	return nil
}

func (m *StateMemory) marks(ctx context.Context, addr netip.Addr) (map[Method][]uint16, error) {
	doc, err := m.state.State(ctx, StateKey(addr))
	if errors.Is(err, decnet.ErrNotFound) {
		return map[Method][]uint16{}, nil
	}
	marks := map[Method][]uint16{}
	if err == nil {
		err = json.Unmarshal(doc, &marks)
	}
	if err == nil && marks == nil {
		err = decnet.ErrInvalid // the document is null
	}
	if err != nil {
		return nil, fmt.Errorf("probe: memory of %s: %w", addr, err)
	}
	return marks, nil
}
