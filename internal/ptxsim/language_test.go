package ptxsim

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestLanguage(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want uint64
	}{
		"constants":           {"mov.u32 %r1, (3+4)*2 - -1;", 15},
		"precedence":          {"mov.u32 %r1, 1<<2+1;", 8},
		"complement":          {"mov.u32 %r1, ~5&0xF;", 10},
		"nested braces":       {"{.reg.b16 h;mov.b16 h, 7;cvt.u32.u16 %r1, h;}", 7},
		"vector register":     {".reg .v2 .b32 %v; mov.u32 %v.x, 3; mov.u32 %v.y, 4; mov.b64 %d1, %v;", 4<<32 | 3},
		"names of the parts":  {".reg .v4 .b32 %v; mov.u32 %v.a, 9; mov.u32 %r1, %v.w;", 9},
		"several offsets":     {"mov.u32 %r1, 5; st.global.u32 [%d0+8-4-4], %r1; mov.u32 %r1, 0; ld.global.u32 %r1, [%d0+4*2-8];", 5},
		"branch by index":     {"mov.u32 %r2, 2; t: .branchtargets A, B, C; brx.idx %r2, t; A: mov.u32 %r1, 1; bra E; B: mov.u32 %r1, 2; bra E; C: mov.u32 %r1, 3; E:", 3},
		"branch of each lane": {"mov.u32 %r2, %tid.x; t: .branchtargets A, B; brx.idx %r2, t; A: mov.u32 %r1, 1; bra E; B: mov.u32 %r1, 2; E:", 1},
		"parameter's address": {"mov.u64 %d2, out; cvta.param.u64 %d3, %d2; ld.u64 %d1, [%d3]; sub.s64 %d1, %d1, %d0;", 0},
		"parameter's space":   {"mov.u64 %d2, out; ld.param.u64 %d1, [%d2]; sub.s64 %d1, %d1, %d0;", 0},
		"cache policy":        {"createpolicy.fractional.L2::evict_first.b64 %d2, 1.0; mov.u32 %r1, 6; st.global.L1::evict_last.L2::cache_hint.b32 [%d0], %r1, %d2; ld.global.L2::cache_hint.b32 %r1, [%d0], %d2;", 6},
		"time goes on":        {"mov.u64 %d2, %clock64; nanosleep.u32 20; mov.u64 %d3, %clock64; setp.gt.u64 %p1, %d3, %d2;", 1},
	} {
		if got := evaluate(t, c.body); got != c.want {
			t.Errorf("%s: found %d, expected %d", name, got, c.want)
		}
	}
	m, err := Parse("links.ptx", `.version 8.4 .target sm_90 .address_size 64
.global .align 4 .u32 g[3] = {10, 20, 30};
.const .align 4 .u32 c = 40;
.global .align 8 .u64 p[3] = {generic(g)+4, 0, g};
.const .align 8 .u64 q = generic(c);
.entry k(.param .u64 out) .reqntid 1 .reqnctapercluster 1, 1, 1 {
.reg .b32 %r<9>; .reg .b64 %d<9>;
ld.param.u64 %d0, [out];
ld.global.u64 %d1, [p]; ld.u32 %r1, [%d1];
ld.global.u64 %d2, [p+16]; ld.u32 %r2, [%d2+8];
ld.const.u64 %d3, [q]; ld.u32 %r3, [%d3];
st.global.v2.u32 [%d0], {%r1, %r2}; st.global.u32 [%d0+8], %r3;
ret; }
.section .debug_str { L: .b8 1, 2 .b32 L .b32 L-4 }`)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDevice(Options{})
	out := reserve(t, d, "out", 12)
	mustLaunch(t, d, m.Kernel("k"), Dim3{X: 1}, Dim3{X: 1}, 0, Addr(out))
	if got := download[uint32](t, d, out, 3); got[0] != 20 || got[1] != 30 || got[2] != 40 {
		t.Errorf("found %d, expected [20 30 40]", got)
	}
}

