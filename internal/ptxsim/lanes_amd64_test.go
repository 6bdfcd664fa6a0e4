//go:build !noasm

package ptxsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// laneCases are instructions of %d0, %d1, %d2 or %r, %h, %p in their places; * stands for
// each of the words behind the colon.
var laneCases = []string{
	"add.u32 %r9, %r0, %r1", "add.s64 %d9, %d0, %d1", "add.u16 %h9, %h0, %h1", "sub.s32 %r9, %r0, %r1", "sub.u64 %d9, %d0, %d1", "sub.u16 %h9, %h0, %h1",
	"mul.lo.u32 %r9, %r0, %r1", "mul.lo.s32 %r9, %r0, %r1", "mul.lo.u64 %d9, %d0, %d1", "mul.lo.u16 %h9, %h0, %h1",
	"mul.hi.u32 %r9, %r0, %r1", "mul.hi.s32 %r9, %r0, %r1", "mul.hi.u64 %d9, %d0, %d1", "mul.wide.u32 %d9, %r0, %r1", "mul.wide.s32 %d9, %r0, %r1", "mul.wide.s16 %r9, %h0, %h1",
	"mad.lo.u32 %r9, %r0, %r1, %r2", "mad.lo.s64 %d9, %d0, %d1, %d2", "mad.hi.u32 %r9, %r0, %r1, %r2", "mad.wide.u32 %d9, %r0, %r1, %d2", "mad.wide.s32 %d9, %r0, %r1, %d2",
	"min.*32 %r9, %r0, %r1:u s", "max.*32 %r9, %r0, %r1:u s", "min.*64 %d9, %d0, %d1:u s", "max.*16 %h9, %h0, %h1:u s", "abs.s32 %r9, %r0", "abs.s64 %d9, %d0", "neg.s32 %r9, %r0", "neg.s16 %h9, %h0",
	"*.b32 %r9, %r0, %r1:and or xor", "*.b64 %d9, %d0, %d1:and or xor", "not.b32 %r9, %r0", "not.b16 %h9, %h0", "not.b64 %d9, %d0",
	"shl.b32 %r9, %r0, %r3", "shl.b64 %d9, %d0, %r3", "shl.b16 %h9, %h0, %r3", "shr.*32 %r9, %r0, %r3:u s b", "shr.*64 %d9, %d0, %r3:u s b", "shr.*16 %h9, %h0, %r3:u s",
	"shl.b32 %r9, %r0, %r1", "shr.s32 %r9, %r0, %r1", "shr.u64 %d9, %d0, %r1",
	"shf.l.*.b32 %r9, %r0, %r1, %r3:wrap clamp", "shf.r.*.b32 %r9, %r0, %r1, %r3:wrap clamp", "bfe.*32 %r9, %r0, %r3, %r4:u s", "bfe.*64 %d9, %d0, %r3, %r4:u s",
	"prmt.b32 %r9, %r0, %r1, *:0x5410 0x7632 0x0123 0x3333 0x9876", "prmt.b32 %r9, %r0, %r1, %r2",
	"setp.*.s32 %p1, %r0, %r1:eq ne lt le gt ge", "setp.*.u32 %p1, %r0, %r1:eq ne lt le gt ge lo ls hi hs", "setp.*.s64 %p1, %d0, %d1:eq ne lt le gt ge", "setp.*.u64 %p1, %d0, %d1:lt ge",
	"setp.*.s16 %p1, %h0, %h1:eq lt ge", "setp.eq.b32 %p1, %r0, %r0", "setp.*.f32 %p1, %r0, %r1:eq ne lt le gt ge equ neu ltu leu gtu geu num nan", "setp.*.f64 %p1, %d0, %d1:eq ne lt le gt ge equ neu ltu leu gtu geu num nan",
	"setp.*.f32 %p1, %r0, %r0:eq ne geu nan", "setp.lt.*.s32 %p1, %r0, %r1, %p0:and or xor", "setp.ge.*.u64 %p1, %d0, %d1, !%p0:and or xor", "setp.gt.*.f32 %p1, %r0, %r1, %p1:and or xor", "*.pred %p1, %p0, %p1:and or xor", "*.pred %p1, !%p1, !%p0:and or xor", "not.pred %p1, %p0", "mov.pred %p1, !%p0", "mov.pred %p1, *:0 1", "lop3.b32 %r9, %r0, %r1, %r2, *:0x96 0xC0", "lop3.b32 %r9, %r0, %r1, %r9, 0x96", "setp.lt.ftz.f32 %p1, %r0, %r1",
	"selp.b32 %r9, %r0, %r1, %p0", "selp.f64 %d9, %d0, %d1, %p0", "mov.b32 %r9, %r0", "mov.b64 %d9, {%r0, %r1}", "mov.b64 {%r9, %r8}, %d0", "mov.b32 %r9, {%h0, %h1}", "mov.b32 {%h9, %h8}, %r0", "mov.b64 %d9, {%h0, %h1, %h2, %h3}",
	"add*.f32 %r9, %r0, %r1: .ftz .sat .rn .rn.ftz .rz", "sub*.f32 %r9, %r0, %r1: .ftz .sat", "mul*.f32 %r9, %r0, %r1: .ftz .sat .rn", "fma.rn*.f32 %r9, %r0, %r1, %r2: .ftz .sat",
	"div.rn*.f32 %r9, %r0, %r1: .ftz", "div.*.f32 %r9, %r0, %r1:full approx full.ftz approx.ftz rz", "rcp.*.f32 %r9, %r0:rn rn.ftz approx approx.ftz", "sqrt.*.f32 %r9, %r0:rn rn.ftz approx approx.ftz",
	"rsqrt.approx*.f32 %r9, %r0: .ftz", "ex2.approx*.f32 %r9, %r0: .ftz", "ex2.approx*.f32 %r9, %r5: .ftz", "min*.f32 %r9, %r0, %r1: .ftz .NaN", "max*.f32 %r9, %r0, %r1: .ftz .NaN", "abs*.f32 %r9, %r0: .ftz", "neg*.f32 %r9, %r0: .ftz",
	"abs.f64 %d9, %d0", "neg.f64 %d9, %d0", "add.f64 %d9, %d0, %d1", "sub.f64 %d9, %d0, %d1", "mul.f64 %d9, %d0, %d1", "div.rn.f64 %d9, %d0, %d1", "fma.rn.f64 %d9, %d0, %d1, %d2",
	"cvt.*32.*16 %r9, %h0:u s", "cvt.u64.u32 %d9, %r0", "cvt.s64.s32 %d9, %r0", "cvt.u32.u64 %r9, %d0", "cvt.s32.s64 %r9, %d0", "cvt.u16.u32 %h9, %r0", "cvt.s8.s32 %r9, %r0", "cvt.u8.u32 %r9, %r0", "cvt.s32.s8 %r9, %r0", "cvt.s64.s16 %d9, %r0",
	"cvt.rn.f32.*32 %r9, %r0:u s", "cvt.rn.f32.*64 %r9, %d0:u s", "cvt.rn.f32.s32 %r9, %d0", "cvt.rz.f32.s32 %r9, %r0", "cvt.*.s32.f32 %r9, %r0:rni rzi rmi rpi", "cvt.*.u32.f32 %r9, %r0:rni rzi", "cvt.rzi.s64.f32 %d9, %r0", "cvt.rzi.s32.f32 %d9, %r0",
	"cvt.f64.f32 %d9, %r0", "cvt.*.f32.f64 %r9, %d0:rn rz", "cvt.rn.bf16.f32 %h9, %r0", "cvt.rz.bf16.f32 %h9, %r0", "cvt.rn.relu.bf16.f32 %h9, %r0", "cvt.rn.bf16x2.f32 %r9, %r0, %r1", "cvt.rn.relu.bf16x2.f32 %r9, %r0, %r1", "cvt.f32.bf16 %r9, %h0", "cvt.rn.f16x2.f32 %r9, %r0, %r1", "cvt.f32.f16 %r9, %h0", "cvt.rn.f16.f32 %h9, %r0",
	"cvta.shared.u64 %d9, %d0",
}

