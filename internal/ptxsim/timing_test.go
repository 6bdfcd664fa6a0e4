package ptxsim

import (
	"reflect"
	"slices"
	"testing"
)

// testLatencies are easy to tell from each other.
func testLatencies() *Latencies {
	return &Latencies{Arithmetic: 4, Double: 8, Special: 20, Convert: 6, Warp: 25, Shared: 30, Local: 40, L2: 250, Global: 500, Matrix: 33, Barrier: 15}
}

// timedLaunch runs a kernel of one or more blocks with time and returns it.
func timedLaunch(t *testing.T, k *Kernel, grid, block Dim3, args ...[]byte) *Timing {
	t.Helper()
	d := NewDevice(Options{Latencies: testLatencies()})
	for i, a := range args {
		if a == nil {
			args[i] = Addr(upload(t, d, "out", make([]byte, 1<<16)))
		}
	}
	mustLaunch(t, d, k, grid, block, 0, args...)
	tm := d.Timing()
	if tm == nil || len(tm.Blocks) != grid.normal().count() {
		t.Fatalf("found %+v, expected a time of each of %v blocks", tm, grid)
	}
	return tm
}

// The cycles of short kernels, by hand. Each ends with ret, which is issued a cycle after what comes before it.
func TestCycles(t *testing.T) {
	const base = "mov.u32 %r30, %tid.x; "
	for _, c := range []struct {
		name, body     string
		cycles         int64
		global, shared int64
	}{
		{"nothing", "", 1, 0, 0},
		{"one addition", "add.s32 %r1, %r30, 1;", 4, 0, 0},
		{"two that do not need each other", "add.s32 %r1, %r30, 1; add.s32 %r2, %r30, 2;", 5, 0, 0},
		{"two that do", "add.s32 %r1, %r30, 1; add.s32 %r2, %r1, 2;", 8, 0, 0},
		{"a move is free", "add.s32 %r1, %r30, 1; mov.u32 %r3, %r1; add.s32 %r2, %r3, 2;", 8, 0, 0},
		{"through a predicate", "add.s32 %r1, %r30, 1; setp.lt.s32 %p1, %r1, 5; selp.s32 %r2, 1, 2, %p1;", 12, 0, 0},
		{"through a guard", "setp.lt.s32 %p1, %r30, 5; @%p1 add.s32 %r2, %r30, 2;", 8, 0, 0},
		{"a special function", "cvt.rn.f32.u32 %r1, %r30; ex2.approx.f32 %r2, %r1;", 26, 0, 0},
		{"a load: 4 sectors", "mad.wide.u32 %d2, %r30, 4, %d0; ld.global.u32 %r1, [%d2]; add.s32 %r2, %r1, 1;", 4 + 502 + 4, 1, 0},
		{"what waits does not hold up the next", "ld.global.u32 %r1, [%d0]; add.s32 %r2, %r1, 1; ld.global.u32 %r3, [%d0+32]; add.s32 %r4, %r3, 1;", 2 + 500 + 4, 1, 0},
		{"but for a branch", "ld.global.u32 %r1, [%d0]; add.s32 %r2, %r1, 1; bra L; L: ld.global.u32 %r3, [%d0+32]; add.s32 %r4, %r3, 1;", 500 + 1 + 1 + 500 + 4, 1, 0},
		{"two loads at once", "ld.global.u32 %r1, [%d0]; ld.global.u32 %r2, [%d0+32]; add.s32 %r3, %r1, %r2;", 1 + 500 + 4, 1, 0},
		{"a load of what a load found", "ld.global.u32 %r1, [%d0]; mad.wide.u32 %d2, %r1, 4, %d0; ld.global.u32 %r2, [%d2];", 500 + 4 + 500, 2, 0},
		{"a load behind a branch on a load", "ld.global.u32 %r1, [%d0]; setp.ne.u32 %p1, %r1, 0; @%p1 bra L; ld.global.u32 %r2, [%d0]; L: add.s32 %r3, %r30, 1;", 500 + 4 + 1 + 500, 2, 0},
		{"shared memory, 2 ways", ".shared .align 16 .b8 b[8192]; mov.u32 %r2, b; mad.lo.u32 %r3, %r30, 8, %r2; st.shared.u32 [%r3], 0; ld.shared.u32 %r4, [%r3]; add.s32 %r5, %r4, 1;",
			4 + 31 + 4, 0, 1},
		{"a copy is complete at the wait", ".shared .align 16 .b8 b[8192]; mov.u32 %r2, b; mad.lo.u32 %r3, %r30, 16, %r2; cp.async.ca.shared.global [%r3], [%d0], 16; cp.async.commit_group; add.s32 %r5, %r30, 1; cp.async.wait_group 0; add.s32 %r6, %r30, 1;",
			4 + 500 + 4, 0, 0},
	} {
		tm := timedLaunch(t, parseBody(t, base+c.body), Dim3{X: 1}, Dim3{X: 32}, nil)
		if got := tm.Longest.Cycles; got != c.cycles || got != tm.Blocks[0].Cycles {
			t.Errorf("%s: found %d cycles, expected %d", c.name, got, c.cycles)
		}
		if tm.GlobalChain != c.global || tm.SharedChain != c.shared {
			t.Errorf("%s: found chains of %d and %d loads, expected %d and %d", c.name, tm.GlobalChain, tm.SharedChain, c.global, c.shared)
		}
	}
}

