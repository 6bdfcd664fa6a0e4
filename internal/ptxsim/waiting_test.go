package ptxsim

import (
	"errors"
	"testing"
)

// Threads, warps and blocks that wait for each other all get their turn.
func TestWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		grid, block int
		body        string
		want        uint32 // at out
	}{
		"a lock among lanes": {1, 32, `L: atom.global.cas.b32 %r2, [%d0+4], 0, 1; setp.ne.u32 %p1, %r2, 0; @%p1 bra L;
ld.volatile.global.u32 %r3, [%d0]; add.u32 %r3, %r3, 1; st.volatile.global.u32 [%d0], %r3; atom.global.exch.b32 %r2, [%d0+4], 0;`, 32},
		"a lane for the last one": {1, 32, `mov.u32 %r1, %tid.x; setp.eq.u32 %p1, %r1, 31; @%p1 bra W;
L: ld.volatile.global.u32 %r2, [%d0]; setp.eq.u32 %p2, %r2, 0; @%p2 bra L; bra.uni E; W: st.volatile.global.u32 [%d0], 9; E:`, 9},
		"a block for the last one": {5, 32, `mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 4; @%p1 bra W;
L: ld.acquire.gpu.global.u32 %r2, [%d0]; setp.eq.u32 %p2, %r2, 0; @%p2 bra L; bra.uni E; W: st.release.gpu.global.u32 [%d0], 9; E:`, 9},
		"all blocks for all": {20, 64, `mov.u32 %r1, %tid.x; setp.ne.u32 %p1, %r1, 0; @%p1 bra B; red.global.add.u32 [%d0], 1;
L: ld.volatile.global.u32 %r2, [%d0]; setp.ne.u32 %p2, %r2, 20; @%p2 bra L; B: bar.sync 0;`, 20},
	} {
		d := NewDevice(Options{})
		out := upload(t, d, "out", make([]uint32, 2))
		mustLaunch(t, d, parseBody(t, c.body), Dim3{X: c.grid}, Dim3{X: c.block}, 0, Addr(out))
		if got := download[uint32](t, d, out, 1)[0]; got != c.want {
			t.Errorf("%s: found %d, expected %d", name, got, c.want)
		}
	}
	d := NewDevice(Options{MaxInstructions: 1 << 18})
	out := upload(t, d, "out", make([]uint32, 2))
	k := parseBody(t, "L: ld.volatile.global.u32 %r2, [%d0]; setp.eq.u32 %p2, %r2, 0; @%p2 bra L;")
	if _, err := d.Launch(t.Context(), k, Dim3{X: 3}, Dim3{X: 32}, 0, Addr(out)); !errors.Is(err, ErrDeadlock) {
		t.Errorf("blocks that wait for nobody: %v, expected %v", err, ErrDeadlock)
	}
}
