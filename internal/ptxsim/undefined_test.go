package ptxsim

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// Every body begins with this: %r30 is the thread, %d0 points at 512 bytes of which the first 256 are written, %d1 at the
// thread's word of them, %d2 at its word of the others; %r29 is the address of its word of 512 shared bytes.
// %p7 is false and %p6 true in all threads.
const undefinedBase = `.shared .align 128 .b8 buf[512]; .local .align 16 .b8 loc[32]; mov.u32 %r30, %tid.x; mul.wide.u32 %d1, %r30, 4; add.s64 %d1, %d1, %d0; add.s64 %d2, %d1, 256;
mov.u32 %r29, buf; mad.lo.u32 %r29, %r30, 4, %r29; setp.ge.u32 %p7, %r30, 99; not.pred %p6, %p7;
`

// runUndefined runs a body in 32 threads.
func runUndefined(t *testing.T, body string) (*Device, Ptr, error) {
	t.Helper()
	d := NewDevice(Options{Threads: 1})
	out := reserve(t, d, "out", 512)
	if err := d.CopyIn(out, make([]byte, 256)); err != nil {
		t.Fatal(err)
	}
	threads := 32
	if strings.Contains(body, "wgmma") {
		threads = 128
	}
	_, err := d.Launch(t.Context(), parseBody(t, undefinedBase+body), Dim3{X: 1}, Dim3{X: threads}, 0, Addr(out))
	return d, out, err
}

const (
	undefinedWord = "ld.global.u32 %r1, [%d2];"
	storeWord     = "st.global.u32 [%d1], %r2;"
	oddUndefined  = "and.b32 %r9, %r30, 1; setp.eq.u32 %p1, %r9, 1; mov.u32 %r1, 7; @%p1 ld.global.u32 %r1, [%d2];"
	oneInFour     = "and.b32 %r9, %r30, 3; setp.eq.u32 %p1, %r9, 1;"
	// A is of ones; row 3 of B's columns is undefined, which lanes 1, 5, 9... have in their second result.
	mmaColumn = oneInFour + "mov.u32 %r10, 0x3F803F80; mov.u32 %r11, %r10; shr.u32 %r8, %r30, 2; setp.eq.u32 %p2, %r8, 3; @%p2 ld.global.u32 %r11, [%d2];" +
		"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r12,%r13,%r14,%r15}, {%r10,%r10}, {%r11}, {0f00000000,0f00000000,0f00000000,0f00000000};"
	mmaRow = "mov.u32 %r10, 0x3F803F80; mov.u32 %r11, %r10; shr.u32 %r8, %r30, 2; setp.eq.u32 %p2, %r8, 3; @%p2 ld.global.u32 %r11, [%d2];" +
		"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r12,%r13,%r14,%r15}, {%r10,%r11}, {%r10}, {0f00000000,0f00000000,0f00000000,0f00000000};"
	// Of the matrix in shared memory row 5 is not written.
	matrix = "shr.u32 %r8, %r30, 2; setp.ne.u32 %p1, %r8, 5; @%p1 st.shared.u32 [%r29], 0x3F803F80; bar.warp.sync -1; mad.lo.u32 %r28, %r30, 12, %r29; and.b32 %r28, %r28, 0x47F;" +
		"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r28];"
	// Of B in shared memory column 3 is not written.
	warpgroup = "shr.u32 %r8, %r30, 2; and.b32 %r8, %r8, 7; setp.ne.u32 %p1, %r8, 3; setp.lt.and.u32 %p1, %r30, 64, %p1; @%p1 st.shared.u32 [%r29], 0x3F803F80; bar.sync 0; fence.proxy.async.shared::cta;" +
		"mov.u32 %r27, buf; bfe.u32 %r27, %r27, 4, 14; cvt.u64.u32 %d6, %r27; or.b64 %d6, %d6, 0x0000000800080000; mov.u32 %r10, 0x3F803F80; mov.u32 %r12, 0; mov.u32 %r13, 0; mov.u32 %r14, 0; mov.u32 %r15, 0; setp.lt.u32 %p4, %r30, 64;" +
		"wgmma.fence.sync.aligned; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r12,%r13,%r14,%r15}, {%r10,%r10,%r10,%r10}, %d6, 0, 1, 1, 0; wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;" + oneInFour
)

