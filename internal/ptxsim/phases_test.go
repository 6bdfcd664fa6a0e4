package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

// Only who has seen the end of a phase may touch what it orders, and what copies have brought.
func TestPhasesOrder(t *testing.T) {
	const (
		init   = withBarrier + ".shared .align 8 .b64 other; @%p7 mbarrier.init.shared.b64 [bar], 1; @%p7 mbarrier.init.shared.b64 [other], 1; fence.mbarrier_init.release.cluster; bar.sync 0; "
		copy   = "@%p7 mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256; @%p7 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [buf], [%d0], 256, [bar]; "
		wait   = "W: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 0; @!%p1 bra W; "
		read   = "xor.b32 %r1, %r30, 33; mad.lo.u32 %r1, %r1, 4, %r29; ld.shared.u32 %r2, [%r1]; "
		second = "setp.ge.u32 %p6, %r30, 32; "
	)
	for name, c := range map[string]struct {
		body string
		fail error
		says string
	}{
		"all wait":                     {init + copy + wait + read, nil, ""},
		"a barrier in place of a wait": {init + copy + "bar.sync 0; " + read + wait, ErrUninitialized, "is under way"},
		"the thread that copies":       {init + copy + "@%p7 ld.shared.u32 %r2, [buf+4]; " + wait, ErrUninitialized, "buf+4 (size 256) is under way"},
		"written too soon":             {init + copy + "@%p7 st.shared.u32 [buf+4], 1; " + wait, ErrUninitialized, "is under way"},
		"copied to twice":              {init + copy + copy + wait, ErrUninitialized, "is under way"},
		"wait for the phase before":    {init + "W: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 1; @!%p1 bra W; bar.sync 0; " + copy + "bar.sync 0; " + read, ErrUninitialized, "is under way"},
		"wait for another mbarrier":    {init + copy + "@%p7 mbarrier.arrive.shared.b64 _, [other]; V: mbarrier.try_wait.parity.shared.b64 %p1, [other], 0; @!%p1 bra V; " + read, ErrUninitialized, "is under way"},
		"one warp waits for both":      {init + copy + second + "@%p6 bra N; " + wait + "N: bar.sync 0; " + read, nil, ""},
		"one warp waits for itself": {init + ".shared .u32 flag; @%p7 st.shared.u32 [flag], 0; bar.sync 0; " + copy + second + "@%p6 bra N; " + wait + "@%p7 st.relaxed.cta.shared.u32 [flag], 1; bra.uni M; " +
			"N: ld.relaxed.cta.shared.u32 %r3, [flag]; setp.eq.u32 %p1, %r3, 0; @%p1 bra N; ld.shared.u32 %r2, [buf]; M: bar.sync 0; ", ErrRace, "buf+0 (size 256), which an asynchronous copy wrote"},
		"nobody waits": {init + copy, ErrRace, "nobody has waited for the copy to shared memory at buf+0 (size 256) that the mbarrier at bar+0"},
		"a second mbarrier orders nothing of the first": {init + "st.shared.u32 [%r28], 7; @%p7 mbarrier.arrive.shared.b64 _, [bar]; " + second +
			"@%p6 bra N; " + wait + "bra.uni E; N: xor.b32 %r1, %r30, 32; mad.lo.u32 %r1, %r1, 4, %r29; ld.shared.u32 %r2, [%r1]; E:", ErrRace, "buf+"},
		"small copies":   {init + "cp.async.ca.shared.global [%r28], [%d0], 4; mov.u64 %d2, 0; @%p7 cp.async.mbarrier.arrive.noinc.shared.b64 [bar]; " + second + "@%p6 bra N; @!%p7 bra E; ld.shared.u32 %r2, [buf]; N: cp.async.wait_all; E: ", ErrUninitialized, "buf+0 (size 256) is under way"},
		"too many bytes": {init + "mov.u32 %r1, 0xFFFFF; @%p7 mbarrier.expect_tx.relaxed.cta.shared.b64 [bar], %r1; @%p7 mbarrier.expect_tx.relaxed.cta.shared.b64 [bar], 1;", ErrDivergent, "1048576 bytes"},
		"copy with an mbarrier elsewhere": {init + "mov.u32 %r1, bar; mapa.shared::cluster.u32 %r1, %r1, 0; @%p7 mbarrier.arrive.expect_tx.shared.b64 _, [bar], 16; " +
			"@%p7 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r29], [%d0], 16, [%r1]; " + wait, nil, ""},
	} {
		for _, seed := range []uint64{0, 1, 2} {
			d := NewDevice(Options{MaxInstructions: 1 << 18, Seed: seed})
			out := upload(t, d, "out", make([]uint32, 64))
			_, err := d.Launch(t.Context(), parseBody(t, c.body), Dim3{X: 1}, Dim3{X: 64}, 0, Addr(out))
			if !errors.Is(err, c.fail) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, seed %d: found %v, expected %v, %q", name, seed, err, c.fail, c.says)
			}
		}
	}
}