// TestLanes: the vector instructions give what the Go functions give, for every bit
// pattern that is special, full warps and parts of one.
func TestLanes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	if !hasLanes {
		t.Skip("this processor has no AVX-512")
	}
	defer func() { hasLanes = true }()
	var list []string
	for _, c := range laneCases {
		text, words, _ := strings.Cut(c, ":")
		if words == "" {
			list = append(list, text)
			continue
		}
		for _, w := range strings.Split(words, " ") {
			list = append(list, strings.ReplaceAll(text, "*", w))
		}
	}
	const threads = 128
	in := laneInputs(threads)
	used := 0
	for _, c := range list {
		for _, guard := range []string{"", "@%p0 ", "@!%p0 "} {
			body := `ld.param.u64 %d20, [out]; ld.param.u64 %d21, [in]; mov.u32 %r20, %tid.x; mul.wide.u32 %d22, %r20, 48; add.s64 %d21, %d21, %d22; add.s64 %d20, %d20, %d22;
ld.global.u64 %d0, [%d21]; ld.global.u64 %d1, [%d21+8]; ld.global.u64 %d2, [%d21+16]; mov.b64 {%r0, %r10}, %d0; mov.b64 {%r1, %r10}, %d1; mov.b64 {%r2, %r10}, %d2;
mov.b64 {%h0, %h10, %h11, %h12}, %d0; mov.b64 {%h1, %h10, %h11, %h12}, %d1; mov.b32 {%h2, %h3}, %r2;
and.b32 %r3, %r1, 63; and.b32 %r4, %r2, 31; cvt.rn.f32.s16 %r5, %h0; mul.f32 %r5, %r5, 0f3C000000; and.b32 %r10, %r20, 5; setp.ne.u32 %p0, %r10, 1; setp.eq.u32 %p1, %r10, 4;
mov.u32 %r9, 7; mov.u32 %r8, 9; mov.u64 %d9, 8; mov.u16 %h9, 6; mov.u16 %h8, 5;
` + guard + c + `;
st.global.u64 [%d20], %d9; st.global.u32 [%d20+8], %r9; st.global.u32 [%d20+12], %r8; st.global.u16 [%d20+16], %h9; st.global.u16 [%d20+18], %h8; selp.u32 %r11, 1, 0, %p1; st.global.u32 [%d20+20], %r11; ret;`
			text := ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 out, .param .u64 in)\n{ .reg .b32 %r<40>; .reg .b64 %d<40>; .reg .pred %p<9>; .reg .b16 %h<20>;\n" + body + "}"
			var outs [2]string
			for i := range outs {
				hasLanes = i == 0
				m, err := Parse("lanes.ptx", text)
				if err != nil {
					t.Fatalf("%s: %v", c, err)
				}
				if o := m.Kernel("k").prog; i == 0 {
					for _, op := range o.code {
						if op.text != "" && strings.HasPrefix(c, op.text) && op.lanes != nil {
							used++
						}
					}
				}
				d := NewDevice(Options{})
				out := upload(t, d, "out", make([]byte, 48*threads))
				mustLaunch(t, d, m.Kernel("k"), Dim3{X: 1}, Dim3{X: threads}, 0, Addr(out), Addr(upload(t, d, "in", in)))
				outs[i] = fmt.Sprintf("%x", download[[3]uint64](t, d, out, 2*threads))
			}
			if outs[0] != outs[1] {
				a, b := strings.Fields(outs[0]), strings.Fields(outs[1])
				for i := range a {
					if a[i] != b[i] {
						t.Errorf("%s%s: thread %d of %x: found %s, expected %s", guard, c, i/6, in[6*(i/6):6*(i/6)+3], a[i], b[i])
						break
					}
				}
			}
		}
	}
	if used < 2*len(list) {
		t.Errorf("%d of %d instructions are vector instructions", used, 3*len(list))
	}
}