// A loop of one thread takes its turns times the latency of what it hands on.
func TestSerialLoop(t *testing.T) {
	loop := func(n string) *Timing {
		return timedLaunch(t, parseBody(t, "mov.u32 %r1, 0; mov.u32 %r3, 0; L: fma.rn.f32 %r3, %r3, %r3, %r3; add.s32 %r1, %r1, 1; setp.lt.s32 %p1, %r1, "+n+"; @%p1 bra L; st.global.f32 [%d0], %r3;"),
			Dim3{X: 1}, Dim3{X: 1}, nil)
	}
	short, long := loop("1000"), loop("3000")
	if per := float64(long.Longest.Cycles-short.Longest.Cycles) / 2000; per < 8 || per > 10 { // add, setp, and the branch that waits for it
		t.Errorf("found %.2f cycles a turn, expected about 9", per)
	}
}

// A chain of dependent loads of one thread takes the latency of each.
func TestPointerChase(t *testing.T) {
	const n = 200
	d := NewDevice(Options{Latencies: testLatencies()})
	next := make([]uint32, n)
	for i := range next {
		next[i] = uint32((i + 7) % n)
	}
	k := parseBody(t, "mov.u32 %r1, 0; mov.u32 %r2, 0; L: mad.wide.u32 %d1, %r2, 4, %d0; ld.global.u32 %r2, [%d1]; add.s32 %r1, %r1, 1; setp.lt.s32 %p1, %r1, 200; @%p1 bra L; st.global.u32 [%d0], %r2;")
	mustLaunch(t, d, k, Dim3{X: 1}, Dim3{X: 1}, 0, Addr(upload(t, d, "next", next)))
	tm := d.Timing()
	if tm.GlobalChain != n || tm.Longest.Cycles < n*500 || tm.Longest.Cycles > n*515 {
		t.Errorf("found a chain of %d and %d cycles, expected %d and about %d", tm.GlobalChain, tm.Longest.Cycles, n, n*504)
	}
	if tm.LoadedSectors != n*4/32 || tm.StoredSectors != 1 {
		t.Errorf("found %d sectors loaded and %d stored, expected %d and 1", tm.LoadedSectors, tm.StoredSectors, n*4/32)
	}
}

// All warps go on from a barrier when the last one has come.
func TestBarrierTime(t *testing.T) {
	k := parseBody(t, "mov.u32 %r30, %tid.x; setp.ge.u32 %p1, %r30, 32; @%p1 bra W; ld.global.u32 %r1, [%d0]; add.s32 %r1, %r1, 1; W: bar.sync 0; add.s32 %r2, %r30, 1;")
	tm := timedLaunch(t, k, Dim3{X: 2}, Dim3{X: 64}, nil)
	if want := int64(4 + 1 + 500 + 1 + 15 + 4); tm.Longest.Cycles != want {
		t.Errorf("found %d cycles, expected %d", tm.Longest.Cycles, want)
	}
}

