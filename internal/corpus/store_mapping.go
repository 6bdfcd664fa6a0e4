package corpus

import (
	"errors"
	"sync"
)

// mappings are the mapped files under a store, shared by the stores it is split
// into.
type mappings struct {
	once    sync.Once
	release []func() error
	err     error
}

// close releases every mapping, once.
func (m *mappings) close() error {
	m.once.Do(func() {
		for _, release := range m.release {
			m.err = errors.Join(m.err, release())
		}
	})
	return m.err
}
