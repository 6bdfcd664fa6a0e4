package group

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
)

// belt is a carrier within one process: all ranks put their messages there.
type belt struct {
	mu    sync.Mutex
	cond  map[[2]int][][]byte // by sender and receiver
	moved int
}

// hand is one rank's part in a belt.
type hand struct {
	b       *belt
	rank    int
	recv    [][]byte
	late    int // calls of Done until something happens
	fails   error
	stuck   bool
	aborted *bool
	starts  int
}

func (h *hand) Start(devices []Device) error { h.starts++; return nil }

func (h *hand) Begin(send, recv [][]byte) error {
	if h.fails != nil {
		return h.fails
	}
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	for i, m := range send {
		if len(m) > 0 {
			key := [2]int{h.rank, i}
			h.b.cond[key] = append(h.b.cond[key], append([]byte(nil), m...))
			h.b.moved++
		}
	}
	h.recv = append([][]byte(nil), recv...)
	h.late = 3
	return nil
}

func (h *hand) Done() (bool, error) {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	if h.late--; h.late > 0 || h.stuck {
		return false, nil
	}
	for i, m := range h.recv {
		if len(m) == 0 {
			continue
		}
		key := [2]int{i, h.rank}
		if len(h.b.cond[key]) == 0 {
			return false, nil
		}
		if copy(m, h.b.cond[key][0]) != len(h.b.cond[key][0]) {
			return false, fmt.Errorf("found a message of another length from rank %d", i)
		}
		h.b.cond[key], h.recv[i] = h.b.cond[key][1:], nil
	}
	return true, nil
}

func (h *hand) Abort() { *h.aborted = true }
func (h *hand) Close() {}

// onBelt runs f on each rank with a carrier; set may change it.
func onBelt(t *testing.T, size int, timeout time.Duration, set func(rank int, h *hand), f func(c *Comm) error) (*belt, []bool, []error) {
	t.Helper()
	b, aborted := &belt{cond: map[[2]int][][]byte{}}, make([]bool, size)
	return b, aborted, onNetwork(t, size, timeout, func(c *Comm, w *wire) error {
		h := &hand{b: b, rank: w.rank, aborted: &aborted[w.rank]}
		if set != nil {
			set(w.rank, h)
		}
		if err := c.Barrier(); err != nil { // ranks come to their carriers at different times
			return err
		}
		if err := c.Carry(h, Device{byte(w.rank + 1)}); err != nil {
			return err
		}
		err := f(c)
		if err == nil && h.starts != 1 {
			err = fmt.Errorf("found %d starts of the carrier, expected 1", h.starts)
		}
		return err
	})
}

func TestCarrier(t *testing.T) {
	small(t, 5000)
	for _, size := range []int{2, 4, 8} {
		b, aborted, errs := onBelt(t, size, time.Minute, nil, func(c *Comm) error {
			if err := collectivetest.Run(c); err != nil {
				return err
			}
			// Some ranks have nothing long to say to anyone.
			send, recv := make([][]byte, size), make([][]byte, size)
			if c.Rank() == 0 {
				send[1] = make([]byte, inline+1)
			} else if c.Rank() == 1 {
				recv[0] = make([]byte, inline+1)
			}
			return c.AllToAll(send, recv)
		})
		for rank, err := range errs {
			if err != nil || aborted[rank] {
				t.Errorf("rank %d of %d: %v, aborted %v", rank, size, err, aborted[rank])
			}
		}
		if b.moved == 0 {
			t.Errorf("%d ranks: the carrier has moved nothing", size)
		}
	}
}

// While one rank has no carrier the messages go by the port.
func TestCarrierOfSome(t *testing.T) {
	b := &belt{cond: map[[2]int][][]byte{}}
	for rank, err := range onNetwork(t, 4, time.Minute, func(c *Comm, w *wire) error {
		if w.rank != 2 {
			if err := c.Carry(&hand{b: b, rank: w.rank, aborted: new(bool)}, Device{byte(w.rank + 1)}); err != nil {
				return err
			}
		}
		return collectivetest.Run(c)
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
	if b.moved != 0 {
		t.Errorf("the carrier has moved %d messages, expected none", b.moved)
	}
}

// A carrier that fails or is stuck breaks the group in time, and is aborted everywhere.
func TestCarrierFaults(t *testing.T) {
	played := errors.New("played")
	long := func(c *Comm) error {
		c.Note("step 4")
		return c.Broadcast(0, make([]byte, 3*inline))
	}
	for name, k := range map[string]struct {
		set  func(rank int, h *hand)
		says string // by rank 0
	}{
		"fails": {func(rank int, h *hand) {
			if rank == 0 {
				h.fails = played
			}
		}, "played"},
		"is stuck": {func(rank int, h *hand) { h.stuck = rank == 1 }, ""},
	} {
		_, aborted, errs := onBelt(t, 2, time.Second, k.set, long)
		for rank, err := range errs {
			if rank == 1 && (err == nil || strings.Contains(err.Error(), "\n") || !aborted[rank]) {
				t.Errorf("%s: rank %d: found %v, aborted %v", name, rank, err, aborted[rank])
			}
			if rank == 1 && name == "is stuck" && (!errors.Is(err, collective.ErrTimeout) || !strings.Contains(err.Error(), "waiting for rank 0 (last: broadcast of step 4, 0 of 11904 bytes received")) {
				t.Errorf("%s: found %v, expected a timeout that names rank 0", name, err)
			}
		}
		if k.says != "" && (errs[0] == nil || !strings.Contains(errs[0].Error(), k.says) || !aborted[0]) {
			t.Errorf("%s: rank 0: found %v, aborted %v", name, errs[0], aborted[0])
		}
	}
	for rank, err := range onNetwork(t, 2, 20*time.Second, func(c *Comm, w *wire) error {
		if err := c.Carry(&hand{b: &belt{}, aborted: new(bool)}, Device{7}); err != nil {
			return err
		}
		return c.Barrier()
	}) {
		if err == nil || !strings.Contains(err.Error(), "rank 0 and rank 1 have the same GPU, GPU-07000000-0000-0000-0000-000000000000") {
			t.Errorf("rank %d: found %v, expected that two ranks have one GPU", rank, err)
		}
	}
}
