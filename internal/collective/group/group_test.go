package group

import (
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
)

// network is a port for each rank within one process. Messages between two ranks keep their order
// for each tag, as MPI promises, and what else can vary does: what is through is reported late and
// in any order.
type network struct {
	mu    sync.Mutex
	ranks []*wire
}

// wire is one rank's end.
type wire struct {
	net     *network
	rank    int
	random  *rand.Rand
	arrived map[[2]int][][]byte // by sender and tag, not yet asked for
	wanted  map[[2]int][]want
	through []int
	dead    bool // nothing comes or goes any more
}

type want struct {
	slot int
	b    []byte
}

func newNetwork(size int) *network {
	n := &network{}
	for i := range size {
		n.ranks = append(n.ranks, &wire{net: n, rank: i, random: rand.New(rand.NewSource(int64(i))), arrived: map[[2]int][][]byte{}, wanted: map[[2]int][]want{}})
	}
	return n
}

func (w *wire) Send(slot, to, tag int, b []byte) error {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	if w.dead {
		return nil
	}
	r := w.net.ranks[to]
	key := [2]int{w.rank, tag}
	if q := r.wanted[key]; len(q) > 0 {
		if len(b) > len(q[0].b) {
			return fmt.Errorf("rank %d: found %d bytes, expected at most %d", to, len(b), len(q[0].b))
		}
		copy(q[0].b, b)
		r.through = append(r.through, q[0].slot)
		r.wanted[key] = q[1:]
	} else {
		r.arrived[key] = append(r.arrived[key], append([]byte(nil), b...))
	}
	w.through = append(w.through, slot)
	return nil
}

func (w *wire) Receive(slot, from, tag int, b []byte) error {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	key := [2]int{from, tag}
	if q := w.arrived[key]; len(q) > 0 {
		if len(q[0]) > len(b) {
			return fmt.Errorf("rank %d: found %d bytes, expected at most %d", w.rank, len(q[0]), len(b))
		}
		copy(b, q[0])
		w.arrived[key] = q[1:]
		w.through = append(w.through, slot)
		return nil
	}
	w.wanted[key] = append(w.wanted[key], want{slot, b})
	return nil
}

func (w *wire) Done(slots []int) ([]int, error) {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	if w.dead {
		return slots, nil
	}
	w.random.Shuffle(len(w.through), func(i, j int) { w.through[i], w.through[j] = w.through[j], w.through[i] })
	n := 0
	if len(w.through) > 0 {
		n = w.random.Intn(len(w.through) + 1)
	}
	slots = append(slots, w.through[:n]...)
	w.through = append([]int(nil), w.through[n:]...)
	return slots, nil
}

func (w *wire) Memory(n int) ([]byte, error) { return make([]byte, n), nil }

// onNetwork runs f on each rank in a goroutine of its own.
func onNetwork(t *testing.T, size int, timeout time.Duration, f func(c *Comm, w *wire) error) []error {
	t.Helper()
	net := newNetwork(size)
	errs := make([]error, size)
	var wait sync.WaitGroup
	for i := range size {
		c := New("a test's network", timeout)
		if err := c.Start(net.ranks[i], i, size); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() { errs[i] = f(c, net.ranks[i]) })
	}
	wait.Wait()
	return errs
}

// small sets the length of pieces for one test, so that messages of a few bytes are several.
func small(t *testing.T, n int) {
	before := piece
	piece = n
	t.Cleanup(func() { piece = before })
}

func TestGroup(t *testing.T) {
	small(t, 5000)
	for _, size := range []int{1, 2, 4, 8} {
		for rank, err := range onNetwork(t, size, time.Minute, func(c *Comm, _ *wire) error { return collectivetest.Run(c) }) {
			if err != nil {
				t.Errorf("rank %d of %d: %v", rank, size, err)
			}
		}
	}
}

func TestGroupFaults(t *testing.T) {
	for _, k := range collectivetest.Faults() {
		for rank, err := range onNetwork(t, 4, 200*time.Millisecond, func(c *Comm, _ *wire) error { return k.Run(c) }) {
			if err != nil {
				t.Errorf("%s: rank %d: %v", k.Name, rank, err)
			}
		}
	}
}

