package gpu_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// TestLargeUpdates: more blocks and candidates than the list of a selection holds,
// in blocks of 512 and 1024 threads; equal norms and equal scores among them.
func TestLargeUpdates(t *testing.T) {
	w := newShadows(t, simdriver.Options{}, 3, tensor{1, 137, 211, 5003}, tensor{4, 61, 80, 1500})
	for number := 1; number <= 12; number++ {
		u := w.draw(number, sparse.Growth(number%3))
		u.PruneRatio = []float64{0.07, 0.3, 0.5, 1}[number/3%4]
		list := w.list[number%2:]
		w.fill(list, u, number > 6)
		w.b.UpdateTopology(params(list), u)
		w.expect(list, u)
		w.check(fmt.Sprintf("%+v", u), list)
	}
	// All positions that are counted at once are active.
	w = newShadows(t, simdriver.Options{}, 3, tensor{1, 4, 8200, 32800})
	u := sparse.Update{Seed: 1, Number: 1, PruneRatio: 0.5, RegrowPruned: true}
	w.fill(w.list, u, false)
	w.b.UpdateTopology(params(w.list), u)
	w.expect(w.list, u)
	w.check("all active", w.list)
}

// TestManyTensors: the table grows while statistics of an earlier update are asked
// for, and a list may be longer than pinned memory.
func TestManyTensors(t *testing.T) {
	w := newShadows(t, simdriver.Options{}, 4)
	for i := range 70 {
		w.add(i, tensor{1, 2, 3, 2})
		if i == 40 {
			u := sparse.Update{Seed: 1, Number: 1, Step: 1, PruneRatio: 0.5}
			w.fill(w.list, u, false)
			w.b.UpdateTopology(params(w.list), u)
			w.expect(w.list, u)
		}
	}
	w.check("after the table grew", w.list[:41])
	u := sparse.Update{Seed: 1, Number: 2, Step: 2, PruneRatio: 1, RegrowPruned: true}
	w.fill(w.list, u, false)
	w.b.UpdateTopology(params(w.list), u)
	w.expect(w.list, u)
	w.check("all", w.list)
}

// TestUpdatesWithoutSync: updates that follow each other without a wait, more than
// pinned memory has room for.
func TestUpdatesWithoutSync(t *testing.T) {
	w := newShadows(t, simdriver.Options{}, 5, tensor{4, 5, 7, 9})
	w.fill(w.list, sparse.Update{}, false)
	for number := 1; number <= 120; number++ {
		u := sparse.Update{Seed: 2, Number: number, Step: int64(number), PruneRatio: 0.2}
		w.b.UpdateTopology(params(w.list), u)
		w.expect(w.list, u)
	}
	w.check("120 updates", w.list)
}

// TestNoBlockRaces: no two blocks of a launch touch the same memory.
func TestNoBlockRaces(t *testing.T) {
	w := newShadows(t, simdriver.Options{BlockRaces: true}, 6, tensor{16, 9, 15, 40}, tensor{4, 40, 3, 60}, tensor{1, 33, 65, 400}, tensor{32, 2, 3, 2})
	for number := 1; number <= 6; number++ {
		u := w.draw(number, sparse.Growth(number%3))
		u.PruneRatio = 0.4
		w.fill(w.list, u, false)
		w.b.UpdateTopology(params(w.list), u)
		w.expect(w.list, u)
		w.check(fmt.Sprintf("%+v", u), w.list)
	}
}

// TestReplay: launches that were recorded once do other updates when only the
// numbers in device memory change.
func TestReplay(t *testing.T) {
	w := newShadows(t, simdriver.Options{}, 7, shapes(8)...)
	all := params(w.list)
	for _, x := range w.list {
		w.b.GrowScores(x.p)
		x.scores = make([]float32, x.topo.Positions())
	}
	w.b.WriteUpdate(all, sparse.Update{Number: 1})
	if err := w.d.BeginCapture(0); err != nil {
		t.Fatal(err)
	}
	w.b.LaunchUpdate(all)
	graph, err := w.d.EndCapture(0)
	if err != nil {
		t.Fatal(err)
	}
	for number := 1; number <= 12; number++ {
		u := w.draw(number, sparse.Growth(number%3))
		u.Norm = sparse.Norm(number / 3 % 3)
		w.fill(w.list, u, number%4 == 0)
		w.b.WriteUpdate(all, u)
		if err := w.d.LaunchGraph(graph, 0); err != nil {
			t.Fatal(err)
		}
		w.expect(w.list, u)
		w.check(fmt.Sprintf("%+v", u), w.list)
	}
}

