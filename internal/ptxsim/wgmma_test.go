package ptxsim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// swizzled places 16-bit elements in rows of 128 bytes, with pieces of 16 bytes exchanged
// within a row by the row's number: what the hardware's 128-byte swizzle does.
func swizzled(rows, columns int, at func(r, c int) uint16) []uint16 {
	out := make([]uint16, 64*rows)
	for r := range rows {
		for c := range columns {
			out[64*r+((c/8)^(r%8))*8+c%8] = at(r, c)
		}
	}
	return out
}

// A product of a warpgroup is that of the matrices, whichever way they lie in memory.
func TestWgmma(t *testing.T) {
	const n, k = 16, 16
	r := rand.New(rand.NewPCG(9, 10))
	a, fa := bf16Data(r, 64*k)
	b, fb := bf16Data(r, n*k)
	// The operands lie at 1024-byte units; %d5 and %d6 describe them, strides of 1024 and the 128-byte swizzle.
	const load = `.shared .align 1024 .b8 ma[8192]; .shared .align 1024 .b8 mb[8192];
mov.u32 %r30, %tid.x; mov.u32 %r29, %r30;
L: mad.wide.u32 %d1, %r29, 4, %d0; ld.global.u32 %r28, [%d1]; mov.u32 %r27, ma; mad.lo.u32 %r27, %r29, 4, %r27; st.shared.u32 [%r27], %r28;
ld.global.u32 %r28, [%d1+8192]; mov.u32 %r27, mb; mad.lo.u32 %r27, %r29, 4, %r27; st.shared.u32 [%r27], %r28;
add.u32 %r29, %r29, 128; setp.lt.u32 %p1, %r29, 2048; @%p1 bra L; bar.sync 0; fence.proxy.async.shared::cta;
mov.u32 %r27, ma; bfe.u32 %r27, %r27, 4, 14; cvt.u64.u32 %d5, %r27; or.b64 %d5, %d5, 0x4000004000010000;
mov.u32 %r27, mb; bfe.u32 %r27, %r27, 4, 14; cvt.u64.u32 %d6, %r27; or.b64 %d6, %d6, 0x4000004000010000;
mov.b32 %r1, 0f3F800000; mov.u32 %r2, %r1; mov.u32 %r3, %r1; mov.u32 %r4, %r1; mov.u32 %r5, %r1; mov.u32 %r6, %r1; mov.u32 %r7, %r1; mov.u32 %r8, %r1;
setp.eq.u32 %p1, KEEP, 1; wgmma.fence.sync.aligned;
wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {%r1,%r2,%r3,%r4,%r5,%r6,%r7,%r8}, %d5, %d6, %p1, SIGN, 1, TA, TB;
wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
mad.wide.u32 %d1, %r30, 32, %d0; st.global.v4.u32 [%d1+16384], {%r1,%r2,%r3,%r4}; st.global.v4.u32 [%d1+16400], {%r5,%r6,%r7,%r8};`
	for _, c := range []struct {
		keep, sign, ta, tb int
		perturb            uint64
	}{{0, 1, 0, 0, 0}, {1, 1, 0, 1, 0}, {1, -1, 1, 0, 0}, {1, -1, 1, 0, 9}} {
		body := strings.NewReplacer("KEEP", fmt.Sprint(c.keep), "SIGN", fmt.Sprint(c.sign), "TA", fmt.Sprint(c.ta), "TB", fmt.Sprint(c.tb)).Replace(load)
		d := NewDevice(Options{Perturb: c.perturb})
		image := make([]uint16, 8192+4096)
		if c.ta == 0 {
			copy(image, swizzled(64, k, func(i, j int) uint16 { return a[i*k+j] }))
		} else {
			copy(image, swizzled(k, 64, func(i, j int) uint16 { return a[j*k+i] }))
		}
		if c.tb == 0 {
			copy(image[4096:], swizzled(n, k, func(i, j int) uint16 { return b[i*k+j] }))
		} else {
			copy(image[4096:], swizzled(k, n, func(i, j int) uint16 { return b[j*k+i] }))
		}
		out := upload(t, d, "out", image)
		mustLaunch(t, d, parseBody(t, body), Dim3{X: 1}, Dim3{X: 128}, 0, Addr(out))
		got := download[float32](t, d, out+16384, 128*8)
		differ := 0
		for i := range 64 {
			for j := range n {
				want, plain := float64(c.keep), float32(c.keep)
				for l := range k {
					p := float64(c.sign) * fa[i*k+l] * fb[j*k+l]
					want += p
					plain += float32(p)
				}
				// row i belongs to warp i/16, there to the lanes 4 (i%8) and on; column j to lane j%8/2
				thread, reg := i/16*32+i%8*4+j%8/2, j/8*4+i%16/8*2+j%2
				if g := float64(got[thread*8+reg]); math.Abs(g-want) > 1e-5 {
					t.Fatalf("%+v: d[%d][%d] = %v, expected %v", c, i, j, g, want)
				}
				if got[thread*8+reg] != plain {
					differ++
				}
			}
		}
		if (differ > 0) != (c.perturb > 0) {
			t.Errorf("%+v: %d sums are not those of one addition after the other", c, differ)
		}
	}
}