// Buffers of every length about those at which a message is divided arrive whole.
func TestLengths(t *testing.T) {
	small(t, 4001)
	for rank, err := range onNetwork(t, 3, time.Minute, func(c *Comm, _ *wire) error {
		for _, n := range []int{inline - 1, inline, inline + 1, piece - 1, piece, piece + 1, 2 * piece, 2*piece + 1, 7*piece - 1} {
			for root := range 3 {
				buf := make([]byte, n)
				if c.Rank() == root {
					for i := range buf {
						buf[i] = byte(i*7 + i>>8 + root)
					}
				}
				if err := c.Broadcast(root, buf); err != nil {
					return err
				}
				for i := range buf {
					if buf[i] != byte(i*7+i>>8+root) {
						return fmt.Errorf("%d bytes from rank %d: byte %d: found %d", n, root, i, buf[i])
					}
				}
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// A rank that falls silent is named with what it did last, by those who wait for it and by those
// who wait for them.
func TestNamesTheSilent(t *testing.T) {
	errs := onNetwork(t, 3, 300*time.Millisecond, func(c *Comm, w *wire) error {
		c.Note("step 7")
		if err := c.AllToAll(make([][]byte, 3), make([][]byte, 3)); err != nil {
			return err
		}
		if c.Rank() == 2 {
			w.net.mu.Lock()
			w.dead = true
			w.net.mu.Unlock()
			return nil
		}
		return c.Barrier()
	})
	for rank, err := range errs[:2] {
		if !errors.Is(err, collective.ErrTimeout) || !strings.Contains(err.Error(), "waiting for rank 2 (last: all-to-all of step 7)") {
			t.Errorf("rank %d: found %v, expected that it names rank 2 and its last operation", rank, err)
		}
	}
}

// A rank that leaves after its part of an operation takes nothing from it, though the others may hear
// that it left before the last bytes have come.
func TestLeavingAfterTheLastOperation(t *testing.T) {
	small(t, 100)
	for range 50 {
		for rank, err := range onNetwork(t, 3, 20*time.Second, func(c *Comm, _ *wire) error {
			send, recv := make([][]byte, 3), make([][]byte, 3)
			for i := range send {
				send[i], recv[i] = make([]byte, inline+1000), make([]byte, inline+1000)
			}
			if err := c.AllToAll(send, recv); err != nil {
				return err
			}
			return c.Close()
		}) {
			if err != nil {
				t.Fatalf("rank %d: %v", rank, err)
			}
		}
	}
}

// Ranks that call different operations, or with other lengths, are told so, whoever finds it first.
func TestDisagreement(t *testing.T) {
	for name, f := range map[string]func(c *Comm) error{
		"operations": func(c *Comm) error {
			if c.Rank() == 1 {
				return c.Barrier()
			}
			return c.Broadcast(0, nil)
		},
		"roots":   func(c *Comm) error { return c.Broadcast(c.Rank(), nil) },
		"lengths": func(c *Comm) error { return c.Broadcast(0, make([]byte, c.Rank())) },
		"lengths of parts": func(c *Comm) error {
			if err := c.AllGather(make([]byte, 10), [][]byte{make([]byte, 10), make([]byte, 10+1-c.Rank())}); err != nil {
				return err
			}
			return c.Barrier() // what rank 1 expects has come, so it learns of the other's error here
		},
		"no such root": func(c *Comm) error { return c.Broadcast(2, nil) },
	} {
		for rank, err := range onNetwork(t, 2, 20*time.Second, func(c *Comm, _ *wire) error { return f(c) }) {
			if !errors.Is(err, collective.ErrArguments) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: rank %d: found %v, expected that the arguments do not fit", name, rank, err)
			}
		}
	}
}

// A head is read as it was written.
func TestHead(t *testing.T) {
	b := make([]byte, headSize)
	h := head{kind: broadcast, root: 3, seq: 1 << 40, whole: 1 << 35, length: 5, note: strings.Repeat("n", 200), body: []byte("hello")}
	n := len(h.put(b))
	if n != fixed+5 {
		t.Errorf("found %d bytes, expected %d", n, fixed+5)
	}
	got, err := parse(b)
	if err != nil || got.seq != h.seq || got.whole != h.whole || got.root != 3 || got.note != strings.Repeat("n", maxNote) || string(got.body) != "hello" {
		t.Errorf("found %+v, %v", got, err)
	}
}

// FuzzParse: no message brings a rank down, and what can be read can be written again.
func FuzzParse(f *testing.F) {
	whole := make([]byte, headSize)
	h := head{kind: failed, reason: 1, seq: 9, note: "step 3", body: []byte("all-gather: timed out")}
	f.Add(h.put(whole))
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0x62, 0x73, 200, 9, 255, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		b := make([]byte, headSize)
		copy(b, data)
		h, err := parse(b)
		if err != nil {
			return
		}
		again := make([]byte, headSize)
		h.put(again)
		if g, err := parse(again); err != nil || g.kind != h.kind || g.note != h.note || string(g.body) != string(h.body) {
			t.Errorf("found %+v, %v, expected %+v", g, err, h)
		}
	})
}
