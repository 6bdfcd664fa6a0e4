package ptxsim

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// A warp of 32 lanes reads or writes with a stride; sectors and bank conflicts
// are counted by hand.
func TestCounters(t *testing.T) {
	const prepare = ".shared .align 16 .b8 buf[8192]; mov.u32 %r30, %tid.x; mov.u32 %r2, buf;"
	address := func(stride string) string {
		return "mad.wide.u32 %d2, %r30, " + stride + ", %d0; mad.lo.u32 %r3, %r30, " + stride + ", %r2;"
	}
	for _, c := range []struct {
		name                        string
		body                        string
		loadBytes, loadSectors      int64
		storeBytes, storeSectors    int64
		conflicts                   int64
		class                       Class
		warpInstructions, laneInstr int64
	}{
		{"4 bytes side by side", address("4") + "ld.global.u32 %r1, [%d2];", 128, 4, 0, 0, 0, Global, 1, 32},
		{"every second word", address("8") + "ld.global.u32 %r1, [%d2];", 128, 8, 0, 0, 0, Global, 1, 32},
		{"one word", "ld.global.u32 %r1, [%d0];", 128, 1, 0, 0, 0, Global, 1, 32},
		{"a sector each", address("32") + "st.global.u8 [%d2], %r30;", 0, 0, 32, 32, 0, Global, 1, 32},
		{"16 bytes side by side", address("16") + "st.global.v4.u32 [%d2], {0, 0, 0, 0};", 0, 0, 512, 16, 0, Global, 1, 32},
		{"half of the lanes", address("4") + "setp.lt.u32 %p1, %r30, 16; @%p1 ld.global.u32 %r1, [%d2];", 64, 2, 0, 0, 0, Global, 1, 16},
		{"no lane", "setp.lt.u32 %p1, %r30, 0; @%p1 ld.global.u32 %r1, [%d0];", 0, 0, 0, 0, 0, Global, 0, 0},
		{"shared side by side", address("4") + "st.shared.u32 [%r3], 0;", 0, 0, 0, 0, 0, Shared, 1, 32},
		{"shared 2-way", address("8") + "st.shared.u32 [%r3], 0;", 0, 0, 0, 0, 1, Shared, 1, 32},
		{"shared 32-way", address("128") + "st.shared.u32 [%r3], 0;", 0, 0, 0, 0, 31, Shared, 1, 32},
		{"shared 8 bytes side by side", address("8") + "st.shared.u64 [%r3], 0;", 0, 0, 0, 0, 0, Shared, 1, 32},
		{"shared 16 bytes side by side", address("16") + "st.shared.v4.u32 [%r3], {0, 0, 0, 0};", 0, 0, 0, 0, 0, Shared, 1, 32},
		{"shared 16 bytes, each quarter in one bank group", address("128") + "st.shared.v4.u32 [%r3], {0, 0, 0, 0};", 0, 0, 0, 0, 4 * 7, Shared, 1, 32},
		{"shared bytes in one word", "add.s32 %r3, %r30, %r2; st.shared.u8 [%r3], 0;", 0, 0, 0, 0, 0, Shared, 1, 32},
		{"cp.async", address("16") + "cp.async.cg.shared.global [%r3], [%d2], 16;", 512, 16, 0, 0, 0, Async, 1, 32},
		{"ldmatrix, rows of 16 bytes", address("16") + "st.shared.v4.u32 [%r3], {0, 0, 0, 0}; bar.sync 0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r4,%r5,%r6,%r7}, [%r3];", 0, 0, 0, 0, 0, LdMatrix, 1, 32},
		{"ldmatrix, rows of 32 bytes", address("32") + "st.shared.v4.u32 [%r3], {0, 0, 0, 0}; bar.sync 0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r4,%r5,%r6,%r7}, [%r3];", 0, 0, 0, 0, 4 + 4, LdMatrix, 1, 32},
		{"atomics", "red.global.add.u32 [%d0], 1;", 0, 0, 0, 0, 0, Atomic, 1, 32},
	} {
		d := NewDevice(Options{})
		n := mustLaunch(t, d, parseBody(t, prepare+c.body), Dim3{X: 1}, Dim3{X: 32}, 0, Addr(upload(t, d, "out", make([]byte, 1024))))
		got := []int64{n.GlobalLoadBytes, n.GlobalLoadSectors, n.GlobalStoreBytes, n.GlobalStoreSectors, n.SharedConflicts, n.Warp[c.class], n.Thread[c.class]}
		want := []int64{c.loadBytes, c.loadSectors, c.storeBytes, c.storeSectors, c.conflicts, c.warpInstructions, c.laneInstr}
		if !slices.Equal(got, want) {
			t.Errorf("%s: load bytes and sectors, store bytes and sectors, conflicts, instructions, lanes: %v, expected %v", c.name, got, want)
		}
	}
}