// Sums, differences and products of 128 bits by words are those of math/big.
func TestCarry(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		var a, b [4]uint32
		for i := range a {
			a[i], b[i] = r.Uint32(), r.Uint32()
			if r.IntN(3) == 0 {
				b[i] = ^a[i]
			}
		}
		whole := func(w [4]uint32) *big.Int {
			x := new(big.Int)
			for i := 3; i >= 0; i-- {
				x.Add(x.Lsh(x, 32), big.NewInt(int64(w[i])))
			}
			return x
		}
		modulus := new(big.Int).Lsh(big.NewInt(1), 128)
		words := func(f func(i int) string) (body string) {
			for i := range 4 {
				body += f(i) + fmt.Sprintf(" st.global.u32 [%%d0+%d], %%r1; ", 4*i)
			}
			return body
		}
		suffix := [4]string{".cc", "c.cc", "c.cc", "c"}
		small := b[0]
		for name, c := range map[string]struct {
			body string
			want *big.Int
		}{
			"add": {words(func(i int) string { return fmt.Sprintf("add%s.u32 %%r1, %d, %d;", suffix[i], a[i], b[i]) }), new(big.Int).Add(whole(a), whole(b))},
			"sub": {words(func(i int) string { return fmt.Sprintf("sub%s.u32 %%r1, %d, %d;", suffix[i], a[i], b[i]) }), new(big.Int).Sub(whole(a), whole(b))},
			"mad": {
				fmt.Sprintf("mad.lo.cc.u32 %%r1, %d, %d, %d; madc.hi.cc.u32 %%r2, %d, %d, %d; addc.cc.u32 %%r3, %d, 0; addc.u32 %%r4, %d, 0;", a[0], small, b[0], a[0], small, b[1], b[2], b[3]) +
					"st.global.u32 [%d0], %r1; st.global.u32 [%d0+4], %r2; st.global.u32 [%d0+8], %r3; st.global.u32 [%d0+12], %r4;",
				new(big.Int).Add(whole(b), new(big.Int).Mul(big.NewInt(int64(a[0])), big.NewInt(int64(small)))),
			},
		} {
			d := NewDevice(Options{})
			out := reserve(t, d, "out", 16)
			mustLaunch(t, d, parseBody(t, c.body), Dim3{X: 1}, Dim3{X: 1}, 0, Addr(out))
			got := whole([4]uint32(download[uint32](t, d, out, 4)))
			if want := new(big.Int).Mod(c.want, modulus); got.Cmp(want) != 0 {
				t.Errorf("%s of %x and %x: found %x, expected %x", name, a, b, got, want)
			}
		}
	}
	for body, want := range map[string]uint64{
		"sub.cc.u32 %r2, 5, 3; addc.u32 %r1, 10, 0;":              11, // nothing was borrowed
		"sub.cc.u32 %r2, 3, 5; addc.u32 %r1, 10, 0;":              10,
		"add.cc.u32 %r2, -1, 1; subc.u32 %r1, 10, 3;":             7,
		"add.cc.u64 %d2, -1, 1; addc.u64 %d1, 1, 1;":              3,
		"dp4a.u32.u32 %r1, 0x01020304, 0x05060708, 9;":            5 + 12 + 21 + 32 + 9,
		"dp4a.s32.u32 %r1, 0xFF000000, 0x02000000, 9;":            7,
		"dp2a.lo.s32.s32 %r1, 0xFFFF0002, 0x00000304, 0;":         5,
		"dp2a.hi.u32.u32 %r1, 0x00010002, 0x03040000, 1;":         12,
		"mad.hi.sat.s32 %r1, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF;": 0x7FFFFFFF,
	} {
		if got := evaluate(t, body); got != want {
			t.Errorf("%s: found %d, expected %d", body, got, want)
		}
	}
}

// Each lane of a warp adds a number; the sums are exact.
func TestFloatAtomics(t *testing.T) {
	for name, c := range map[string]struct {
		body string // adds to out; %r1 is the lane
		want uint64
	}{
		"f32":         {"cvt.rn.f32.u32 %r2, %r1; red.global.add.f32 [%d0], %r2;", 0x43F80000},
		"f64":         {"cvt.rn.f64.u32 %d2, %r1; red.relaxed.gpu.global.add.f64 [%d0], %d2;", 0x407F000000000000},
		"f16":         {"cvt.rn.f16.u32 %h2, %r1; atom.global.add.noftz.f16 %h3, [%d0], %h2;", 0x5FC0},
		"f16x2":       {"cvt.rn.f16.u32 %h2, %r1; mov.b32 %r2, {%h2, %h2}; red.global.add.noftz.f16x2 [%d0], %r2;", 0x5FC05FC0},
		"bf16":        {"mov.b16 %h2, 0x3F80; atom.global.add.noftz.bf16 %h3, [%d0], %h2;", 0x4200},
		"vector":      {"mov.b32 %r2, 0f3F800000; mov.b32 %r3, 0f40000000; red.global.add.v2.f32 [%d0], {%r2, %r3};", 0x42800000_42000000},
		"cas 16 bits": {"cvt.u16.u32 %h2, %r1; add.u16 %h3, %h2, 1; atom.global.cas.b16 %h1, [%d0], %h2, %h3;", 32},
	} {
		d := NewDevice(Options{})
		out := upload(t, d, "out", make([]byte, 8))
		mustLaunch(t, d, parseBody(t, "mov.u32 %r1, %tid.x;"+c.body), Dim3{X: 1}, Dim3{X: 32}, 0, Addr(out))
		got := make([]byte, 8)
		if err := d.CopyOut(got, out); err != nil {
			t.Fatal(err)
		}
		if v := binary.LittleEndian.Uint64(got); v != c.want {
			t.Errorf("%s: found %#x, expected %#x", name, v, c.want)
		}
	}
}