// Sectors that several warps and blocks touch are moved once.
func TestDistinctSectors(t *testing.T) {
	k := parseBody(t, "mov.u32 %r30, %tid.x; mad.wide.u32 %d2, %r30, 4, %d0; ld.global.u32 %r1, [%d2]; ld.global.u32 %r2, [%d2+1024]; red.global.add.u32 [%d0+2048], %r1;")
	tm := timedLaunch(t, k, Dim3{X: 5}, Dim3{X: 64}, nil)
	if tm.LoadedSectors != 17 || tm.StoredSectors != 1 || tm.AtomicSectors != 5*64 {
		t.Errorf("found %d sectors loaded, %d stored, %d atomics, expected 17, 1 and %d", tm.LoadedSectors, tm.StoredSectors, tm.AtomicSectors, 5*64)
	}
}

// With time results and counters are the same, and the time is the same with any number of goroutines.
func TestTimeChangesNothing(t *testing.T) {
	const m, n, depth = 64, 64, 64
	a, b := make([]uint16, m*depth), make([]uint16, n*depth)
	for i := range a {
		a[i], b[i] = uint16(0x3F80+i%64), uint16(0x3F00+i%32)
	}
	k := loadKernel(t, "gemm.ptx", "gemm")
	run := func(o Options) ([]uint32, Counters, *Timing) {
		d := NewDevice(o)
		out := reserve(t, d, "c", 4*m*n)
		c := mustLaunch(t, d, k, Dim3{X: n / 32, Y: m / 32}, Dim3{X: 128}, 0, Addr(upload(t, d, "a", a)), Addr(upload(t, d, "b", b)), Addr(out), U32(n), U32(depth))
		return download[uint32](t, d, out, m*n), c, d.Timing()
	}
	want, counters, none := run(Options{})
	if none != nil {
		t.Error("found a time without Options.Latencies, expected none")
	}
	var first *Timing
	for _, threads := range []int{1, 2, 5} {
		got, c, tm := run(Options{Threads: threads, Latencies: testLatencies()})
		if !slices.Equal(got, want) || c != counters {
			t.Errorf("%d threads: results or counters differ from those without time", threads)
		}
		if first == nil {
			first = tm
		} else if !reflect.DeepEqual(tm, first) {
			t.Errorf("%d threads: found time %+v, expected %+v", threads, tm, first)
		}
	}
	if want := int64(2 * m * n * depth); first.Flops[MmaHalf] != want {
		t.Errorf("found %d operations of mma, expected %d", first.Flops[MmaHalf], want)
	}
	issued := uint32(0)
	for _, one := range first.Blocks {
		issued += one.Issued[MatrixUnit]
	}
	if int64(issued) != counters.Warp[Matrix] {
		t.Errorf("found %d matrix instructions in the blocks, expected %d", issued, counters.Warp[Matrix])
	}
}

// A wait at an mbarrier lasts until the copy in bulk that it counts has come: the latency of memory more than without one.
func TestMbarrierTime(t *testing.T) {
	const init = withBarrier + "@%p7 st.global.v4.u32 [%d0], {5, 6, 7, 8}; @%p7 mbarrier.init.shared.b64 [bar], 64; bar.sync 0; "
	const wait = " W: mbarrier.try_wait.shared.b64 %p1, [bar], %d2; @!%p1 bra W; add.s32 %r2, %r30, 1;"
	without := timedLaunch(t, parseBody(t, init+"mbarrier.arrive.shared.b64 %d2, [bar];"+wait), Dim3{X: 1}, Dim3{X: 64}, nil)
	with := timedLaunch(t, parseBody(t, init+`@!%p7 bra N; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r29], [%d0], 16, [bar];
mbarrier.arrive.expect_tx.shared.b64 %d2, [bar], 16; bra.uni M; N: mbarrier.arrive.shared.b64 %d2, [bar]; M:`+wait), Dim3{X: 1}, Dim3{X: 64}, nil)
	if more := with.Longest.Cycles - without.Longest.Cycles; more < 480 || more > 520 || without.Longest.Cycles > 100 {
		t.Errorf("found %d cycles with a copy and %d without, expected 500 more", with.Longest.Cycles, without.Longest.Cycles)
	}
	if with.LoadedSectors != 1 {
		t.Errorf("found %d sectors loaded, expected the copy's one", with.LoadedSectors)
	}
}
