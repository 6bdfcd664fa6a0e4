package ptxsim

import (
	"fmt"
	"strings"
	"testing"
)

// kernelText wraps a body in a kernel main(.u64 out) with registers %h, %r, %d
// of 16, 32, 64 bits and predicates %p; %d0 is out.
func kernelText(body string) string {
	return `.version 8.4
.target sm_90a
.address_size 64
.visible .entry main(.param .u64 out)
{
.reg .b16 %h<8>; .reg .b32 %r<40>; .reg .b64 %d<8>; .reg .pred %p<8>;
ld.param.u64 %d0, [out];
` + body + `
ret;
}`
}

func parseBody(t testing.TB, body string) *Kernel {
	t.Helper()
	m, err := Parse("test.ptx", kernelText(body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Kernel("main")
}

// evaluate runs one thread and returns what body leaves in %r1, %d1, %h1 or %p1.
func evaluate(t testing.TB, body string) uint64 {
	t.Helper()
	switch {
	case strings.Contains(body, "%d1"):
	case strings.Contains(body, "%h1"):
		body += " cvt.u64.u16 %d1, %h1;"
	case strings.Contains(body, "%p1"):
		body += " selp.b64 %d1, 1, 0, %p1;"
	default:
		body += " cvt.u64.u32 %d1, %r1;"
	}
	d := NewDevice(Options{})
	out := reserve(t, d, "out", 8)
	mustLaunch(t, d, parseBody(t, body+" st.global.u64 [%d0], %d1;"), Dim3{X: 1}, Dim3{X: 1}, 0, Addr(out))
	return download[uint64](t, d, out, 1)[0]
}

func TestScalarInstructions(t *testing.T) {
	for _, c := range []struct {
		body string
		want uint64
	}{
		// integer arithmetic
		{"add.s32 %r1, 0x7FFFFFFF, 1;", 0x80000000},
		{"add.sat.s32 %r1, 0x7FFFFFFF, 1;", 0x7FFFFFFF},
		{"sub.sat.s32 %r1, 0x80000000, 1;", 0x80000000},
		{"add.u16 %h1, 0xFFFF, 2;", 1},
		{"sub.s64 %d1, 1, 2;", 0xFFFFFFFFFFFFFFFF},
		{"mul.lo.s32 %r1, 0x10001, 0x10001;", 0x20001},
		{"mul.hi.u32 %r1, -1, -1;", 0xFFFFFFFE},
		{"mul.hi.s32 %r1, -1, -1;", 0},
		{"mul.hi.s32 %r1, 0x80000000, 2;", 0xFFFFFFFF},
		{"mul.hi.u64 %d1, 0x8000000000000000, 4;", 2},
		{"mul.hi.s64 %d1, -1, 5;", 0xFFFFFFFFFFFFFFFF},
		{"mul.wide.s32 %d1, -1, 2;", 0xFFFFFFFFFFFFFFFE},
		{"mul.wide.u32 %d1, -1, 2;", 0x1FFFFFFFE},
		{"mul.wide.u16 %r1, 0xFFFF, 0xFFFF;", 0xFFFE0001},
		{"mul.wide.s16 %r1, -2, 3;", 0xFFFFFFFA},
		{"mad.lo.s32 %r1, 3, -4, 5;", 0xFFFFFFF9},
		{"mad.hi.u32 %r1, 0x80000000, 4, 1;", 3},
		{"mad.wide.u32 %d1, -1, -1, 0xFFFFFFFF;", 0xFFFFFFFF00000000},
		{"div.s32 %r1, -7, 2;", 0xFFFFFFFD},
		{"div.s32 %r1, 0x80000000, -1;", 0x80000000},
		{"div.u32 %r1, 7, 0;", 0xFFFFFFFF},
		{"div.u64 %d1, 0x8000000000000000, 3;", 0x2AAAAAAAAAAAAAAA},
		{"rem.s32 %r1, -7, 2;", 0xFFFFFFFF},
		{"rem.u32 %r1, -7, 4;", 1},
		{"min.s32 %r1, -1, 1;", 0xFFFFFFFF},
		{"min.u32 %r1, -1, 1;", 1},
		{"max.s64 %d1, -1, 1;", 1},
		{"abs.s32 %r1, -5;", 5},
		{"abs.s32 %r1, 0x80000000;", 0x80000000},
		{"neg.s32 %r1, 1;", 0xFFFFFFFF},
		{"sad.s32 %r1, -3, 4, 10;", 17},
		{"sad.u32 %r1, 1, 3, 0;", 2},
		// logic and bit fields
		{"and.b32 %r1, 12, 10;", 8},
		{"or.b64 %d1, 12, 10;", 14},
		{"xor.b32 %r1, 12, 10;", 6},
		{"not.b32 %r1, 1;", 0xFFFFFFFE},
		{"not.b16 %h1, 1;", 0xFFFE},
		{"cnot.b32 %r1, 0;", 1},
		{"lop3.b32 %r1, 0xF0F0F0F0, 0x12345678, 0x9ABCDEF0, 0xCA;", 0x1A3C5E70},
		{"shl.b32 %r1, 1, 31;", 0x80000000},
		{"shl.b32 %r1, 1, 32;", 0},
		{"shl.b64 %d1, 1, 63;", 1 << 63},
		{"shr.u32 %r1, 0x80000000, 31;", 1},
		{"shr.s32 %r1, 0x80000000, 100;", 0xFFFFFFFF},
		{"shr.b64 %d1, 0x8000000000000000, 64;", 0},
		{"shf.l.wrap.b32 %r1, 0x89ABCDEF, 0x01234567, 8;", 0x23456789},
		{"shf.r.clamp.b32 %r1, 0x89ABCDEF, 0x01234567, 32;", 0x01234567},
		{"shf.r.wrap.b32 %r1, 0x89ABCDEF, 0x01234567, 36;", 0x789ABCDE},
		{"shf.l.clamp.b32 %r1, 0x89ABCDEF, 0x01234567, 40;", 0x89ABCDEF},
		{"popc.b32 %r1, -1;", 32},
		{"popc.b64 %r1, 0xF0000000F;", 8},
		{"clz.b32 %r1, 1;", 31},
		{"clz.b32 %r1, 0;", 32},
		{"clz.b64 %r1, 1;", 63},
		{"brev.b32 %r1, 3;", 0xC0000000},
		{"bfind.u32 %r1, 0x10000;", 16},
		{"bfind.s32 %r1, -1;", 0xFFFFFFFF},
		{"bfind.s32 %r1, -5;", 2},
		{"bfind.shiftamt.u32 %r1, 1;", 31},
		{"bfe.u32 %r1, 0x12345678, 8, 12;", 0x456},
		{"bfe.s32 %r1, 0xF0, 4, 4;", 0xFFFFFFFF},
		{"bfe.s32 %r1, 0x80000000, 28, 8;", 0xFFFFFFF8},
		{"bfe.u32 %r1, 0x12345678, 8, 0;", 0},
		{"bfe.u64 %d1, 0x123456789ABCDEF0, 32, 16;", 0x5678},
		{"bfi.b32 %r1, 0xFF, 0x12345678, 8, 4;", 0x12345F78},
		{"bfi.b32 %r1, 0xFF, 0x12345678, 32, 4;", 0x12345678},
		{"bfi.b64 %d1, 1, 0, 63, 1;", 1 << 63},
		{"prmt.b32 %r1, 0x33221100, 0x77665544, 0x7531;", 0x77553311},
		{"prmt.b32 %r1, 0x80, 0, 0x8888;", 0xFFFFFFFF},
		{"prmt.b32.f4e %r1, 0x33221100, 0x77665544, 1;", 0x44332211},
		{"prmt.b32.b4e %r1, 0x33221100, 0x77665544, 1;", 0x66770011},
		{"prmt.b32.rc8 %r1, 0x33221100, 0, 2;", 0x22222222},
		{"prmt.b32.ecl %r1, 0x33221100, 0, 1;", 0x33221111},
		{"prmt.b32.ecr %r1, 0x33221100, 0, 2;", 0x22221100},
		{"prmt.b32.rc16 %r1, 0x33221100, 0, 1;", 0x33223322},
		// comparison and selection
		{"setp.lt.s32 %p1, -1, 1;", 1},
		{"setp.lt.u32 %p1, -1, 1;", 0},
		{"setp.hs.u32 %p1, 1, 1;", 1},
		{"setp.ne.b64 %p1, 1, 1;", 0},
		{"setp.eq.f32 %p1, 0f7FFFFFFF, 0f7FFFFFFF;", 0},
		{"setp.ne.f32 %p1, 0f7FFFFFFF, 0f3F800000;", 0},
		{"setp.neu.f32 %p1, 0f7FFFFFFF, 0f3F800000;", 1},
		{"setp.ltu.f32 %p1, 0f40000000, 0f3F800000;", 0},
		{"setp.equ.f32 %p1, 0f7FFFFFFF, 0f3F800000;", 1},
		{"setp.nan.f32 %p1, 0f7FFFFFFF, 0f3F800000;", 1},
		{"setp.num.f64 %p1, 0d7FF8000000000000, 0d0000000000000000;", 0},
		{"setp.eq.ftz.f32 %p1, 0f00000001, 0f00000000;", 1},
		{"setp.lt.and.s32 %p1, 1, 2, 0;", 0},
		{"setp.gt.or.s32 %p1, 1, 2, 1;", 1},
		{"setp.lt.s32 %p2, 1, 2; setp.lt.xor.s32 %p1, 1, 2, !%p2;", 1},
		{"setp.lt.s32 %p2|%p1, 1, 2;", 0},
		{"setp.lt.s32 %p2, 1, 2; not.pred %p1, %p2;", 0},
		{"setp.lt.s32 %p2, 1, 2; and.pred %p1, %p2, !%p2;", 0},
		{"setp.lt.s32 %p2, 1, 2; mov.pred %p1, %p2;", 1},
		{"set.lt.u32.s32 %r1, -1, 0;", 0xFFFFFFFF},
		{"set.gt.f32.f32 %r1, 0f40000000, 0f3F800000;", 0x3F800000},
		{"setp.eq.s32 %p2, 1, 2; selp.b32 %r1, 5, 6, %p2;", 6},
		{"slct.u32.s32 %r1, 5, 6, -1;", 6},
		{"slct.u32.f32 %r1, 5, 6, 0f80000000;", 5},
		{"mov.b64 %d1, {1, 2};", 0x200000001},
		{"mov.b64 {%r2, %r1}, 0x700000005;", 7},
		{"mov.b64 {%r1, _}, 0x700000005;", 5},
		{"mov.b32 {%h2, %h1}, 0x12345678;", 0x1234},
		{"mov.u32 %r1, 1; setp.eq.s32 %p2, 1, 2; @%p2 mov.u32 %r1, 2; @!%p2 add.s32 %r1, %r1, 5;", 6},
	} {
		if got := evaluate(t, c.body); got != c.want {
			t.Errorf("%s gives %#x, expected %#x", c.body, got, c.want)
		}
	}
}

func TestFloatInstructions(t *testing.T) {
	const one, two, tie, tiny = "0f3F800000", "0f40000000", "0f33800000", "0f00000001" // tie: 2^-24
	for _, c := range []struct {
		body string
		want uint64
	}{
		{fmt.Sprintf("add.f32 %%r1, %s, %s;", one, tie), 0x3F800000},
		{fmt.Sprintf("add.rn.f32 %%r1, %s, 0f33C00000;", one), 0x3F800001},
		{fmt.Sprintf("add.rz.f32 %%r1, %s, 0f33C00000;", one), 0x3F800000},
		{fmt.Sprintf("add.rp.f32 %%r1, %s, %s;", one, tiny), 0x3F800001},
		{fmt.Sprintf("sub.rm.f32 %%r1, 0fBF800000, %s;", tiny), 0xBF800001},
		{fmt.Sprintf("sub.rz.f32 %%r1, %s, %s;", one, tiny), 0x3F7FFFFF},
		{fmt.Sprintf("add.f32 %%r1, %s, %s;", tiny, tiny), 2},
		{fmt.Sprintf("add.ftz.f32 %%r1, %s, %s;", tiny, tiny), 0},
		{"add.f32 %r1, 0f7F800000, 0fFF800000;", 0x7FFFFFFF},
		{"add.rz.f32 %r1, 0f7F7FFFFF, 0f7F7FFFFF;", 0x7F7FFFFF},
		{fmt.Sprintf("add.sat.f32 %%r1, %s, %s;", one, one), 0x3F800000},
		{fmt.Sprintf("sub.sat.f32 %%r1, %s, %s;", one, two), 0},
		{"mul.f32 %r1, 0f3F800001, 0f3F800001;", 0x3F800002},
		{"mul.rp.f32 %r1, 0f3F800001, 0f3F800001;", 0x3F800003},
		{"mul.f32 %r1, 0f00800000, 0f3F000000;", 0x00400000},
		{"mul.ftz.f32 %r1, 0f80800000, 0f3F000000;", 0x80000000},
		{"fma.rn.f32 %r1, 0f3F800800, 0f3F800800, 0fBF800000;", 0x3A000400},
		// 1 + 2^-23 plus just less than half a unit: rounding through float64 goes up
		{"fma.rn.f32 %r1, 0f3F800020, 0f337FFFC0, 0f3F800001;", 0x3F800001},
		{"fma.rp.f32 %r1, 0f3F800020, 0f337FFFC0, 0f3F800001;", 0x3F800002},
		{"fma.rz.f32 %r1, 0fBF800020, 0f337FFFC0, 0f3F800001;", 0x3F800000},
		{"fma.rn.f64 %d1, 0d3FF0000000000001, 0d3FF0000000000001, 0dBFF0000000000002;", 0x3970000000000000},
		{"div.rn.f32 %r1, 0f3F800000, 0f40400000;", 0x3EAAAAAB},
		{"div.full.ftz.f32 %r1, 0f3F800000, 0f00000001;", 0x7F800000},
		{"rcp.rn.f32 %r1, 0f40400000;", 0x3EAAAAAB},
		{"rcp.approx.ftz.f32 %r1, 0f80000000;", 0xFF800000},
		{"sqrt.rn.f32 %r1, 0f40000000;", 0x3FB504F3},
		{"sqrt.rn.f32 %r1, 0fBF800000;", 0x7FFFFFFF},
		{"div.rn.f64 %d1, 0d3FF0000000000000, 0d4008000000000000;", 0x3FD5555555555555},
		{"sqrt.rn.f64 %d1, 0d4000000000000000;", 0x3FF6A09E667F3BCD},
		{"rsqrt.approx.f32 %r1, 0f40800000;", 0x3F000000},
		{"ex2.approx.f32 %r1, 0f40400000;", 0x41000000},
		{"ex2.approx.ftz.f32 %r1, 0fC3000000;", 0}, // 2^-128
		{"lg2.approx.f32 %r1, 0f41000000;", 0x40400000},
		{"tanh.approx.f32 %r1, 0f42000000;", 0x3F800000},
		{"cos.approx.f32 %r1, 0f00000000;", 0x3F800000},
		{"min.f32 %r1, 0f7FFFFFFF, 0f3F800000;", 0x3F800000},
		{"min.NaN.f32 %r1, 0f7FC00000, 0f3F800000;", 0x7FFFFFFF},
		{"min.f32 %r1, 0f00000000, 0f80000000;", 0x80000000},
		{"max.f32 %r1, 0f80000000, 0f00000000;", 0},
		{"max.f64 %d1, 0d3FF0000000000000, 0d4000000000000000;", 0x4000000000000000},
		{"abs.f32 %r1, 0fBF800000;", 0x3F800000},
		{"neg.ftz.f32 %r1, 0f00000001;", 0x80000000},
		{"copysign.f32 %r1, 0fBF800000, 0f40000000;", 0xC0000000},
		{"testp.subnormal.f32 %p1, 0f00000001;", 1},
		{"testp.finite.f32 %p1, 0f7F800000;", 0},
		// bfloat16 in pairs: 1.5 * 2 + 0.25, and 1 * 1 + 2^-8, which is a tie
		{"fma.rn.bf16x2 %r1, 0x3FC03F80, 0x40003F80, 0x3E803B80;", 0x40503F80},
		{"fma.rn.relu.bf16 %h1, 0xBF80, 0x3F80, 0x3F00;", 0},
		{"max.bf16x2 %r1, 0x3F80BF80, 0x40003F80;", 0x40003F80},
		{"neg.bf16x2 %r1, 0x3F80BF80;", 0xBF803F80},
		// conversions
		{"cvt.rni.s32.f32 %r1, 0f40200000;", 2}, // 2.5
		{"cvt.rni.s32.f32 %r1, 0f40600000;", 4}, // 3.5
		{"cvt.rzi.s32.f32 %r1, 0fC02CCCCD;", 0xFFFFFFFE},
		{"cvt.rmi.s32.f32 %r1, 0fC0200000;", 0xFFFFFFFD},
		{"cvt.rpi.s32.f32 %r1, 0f40066666;", 3},
		{"cvt.rzi.s32.f32 %r1, 0f4F32D05E;", 0x7FFFFFFF},
		{"cvt.rzi.s32.f32 %r1, 0fFF800000;", 0x80000000},
		{"cvt.rzi.u32.f32 %r1, 0fC0A00000;", 0},
		{"cvt.rzi.s32.f32 %r1, 0f7FFFFFFF;", 0},
		{"cvt.rzi.u64.f32 %d1, 0f5F000000;", 1 << 63},
		{"cvt.rn.f32.s32 %r1, 16777217;", 0x4B800000},
		{"cvt.rp.f32.s32 %r1, 16777217;", 0x4B800001},
		{"cvt.rz.f32.u32 %r1, -1;", 0x4F7FFFFF},
		{"cvt.rn.f32.u64 %r1, 0x8000008000000001;", 0x5F000001},
		{"cvt.rn.f64.s64 %d1, -1;", 0xBFF0000000000000},
		{"cvt.f64.f32 %d1, 0f3F800000;", 0x3FF0000000000000},
		{"cvt.rn.f32.f64 %r1, 0d3FF0000010000000;", 0x3F800000},
		{"cvt.rp.f32.f64 %r1, 0d3FF0000000000001;", 0x3F800001},
		{"cvt.rni.f32.f32 %r1, 0f40200000;", 0x40000000},
		{"cvt.sat.f32.f32 %r1, 0fBF800000;", 0},
		{"cvt.rn.bf16.f32 %h1, 0f3F808000;", 0x3F80},
		{"cvt.rn.bf16.f32 %h1, 0f3F818000;", 0x3F82},
		{"cvt.rn.bf16.f32 %h1, 0f3F808001;", 0x3F81},
		{"cvt.rn.bf16.f32 %h1, 0f7F7FFFFF;", 0x7F80},
		{"cvt.rn.bf16.f32 %h1, 0fFFC00000;", 0x7FFF},
		{"cvt.rn.bf16.f32 %h1, 0f80000001;", 0x8000},
		{"cvt.rz.bf16.f32 %h1, 0f3F80FFFF;", 0x3F80},
		{"cvt.rn.relu.bf16.f32 %h1, 0fBF800000;", 0},
		{"cvt.rn.bf16x2.f32 %r1, 0f40000000, 0f3F800000;", 0x40003F80},
		{"cvt.rn.f16.f32 %h1, 0f477FF000;", 0x7C00}, // 65520
		{"cvt.rz.f16.f32 %h1, 0f477FF000;", 0x7BFF},
		{"cvt.rn.f16.f32 %h1, 0f3EAAAAAB;", 0x3555},
		{"cvt.rn.f16.f32 %h1, 0f33800000;", 1},
		{"cvt.rn.f16.f32 %h1, 0f33000000;", 0},
		{"cvt.rn.f16.f32 %h1, 0fBF800000;", 0xBC00},
		{"cvt.f32.f16 %r1, 0x3555;", 0x3EAAA000},
		{"cvt.f32.f16 %r1, 0x8001;", 0xB3800000},
		{"cvt.f32.bf16 %r1, 0x3F81;", 0x3F810000},
		{"mov.u16 %h2, 0x80; cvt.s32.s8 %r1, %h2;", 0xFFFFFF80},
		{"mov.u16 %h2, 0x8080; cvt.u32.s8 %r1, %h2;", 0xFFFFFF80},
		{"mov.u16 %h2, 0x1FF; cvt.u32.u8 %r1, %h2;", 0xFF},
		{"mov.u16 %h2, 0x1FF; cvt.s32.u8 %r1, %h2;", 0xFF},
		{"cvt.s8.u32 %r1, 0x1FF;", 0xFFFFFFFF},
		{"cvt.u8.u32 %r1, 0x1FF;", 0xFF},
		{"cvt.sat.s8.s32 %r1, 1000;", 0x7F},
		{"cvt.sat.u8.s32 %r1, -5;", 0},
		{"cvt.s64.s32 %d1, -2;", 0xFFFFFFFFFFFFFFFE},
		{"cvt.u32.u64 %r1, 0x1FFFFFFFF;", 0xFFFFFFFF},
	} {
		if got := evaluate(t, c.body); got != c.want {
			t.Errorf("%s gives %#x, expected %#x", c.body, got, c.want)
		}
	}
}

// Every bfloat16 and half survives a round trip; halves between neighbors go
// to the even one.
func TestHalfFormats(t *testing.T) {
	for v := range uint64(1 << 16) {
		if f := float64(fromBF16(v)); f == f && toBF16(f, "rn") != v {
			t.Fatalf("bfloat16 %#x becomes %#x", v, toBF16(f, "rn"))
		}
		f := fromF16(v)
		if f == f && toF16(f, "rn") != v {
			t.Fatalf("half %#x becomes %#x", v, toF16(f, "rn"))
		}
		if v&0x7FFF >= 0x7BFF {
			continue
		}
		middle := (f + fromF16(v+1)) / 2
		if want := v + v&1; toF16(middle, "rn") != want {
			t.Fatalf("half way from %#x goes to %#x, expected %#x", v, toF16(middle, "rn"), want)
		}
		if got := toF16(middle, "rz"); got != v {
			t.Fatalf("half way from %#x is cut to %#x", v, got)
		}
	}
}
