package ptxsim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What cannot be executed is found at load, with its name and line. The body
// begins at line 8.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		body string
		line int
		says string
	}{
		{"add.s32 %r1, %r2, 1;\nfrobnicate.s32 %r1, %r2;", 9, "instruction frobnicate.s32 is not supported"},
		{"add.foo.s32 %r1, %r2, 1;", 8, "add.foo.s32: modifier or type .foo is not supported"},
		{"add.b32 %r1, %r2, 1;", 8, "type .b32 is not supported"},
		{"add %r1, %r2, 1;", 8, "expected a type"},
		{"add.s32 %r1, %r2;", 8, "2 operands, expected 3"},
		{"add.s32 %r1, %d2, 1;", 8, "register %d2 has type b64, expected 32 bits"},
		{"add.s32 %d1, %r2, 1;", 8, "register %d1 has 64 bits, expected 32"},
		{"add.s32 1, %r2, 1;", 8, "a destination is not a register"},
		{"add.s32 %r1, %q2, 1;", 8, "special register %q2 is not supported"},
		{"add.s32 %r1, %r99, 1;", 8, "special register %r99 is not supported"},
		{"mov.u32 %r1, %pm0;", 8, "special register %pm0 is not supported"},
		{"mov.u32 %r1, %clock64;", 8, "%clock64 has 64 bits"},
		{"mul.s32 %r1, %r2, 1;", 8, "expected one of the modifiers [lo hi wide]"},
		{"add.cc.u16 %h1, %h2, 1;", 8, "type u16 is not supported"},
		{"red.global.min.f32 [%d0], %r1;", 8, "operation .min is not supported for type f32"},
		{"red.global.add.f16 [%d0], %h1;", 8, "[noftz]"},
		{"wmma.load.a.sync.aligned.row.m16n16k16.f16 {%r1}, [%d0], %r1;", 8, "wmma is left out"},
		{"vadd.u32.u32.u32 %r1, %r2, %r3;", 8, "video instructions are left out"},
		{"cvt.rn.f16x2.e4m3x2 %r1, %h1;", 8, "fp8 is left out"},
		{"mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%d1,%d2},{%d1},{%d1},{%d1,%d2};", 8, "float64 matrix products are left out"},
		{"cvt.sat.s32.s16 %r1, %h1;", 8, "every value of type s16 fits type s32"},
		{"cvt.sat.u32.u32 %r1, %r2;", 8, "every value of type u32 fits type u32"},
		{"mov.u32 %r1, (1.5+2);", 8, "operator + needs integers"},
		{"mov.u32 %r1, 1/0;", 8, "division by zero"},
		{"brx.idx %r1, L; L:", 8, "L is not a list of .branchtargets"},
		{"t: .branchtargets A, B; A: brx.idx %r1, t;", 8, "label B is not defined"},
		{"atom.global.add.b32 %r1, [%d0], 1;", 8, "operation .add is not supported for type b32"},
		{"setp.xx.s32 %p1, 1, 2;", 8, "comparison .xx is not supported"},
		{"ld.global.v3.u32 %r1, [%d0];", 8, ".v3 is not supported"},
		{"ld.global.v2.u32 {%r1}, [%d0];", 8, "not a vector of 2"},
		{"ld.global.u32 %r1, [nowhere];", 8, "nowhere is not declared"},
		{"bra NOWHERE;", 8, "label NOWHERE is not defined"},
		{"L: add.s32 %r1, %r1, 1;\nL: ret;", 9, "label L is defined twice"},
		{"@%r1 bra L; L:", 8, "guard %r1 is not a predicate"},
		{".reg .b32 %x; .reg .b64 %x;", 8, "%x is declared twice"},
		{".reg .q32 %x;", 8, "type .q32 is not supported"},
		{".surf .b32 x;", 8, "directive .surf is not supported"},
		{"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r1,%r2,%r3,%r4},{%r1,%r2,%r3,%r4},{%r1,%r2},{%r1,%r2,%r3,%r4};", 8, "integer matrix products are left out"},
		{"cp.async.cg.shared.global [%r1], [%d0], 8;", 8, "the size is not 16"},
		{"call nothing;", 8, "call of nothing, which has no body"},
		{"cvt.f32.f64 %r1, %d1;", 8, "expected one of the modifiers [rn rz rm rp]"},
		{"st.global.u32 [%d0], #;", 8, "unexpected character"},
		{"/* open", 8, "comment without end"},
		{".pragma \"open;", 8, "string without end"},
	} {
		_, err := Parse("bad.ptx", kernelText(c.body))
		if err == nil {
			t.Errorf("%q was accepted", c.body)
			continue
		}
		at := fmt.Sprintf("bad.ptx:%d: ", c.line)
		if !errors.Is(err, ErrLoad) || !strings.HasPrefix(err.Error(), at) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: found %v, expected %s...%s", c.body, err, at, c.says)
		}
	}
	for text, says := range map[string]string{
		".address_size 32":         "expected 64",
		".entry k(.reg .u32 x) {}": "expected .param",
		".func f() { call f; ret; } .entry k() { call f; ret; }":           "recursion",
		".global .b8 x[4] = {1, 2, 3, 4, 5};":                              "more initial values",
		".extern .global .b8 x[];":                                         "only unsized shared arrays",
		".entry k() { ret;":                                                "no closing brace",
		".section .debug_info { .b8 1":                                     "section has no closing brace",
		".func f() { ret; } .global .u64 t = f;":                           "indirect calls are left out",
		".global .u32 a; .global .u32 b = a;":                              "not a global or constant variable that fits",
		".tex .u64 t;":                                                     "directive .tex is not supported",
		".func f() { frob; }":                                              "instruction frob is not supported",
		".entry k() { .local .b8 a[200000000]; .local .b8 b[200000000]; }": "too large",
	} {
		if _, err := Parse("bad.ptx", text); !errors.Is(err, ErrLoad) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: found %v, expected %s", text, err, says)
		}
	}
}

