package ptxsim

import "testing"

// What stmatrix stores ldmatrix loads again, as it is and transposed; one lane is elected.
func TestElectAndStmatrix(t *testing.T) {
	const address = ".shared .align 16 .b8 m[512]; mov.u32 %r30, %tid.x; mov.u32 %r29, m; mad.lo.u32 %r29, %r30, 16, %r29; mad.wide.u32 %d1, %r30, 4, %d0; "
	const numbers = "shl.b32 %r1, %r30, 1; mad.lo.u32 %r1, %r1, 0x10001, 0x10000; add.u32 %r2, %r1, 0x400040; " // elements count on
	for name, c := range map[string]struct {
		body string
		want func(lane int) uint32
	}{
		"stored and loaded": {
			numbers + "stmatrix.sync.aligned.m8n8.x2.shared.b16 [%r29], {%r1, %r2}; bar.warp.sync -1; ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r3, %r4}, [%r29]; st.global.u32 [%d1], %r4;",
			func(l int) uint32 { return uint32(2*l)*0x10001 + 0x10000 + 0x400040 },
		},
		"rows in memory": {
			numbers + "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r29], {%r1}; bar.warp.sync -1; mov.u32 %r28, m; mad.lo.u32 %r28, %r30, 4, %r28; ld.shared.u32 %r4, [%r28]; st.global.u32 [%d1], %r4;",
			func(l int) uint32 { return uint32(2*l)*0x10001 + 0x10000 },
		},
		"columns in memory": {
			numbers + "stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%r29], {%r1}; bar.warp.sync -1; mov.u32 %r28, m; mad.lo.u32 %r28, %r30, 4, %r28; ld.shared.u32 %r4, [%r28]; st.global.u32 [%d1], %r4;",
			func(l int) uint32 { // row l/4 of memory is column l/4 of the matrix, whose element (r, c) is 8 r + c
				r, c := 2*(l%4), l/4
				return uint32(8*r+c) | uint32(8*(r+1)+c)<<16
			},
		},
		"elected": {
			"setmaxnreg.dec.sync.aligned.u32 40; elect.sync %r1|%p1, 0xFFFFFFFF; selp.u32 %r2, 100, 0, %p1; add.u32 %r2, %r2, %r1; st.global.u32 [%d1], %r2;",
			func(l int) uint32 {
				if l == 0 {
					return 100
				}
				return 0
			},
		},
	} {
		d := NewDevice(Options{})
		out := reserve(t, d, "out", 128)
		mustLaunch(t, d, parseBody(t, address+c.body), Dim3{X: 1}, Dim3{X: 32}, 0, Addr(out))
		for l, got := range download[uint32](t, d, out, 32) {
			if got != c.want(l) {
				t.Errorf("%s: lane %d has %#x, expected %#x", name, l, got, c.want(l))
			}
		}
	}
}

// Which lane is elected is open, but the same each time for one mask.
func TestElectBySeed(t *testing.T) {
	const body = "mov.u32 %r30, %tid.x; elect.sync %r1|%p1, -1; elect.sync %r2|%p2, -1; setp.ne.u32 %p3, %r1, %r2; @%p3 trap; @%p1 st.global.u32 [%d0], %r30; @%p2 st.global.u32 [%d0+4], %r1;"
	chosen := map[uint32]bool{}
	for seed := range uint64(8) {
		d := NewDevice(Options{Seed: seed})
		out := reserve(t, d, "out", 8)
		mustLaunch(t, d, parseBody(t, body), Dim3{X: 1}, Dim3{X: 32}, 0, Addr(out))
		got := download[uint32](t, d, out, 2)
		if got[0] != got[1] || got[0] >= 32 || seed == 0 && got[0] != 0 {
			t.Errorf("seed %d: lane %d says that it is elected, and the others hear of %d", seed, got[0], got[1])
		}
		chosen[got[0]] = true
	}
	if len(chosen) < 3 {
		t.Errorf("found lanes %v elected with 8 seeds, expected more of them", chosen)
	}
}
