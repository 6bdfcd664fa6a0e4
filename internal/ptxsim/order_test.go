package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

// TestGlobalOrder: races in global memory within a block and between blocks, by what orders
// the accesses. Block 0 writes [%d0+64] and then the flag [%d0]; block 1 waits for it and reads.
func TestGlobalOrder(t *testing.T) {
	const (
		wait = "R: ld.%s.global.u32 %%r1, [%%d0]; setp.eq.u32 %%p2, %%r1, 0; @%%p2 bra R; "
		read = "ld.global.u32 %r2, [%d0+64]; st.global.u32 [%d0+128], %r2; "
	)
	two := func(write, acquire string) string {
		return "setp.eq.u32 %p1, %r31, 0; @!%p1 bra R; st.global.u32 [%d0+64], 41; " + write + " bra.uni E; " + acquire + read + "E:"
	}
	loop := func(ld string) string { return strings.ReplaceAll(strings.ReplaceAll(wait, "%s", ld), "%%", "%") }
	for _, c := range []struct {
		name            string
		blocks, threads int
		body            string
		race            bool
	}{
		{"release and acquire", 2, 1, two("st.release.gpu.global.u32 [%d0], 1;", loop("acquire.gpu")), false},
		{"fences and relaxed accesses", 2, 1, two("fence.acq_rel.gpu; st.relaxed.gpu.global.u32 [%d0], 1;", loop("relaxed.gpu")+"fence.acq_rel.gpu; "), false},
		{"fences and volatile accesses", 2, 1, two("membar.gl; st.volatile.global.u32 [%d0], 1;", loop("volatile")+"membar.gl; "), false},
		{"a fence and an atomic", 2, 1, two("membar.gl; red.global.add.u32 [%d0], 1;", "R: atom.global.cas.b32 %r1, [%d0], 1, 2; setp.ne.u32 %p2, %r1, 1; @%p2 bra R; "), false},
		{"release of the block only", 2, 1, two("st.release.cta.global.u32 [%d0], 1;", loop("acquire.gpu")), true},
		{"acquire of the block only", 2, 1, two("st.release.gpu.global.u32 [%d0], 1;", loop("acquire.cta")), true},
		{"no fence before the flag", 2, 1, two("st.relaxed.gpu.global.u32 [%d0], 1;", loop("acquire.gpu")), true},
		{"no fence behind the flag", 2, 1, two("st.release.gpu.global.u32 [%d0], 1;", loop("relaxed.gpu")), true},
		{"a fence of the block only", 2, 1, two("membar.cta; st.volatile.global.u32 [%d0], 1;", loop("volatile")+"membar.gl; "), true},
		{"a write behind the release", 2, 1, two("st.release.gpu.global.u32 [%d0], 1; st.global.u32 [%d0+64], 42;", loop("acquire.gpu")), true},
		{"an atomic elsewhere", 2, 1, "red.global.add.u32 [%d0], 1; add.u32 %r1, %r31, 5; st.global.u32 [%d0+64], %r1;", true},
		{"atomics and plain", 2, 1, "red.global.add.u32 [%d0], 1; ld.global.u32 %r1, [%d0];", true},
		{"a barrier", 1, 64, "st.global.u32 [%d1], %r30; bar.sync 0; xor.b32 %r1, %r30, 33; mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d0; ld.global.u32 %r2, [%d2];", false},
		{"no barrier", 1, 64, "st.global.u32 [%d1], %r30; xor.b32 %r1, %r30, 33; mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d0; ld.global.u32 %r2, [%d2];", true},
		{"lanes without bar.warp.sync", 1, 32, "st.global.u32 [%d1], %r30; xor.b32 %r1, %r30, 1; mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d0; ld.global.u32 %r2, [%d2];", true},
		{"lanes with bar.warp.sync", 1, 32, "st.global.u32 [%d1], %r30; bar.warp.sync -1; xor.b32 %r1, %r30, 1; mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d0; ld.global.u32 %r2, [%d2];", false},
		{"ld.global.nc of what the thread has written", 1, 1, "st.global.u32 [%d0], 7; ld.global.nc.u32 %r1, [%d0];", true},
		{"ld.global.nc of what came before a barrier", 1, 64, "st.global.u32 [%d1], %r30; bar.sync 0; xor.b32 %r1, %r30, 33; mul.wide.u32 %d2, %r1, 4; add.s64 %d2, %d2, %d0; ld.global.nc.u32 %r2, [%d2];", true},
		{"ld.global.nc of what is not written", 2, 64, "st.global.u32 [%d1], 7; ld.global.nc.u32 %r1, [%d1+256];", false},
		{"writes of one value", 2, 64, "st.global.u32 [%d0], 7;", false},
		{"writes of other values", 1, 2, "st.global.u32 [%d0], %r30;", true},
		// Thread 0 of the last block to come acquires for all of its block.
		{"the last block", 3, 64, "mad.lo.u32 %r3, %r31, 4, 128; cvt.u64.u32 %d2, %r3; add.s64 %d2, %d2, %d0; setp.eq.u32 %p1, %r30, 5; @%p1 st.global.u32 [%d2], %r31; bar.sync 0; " +
			"setp.ne.u32 %p1, %r30, 0; @%p1 bra S; membar.gl; atom.global.add.u32 %r4, [%d0], 1; membar.gl; st.shared.u32 [s], %r4; S: bar.sync 0; ld.shared.u32 %r4, [s]; setp.ne.u32 %p2, %r4, 2; @%p2 bra E; " +
			"setp.ge.u32 %p3, %r30, 3; @%p3 bra E; mad.lo.u32 %r3, %r30, 4, 128; cvt.u64.u32 %d2, %r3; add.s64 %d2, %d2, %d0; ld.global.u32 %r5, [%d2]; E:", false},
		{"the last block without a barrier", 3, 64, "mad.lo.u32 %r3, %r31, 4, 128; cvt.u64.u32 %d2, %r3; add.s64 %d2, %d2, %d0; setp.eq.u32 %p1, %r30, 40; @%p1 st.global.u32 [%d2], %r31; " +
			"setp.ne.u32 %p1, %r30, 0; @%p1 bra S; membar.gl; atom.global.add.u32 %r4, [%d0], 1; membar.gl; st.shared.u32 [s], %r4; S: bar.sync 0; ld.shared.u32 %r4, [s]; setp.ne.u32 %p2, %r4, 2; @%p2 bra E; " +
			"setp.ge.u32 %p3, %r30, 3; @%p3 bra E; mad.lo.u32 %r3, %r30, 4, 128; cvt.u64.u32 %d2, %r3; add.s64 %d2, %d2, %d0; ld.global.u32 %r5, [%d2]; E:", true},
	} {
		text := strings.Replace(kernelText("mov.u32 %r30, %tid.x; mov.u32 %r31, %ctaid.x; mul.wide.u32 %d1, %r30, 4; add.s64 %d1, %d1, %d0;\n"+c.body), ".visible", ".shared .b32 s;.visible", 1)
		m, err := Parse("order.ptx", text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		d := NewDevice(Options{BlockRaces: true, MaxInstructions: 1 << 20})
		_, err = d.Launch(t.Context(), m.Kernel("main"), Dim3{X: c.blocks}, Dim3{X: c.threads}, 0, Addr(upload(t, d, "out", make([]byte, 512))))
		if errors.Is(err, ErrRace) != c.race || !c.race && err != nil {
			t.Errorf("%s: found %v, expected race: %v", c.name, err, c.race)
		}
	}
}