func TestModule(t *testing.T) {
	m, err := Parse("m.ptx", `.version 8.4
.target sm_80, debug // comment
.address_size 64
.file 1 "a.cu"
.global .align 8 .u16 g[3] = {1, -2, 0x10};
.global .f64 pi = 3.25;
/* two
lines */
.visible .entry b(.param .align 16 .b8 s[48], .param .u8 small, .param .u64 p)
.maxntid 64, 2
.minnctapersm 2
{ .reg .b32 %a, %b; .reg .b64 %x<3>; .loc 1 2 3
  { .reg .b64 %a; mov.u64 %a, 1; }
  mov.u32 %a, 7; mov.b64 %x1, s; ld.param.u32 %b, [%x1+16]; add.s32 %a, %a, %b;
  ld.param.u8 %b, [small]; add.s32 %a, %a, %b;
  ld.param.u64 %x2, [p]; cvta.to.global.u64 %x2, %x2; mov.u64 %x1, g; ld.global.s16 %b, [g+2]; add.s32 %a, %a, %b;
  st.global.u32 [%x2], %a; ret; }
.entry a() .reqntid 32 { ret; }`)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Kernels(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("kernels %v, expected [a b]", got)
	}
	if got := m.Kernel("b").ParamSizes(); !slices.Equal(got, []int{48, 1, 8}) {
		t.Errorf("parameters of %v bytes, expected [48 1 8]", got)
	}
	d := NewDevice(Options{})
	p, n, err := d.Symbol(m, "pi")
	if err != nil || n != 8 || download[float64](t, d, p, 1)[0] != 3.25 {
		t.Errorf("pi has %d bytes, %v", n, err)
	}
	out := reserve(t, d, "out", 4)
	s := make([]byte, 48)
	s[16] = 100
	mustLaunch(t, d, m.Kernel("b"), Dim3{X: 1}, Dim3{X: 1}, 0, s, []byte{20}, Addr(out))
	if got := download[uint32](t, d, out, 1)[0]; got != 125 {
		t.Errorf("b gives %d, expected 7 + 100 + 20 - 2", got)
	}
	if _, err := d.Launch(t.Context(), m.Kernel("b"), Dim3{X: 1}, Dim3{X: 129}, 0, s, []byte{20}, Addr(out)); !errors.Is(err, ErrLaunch) {
		t.Errorf("block beyond .maxntid: found %v", err)
	}
	if _, err := d.Launch(t.Context(), m.Kernel("a"), Dim3{X: 1}, Dim3{X: 16}, 0); !errors.Is(err, ErrLaunch) {
		t.Errorf("block other than .reqntid: found %v", err)
	}
}

// FuzzParse: any text gives a module or an error of one line, and no panic.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.ptx")
	if err != nil || len(files) == 0 {
		f.Fatalf("no PTX in testdata: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(kernelText("@%p1 ld.global.v2.f32 {%r1,_}, [%d0+-4]; bar.red.popc.u32 %r1, 0, 32, !%p1;"))
	f.Add(kernelText("shfl.sync.up.b32 %r1|%p1, %r2, 1, 0, -1; mov.b64 {%r1,%r2}, %d1; L: @!%p2 bra.uni L;"))
	f.Add(kernelText("{.reg.b16 h;} .reg .v2 .f32 %v; mov.u32 %r1, (3+~4)*2<<1; ld.global.L2::cache_hint.u32 %r2, [%d0+4*2-1], %d1;"))
	f.Add(kernelText("t: .branchtargets A, B; brx.idx %r1, t; A: @%p1 bar.sync 0; B: addc.cc.u32 %r1, %r2, %r3; mov.u64 %d1, out;"))
	f.Add(kernelText("mbarrier.try_wait.parity.shared.b64 %p1, [%r1], 0; set.gt.bf16x2.bf16x2 %r1, %r2, %r3; cp.async.bulk.wait_group.read 0;"))
	f.Add(kernelText("wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%r1,%r2,%r3,%r4}, %d1, %d2, %p1, 1, -1, 0, 1;") + "\n.section .debug { L: .b8 1 }")
	f.Add(".entry k() { .reg .b64 %d<2>; .reg .b32 %r<4>; cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%d0 + 64, {%r1, %r2}], [%r3]; }")
	f.Add(".global .u32 g; .global .u64 p[2] = {generic(g)+4, g-1}; .entry k() .reqnctapercluster 2 { red.global.add.v2.f32 [g], {0f00000000, 1.5}; }")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse("fuzz", text)
		if (m == nil) == (err == nil) {
			t.Fatalf("module %v with error %v", m, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("error of several lines: %q", err)
		}
	})
}
