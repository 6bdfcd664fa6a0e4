package estimate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
)

// planted are kernels of which it is known what makes them slow. Each takes memory and a number n.
var planted = map[string]string{
	// One thread goes round n times.
	"serial": `setp.ne.u32 %p1, %r30, 0; @%p1 bra E; mov.u32 %r2, 0; L: fma.rn.f32 %r2, %r2, %r2, %r2; sub.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra L; st.global.u32 [%d0], %r2; E:`,
	// Each load needs the one before.
	"chase": `mov.u32 %r2, 0; L: mad.wide.u32 %d1, %r2, 4, %d0; ld.global.u32 %r2, [%d1]; sub.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra L;
		st.global.u32 [%d0], %r2;`,
	// All threads of a block have something to do.
	"work": `mov.u32 %r2, 0; mov.u32 %r3, 0; mov.u32 %r4, 0; mov.u32 %r5, 0; L: fma.rn.f32 %r2, %r2, %r2, %r2; fma.rn.f32 %r3, %r3, %r3, %r3; fma.rn.f32 %r4, %r4, %r4, %r4; fma.rn.f32 %r5, %r5, %r5, %r5;
		sub.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra L; setp.ne.u32 %p2, %r30, 0; @!%p2 st.global.u32 [%d0], %r2;`,
	// 16 bytes a thread from the first half of memory, whose size is n, to the second.
	"copy": `mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mad.lo.u32 %r4, %r2, %r3, %r30; mad.wide.u32 %d1, %r4, 16, %d0; cvt.u64.u32 %d2, %r1; add.u64 %d2, %d1, %d2;
		ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%d1]; st.global.v4.u32 [%d2], {%r5, %r6, %r7, %r8};`,
	// Eight products that do not need each other, n times.
	"mma": zeros(32) + "L: " + products(8) + ` sub.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra L; setp.ne.u32 %p2, %r30, 0; @!%p2 st.global.b32 [%d0], %a0;`,
	// All lanes read one bank.
	"conflicts": `.shared .align 16 .b8 b[4096]; mov.u32 %r2, b; and.b32 %r3, %r30, 31; mad.lo.u32 %r2, %r3, 128, %r2; st.shared.u32 [%r2], 0; bar.sync 0;
		L: ld.shared.u32 %r4, [%r2]; sub.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra L; setp.ne.u32 %p2, %r30, 0; @!%p2 st.global.u32 [%d0], %r4;`,
}

// zeros sets so many sums to 0, and the other operands of products.
func zeros(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "mov.f32 %%a%d, 0f00000000;\n", i)
	}
	for i := range 6 {
		fmt.Fprintf(&b, "mov.u32 %%r%d, 0;\n", 10+i)
	}
	return b.String()
}

