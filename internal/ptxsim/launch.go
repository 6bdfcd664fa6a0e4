package ptxsim

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Dim3 is a size or position in a grid or block. In sizes, Y and Z of 0 mean 1.
type Dim3 struct{ X, Y, Z int }

// String returns the three numbers in parentheses.
func (d Dim3) String() string { return fmt.Sprintf("(%d,%d,%d)", d.X, d.Y, d.Z) }

func (d Dim3) count() int { return d.X * d.Y * d.Z }

func (d Dim3) normal() Dim3 { return Dim3{d.X, max(d.Y, 1), max(d.Z, 1)} }

// at returns the position of linear index i, X fastest.
func (d Dim3) at(i int) Dim3 { return Dim3{i % d.X, i / d.X % d.Y, i / d.X / d.Y} }

// launchState is what all blocks of a launch share.
type launchState struct {
	dev         *Device
	kernel      *Kernel
	grid, block Dim3
	cluster     Dim3
	histories   bool // warps know what they have acquired of other blocks
	dynamic     int
	params      []byte
	symbols     map[*symbol]Ptr
	sharedVars  []variable
	ctx         context.Context
	workspace   Ptr                    // of a kernel that synchronizes its grid
	objects     map[uint64]*syncObject // in global memory, by address; nil if nothing needs them
	partial     partialBytes
	races       *blockRaces // nil if races between blocks are not looked for

	timing       *Timing // nil without Options.Latencies, and so is touched
	touched      *touched
	longestBlock int
}

// shape is what the special registers that are not of a block follow from.
type shape struct {
	grid, block Dim3
	dynamic     int
	workspace   Ptr
}

func (st *launchState) shape() shape { return shape{st.grid, st.block, st.dynamic, st.workspace} }

// Launch runs a kernel to its end: grid blocks of block threads, sharedBytes of
// dynamic shared memory, and the parameters in order, each as many bytes as it
// is declared with (see U32, U64, F32, Addr).
//
// The threads of a block run warp by warp, each until it waits. Blocks run on
// several goroutines unless the kernel uses atomics, fences or volatile accesses of global memory,
// through which blocks may depend on each other; then they run in order, and
// take turns where one does not end (ordered.go). In
// both cases the results are the same in every run, if no two blocks touch the
// same byte of global memory and one of them writes it without atomics, which
// Options.BlockRaces checks.
//
// With Options.Seed the order is random, and only kernels that do not depend on it give the same results.
//
// The error is a *Fault of the first block, in order, that met one (blocks
// after it may or may not have run), or wraps ErrLaunch, or is ctx's. Counters
// are complete only where there is no error.
func (d *Device) Launch(ctx context.Context, k *Kernel, grid, block Dim3, sharedBytes int, args ...[]byte) (Counters, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := &launchState{dev: d, kernel: k, grid: grid.normal(), block: block.normal(), dynamic: sharedBytes, ctx: ctx}
	if err := st.check(args); err != nil {
		return Counters{}, fmt.Errorf("ptxsim: launch of %s: %w", k.name, err)
	}
	var err error
	if st.symbols, err = d.load(k.module); err != nil {
		return Counters{}, fmt.Errorf("ptxsim: launch of %s: %w", k.name, err)
	}
	st.sharedVars = k.prog.sharedVars
	if sharedBytes > 0 {
		st.sharedVars = append(st.sharedVars[:len(st.sharedVars):len(st.sharedVars)], variable{name: "dynamic shared memory", off: k.prog.dynamicAt, size: sharedBytes})
	}

	blocks := st.grid.count()
	clusters := st.clusters().count()
	workers := min(d.opt.Threads, clusters)
	st.startTiming(blocks)
	if k.prog.cooperative {
		p, err := d.alloc(workspaceBytes, "the workspace of the grid")
		if err != nil {
			return Counters{}, fmt.Errorf("ptxsim: launch of %s: %w", k.name, err)
		}
		a, _ := d.find(uint64(p))
		fill(a.state, 1)
		st.workspace = p
		defer func() {
			d.used -= workspaceBytes
			a.freed, a.data, a.state = true, nil, nil
		}()
	}
	if d.opt.BlockRaces {
		workers = 1
		st.races = newBlockRaces()
		defer func() {
			st.races.forget()
			d.footprint = &st.races.before
		}()
	}
	if st.histories && (d.opt.BlockRaces || d.opt.Seed != 0 || k.prog.ordered) { // all on one goroutine
		st.objects = map[uint64]*syncObject{}
	}
	if d.opt.Seed != 0 {
		return st.runShuffled(clusters)
	}
	if k.prog.ordered {
		return st.runOrdered(clusters)
	}
	var (
		next, stopAt atomic.Int64
		wg           sync.WaitGroup
		mu           sync.Mutex
		total        Counters
		first        error
	)
	stopAt.Store(int64(clusters))
	work := func() {
		c := newCluster(st)
		for {
			i := next.Add(1) - 1
			if i >= stopAt.Load() {
				break
			}
			if err := c.run(int(i)); err != nil {
				mu.Lock()
				if i < stopAt.Load() {
					stopAt.Store(i)
					first = err
				}
				mu.Unlock()
			}
		}
		mu.Lock()
		c.end(&total)
		mu.Unlock()
	}
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	st.endTiming(&total, first)
	return total, first
}