// laneInputs are numbers of which the halves and quarters are special.
func laneInputs(threads int) []uint64 {
	r := rand.New(rand.NewPCG(1, 2))
	words := []uint32{0, 1, 0x80000000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001, 0x00000001, 0x807FFFFF, 0x00800000, 0x3F800000, 0xBF800000, 0x4EFFFFFF, 0x4F000000, 0xCF000000, 0x4F800000, 0x3F7F8000, 0x3F808000, 0x7F7FFFFF, 0x42C80000, 0xC3160000, 0x3F000000, 0xBF000000, 0x3FC00000, 0x00010000, 0x0000FFFF}
	var in []uint64
	for i := range threads {
		for k := range 6 {
			v := r.Uint64()
			if i%4 != 3 {
				v = uint64(words[r.IntN(len(words))])<<32 | uint64(words[r.IntN(len(words))])
			}
			if k == 1 && i%5 == 0 {
				v = in[len(in)-1]
			}
			in = append(in, v)
		}
	}
	return in
}

// TestLaneProducts: the products of the vector instructions are those of the Go functions.
func TestLaneProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	if !hasLanes {
		t.Skip("this processor has no AVX-512")
	}
	defer func() { hasLanes = true }()
	for _, c := range []struct {
		shape, types string
		a, b         int
	}{
		{"m16n8k16", "f32.bf16.bf16.f32", 4, 2}, {"m16n8k8", "f32.bf16.bf16.f32", 2, 1},
		{"m16n8k16", "f32.f16.f16.f32", 4, 2}, {"m16n8k8", "f32.f16.f16.f32", 2, 1},
		{"m16n8k8", "f32.tf32.tf32.f32", 4, 2}, {"m16n8k4", "f32.tf32.tf32.f32", 2, 1},
	} {
		list := func(from, n int) string {
			var s []string
			for i := range n {
				s = append(s, fmt.Sprintf("%%r%d", from+i))
			}
			return "{" + strings.Join(s, ",") + "}"
		}
		body := "ld.param.u64 %d20, [out]; ld.param.u64 %d21, [in]; mov.u32 %r20, %tid.x; mul.wide.u32 %d22, %r20, 48; add.s64 %d21, %d21, %d22; mul.wide.u32 %d22, %r20, 16; add.s64 %d20, %d20, %d22;\n"
		for i := range 10 {
			body += fmt.Sprintf("ld.global.u32 %%r%d, [%%d21+%d];\n", i, 4*i)
		}
		body += fmt.Sprintf("mma.sync.aligned.%s.row.col.%s %s, %s, %s, %s; st.global.v4.u32 [%%d20], %s; ret;", c.shape, c.types, list(10, 4), list(0, c.a), list(4, c.b), list(6, 4), list(10, 4))
		text := ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 out, .param .u64 in)\n{ .reg .b32 %r<40>; .reg .b64 %d<40>;\n" + body + "}"
		for seed := range 60 {
			in := laneInputs(warpSize)
			r := rand.New(rand.NewPCG(uint64(seed), 3))
			for i := range in { // mostly numbers of moderate size, some special
				switch {
				case seed >= 40:
					in[i] = r.Uint64()
				case r.IntN(20*(seed+1)) > 0:
					in[i] = r.Uint64()&0x8FFF8FFF8FFF8FFF | 0x3000300030003000
				}
			}
			var outs [2][]uint32
			for i := range outs {
				hasLanes = i == 0
				m, err := Parse("mma.ptx", text)
				if err != nil {
					t.Fatal(err)
				}
				d := NewDevice(Options{})
				out := upload(t, d, "out", make([]byte, 16*warpSize))
				mustLaunch(t, d, m.Kernel("k"), Dim3{X: 1}, Dim3{X: warpSize}, 0, Addr(out), Addr(upload(t, d, "in", in)))
				outs[i] = download[uint32](t, d, out, 4*warpSize)
			}
			if !slices.Equal(outs[0], outs[1]) {
				t.Fatalf("%s %s, seed %d: found %x, expected %x", c.shape, c.types, seed, outs[0], outs[1])
			}
		}
	}
}
