package simdriver

import (
	"crypto/rand"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

var _ gpu.Shared = (*Driver)(nil)

// newUUID is random: each simulated GPU is one of its own.
func newUUID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// UUID is of this driver alone.
func (d *Driver) UUID() [16]byte { return d.uuid }

// Enter does nothing: memory of the simulator is the process's.
func (d *Driver) Enter() error { return d.call("enter", "", false, func() error { return nil }) }

// Address is where the simulator has the bytes in the memory of the process. They stay there until they
// are freed.
func (d *Driver) Address(p gpu.Ptr, n int64, write bool) (at uintptr, err error) {
	err = d.call("share memory", "", false, func() error {
		at, err = d.dev.Address(ptxsim.Ptr(p), int(n), write)
		return err
	})
	return at, err
}

// StreamHandle is 0: what the simulator is asked for is done at once.
func (d *Driver) StreamHandle(s gpu.Stream) (uintptr, error) {
	return 0, d.call("share stream", "", false, func() error {
		_, err := d.stream(s)
		return err
	})
}

// Passed finishes what Wait finishes.
func (d *Driver) Passed(e gpu.Event) (bool, error) {
	if err := d.Wait(e); err != nil {
		return false, fmt.Errorf("ask for an event: %w", err)
	}
	return true, nil
}