// products are so many mma, each into sums of its own.
func products(n int) string {
	var b strings.Builder
	for i := range n {
		d := fmt.Sprintf("{%%a%d, %%a%d, %%a%d, %%a%d}", 4*i, 4*i+1, 4*i+2, 4*i+3)
		fmt.Fprintf(&b, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 %s, {%%r10, %%r11, %%r12, %%r13}, {%%r14, %%r15}, %s;\n", d, d)
	}
	return b.String()
}

// run launches a planted kernel on the simulator and estimates it.
func run(t *testing.T, g estimate.GPU, name string, blocks, threads, n, bytes int) estimate.Estimate {
	t.Helper()
	d := simdriver.New(simdriver.Options{Latencies: &g.Latencies})
	text := `.version 8.4
.target sm_80
.address_size 64
.visible .entry ` + name + `(.param .u64 memory, .param .u32 n)
{
.reg .b32 %r<40>; .reg .f32 %a<40>; .reg .b64 %d<8>; .reg .pred %p<8>;
ld.param.u64 %d0, [memory]; ld.param.u32 %r1, [n]; mov.u32 %r30, %tid.x;
` + planted[name] + `
ret;
}`
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m, err := d.Load(name, []byte(text))
	check(err)
	f, err := d.Function(m, name)
	check(err)
	p, err := d.Alloc(int64(bytes), "memory")
	check(err)
	check(d.CopyIn(0, p, make([]byte, bytes)))
	check(d.Launch(0, f, gpu.Dim3{X: blocks}, gpu.Dim3{X: threads}, 0, []uint64{uint64(p), uint64(n)}))
	e, err := g.Estimate(estimate.Of(d.Launches()[0], 40))
	check(err)
	return e
}

// Kernels whose bound is known: the estimate names it and goes with their size as it must.
func TestPlanted(t *testing.T) {
	h200, err := estimate.Find("h200")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		blocks, threads int
		n, bytes        int
		bound           string
		seconds         float64 // by hand
	}{
		// fma, sub, setp, and the branch that waits 4 for each: 9 cycles a turn.
		{"serial", 1, 32, 20000, 64, estimate.Serial, 20000 * 9 / 1.83e9},
		{"chase", 1, 1, 2000, 64, estimate.Loads, 2000 * (479 + 4) / 1.83e9},
		// 32 warps of 7 instructions a turn, 4 a cycle, or 4 x 32 fma a turn and warp over 128 lanes; and 9 a turn for the longest.
		{"work", 1, 1024, 500, 64, estimate.FewBlocks, 500 * (32*7/4 + 9) / 1.83e9},
		{"copy", 2048, 256, 2048 * 256 * 16, 2 * 2048 * 256 * 16, estimate.Memory, 2 * 2048 * 256 * 16 / (4.8e12 * 0.913)},
		{"mma", 4 * 132, 128, 40, 64, estimate.MatrixOps, 132 * 4 * 4 * 40 * 8 * 4096 / (989e12 * 0.629)},
		{"conflicts", 132, 1024, 30, 64, estimate.Shared, 30 * 32 * 32 / 1.83e9},
	} {
		once := run(t, h200, c.name, c.blocks, c.threads, c.n, c.bytes)
		if once.Bound != c.bound {
			t.Errorf("%s: found bound %q, expected %q: %+v", c.name, once.Bound, c.bound, once)
		}
		if !(once.Seconds >= 0.95*c.seconds && once.Seconds <= 1.3*c.seconds) {
			t.Errorf("%s: found %.4g s, expected about %.4g: %+v", c.name, once.Seconds, c.seconds, once)
		}
		blocks, n, bytes := c.blocks, 2*c.n, c.bytes
		if c.name == "copy" {
			blocks, bytes = 2*blocks, 2*bytes
		}
		if twice := run(t, h200, c.name, blocks, c.threads, n, bytes); !(twice.Seconds >= 1.85*once.Seconds && twice.Seconds <= 2.05*once.Seconds) {
			t.Errorf("%s: found %.4g s for twice the work, expected about twice %.4g", c.name, twice.Seconds, once.Seconds)
		}
	}
}

// What one block does takes no longer when every multiprocessor does it: 131 had nothing to do.
func TestOneBlock(t *testing.T) {
	g, _ := estimate.Find("h200")
	one, all := run(t, g, "work", 1, 1024, 100, 64), run(t, g, "work", 132, 1024, 100, 64)
	if one.Busy != 1 || all.Busy != 132 || one.Bound != estimate.FewBlocks || all.Bound == estimate.FewBlocks {
		t.Errorf("found %d and %d multiprocessors busy, bounds %q and %q, expected 1 and 132, and few blocks for the first alone", one.Busy, all.Busy, one.Bound, all.Bound)
	}
	if !(all.Seconds <= 1.01*one.Seconds && one.Seconds <= 1.01*all.Seconds) {
		t.Errorf("found %.4g s for one block and %.4g for 132, expected the same", one.Seconds, all.Seconds)
	}
	// 32 warps of 4 fma a turn each; and the longest warp's by class.
	if n := one.BusiestUnits["float"]; n != 32*4*100 || one.LongestWarp["float"] != 4*100 {
		t.Errorf("found %v float instructions on the busiest multiprocessor and %v of the longest warp, expected 12800 and 400", n, one.LongestWarp)
	}
	if more := run(t, g, "work", 133, 1024, 100, 64); !(more.Seconds >= 1.5*all.Seconds) {
		t.Errorf("found %.4g s for 133 blocks and %.4g for 132, expected much more: one multiprocessor has two", more.Seconds, all.Seconds)
	}
}

// Each GPU's own rates count.
func TestGPUs(t *testing.T) {
	seconds := map[string]float64{}
	for _, name := range estimate.Names() {
		g, err := estimate.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		e := run(t, g, "copy", 2048, 256, 2048*256*16, 2*2048*256*16)
		seconds[name] = e.Seconds - e.Longest
	}
	if r := seconds["h100"] / seconds["h200"]; !(r > 1.43 && r < 1.44) {
		t.Errorf("found a copy %.3f times as long on an H100 as on an H200, expected 4.8 / 3.35", r)
	}
	if !(seconds["a100"] > 1.5*seconds["h100"]) {
		t.Errorf("found %v, expected the A100 to be slowest", seconds)
	}
	if _, err := estimate.Find("v100"); err == nil {
		t.Error("found rates of a v100, expected an error")
	}
}