// calls is a driver that notes what is called.
type calls struct {
	gpu.Driver
	list []string
}

func (c *calls) Alloc(n int64, label string) (gpu.Ptr, error) {
	c.list = append(c.list, "alloc")
	return c.Driver.Alloc(n, label)
}
func (c *calls) CopyIn(s gpu.Stream, dst gpu.Ptr, src []byte) error {
	c.list = append(c.list, "copy in")
	return c.Driver.CopyIn(s, dst, src)
}
func (c *calls) CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error {
	c.list = append(c.list, "copy out")
	return c.Driver.CopyOut(s, dst, src)
}
func (c *calls) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	c.list = append(c.list, "launch")
	return c.Driver.Launch(s, f, grid, block, shared, args)
}
func (c *calls) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	c.list = append(c.list, "graph")
	return c.Driver.LaunchGraph(g, s)
}
func (c *calls) Sync(s gpu.Stream) error {
	c.list = append(c.list, "sync")
	return c.Driver.Sync(s)
}

// TestUpdateDoesNotWait: an update copies its numbers and launches, no more; the
// third is one launch.
func TestUpdateDoesNotWait(t *testing.T) {
	d := &calls{Driver: simdriver.New(simdriver.Options{})}
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := &shadows{t: t, b: b}
	w.add(0, tensor{4, 3, 3, 4})
	w.add(1, tensor{8, 3, 3, 4})
	launches := []string{"copy in", "launch", "launch", "launch"}
	for number, want := range [][]string{nil, append(launches, "graph"), {"copy in", "graph"}} {
		d.list = nil
		b.UpdateTopology(params(w.list), sparse.Update{Number: number + 1, PruneRatio: 0.5})
		if want != nil && !slices.Equal(d.list, want) {
			t.Errorf("update %d: found calls %v, expected %v", number, d.list, want)
		}
	}
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// TestSameBits: another number of threads of the simulator changes nothing.
func TestSameBits(t *testing.T) {
	var first *shadows
	for _, threads := range []int{1, 3} {
		w := newShadows(t, simdriver.Options{Threads: threads}, 8, tensor{1, 30, 50, 300}, tensor{16, 5, 7, 9})
		for number := 1; number <= 6; number++ {
			u := w.draw(number)
			w.fill(w.list, u, number%2 == 0)
			w.b.UpdateTopology(params(w.list), u)
		}
		if first == nil {
			first = w
			continue
		}
		for i := range w.list {
			a, errA := first.b.Topology(first.list[i].p)
			b, errB := w.b.Topology(w.list[i].p)
			if errA != nil || errB != nil || !a.Equal(b) {
				t.Errorf("tensor %d: found other topologies with %d threads (%v, %v)", i, threads, errA, errB)
			}
		}
	}
}

// TestWorkingCopies: the working copies of newborn blocks are zero, others stay.
func TestWorkingCopies(t *testing.T) {
	d := simdriver.New(simdriver.Options{})
	b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := &shadows{t: t, d: d, b: b}
	w.add(0, tensor{16, 5, 7, 9})
	x := w.list[0]
	size, before := x.topo.BlockSize(), x.topo.Clone()
	for i := range x.values {
		x.values[i] = 1
	}
	b.WriteFloats(x.p.Values(), 0, x.values)
	forward, backward := gpu.WorkingCopies(x.p)
	for _, p := range []gpu.Ptr{forward, backward} {
		if err := d.Memset(0, p, 0xff, int64(2*len(x.values))); err != nil {
			t.Fatal(err)
		}
	}
	u := sparse.Update{Number: 1, Step: 5, PruneRatio: 0.4}
	b.UpdateTopology(params(w.list), u)
	w.expect(w.list, u)
	w.check("update", w.list)
	for _, p := range []gpu.Ptr{forward, backward} {
		bytes := make([]byte, 2*len(x.values))
		if err := d.CopyOut(0, bytes, p); err != nil {
			t.Fatal(err)
		}
		for i, v := range bytes {
			slot, want := i/2/size, byte(0xff)
			if x.topo.NewAt[slot] != before.NewAt[slot] {
				want = 0
			}
			if v != want {
				t.Fatalf("slot %d: found byte %#x, expected %#x", slot, v, want)
			}
		}
	}
}
