package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

// What goes on behind a wgmma up to the wait for it is reported where something else gets in its way.
func TestProductsUnderWay(t *testing.T) {
	// The factors lie in m, which is all zeros; %d5 and %d6 describe them.
	const (
		load = `.shared .align 1024 .b8 m[12288]; .shared .align 8 .b64 bar; .reg .f32 %f<8>; .reg .b32 %a<4>;
mov.u32 %r30, %tid.x; setp.eq.u32 %p7, %r30, 0; @%p7 mbarrier.init.shared.b64 [bar], 1; mov.u32 %r29, m; mad.lo.u32 %r28, %r30, 4, %r29; mov.u32 %r27, 0;
L: st.shared.u32 [%r28], 0; add.u32 %r28, %r28, 512; add.u32 %r27, %r27, 1; setp.lt.u32 %p1, %r27, 24; @%p1 bra L;
fence.proxy.async.shared::cta; bar.sync 0; mov.u32 %r28, m;
bfe.u32 %r27, %r28, 4, 14; cvt.u64.u32 %d5, %r27; or.b64 %d5, %d5, 0x4000004000010000; add.u64 %d6, %d5, 512;
mov.f32 %f0, 0f00000000; mov.f32 %f1, 0f00000000; mov.f32 %f2, 0f00000000; mov.f32 %f3, 0f00000000;
mov.u32 %a0, 0; mov.u32 %a1, 0; mov.u32 %a2, 0; mov.u32 %a3, 0; `
		fence     = "wgmma.fence.sync.aligned; "
		product   = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0,%f1,%f2,%f3}, %d5, %d6, 1, 1, 1, 0, 0; "
		registers = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0,%f1,%f2,%f3}, {%a0,%a1,%a2,%a3}, %d6, 1, 1, 1, 0; "
		commit    = "wgmma.commit_group.sync.aligned; "
		wait      = "wgmma.wait_group.sync.aligned 0; "
		keep      = "wgmma.wait_group.sync.aligned 1; "
		use       = "add.f32 %f4, %f0, %f1; "
		leave     = "@%p7 mbarrier.arrive.shared.b64 _, [bar]; "
		refill    = "setp.ne.u32 %p6, %r30, 127; @%p6 bra E; V: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 0; @!%p1 bra V; st.shared.u32 [%r28+4], 7; E: "
	)
	for name, c := range map[string]struct {
		body string
		fail error
		says string
	}{
		"right":                           {fence + product + product + commit + wait + use, nil, ""},
		"factors in registers":            {fence + registers + commit + wait + "mov.u32 %a0, 1; ", nil, ""},
		"sum read too soon":               {fence + product + commit + use + wait, ErrRace, "a sum of a wgmma that is under way is read"},
		"sum written too soon":            {fence + product + commit + "mov.f32 %f2, 0f3F800000; " + wait, ErrRace, "a register of a wgmma that is under way is written"},
		"factor written too soon":         {fence + registers + commit + "mov.u32 %a1, 1; " + wait, ErrRace, "a register of a wgmma that is under way is written"},
		"factor read":                     {fence + registers + commit + "add.u32 %r1, %a1, 1; " + wait, nil, ""},
		"no commit before the wait":       {fence + product + wait + use, ErrRace, "a sum of a wgmma that is under way is read"},
		"one group may be under way":      {fence + product + commit + keep + use, ErrRace, "a sum of a wgmma that is under way is read"},
		"a group after it is":             {fence + product + commit + commit + keep + use, nil, ""},
		"no fence at first":               {product + commit + wait, ErrRace, "without a wgmma.fence since"},
		"no fence behind a change":        {fence + product + commit + wait + use + product + commit + wait, ErrRace, "without a wgmma.fence since"},
		"a fence behind a change":         {fence + product + commit + wait + use + fence + product + commit + wait, nil, ""},
		"half a warpgroup":                {fence + "setp.ge.u32 %p6, %r30, 64; @%p6 bra E; " + product + commit + wait + "E:", ErrDivergent, "warp 2 has executed 0 wgmma"},
		"factor within rows":              {"add.u64 %d6, %d6, 8; " + fence + product + commit + wait, ErrMisaligned, "expected a multiple of 1024"},
		"factor at half a row":            {"add.u64 %d5, %d5, 2; " + fence + product + commit + wait, nil, ""},
		"descriptors of lanes":            {"cvt.u64.u32 %d4, %r30; shl.b64 %d4, %d4, 6; add.u64 %d6, %d6, %d4; " + fence + product + commit + wait, ErrDivergent, "different descriptors"},
		"memory changed by the thread":    {fence + product + commit + "@%p7 st.shared.u32 [%r28+4], 7; " + wait, ErrRace, "m+4 (size 12288), which a wgmma still reads up to here and thread 0 wrote meanwhile"},
		"memory changed behind the wait":  {fence + product + commit + wait + leave + refill, nil, ""},
		"memory changed behind a barrier": {fence + product + commit + wait + "bar.sync 0; " + leave + refill, nil, ""},
		"left before the wait":            {fence + product + commit + "bar.sync 0; " + leave + wait + refill, ErrRace, "m+4"},
	} {
		for _, seed := range []uint64{0, 1, 2} {
			d := NewDevice(Options{MaxInstructions: 1 << 18, Seed: seed})
			out := reserve(t, d, "out", 256)
			_, err := d.Launch(t.Context(), parseBody(t, load+c.body), Dim3{X: 1}, Dim3{X: 128}, 0, Addr(out))
			if !errors.Is(err, c.fail) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, seed %d: found %v, expected %v, %q", name, seed, err, c.fail, c.says)
			}
		}
	}
	d := NewDevice(Options{})
	_, err := d.Launch(t.Context(), parseBody(t, load+fence+product+commit+wait), Dim3{X: 1}, Dim3{X: 96}, 0, Addr(reserve(t, d, "out", 256)))
	if !errors.Is(err, ErrDivergent) || !strings.Contains(err.Error(), "a warpgroup of 3 warps, expected 4") {
		t.Errorf("three warps: %v", err)
	}
}