// TestUndefinedUnused: undefined values may be loaded, copied and computed with where they decide nothing.
func TestUndefinedUnused(t *testing.T) {
	for name, body := range map[string]string{
		"a load that nothing uses":        undefinedWord + "ld.shared.u32 %r2, [%r29]; ld.local.u32 %r3, [loc];",
		"copied to where nothing was":     undefinedWord + "st.shared.u32 [%r29], %r1; ld.shared.u32 %r2, [%r29]; st.global.u32 [%d2], %r2;",
		"computed to where nothing was":   undefinedWord + "add.s32 %r2, %r1, 5; st.global.u32 [%d2], %r2;",
		"padding by words":                "st.shared.u8 [%r29], 1; ld.shared.u32 %r2, [%r29]; " + storeWord,
		"padding by 16 bytes":             "mad.lo.u32 %r28, %r30, 12, %r29; st.shared.u32 [%r28], 1; st.shared.u64 [%r28+8], 2; ld.shared.v4.u32 {%r1,%r2,%r3,%r4}, [%r28]; mad.wide.u32 %d3, %r30, 4, %d2; mad.wide.u32 %d3, %r30, 8, %d3; st.global.v4.u32 [%d0+256], {%r1,%r2,%r3,%r4};",
		"padding through a shuffle":       "st.shared.u16 [%r29], 1; ld.shared.u32 %r1, [%r29]; shfl.sync.bfly.b32 %r2, %r1, 3, 31, -1; " + storeWord,
		"padding through local memory":    "st.local.u16 [loc+4], 1; ld.local.v2.u32 {%r1,%r2}, [loc]; st.local.v2.u32 [loc+8], {%r1,%r2}; ld.local.u32 %r2, [loc+12]; " + storeWord,
		"padding by cp.async":             "st.global.u16 [%d2], 7; cp.async.ca.shared.global [%r29], [%d2], 4; cp.async.wait_all; ld.shared.u32 %r2, [%r29]; " + storeWord,
		"padding of a word":               undefinedWord + "st.global.v2.u32 [%d0], {%r1,7}; mov.b64 %d3, {7,%r1}; st.global.u64 [%d0+8], %d3;",
		"padding in 64 bits":              "st.shared.u32 [%r29], 1; and.b32 %r8, %r29, -8; ld.shared.u16 %h1, [%r29+2]; mov.b64 %d3, {%r30,%r1}; st.global.u64 [%d0+256], %d3;",
		"a tail behind selp":              undefinedWord + "selp.b32 %r2, %r1, 3, %p7; " + storeWord,
		"a tail behind a guard":           undefinedWord + "mov.u32 %r2, 3; @%p7 mov.u32 %r2, %r1; " + storeWord,
		"a guarded load, and its use":     "@%p7 ld.global.u32 %r1, [%d1]; selp.b32 %r2, %r1, 3, %p7; " + storeWord,
		"a choice between equals":         undefinedWord + "setp.eq.u32 %p1, %r1, 5; selp.b32 %r2, %r30, %r30, %p1; " + storeWord,
		"a store that is off":             undefinedWord + "@%p7 st.global.u32 [%d1], %r1;",
		"and with 0":                      undefinedWord + "and.b32 %r2, %r1, 0; " + storeWord,
		"or with ones":                    undefinedWord + "or.b32 %r2, %r1, -1; " + storeWord,
		"product with 0":                  undefinedWord + "mul.lo.u32 %r2, %r1, 0; mad.wide.u32 %d3, %r1, 0, %d1; st.global.u32 [%d3], %r2;",
		"itself less itself":              undefinedWord + "sub.s32 %r2, %r1, %r1; xor.b32 %r1, %r1, %r1; add.s32 %r2, %r2, %r1; " + storeWord,
		"lop3 without it":                 undefinedWord + "lop3.b32 %r2, %r1, %r30, 9, 0xC0; lop3.b32 %r2, %r1, %r30, 9, 0x88; " + storeWord,
		"shifted out":                     undefinedWord + "shr.u32 %r2, %r1, 32; shl.b32 %r3, %r1, 32; add.s32 %r2, %r2, %r3; " + storeWord,
		"a clamp to one number":           undefinedWord + "min.u32 %r2, %r1, 0; max.s32 %r3, %r1, 0x7FFFFFFF; add.s32 %r2, %r2, %r3; " + storeWord,
		"a clamped index":                 "ld.global.u16 %h1, [%d2]; cvt.u32.u16 %r1, %h1; min.u32 %r1, %r1, 0; mul.wide.u32 %d3, %r1, 4; add.s64 %d3, %d3, %d1; st.global.u32 [%d3], %r30;",
		"a byte of a word":                "st.shared.u8 [%r29+1], 9; ld.shared.u32 %r1, [%r29]; bfe.u32 %r2, %r1, 8, 8; prmt.b32 %r3, %r1, 0, 0x4441; shr.u32 %r4, %r1, 8; and.b32 %r4, %r4, 255; shl.b32 %r5, %r1, 16; shr.s32 %r5, %r5, 24; cvt.u16.u32 %h1, %r4; cvt.u32.u16 %r6, %h1; add.s32 %r2, %r2, %r3; add.s32 %r4, %r4, %r5; add.s32 %r2, %r2, %r4; add.s32 %r2, %r2, %r6; " + storeWord,
		"lower halves of sums":            "st.shared.u16 [%r29], 9; ld.shared.u32 %r1, [%r29]; add.s32 %r2, %r1, 500; mad.lo.s32 %r2, %r2, 3, %r1; sub.s32 %r2, %r2, %r30; cvt.u16.u32 %h1, %r2; st.global.u16 [%d1], %h1;",
		"upper parts of sums":             "ld.global.u8 %h1, [%d2]; cvt.u32.u16 %r1, %h1; add.s32 %r2, %r1, 0x12340000; shr.u32 %r2, %r2, 8; " + storeWord,
		"bytes put together":              "ld.global.u32 %r1, [%d2]; bfi.b32 %r1, %r30, %r1, 0, 16; bfi.b32 %r2, %r30, %r1, 16, 16; " + storeWord,
		"fields of bits in memory":        "ld.shared.u32 %r1, [%r29]; bfi.b32 %r1, %r30, %r1, 3, 9; st.shared.u32 [%r29], %r1; ld.shared.u16 %h1, [%r29]; cvt.u32.u16 %r2, %h1; bfe.u32 %r2, %r2, 3, 9; " + storeWord,
		"fields of bits in local memory":  "ld.local.u32 %r1, [loc]; bfi.b32 %r1, %r30, %r1, 13, 9; st.local.u32 [loc+4], %r1; ld.local.s32 %r2, [loc+4]; shl.b32 %r2, %r2, 10; shr.u32 %r2, %r2, 23; " + storeWord,
		"a comparison that is certain":    "ld.global.u8 %h1, [%d2]; cvt.u32.u16 %r1, %h1; setp.lt.u32 %p1, %r1, 256; @%p1 st.global.u32 [%d1], 1; setp.ne.s32 %p1, %r1, -5; @%p1 bra E; E:",
		"a comparison and false":          undefinedWord + "setp.lt.and.s32 %p1, %r1, 5, %p7; @%p1 bra E; setp.eq.f32 %p2, %r1, 0f00000000; and.pred %p2, %p2, %p7; @%p2 trap; E:",
		"a comparison or true":            undefinedWord + "setp.lt.or.s32 %p1|%p2, %r1, 5, %p6; @!%p1 bra E; @!%p2 trap; setp.gt.f32 %p3, %r1, 0f00000000; or.pred %p3, %p7, %p3; or.pred %p3, %p3, %p6; @!%p3 trap; E:",
		"an opposite that is certain":     undefinedWord + "setp.lt.and.s32 %p1|%p2, %r1, 5, %p7; @%p2 trap; setp.lt.or.s32 _|%p3, %r1, 5, %p6; @!%p3 trap;",
		"a float that is not stored":      undefinedWord + "fma.rn.f32 %r3, %r1, %r1, %r1; max.f32 %r4, %r3, %r1; cvt.rn.bf16x2.f32 %r5, %r4, %r3; selp.f32 %r2, %r5, %r30, %p7; " + storeWord,
		"half of a pair":                  "mov.u32 %r8, 0x3F803F80; st.shared.u16 [%r29+2], 0x3F80; ld.shared.u32 %r1, [%r29]; fma.rn.bf16x2 %r1, %r1, %r8, %r8; shr.u32 %r2, %r1, 16; " + storeWord,
		"a shuffle from others":           oddUndefined + "shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1; @%p1 st.global.u32 [%d1], %r2;",
		"a sum of which lane 0 is used":   oddUndefined + "selp.b32 %r1, 0, %r1, %p1; shfl.sync.down.b32 %r2, %r1, 1, 31, -1; add.s32 %r2, %r1, %r2; " + storeWord,
		"a vote that others decide":       oddUndefined + "setp.gt.u32 %p2, %r1, 5; vote.sync.any.pred %p3, %p2, -1; @%p3 st.global.u32 [%d1], 1; vote.sync.all.pred %p4, !%p2, -1; @%p4 trap;",
		"bits of a ballot":                oddUndefined + "setp.gt.u32 %p2, %r1, 5; vote.sync.ballot.b32 %r2, %p2, -1; and.b32 %r2, %r2, 0x55555555; popc.b32 %r2, %r2; " + storeWord,
		"bits of a match":                 oddUndefined + "match.any.sync.b32 %r2, %r1, -1; and.b32 %r2, %r2, 0x55555555; @!%p1 st.global.u32 [%d1], %r2;",
		"redux with 0":                    oddUndefined + "selp.b32 %r3, %r1, 0, %p1; redux.sync.and.b32 %r2, %r3, -1; " + storeWord,
		"other columns of a product":      mmaColumn + "mov.u32 %r2, %r12; " + storeWord + "@!%p1 st.global.u32 [%d1], %r13; @!%p1 st.global.u32 [%d1], %r15;",
		"other rows of a product":         mmaRow + "@!%p2 st.global.u32 [%d1], %r14; st.global.u32 [%d1], %r12; st.global.u32 [%d1], %r13;",
		"other rows of ldmatrix":          matrix + "@%p1 " + storeWord,
		"a matrix stored again":           matrix + "mov.u32 %r28, buf; mad.lo.u32 %r28, %r30, 16, %r28; bar.warp.sync -1; stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r28], {%r2}; bar.warp.sync -1; ld.shared.u32 %r2, [%r29]; @%p1 " + storeWord,
		"other columns of wgmma":          warpgroup + "@%p4 st.global.u32 [%d1], %r12; setp.eq.and.u32 %p5, %r9, 0, %p4; @%p5 st.global.u32 [%d1], %r13;",
		"exchange with what nothing held": "atom.shared.exch.b32 %r1, [%r29], %r30; atom.shared.exch.b32 %r2, [%r29], 5; " + storeWord,
		"a carry of what is defined":      undefinedWord + "add.cc.u32 %r3, %r1, 5; addc.u32 %r3, %r1, 0; add.cc.u32 %r3, %r30, 5; addc.u32 %r2, %r30, 0; " + storeWord,
		"a register on another path":      "@%p6 bra A; mov.u32 %r1, 5; A: @%p7 st.global.u32 [%d1], %r1; setp.eq.u32 %p1, %r1, 5; and.pred %p1, %p1, %p7; @%p1 trap;",
		"registers that nothing writes":   "mov.b64 %d3, {%r30,%r20}; cvt.u32.u64 %r2, %d3; selp.b32 %r2, %r2, %r21, %p6; " + storeWord,
		"bulk copy":                       "setp.eq.u32 %p1, %r30, 0; @%p1 cp.async.bulk.global.shared::cta.bulk_group [%d0+256], [%r29], 64; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;",
		"a function":                      ".param .b32 q; st.param.u16 [q], 7; ld.param.u32 %r1, [q]; cvt.u16.u32 %h1, %r1; st.global.u16 [%d1], %h1;",
	} {
		if _, _, err := runUndefined(t, body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUndefinedUses: an undefined value that decides something is a fault, in the line where it does.
func TestUndefinedUses(t *testing.T) {
	const loaded = "out+256, which nothing wrote, loaded in line 10"
	for name, c := range map[string]struct{ body, detail string }{
		"address of a load":            {undefinedWord + "mul.wide.u32 %d3, %r1, 4; add.s64 %d3, %d3, %d0;\nld.global.u32 %r2, [%d3];", "an address depends on byte " + loaded},
		"address of a store":           {undefinedWord + "mul.wide.u32 %d3, %r1, 4; add.s64 %d3, %d3, %d0;\nst.global.u32 [%d3], 0;", "an address depends on byte " + loaded},
		"shared address":               {undefinedWord + "and.b32 %r1, %r1, 28; add.s32 %r1, %r1, %r29;\nld.shared.u32 %r2, [%r1];", "an address depends on byte " + loaded},
		"address of cp.async":          {undefinedWord + "and.b32 %r1, %r1, 28; add.s32 %r1, %r1, %r29;\ncp.async.ca.shared.global [%r1], [%d1], 4;", "an address depends on"},
		"address in a table":           {undefinedWord + "min.u32 %r1, %r1, 1; mul.wide.u32 %d3, %r1, 4; add.s64 %d3, %d3, %d0;\nld.global.u32 %r2, [%d3];", "an address depends on byte " + loaded},
		"address of ldmatrix":          {undefinedWord + "and.b32 %r1, %r1, 48; mov.u32 %r28, buf; add.s32 %r28, %r28, %r1;\nldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r28];", "an address depends on"},
		"branch":                       {undefinedWord + "setp.eq.u32 %p1, %r1, 0;\n@%p1 bra E; E:", "a branch depends on byte " + loaded},
		"branch on a float":            {undefinedWord + "add.f32 %r1, %r1, %r1; setp.lt.f32 %p1, %r1, 0f00000000;\n@!%p1 bra E; E:", "a branch depends on byte " + loaded},
		"branch on an opposite":        {undefinedWord + "setp.eq.u32 _|%p1, %r1, 0;\n@%p1 bra E; E:", "a branch depends on byte " + loaded},
		"loop":                         {undefinedWord + "L: shr.u32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 0;\n@%p1 bra L;", "a branch depends on byte " + loaded},
		"exit":                         {undefinedWord + "setp.eq.u32 %p1, %r1, 1;\n@%p1 exit;", "a branch depends on byte " + loaded},
		"barrier":                      {undefinedWord + "setp.eq.u32 %p1, %r1, 1;\n@%p1 bar.sync 0;", "a branch depends on byte " + loaded},
		"table of branches":            {undefinedWord + "and.b32 %r1, %r1, 1; T: .branchtargets A, B;\nbrx.idx %r1, T; A: mov.u32 %r2, 1; B:", "depends on byte " + loaded},
		"guard of a store":             {undefinedWord + "setp.eq.u32 %p1, %r1, 1;\n@%p1 st.shared.u32 [%r29], 1;", "whether the instruction is executed depends on byte " + loaded},
		"guard of a move":              {undefinedWord + "setp.eq.u32 %p1, %r1, 1; mov.u32 %r2, 3; @%p1 mov.u32 %r2, 4;\n" + storeWord, "a value for global memory depends on byte " + loaded},
		"guard of a load":              {undefinedWord + "setp.eq.u32 %p1, %r1, 1; mov.u32 %r2, 3; @%p1 ld.global.u32 %r2, [%d1];\n" + storeWord, "a value for global memory depends on byte " + loaded},
		"choice":                       {undefinedWord + "setp.eq.u32 %p1, %r1, 1; selp.b32 %r2, 3, 4, %p1;\n" + storeWord, "a value for global memory depends on byte " + loaded},
		"choice by sign":               {undefinedWord + "slct.b32.s32 %r2, 3, 4, %r1;\n" + storeWord, "a value for global memory depends on byte " + loaded},
		"chosen":                       {undefinedWord + "selp.b32 %r2, %r1, 4, %p6;\n" + storeWord, "a value for global memory depends on byte " + loaded},
		"output":                       {undefinedWord + "\nst.global.u32 [%d1], %r1;", "a value for global memory depends on byte " + loaded},
		"output of a vector":           {undefinedWord + "xor.b32 %r1, %r1, 1; add.s32 %r1, %r1, 1;\nst.global.v2.u32 [%d0], {%r30,%r1};", "a value for global memory depends on byte " + loaded},
		"output of a sum":              {undefinedWord + "add.s32 %r2, %r1, 1;\n" + storeWord, "a value for global memory depends on byte " + loaded},
		"output of a part of a sum":    {"st.shared.u8 [%r29], 1; ld.shared.u32 %r1, [%r29]; add.s32 %r2, %r1, 1;\n" + storeWord, "buf+1 (size 512), which nothing wrote, loaded in line 10"},
		"output of a float":            {"st.shared.u16 [%r29], 1; ld.shared.u32 %r1, [%r29]; mul.f32 %r2, %r1, 0f00000000;\n" + storeWord, "buf+2"},
		"output of bits":               {undefinedWord + "and.b32 %r2, %r1, 0xFFFFFFFF; popc.b32 %r2, %r2;\n" + storeWord, loaded},
		"output of a conversion":       {"ld.global.u16 %h1, [%d2]; cvt.rn.f32.u16 %r2, %h1;\n" + storeWord, loaded},
		"output of a quotient":         {undefinedWord + "div.s32 %r2, %r1, 3; rem.u32 %r2, %r2, 7;\n" + storeWord, loaded},
		"output of a carry":            {undefinedWord + "add.cc.u32 %r3, %r1, 5; addc.u32 %r2, %r30, 0;\n" + storeWord, loaded},
		"output through shared memory": {undefinedWord + "add.s32 %r1, %r1, 1; st.shared.u32 [%r29], %r1; ld.shared.u32 %r2, [%r29];\n" + storeWord, "buf+0 (size 512), which nothing wrote, loaded in line 10"},
		"address of a field of bits":   {"ld.shared.u32 %r1, [%r29]; bfi.b32 %r1, %r30, %r1, 3, 9; st.shared.u32 [%r29], %r1; ld.shared.u32 %r2, [%r29]; bfe.u32 %r2, %r2, 3, 10; mul.wide.u32 %d3, %r2, 4; add.s64 %d3, %d3, %d0;\nst.global.u32 [%d3], 1;", "an address depends on shared memory at buf+0"},
		"output through cp.async":      {"cp.async.ca.shared.global [%r29], [%d2], 4; cp.async.wait_all; ld.shared.u32 %r2, [%r29];\n" + storeWord, "buf+0"},
		"output through local memory":  {undefinedWord + "st.local.u32 [loc+4], %r1; ld.local.v2.u32 {%r3,%r2}, [loc];\n" + storeWord, "loc+0"},
		"output by a bulk copy":        {"setp.eq.u32 %p1, %r30, 0;\n@%p1 cp.async.bulk.global.shared::cta.bulk_group [%d0], [%r29], 64; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;", "a value for global memory depends on shared memory at buf+0"},
		"atomic":                       {undefinedWord + "\natom.global.add.u32 %r2, [%d0], %r1;", "an operand that decides what the instruction does depends on byte " + loaded},
		"reduction in shared memory":   {undefinedWord + "st.shared.u32 [%r29], 0;\nred.shared.add.u32 [%r29], %r1;", "an operand that decides what the instruction does depends on byte " + loaded},
		"compare and swap":             {undefinedWord + "st.shared.u32 [%r29], 0;\natom.shared.cas.b32 %r2, [%r29], %r1, 1;", "an operand that decides what the instruction does depends on byte " + loaded},
		"exchanged":                    {"atom.shared.exch.b32 %r2, [%r29], %r30;\n" + storeWord, "buf+0"},
		"shuffle":                      {oddUndefined + "shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;\n@!%p1 " + storeWord, "out+260, which nothing wrote, loaded in line 10"},
		"lane of a shuffle":            {undefinedWord + "and.b32 %r1, %r1, 3; shfl.sync.idx.b32 %r2, %r30, %r1, 31, -1;\n" + storeWord, loaded},
		"membermask":                   {undefinedWord + "\nshfl.sync.idx.b32 %r2, %r30, 1, 31, %r1;", "a membermask depends on byte " + loaded},
		"sum of a warp":                {oddUndefined + "redux.sync.add.u32 %r2, %r1, -1;\n" + storeWord, "a value for global memory depends on"},
		"vote":                         {oddUndefined + "setp.gt.u32 %p2, %r1, 5; vote.sync.all.pred %p3, %p2, -1;\n@%p3 bra E; E:", "a branch depends on"},
		"ballot":                       {oddUndefined + "setp.gt.u32 %p2, %r1, 5; vote.sync.ballot.b32 %r2, %p2, -1; and.b32 %r2, %r2, 3;\n" + storeWord, "a value for global memory depends on"},
		"match":                        {oddUndefined + "match.any.sync.b32 %r2, %r1, -1; and.b32 %r2, %r2, 2;\n" + storeWord, "a value for global memory depends on"},
		"vote of a block":              {undefinedWord + "setp.gt.u32 %p2, %r1, 5;\nbar.red.popc.u32 %r2, 0, %p2;", "depends on byte " + loaded},
		"column of a product":          {mmaColumn + "\n@%p1 st.global.u32 [%d1], %r13;", "a value for global memory depends on"},
		"row of a product":             {mmaRow + "\n@%p2 st.global.u32 [%d1], %r14;", "a value for global memory depends on"},
		"sum of a product":             {undefinedWord + "mov.u32 %r10, 0; mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r2,%r13,%r14,%r15}, {%r10,%r10}, {%r10}, {%r1,%r10,%r10,%r10};\n" + storeWord, loaded},
		"column of wgmma":              {warpgroup + "and.pred %p5, %p1, %p4;\n@%p5 st.global.u32 [%d1], %r13;", "a value for global memory depends on shared memory at buf+48"},
		"row of ldmatrix":              {matrix + "\n@!%p1 " + storeWord, "a value for global memory depends on shared memory at buf+80"},
		"matrix stored again":          {matrix + "mov.u32 %r28, buf; mad.lo.u32 %r28, %r30, 16, %r28; bar.warp.sync -1; stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r28], {%r2}; bar.warp.sync -1; ld.shared.u32 %r2, [%r29];\n@!%p1 " + storeWord, "a value for global memory depends on shared memory at buf+80"},
		"register on another path":     {"@%p6 bra A; mov.u32 %r2, 5; A:\n" + storeWord, "a value for global memory depends on a register that nothing writes in this thread before line 11"},
		"register of a guarded load":   {"setp.eq.u32 %p1, %r30, 3; @!%p1 ld.global.u32 %r2, [%d1]; add.s32 %r2, %r2, 1;\n" + storeWord, "a register that nothing writes in this thread before line 10"},
		"predicate of another path":    {"@%p6 bra A; setp.eq.u32 %p1, %r30, 3; A:\n@%p1 st.shared.u32 [%r29], 1;", "whether the instruction is executed depends on a register that nothing writes in this thread before line 11"},
		"predicate":                    {"\n@%p1 bra E; E:", "a branch depends on a register that nothing writes in this thread before line 11"},
	} {
		_, _, err := runUndefined(t, c.body)
		var f *Fault
		if !errors.As(err, &f) || !errors.Is(err, ErrUninitialized) || f.Line != 11 || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: found %v, expected %v in line 11, %q", name, err, ErrUninitialized, c.detail)
		}
	}
}

// TestUndefinedOutputs: undefined bytes that a kernel copied stay so, and the host may not read them.
func TestUndefinedOutputs(t *testing.T) {
	d, out, err := runUndefined(t, "st.shared.u8 [%r29], 1; ld.shared.u32 %r2, [%r29]; st.global.u32 [%d1], %r2; st.global.u32 [%d2], %r2;")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	for _, at := range []Ptr{0, 128, 256} {
		err := d.CopyOut(b, out+at)
		if !errors.Is(err, ErrUninitialized) && at != 128 || at == 128 && err != nil {
			t.Errorf("out+%d: %v", at, err)
		}
		if err := d.CopyOut(b[:1], out+at); err != nil {
			t.Errorf("out+%d: %v", at, err)
		}
	}
	if err := d.Copy(out+128, out, 4); err != nil {
		t.Fatal(err)
	}
	if err := d.CopyOut(b, out+128); !errors.Is(err, ErrUninitialized) || !strings.Contains(err.Error(), "out+129") || !strings.Contains(err.Error(), "kernel main stores in test.ptx:10") {
		t.Errorf("found %v, expected %v at out+129", err, ErrUninitialized)
	}
	if err := d.Memset(out, 0, 4); err != nil {
		t.Fatal(err)
	}
	if err := d.CopyOut(b, out); err != nil {
		t.Errorf("behind a memset: %v", err)
	}
}

// What is said to be defined must not change when the undefined bits do.
func TestUndefinedBits(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	r := rand.New(rand.NewPCG(11, 12))
	random := func(t typ) partly {
		p := partly{r.Uint64(), r.Uint64() & r.Uint64()}
		switch r.IntN(6) {
		case 0:
			p.u = 0
		case 1:
			p.v, p.u = p.v&7, p.u&15
		case 2:
			p.u = noMask << r.IntN(64)
		case 3:
			p.v, p.u = 1<<r.IntN(64), 0
		case 4:
			p.u = 1<<r.IntN(64) - 1
		}
		return partly{p.v & t.mask(), p.u & t.mask()}
	}
	vary := func(p partly) uint64 { return p.v&^p.u | r.Uint64()&p.u }
	none := func(string) bool { return false }
	high := func(m string) bool { return m == "hi" }
	s32, s16 := types["s32"], types["s16"]
	for _, c := range []struct {
		name string
		t    typ
		f    func(a, b, c uint64) uint64
		rule func(a *[4]partly) uint64
		out  uint64 // bits of the result
	}{
		{"add", u32, func(a, b, _ uint64) uint64 { return a + b }, func(a *[4]partly) uint64 { return undefinedSum(a[0], a[1]) }, 1<<32 - 1},
		{"sub", b64, func(a, b, _ uint64) uint64 { return a - b }, func(a *[4]partly) uint64 { return undefinedDifference(a[0], a[1]) }, noMask},
		{"mul.lo.u32", u32, func(a, b, c uint64) uint64 { return a*b + c }, productRule(u32, none), 1<<32 - 1},
		{"mad.wide.s32", s32, func(a, b, c uint64) uint64 { return uint64(sext(a, 32)*sext(b, 32)) + c }, productRule(s32, none), noMask},
		{"mad.wide.s16", s16, func(a, b, c uint64) uint64 { return uint64(sext(a, 16)*sext(b, 16)) + c }, productRule(s16, none), 1<<32 - 1},
		{"mul.hi.u32", u32, func(a, b, c uint64) uint64 { return a*b>>32 + c }, productRule(u32, high), 1<<32 - 1},
		{"mul.hi.u64", types["u64"], func(a, b, c uint64) uint64 { _, h := product2(types["u64"], a, b); return h + c }, productRule(types["u64"], high), noMask},
		{"lop3", b32, func(a, b, c uint64) uint64 { return a&b | ^a&c }, func(a *[4]partly) uint64 { return undefinedLogic(0xCA, a[0], a[1], a[2]) }, 1<<32 - 1},
		{"and", b64, func(a, b, _ uint64) uint64 { return a & b }, func(a *[4]partly) uint64 { return undefinedLogic(logicTables["and"], a[0], a[1], partly{}) }, noMask},
		{"or", b64, func(a, b, _ uint64) uint64 { return a | b }, func(a *[4]partly) uint64 { return undefinedLogic(logicTables["or"], a[0], a[1], partly{}) }, noMask},
		{"xor", b64, func(a, b, _ uint64) uint64 { return a ^ b }, func(a *[4]partly) uint64 { return undefinedLogic(logicTables["xor"], a[0], a[1], partly{}) }, noMask},
		{"min.u32", u32, func(a, b, _ uint64) uint64 { return min(a, b) }, func(a *[4]partly) uint64 { return undefinedExtreme(u32, false, a[0], a[1]) }, 1<<32 - 1},
		{"max.s32", s32, func(a, b, _ uint64) uint64 { return uint64(max(sext(a, 32), sext(b, 32))) }, func(a *[4]partly) uint64 { return undefinedExtreme(s32, true, a[0], a[1]) }, 1<<32 - 1},
		{"max.u64", types["u64"], func(a, b, _ uint64) uint64 { return max(a, b) }, func(a *[4]partly) uint64 { return undefinedExtreme(types["u64"], true, a[0], a[1]) }, noMask},
		{"div.u32", u32, func(a, b, _ uint64) uint64 { return a / max(b, 1) }, func(a *[4]partly) uint64 { return undefinedQuotient(u32, a[0], a[1]) }, 1<<32 - 1},
	} {
		defined := 0
		for range 3000 {
			a := [4]partly{random(c.t), random(c.t), random(c.t)}
			u := c.rule(&a)
			defined += toInt(^u&c.out != 0)
			first := c.f(vary(a[0]), vary(a[1]), vary(a[2]))
			for range 20 {
				if v := c.f(vary(a[0]), vary(a[1]), vary(a[2])); (v^first)&^u&c.out != 0 {
					t.Fatalf("%s of %+v: %#x and %#x, said to be undefined in %#x", c.name, a, first, v, u)
				}
			}
		}
		if defined < 500 {
			t.Errorf("%s: %d results of 3000 have a defined bit", c.name, defined)
		}
	}
	for _, tt := range []typ{u32, s32} {
		for _, op := range []string{"eq", "ne", "lt", "le", "gt", "ge"} {
			f, certainly := comparison(op, tt, false), 0
			for range 3000 {
				a, b := random(tt), random(tt)
				m := compared(op, tt, a, b)
				certainly += toInt(m != mayBeBoth)
				for range 20 {
					if got := f(vary(a), vary(b)); m&certain(got) == 0 {
						t.Fatalf("%s.%v of %+v and %+v is %v", op, tt, a, b, got)
					}
				}
			}
			if certainly < 300 {
				t.Errorf("%s.%v: %d of 3000 are certain", op, tt, certainly)
			}
		}
	}
}
