package simdriver

import (
	"errors"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// TestBranches plants races between branches of a graph: two pieces of work that nothing
// orders may both read a byte, but not touch it where one writes.
func TestBranches(t *testing.T) {
	const n = 64
	for _, c := range []struct {
		name   string
		second func(d *Driver, s gpu.Stream, a, b gpu.Ptr) error
		race   bool
	}{
		{"reads", func(d *Driver, s gpu.Stream, a, b gpu.Ptr) error { return d.Copy(s, b+n, a, n) }, false},
		{"a write where the other reads", func(d *Driver, s gpu.Stream, a, b gpu.Ptr) error { return d.Memset(s, a+n-1, 1, 1) }, true},
		{"a write where the other writes", func(d *Driver, s gpu.Stream, a, b gpu.Ptr) error { return d.Memset(s, b+n-1, 1, 2) }, true},
		{"a write beside it", func(d *Driver, s gpu.Stream, a, b gpu.Ptr) error { return d.Memset(s, b+n, 1, 2) }, false},
		{"a read where the other writes", func(d *Driver, s gpu.Stream, a, b gpu.Ptr) error { return d.Copy(s, a+n, b, 1) }, true},
	} {
		for _, ordered := range []bool{false, true} {
			for seed := range uint64(3) {
				d := New(Options{BlockRaces: true, Seed: seed})
				side := must[gpu.Stream](t)(d.NewStream())
				m := must[gpu.Module](t)(d.Load("copy.ptx", []byte(copyPTX)))
				f := must[gpu.Function](t)(d.Function(m, "copy"))
				a, b := must[gpu.Ptr](t)(d.Alloc(2*n, "a")), must[gpu.Ptr](t)(d.Alloc(2*n, "b"))
				check(t, d.Memset(0, a, 3, 2*n))
				check(t, d.Memset(0, b, 4, 2*n))
				check(t, d.BeginCapture(0))
				check(t, d.Follow(side, 0))
				check(t, d.Launch(side, f, gpu.Dim3{X: 2}, gpu.Dim3{X: 8}, 0, []uint64{uint64(b), uint64(a)}))
				if ordered {
					check(t, d.Follow(0, side))
				}
				check(t, c.second(d, 0, a, b))
				check(t, d.Follow(0, side))
				err := d.LaunchGraph(must[gpu.Graph](t)(d.EndCapture(0)), 0)
				if want := c.race && !ordered; errors.Is(err, ptxsim.ErrRace) != want || err != nil && !want {
					t.Errorf("%s, ordered %v, seed %d: found error %v, expected a race: %v", c.name, ordered, seed, err, want)
				}
			}
		}
	}
}

// copyPTX copies 4 bytes a thread.
const copyPTX = `.version 8.4
.target sm_80
.address_size 64
.entry copy(.param .u64 to, .param .u64 from) {
.reg .b32 %r<5>; .reg .b64 %d<6>;
ld.param.u64 %d1, [to]; ld.param.u64 %d2, [from];
mov.u32 %r1, %ctaid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %r3, %r1, 8, %r2;
mul.wide.u32 %d3, %r3, 4; add.u64 %d4, %d1, %d3; add.u64 %d5, %d2, %d3;
ld.global.u32 %r4, [%d5]; st.global.u32 [%d4], %r4;
ret; }`

// TestOrderOfBranches: with a seed the order is one of those that the graph allows, and not
// always the same.
func TestOrderOfBranches(t *testing.T) {
	d := New(Options{})
	side := must[gpu.Stream](t)(d.NewStream())
	p := must[gpu.Ptr](t)(d.Alloc(16, "p"))
	check(t, d.BeginCapture(0))
	set := func(s gpu.Stream) { check(t, d.Memset(s, p, 1, 1)) }
	set(0)
	check(t, d.Follow(side, 0))
	set(side)
	set(0)
	set(side)
	check(t, d.Follow(0, side))
	set(0)
	g := d.graphs[must[gpu.Graph](t)(d.EndCapture(0))]
	if o := g.order(0); !slices.Equal(o, []int{0, 1, 2, 3, 4}) {
		t.Errorf("found the order %v without a seed, expected that of the calls", o)
	}
	seen := map[int]bool{}
	for seed := range uint64(50) {
		o := g.order(seed + 1)
		if o[0] != 0 || o[4] != 4 || slices.Index(o, 1) > slices.Index(o, 3) {
			t.Errorf("found the order %v, expected 0 first, 4 last, and 1 before 3", o)
		}
		seen[slices.Index(o, 2)] = true
	}
	if len(seen) != 3 {
		t.Errorf("found the other branch's work in places %v, expected all three", seen)
	}
}
