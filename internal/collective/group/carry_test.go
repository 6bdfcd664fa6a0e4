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
	// together has all ranks close their parts before any is through; nil: each does at once.
	together *sync.WaitGroup
}

// hand is one rank's part in a belt.
type hand struct {
	b       *belt
	rank    int
	memory  []byte // of the device: an address is an index
	recv    []Message
	late    int // calls of Done until something happens
	fails   error
	stuck   bool
	aborted *bool
	starts  int
}

func (h *hand) Start(devices []Device) error { h.starts++; return nil }

// bytes are those of a message.
func (h *hand) bytes(m Message) []byte {
	if m.Device.Bytes > 0 {
		return h.memory[m.Device.Address:][:m.Device.Bytes]
	}
	return m.Host
}

func (h *hand) Begin(send, recv []Message) error {
	if h.fails != nil {
		return h.fails
	}
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	for i, m := range send {
		if m.Len() > 0 {
			key := [2]int{h.rank, i}
			h.b.cond[key] = append(h.b.cond[key], append([]byte(nil), h.bytes(m)...))
			h.b.moved++
		}
	}
	h.recv = append([]Message(nil), recv...)
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
		if m.Len() == 0 {
			continue
		}
		key := [2]int{i, h.rank}
		if len(h.b.cond[key]) == 0 {
			return false, nil
		}
		if copy(h.bytes(m), h.b.cond[key][0]) != len(h.b.cond[key][0]) {
			return false, fmt.Errorf("found a message of another length from rank %d", i)
		}
		h.b.cond[key], h.recv[i] = h.b.cond[key][1:], Message{}
	}
	return true, nil
}

func (h *hand) Abort() { *h.aborted = true }

// Close waits for all of a belt that is closed together, as ncclCommDestroy may for those of a machine.
func (h *hand) Close() {
	if h.b.together != nil {
		h.b.together.Done()
		h.b.together.Wait()
	}
}

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

// Memory of devices goes by the carrier alone, however little it is.
func TestCarrierOfDevices(t *testing.T) {
	const size, n = 4, 3
	device := func(rank int) Device { return Device{byte(rank + 1)} }
	memory := make([][]byte, size)
	var right sync.WaitGroup // a rank that fails is heard of by those that are still at the operation before
	right.Add(size)
	_, _, errs := onBelt(t, size, time.Minute, func(rank int, h *hand) {
		h.memory = make([]byte, (1+2*size)*n)
		memory[rank] = h.memory
	}, func(c *Comm) error {
		rank := c.Rank()
		arrive := sync.OnceFunc(right.Done)
		defer arrive()
		if !c.MovesDevice(device(rank)) || c.MovesDevice(Device{99}) {
			return errors.New("found that it moves memory of another device, expected of its own")
		}
		if err := c.Barrier(); err != nil || !c.AllMoveDevices() {
			return fmt.Errorf("found that not all ranks move memory of devices: %w", err)
		}
		at := func(i int) collective.DeviceSlice {
			return collective.DeviceSlice{Address: uint64(i * n), Bytes: n}
		}
		send, recv, all := make([]collective.DeviceSlice, size), make([]collective.DeviceSlice, size), make([]collective.DeviceSlice, size)
		for i := range size {
			send[i], recv[i], all[i] = at(0), at(1+i), at(1+size+i)
		}
		memory[rank][0] = byte(10 + rank)
		if err := c.AllToAllOnDevice(send, recv); err != nil {
			return err
		}
		if err := c.AllGatherOnDevice(at(0), all); err != nil {
			return err
		}
		for i := range 2 * size {
			want := byte(10 + i%size)
			if i%size == rank { // the own part stays where it is
				want = 0
			}
			if found := memory[rank][(1+i)*n]; found != want {
				return fmt.Errorf("message %d: found %d, expected %d", i, found, want)
			}
		}
		arrive()
		right.Wait()
		if send[1].Bytes++; rank > 0 { // which the others do not expect
			send[1].Bytes--
		}
		if err := c.AllToAllOnDevice(send, recv); !errors.Is(err, collective.ErrArguments) || !strings.Contains(err.Error(), "all-to-all on devices") {
			return fmt.Errorf("found %v of messages of other lengths", err)
		}
		return nil
	})
	for rank, err := range errs {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
	// Where one rank has nothing that moves it, all say so.
	for rank, err := range onNetwork(t, 2, time.Minute, func(c *Comm, w *wire) error {
		if w.rank == 1 {
			if err := c.Carry(&hand{b: &belt{}, rank: 1, aborted: new(bool)}, device(1)); err != nil {
				return err
			}
		}
		if c.MovesDevice(device(w.rank)) != (w.rank == 1) {
			return errors.New("found that a rank without a carrier moves memory of devices")
		}
		if err := c.Barrier(); err != nil || c.AllMoveDevices() {
			return fmt.Errorf("found that all ranks move memory of devices, expected one: %w", err)
		}
		return c.AllGatherOnDevice(collective.DeviceSlice{}, make([]collective.DeviceSlice, 2))
	}) {
		if !errors.Is(err, collective.ErrArguments) || !strings.Contains(err.Error(), "expected NCCL") {
			t.Errorf("rank %d: found %v, expected that NCCL is missing", rank, err)
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

// A rank that ends early tells the others, who do not end their carriers with it; those that end together
// do.
func TestCarriersEndTogether(t *testing.T) {
	const timeout = 30 * time.Second
	for _, early := range []bool{true, false} {
		together := &sync.WaitGroup{}
		together.Add(2)
		begin := time.Now()
		_, aborted, errs := onBelt(t, 2, timeout, func(rank int, h *hand) {
			if rank == 0 { // the belt is of both; they meet before they use it
				h.b.together = together
			}
		}, func(c *Comm) error {
			if err := c.Broadcast(0, make([]byte, 3*inline)); err != nil {
				return err
			}
			switch {
			case early && c.Rank() == 0:
				if err := c.Close(); err != nil {
					return err
				}
			case early:
				if err := c.Barrier(); !errors.Is(err, collective.ErrClosed) {
					return fmt.Errorf("found %v, expected that rank 0 has left", err)
				}
			case c.Rank() == 0:
				time.Sleep(100 * time.Millisecond) // the report is written
			}
			inOrder, err := c.Depart()
			if err == nil && !inOrder {
				err = errors.New("found that not all have left in order")
			}
			return err
		})
		for rank, err := range errs {
			if err != nil || aborted[rank] != early {
				t.Errorf("early %v: rank %d: %v, aborted %v", early, rank, err, aborted[rank])
			}
		}
		if took := time.Since(begin); took > Grace {
			t.Errorf("early %v: found %v until all have ended", early, took)
		}
	}
}