// Lanes of one load that read two allocations are counted once each.
func TestLoadFromTwoAllocations(t *testing.T) {
	d := NewDevice(Options{})
	other := upload(t, d, "other", make([]byte, 256))
	k := parseBody(t, "ld.global.u64 %d1, [%d0]; mov.u32 %r1, %tid.x; setp.lt.u32 %p1, %r1, 8; selp.b64 %d2, %d0, %d1, %p1; mad.wide.u32 %d3, %r1, 4, %d2; ld.global.u32 %r2, [%d3];")
	own := make([]byte, 256)
	binary.LittleEndian.PutUint64(own, uint64(other))
	n := mustLaunch(t, d, k, Dim3{X: 1}, Dim3{X: 32}, 0, Addr(upload(t, d, "own", own)))
	if bytes, sectors := int64(32*8+32*4), int64(1+1+3); n.GlobalLoadBytes != bytes || n.GlobalLoadSectors != sectors {
		t.Errorf("found %d bytes in %d sectors, expected %d in %d", n.GlobalLoadBytes, n.GlobalLoadSectors, bytes, sectors)
	}
}

// The number of goroutines changes neither results nor counters.
func TestThreadsChangeNothing(t *testing.T) {
	const m, n, depth = 64, 64, 64
	r := rand.New(rand.NewPCG(9, 10))
	a, _ := bf16Data(r, m*depth)
	b, _ := bf16Data(r, n*depth)
	k := loadKernel(t, "gemm.ptx", "gemm")
	var first []uint32
	var count Counters
	for _, threads := range []int{1, 3, 8} {
		d := NewDevice(Options{Threads: threads})
		out := reserve(t, d, "c", 4*m*n)
		c := mustLaunch(t, d, k, Dim3{X: n / 32, Y: m / 32}, Dim3{X: 128}, 0, Addr(upload(t, d, "a", a)), Addr(upload(t, d, "b", b)), Addr(out), U32(n), U32(depth))
		got := download[uint32](t, d, out, m*n)
		if first == nil {
			first, count = got, c
		}
		if !slices.Equal(got, first) || c != count {
			t.Errorf("%d threads: results or counters differ from those of 1 thread", threads)
		}
	}
}

// A kernel with atomics whose results depend on the order of blocks gives the
// same in every run.
func TestBlocksWithAtomicsRunInOrder(t *testing.T) {
	k := parseBody(t, "mov.u32 %r1, %ctaid.x; atom.global.exch.b32 %r2, [%d0], %r1; mad.wide.u32 %d1, %r1, 4, %d0; st.global.u32 [%d1+4], %r2;")
	d := NewDevice(Options{Threads: 8})
	const blocks = 50
	out := upload(t, d, "out", make([]uint32, blocks+1))
	mustLaunch(t, d, k, Dim3{X: blocks}, Dim3{X: 1}, 0, Addr(out))
	for i, v := range download[uint32](t, d, out, blocks+1)[1:] {
		if want := uint32(max(i-1, 0)); v != want {
			t.Errorf("block %d found %d, expected %d", i, v, want)
		}
	}
}

// BenchmarkExecute measures thread instructions per second on one goroutine.
func BenchmarkExecute(b *testing.B) {
	run := func(name string, k *Kernel, grid, block Dim3, args func(d *Device) [][]byte) {
		b.Run(name, func(b *testing.B) {
			d := NewDevice(Options{Threads: 1})
			a := args(d)
			done := int64(0)
			for b.Loop() {
				c := mustLaunch(b, d, k, grid, block, 0, a...)
				_, n := c.Instructions()
				done += n
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds()/1e6, "Minstr/s")
		})
	}
	const side = 128
	run("gemm", loadKernel(b, "gemm.ptx", "gemm"), Dim3{X: side / 32, Y: side / 32}, Dim3{X: 128}, func(d *Device) [][]byte {
		x := make([]uint16, side*side)
		return [][]byte{Addr(upload(b, d, "a", x)), Addr(upload(b, d, "b", x)), Addr(reserve(b, d, "c", 4*side*side)), U32(side), U32(side)}
	})
	run("philox", loadKernel(b, "select.ptx", "philox_keys"), Dim3{X: 64}, Dim3{X: 128}, func(d *Device) [][]byte {
		return [][]byte{Addr(reserve(b, d, "keys", 8*64*128)), U32(64 * 128), U64(1), U32(2), U32(3), U32(4)}
	})
	run("rowsum", loadKernel(b, "reduce.ptx", "rowsum"), Dim3{X: 16}, Dim3{X: 256}, func(d *Device) [][]byte {
		return [][]byte{Addr(upload(b, d, "x", make([]float32, 16*4096))), Addr(reserve(b, d, "out", 64)), U32(4096)}
	})
	run("elementwise", loadKernel(b, "elementwise.ptx", "elementwise"), Dim3{X: 32}, Dim3{X: 128}, func(d *Device) [][]byte {
		x := make([]float32, 4096)
		for i := range x {
			x[i] = float32(i-2048) / 512
		}
		return [][]byte{Addr(upload(b, d, "x", x)), Addr(reserve(b, d, "out", 4*10*4096)), U32(4096)}
	})
}
