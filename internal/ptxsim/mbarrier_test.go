package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

const withBarrier = ".shared .align 16 .b8 buf[256]; .shared .align 8 .b64 bar; mov.u32 %r30, %tid.x; mov.u32 %r29, buf; mad.lo.u32 %r28, %r30, 4, %r29; setp.eq.u32 %p7, %r30, 0; "

// Threads meet at an mbarrier, through which copies in bulk tell that they are complete.
func TestMbarrier(t *testing.T) {
	const init = withBarrier + "@%p7 mbarrier.init.shared.b64 [bar], 64; bar.sync 0; "
	const wait = " W: mbarrier.try_wait.shared.b64 %p1, [bar], %d2; @!%p1 bra W; "
	for name, c := range map[string]struct {
		body string
		fail error
		says string
	}{
		"arrivals order": {body: init + "st.shared.u32 [%r28], 7; mbarrier.arrive.shared.b64 %d2, [bar];" + wait +
			"xor.b32 %r1, %r30, 33; mad.lo.u32 %r1, %r1, 4, %r29; ld.shared.u32 %r2, [%r1];"},
		"no wait": {init + "st.shared.u32 [%r28], 7; mbarrier.arrive.shared.b64 %d2, [bar]; xor.b32 %r1, %r30, 1; mad.lo.u32 %r1, %r1, 4, %r29; ld.shared.u32 %r2, [%r1];", ErrRace, "buf+"},
		"two phases by parity": {body: init + `mbarrier.arrive.shared.b64 _, [bar];
A: mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0; @!%p1 bra A; mbarrier.test_wait.parity.shared.b64 %p1, [bar], 1; @%p1 trap; bar.sync 0; mbarrier.arrive.shared.b64 _, [bar];
B: mbarrier.test_wait.parity.shared.b64 %p1, [bar], 1; @!%p1 bra B;`},
		"several arrivals of one thread": {body: init + "mov.u64 %d2, 0; @%p7 mbarrier.arrive.shared.b64 %d2, [bar], 64; A: mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0; @!%p1 bra A;"},
		"bulk copy": {body: init + `@!%p7 bra N; st.global.v4.u32 [%d0], {5, 6, 7, 8}; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r29], [%d0], 16, [bar];
mbarrier.arrive.expect_tx.shared.b64 %d2, [bar], 16; bra.uni M; N: mbarrier.arrive.shared.b64 %d2, [bar]; M:` + wait + "ld.shared.u32 %r2, [buf+8]; setp.ne.u32 %p2, %r2, 7; @%p2 trap;"},
		"copy that nobody waits for": {init + "st.shared.u32 [%r28], 0; bar.sync 0; @%p7 st.global.v4.u32 [%d0], {5, 6, 7, 8}; @%p7 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r29], [%d0], 16, [bar]; ld.shared.u32 %r2, [buf+8];", ErrUninitialized, "buf+8 (size 256) is under way"},
		"copy back": {body: init + `st.shared.u32 [%r28], %r30; bar.sync 0; fence.proxy.async.shared::cta; @!%p7 bra E; cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32;
cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0; ld.global.u32 %r2, [%d0+28]; setp.ne.u32 %p2, %r2, 7; @%p2 trap; E:`},
		"small copies arrive": {body: init + "st.global.u32 [%d0], 9; mbarrier.arrive.shared.b64 %d2, [bar]; " +
			"W: mbarrier.try_wait.shared.b64 %p1, [bar], %d2; @!%p1 bra W; cp.async.ca.shared.global [%r28], [%d0], 4; cp.async.mbarrier.arrive.noinc.shared.b64 [bar]; V: mbarrier.test_wait.parity.shared.b64 %p1, [bar], 1; @!%p1 bra V; xor.b32 %r1, %r30, 33; mad.lo.u32 %r1, %r1, 4, %r29; ld.shared.u32 %r2, [%r1];"},
		"not initialized":                          {withBarrier + "st.shared.u64 [bar], 0; mbarrier.arrive.shared.b64 %d2, [bar];", ErrDivergent, "not initialized"},
		"too many arrivals":                        {init + "mbarrier.arrive.shared.b64 %d2, [bar], 65;", ErrDivergent, "more arrivals"},
		"copy back behind the writers' fences":     {body: init + "st.shared.u32 [%r28], %r30; fence.proxy.async.shared::cta; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;"},
		"copy back that nobody waits for":          {init + "st.shared.u32 [%r28], %r30; fence.proxy.async.shared::cta; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32;", ErrRace, "the block ends, and a bulk copy still reads shared memory at buf+0"},
		"copy back without a commit":               {init + "st.shared.u32 [%r28], %r30; fence.proxy.async.shared::cta; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32; cp.async.bulk.wait_group.read 0;", ErrRace, "the block ends, and a bulk copy still reads"},
		"source changed before the wait":           {init + "st.shared.u32 [%r28], %r30; fence.proxy.async.shared::cta; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32; bar.sync 0; setp.eq.u32 %p1, %r30, 5; @%p1 st.shared.u32 [%r28], 77; bar.sync 0; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;", ErrRace, "buf+20 (size 256), which a bulk copy still reads up to here and thread 5 wrote meanwhile"},
		"source changed by another warp":           {init + "st.shared.u32 [%r28], %r30; fence.proxy.async.shared::cta; bar.sync 0; setp.ge.u32 %p1, %r30, 32; @%p1 bra N; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32; cp.async.bulk.commit_group; bar.arrive 1, 64; cp.async.bulk.wait_group.read 0; bra.uni E; N: bar.sync 1, 64; st.shared.u32 [%r29+4], 77; E:", ErrRace, "buf+4"},
		"source changed behind the wait":           {body: init + "st.shared.u32 [%r28], %r30; fence.proxy.async.shared::cta; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0; bar.sync 0; st.shared.u32 [%r28], 77;"},
		"copy back without a fence":                {init + "st.shared.u32 [%r28], %r30; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32;", ErrRace, "without a fence.proxy.async"},
		"copy back behind a write after the fence": {init + "fence.proxy.async; st.shared.u32 [%r28], %r30; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32;", ErrRace, "without a fence.proxy.async"},
		"copy back behind a fence of another kind": {init + "st.shared.u32 [%r28], %r30; fence.proxy.async.global; bar.sync 0; @%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 32;", ErrRace, "without a fence.proxy.async"},
		"odd size":         {init + "@%p7 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r29], [%d0], 8, [bar];", ErrMisaligned, "multiple of 16"},
		"past the end":     {init + "@%p7 cp.async.bulk.global.shared::cta.bulk_group [%d0+240], [%r29], 32;", ErrOutOfBounds, "out+256"},
		"too few arrivals": {init + "@%p7 bra E; mbarrier.arrive.shared.b64 %d2, [bar];" + wait + "E:", ErrDeadlock, "goes on"},
	} {
		d := NewDevice(Options{MaxInstructions: 1 << 18})
		out := reserve(t, d, "out", 256)
		_, err := d.Launch(t.Context(), parseBody(t, c.body), Dim3{X: 1}, Dim3{X: 64}, 0, Addr(out))
		if !errors.Is(err, c.fail) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: found %v, expected %v, %q", name, err, c.fail, c.says)
		}
	}
}