// check compares the launch with the kernel and the device, and packs the parameters.
func (st *launchState) check(args [][]byte) error {
	fn, prog := st.kernel.fn, st.kernel.prog
	limit := func(what string, d Dim3, x, y, z int) error {
		if d.X < 1 || d.Y < 1 || d.Z < 1 || d.X > x || d.Y > y || d.Z > z {
			return fmt.Errorf("%w: %s %v, expected 1 to (%d,%d,%d)", ErrLaunch, what, d, x, y, z)
		}
		return nil
	}
	if err := limit("grid", st.grid, 1<<31-1, 65535, 65535); err != nil {
		return err
	}
	if err := limit("block", st.block, 1024, 1024, 64); err != nil {
		return err
	}
	threads := st.block.count()
	if threads > 1024 {
		return fmt.Errorf("%w: block %v has %d threads, expected at most 1024", ErrLaunch, st.block, threads)
	}
	if n := product(fn.maxTid); n > 0 && threads > n {
		return fmt.Errorf("%w: block %v has %d threads, expected at most %d (.maxntid)", ErrLaunch, st.block, threads, n)
	}
	if n := fn.reqTid; n != nil {
		want := Dim3{X: n[0]}
		if len(n) > 1 {
			want.Y = n[1]
		}
		if len(n) > 2 {
			want.Z = n[2]
		}
		if st.block != want.normal() {
			return fmt.Errorf("%w: block %v, expected %v (.reqntid)", ErrLaunch, st.block, want.normal())
		}
	}
	if err := st.checkCluster(); err != nil {
		return err
	}
	if n := prog.sharedStatic + st.dynamic; st.dynamic < 0 || n > st.dev.opt.SharedBytes {
		return fmt.Errorf("%w: %d static and %d dynamic bytes of shared memory, expected at most %d", ErrLaunch, prog.sharedStatic, st.dynamic, st.dev.opt.SharedBytes)
	}
	if len(args) != len(fn.params) {
		return fmt.Errorf("%w: %d arguments, expected %d", ErrLaunch, len(args), len(fn.params))
	}
	st.params = make([]byte, prog.paramBytes)
	for i, p := range fn.params {
		if len(args[i]) != p.size {
			return fmt.Errorf("%w: argument %d (%s) has %d bytes, expected %d", ErrLaunch, i, p.name, len(args[i]), p.size)
		}
		copy(st.params[prog.params[i]:], args[i])
	}
	return nil
}

func product(n []int) int {
	if len(n) == 0 {
		return 0
	}
	p := 1
	for _, v := range n {
		p *= v
	}
	return p
}
