package group

import (
	"errors"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// A rank that leaves while another one has begun an operation that it does not come to hears that this
// one ends, and does not wait for the timeout.
func TestLeavingBeforeAnOperationOfOthers(t *testing.T) {
	const timeout = 20 * time.Second
	for rank, err := range onNetwork(t, 2, timeout, func(c *Comm, _ *wire) error {
		if err := c.Barrier(); err != nil {
			return err
		}
		if c.Rank() == 1 {
			if err := c.Barrier(); !errors.Is(err, collective.ErrClosed) {
				t.Errorf("rank 1: found %v, expected that rank 0 has left", err)
			}
			_, err := c.Depart()
			return err
		}
		// The other's next operation is heard of before this one has finished the first.
		if err := c.Run(timeout, func() error {
			for c.g.peers[1].next == nil {
				if _, err := c.g.step(head{kind: barrier}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		begin := time.Now()
		_, err := c.Depart()
		if took := time.Since(begin); took > timeout/2 {
			t.Errorf("rank 0 has left after %v, expected no waiting for the timeout", took)
		}
		return err
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}
