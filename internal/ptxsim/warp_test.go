package ptxsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lanesOf runs body in one warp and returns %r1 of each lane. %r30 is the lane.
func lanesOf(t testing.TB, body string) []uint32 {
	t.Helper()
	d := NewDevice(Options{})
	out := reserve(t, d, "out", 4*warpSize)
	k := parseBody(t, "mov.u32 %r30, %laneid;\n"+body+"\nmad.wide.u32 %d7, %r30, 4, %d0; st.global.u32 [%d7], %r1;")
	mustLaunch(t, d, k, Dim3{X: 1}, Dim3{X: warpSize}, 0, Addr(out))
	return download[uint32](t, d, out, warpSize)
}

func TestWarpWideInstructions(t *testing.T) {
	const value = "add.s32 %r2, %r30, 100;"
	for _, c := range []struct {
		body string
		want func(l uint32) uint32
	}{
		{value + "shfl.sync.up.b32 %r1, %r2, 3, 0, -1;", func(l uint32) uint32 {
			if l < 3 {
				return l + 100
			}
			return l + 97
		}},
		{value + "shfl.sync.down.b32 %r1|%p1, %r2, 4, 31, -1; @!%p1 mov.u32 %r1, 7;", func(l uint32) uint32 {
			if l > 27 {
				return 7
			}
			return l + 104
		}},
		{value + "shfl.sync.bfly.b32 %r1, %r2, 5, 31, -1;", func(l uint32) uint32 { return l ^ 5 + 100 }},
		{value + "shfl.sync.idx.b32 %r1, %r2, 9, 31, -1;", func(uint32) uint32 { return 109 }},
		// segments of 8: c = 0x181F
		{value + "shfl.sync.idx.b32 %r1, %r2, 2, 0x181F, -1;", func(l uint32) uint32 { return l&^7 + 102 }},
		{value + "shfl.sync.up.b32 %r1, %r2, 1, 0x1800, -1;", func(l uint32) uint32 {
			if l%8 == 0 {
				return l + 100
			}
			return l + 99
		}},
		{"setp.lt.u32 %p1, %r30, 5; vote.sync.ballot.b32 %r1, %p1, -1;", func(uint32) uint32 { return 31 }},
		{"setp.lt.u32 %p1, %r30, 5; vote.sync.any.pred %p2, %p1, -1; selp.b32 %r1, 1, 0, %p2;", func(uint32) uint32 { return 1 }},
		{"setp.lt.u32 %p1, %r30, 5; vote.sync.all.pred %p2, %p1, -1; selp.b32 %r1, 1, 0, %p2;", func(uint32) uint32 { return 0 }},
		{"setp.lt.u32 %p1, %r30, 5; vote.sync.uni.pred %p2, !%p1, -1; selp.b32 %r1, 1, 0, %p2;", func(uint32) uint32 { return 0 }},
		{"and.b32 %r2, %r30, 3; match.any.sync.b32 %r1, %r2, -1;", func(l uint32) uint32 { return 0x11111111 << (l % 4) }},
		{"match.all.sync.b32 %r1|%p1, 3, -1; @%p1 add.s32 %r1, %r1, 2;", func(uint32) uint32 { return 1 }},
		{"match.all.sync.b32 %r1|%p1, %r30, -1; @%p1 mov.u32 %r1, 9;", func(uint32) uint32 { return 0 }},
		{"redux.sync.add.u32 %r1, %r30, -1;", func(uint32) uint32 { return 496 }},
		{"sub.s32 %r2, %r30, 3; redux.sync.min.s32 %r1, %r2, -1;", func(uint32) uint32 { return 0xFFFFFFFD }},
		{"redux.sync.or.b32 %r1, %r30, -1;", func(uint32) uint32 { return 31 }},
		{"mov.u32 %r1, %lanemask_lt;", func(l uint32) uint32 { return 1<<l - 1 }},
		{"mov.u32 %r1, %lanemask_ge;", func(l uint32) uint32 { return ^uint32(0) << l }},
		// the two halves take different paths and shuffle among themselves
		{`setp.lt.u32 %p1, %r30, 16;
		@%p1 bra LOW;
		redux.sync.add.u32 %r1, %r30, 0xFFFF0000;
		bra.uni END;
		LOW: redux.sync.add.u32 %r1, %r30, 0xFFFF;
		END:`, func(l uint32) uint32 {
			if l < 16 {
				return 120
			}
			return 376
		}},
		// lanes that come late join those that wait
		{`setp.lt.u32 %p1, %r30, 16; mov.u32 %r3, 1;
		@%p1 bra SYNC;
		BACK: mov.u32 %r3, 2;
		SYNC: redux.sync.add.u32 %r1, %r3, -1;`, func(uint32) uint32 { return 48 }},
		// the same instruction for two sets at once, each with its own membermask
		{`setp.lt.u32 %p1, %r30, 16; selp.b32 %r3, 0xFFFF, 0xFFFF0000, %p1;
		redux.sync.max.u32 %r1, %r30, %r3;`, func(l uint32) uint32 { return l | 15 }},
		// a loop of lane + 1 rounds
		{`mov.u32 %r1, 0; mov.u32 %r2, 0;
		LOOP: add.s32 %r1, %r1, %r2; add.s32 %r2, %r2, 1;
		setp.le.u32 %p1, %r2, %r30; @%p1 bra LOOP;`, func(l uint32) uint32 { return l * (l + 1) / 2 }},
		// two entries to one loop: irreducible
		{`and.b32 %r2, %r30, 1; mov.u32 %r1, 0; setp.eq.u32 %p1, %r2, 0;
		@%p1 bra B;
		A: add.s32 %r1, %r1, 1;
		B: add.s32 %r1, %r1, 10;
		setp.lt.u32 %p1, %r1, 30; @%p1 bra A;`, func(l uint32) uint32 {
			r := uint32(0)
			for first := true; first || r < 30; first = false {
				if !first || l%2 == 1 {
					r++
				}
				r += 10
			}
			return r
		}},
		// generic addresses of shared memory, and predicated exit of no lane
		{`.shared .align 4 .b8 buf[128];
		mov.u64 %d2, buf; cvta.shared.u64 %d3, %d2; mad.wide.u32 %d4, %r30, 4, %d3;
		st.u32 [%d4], %r30; bar.warp.sync -1; xor.b32 %r4, %r30, 31;
		mad.wide.u32 %d5, %r4, 4, %d3; ld.u32 %r1, [%d5];
		isspacep.shared %p1, %d5; @!%p1 mov.u32 %r1, 99;
		setp.gt.u32 %p2, %r30, 99; @%p2 exit;`, func(l uint32) uint32 { return 31 - l }},
		// bar.red over one warp
		{"setp.lt.u32 %p1, %r30, 9; barrier.cta.red.popc.aligned.u32 %r1, 0, %p1;", func(uint32) uint32 { return 9 }},
		{"setp.lt.u32 %p1, %r30, 9; bar.red.and.pred %p2, 0, %p1; selp.b32 %r1, 1, 0, %p2;", func(uint32) uint32 { return 0 }},
		{"setp.lt.u32 %p1, %r30, 9; bar.red.or.pred %p2, 0, %p1; selp.b32 %r1, 1, 0, %p2;", func(uint32) uint32 { return 1 }},
	} {
		want := make([]uint32, warpSize)
		for l := range want {
			want[l] = c.want(uint32(l))
		}
		if got := lanesOf(t, c.body); !slices.Equal(got, want) {
			t.Errorf("%s\ngives    %d\nexpected %d", c.body, got, want)
		}
	}
}

func TestAtomics(t *testing.T) {
	for _, c := range []struct {
		op         string
		start      uint64
		want, last uint64 // memory afterwards; old value that lane 31 got
		wide       bool
	}{
		{"add.u32 %r1, [%d2], 3", 5, 101, 98, false},
		{"min.s32 %r1, [%d2], -7", 5, 0xFFFFFFF9, 0xFFFFFFF9, false},
		{"max.u32 %r1, [%d2], %r30", 5, 31, 30, false},
		{"and.b32 %r1, [%d2], 6", 5, 4, 4, false},
		{"or.b32 %r1, [%d2], %r30", 64, 95, 95, false},
		{"xor.b32 %r1, [%d2], %r30", 0, 0, 31, false},
		{"exch.b32 %r1, [%d2], %r30", 5, 31, 30, false},
		{"cas.b32 %r1, [%d2], %r30, 77", 20, 77, 77, false},
		{"inc.u32 %r1, [%d2], 4", 0, 2, 1, false},
		{"dec.u32 %r1, [%d2], 4", 0, 3, 4, false},
		{"add.u64 %d1, [%d2], 0x100000000", 5, 0x2000000005, 0x1F00000005, true},
		{"max.s64 %d1, [%d2], -1", 1 << 63, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, true},
		{"cas.b64 %d1, [%d2], 5, 6", 5, 6, 6, true},
	} {
		for _, space := range []string{"shared", "global"} {
			// in shared memory at buf, in global memory at out+8; the old value goes to out
			at := "mov.u64 %d2, buf; bar.sync 0;"
			if space == "global" {
				at = "add.s64 %d2, %d0, 8;"
			}
			body := ".shared .align 8 .b8 buf[8]; mov.u32 %r30, %laneid; setp.eq.u32 %p1, %r30, 0; setp.eq.u32 %p2, %r30, 31;" +
				"mov.u64 %d3, buf; ld.global.u64 %d4, [%d0+8]; @%p1 st.shared.u64 [%d3], %d4;" + at +
				"atom." + space + "." + c.op + ";"
			if c.wide {
				body += "@%p2 st.global.u64 [%d0], %d1;"
			} else {
				body += "cvt.u64.u32 %d5, %r1; @%p2 st.global.u64 [%d0], %d5;"
			}
			if space == "shared" {
				body += "bar.sync 0; ld.shared.u64 %d4, [%d3]; @%p1 st.global.u64 [%d0+8], %d4;"
			}
			d := NewDevice(Options{})
			out := upload(t, d, "out", []uint64{0, c.start})
			mustLaunch(t, d, parseBody(t, body), Dim3{X: 1}, Dim3{X: warpSize}, 0, Addr(out))
			if got := download[uint64](t, d, out, 2); got[0] != c.last || got[1] != c.want {
				t.Errorf("%s, %s: memory %#x and last old value %#x, expected %#x and %#x", c.op, space, got[1], got[0], c.want, c.last)
			}
		}
	}
}

// Shared memory is filled with element indices and loaded as four matrices;
// each lane must hold the two elements of the manual's figure.
func TestLdmatrix(t *testing.T) {
	// buf[i] = i for 256 halves: row r of matrix m is buf[64 m + 8 r ..]
	const prepare = `.shared .align 16 .b8 buf[512];
	shl.b32 %r2, %r30, 3; mov.u32 %r3, buf; shl.b32 %r4, %r2, 1; add.s32 %r4, %r3, %r4;
	mov.u32 %r5, 0;
	FILL: add.s32 %r6, %r2, %r5; cvt.u16.u32 %h2, %r6; shl.b32 %r7, %r5, 1; add.s32 %r7, %r7, %r4;
	st.shared.u16 [%r7], %h2; add.s32 %r5, %r5, 1; setp.lt.u32 %p1, %r5, 8; @%p1 bra FILL;
	bar.sync 0; shl.b32 %r8, %r30, 4; add.s32 %r8, %r8, %r3;
	`
	element := func(m, r, c uint32) uint32 { return 64*m + 8*r + c }
	for m := range uint32(4) {
		names := []string{"%r10", "%r11", "%r12", "%r13"}
		names[m] = "%r1"
		regs := "{" + names[0] + "," + names[1] + "," + names[2] + "," + names[3] + "}"
		plain := lanesOf(t, prepare+"ldmatrix.sync.aligned.m8n8.x4.shared.b16 "+regs+", [%r8];")
		trans := lanesOf(t, prepare+"ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 "+regs+", [%r8];")
		for l := range uint32(warpSize) {
			r, c := l/4, 2*(l%4)
			if want := element(m, r, c) | element(m, r, c+1)<<16; plain[l] != want {
				t.Errorf("matrix %d, lane %d: %#x, expected %#x", m, l, plain[l], want)
			}
			if want := element(m, c, r) | element(m, c+1, r)<<16; trans[l] != want {
				t.Errorf("matrix %d transposed, lane %d: %#x, expected %#x", m, l, trans[l], want)
			}
		}
	}
}

// One element of A and one of B are set, wherever the manual's fragment tables
// say that lane and register hold them: their product must appear at one place.
func TestMmaFragments(t *testing.T) {
	// a1: (row g+8, k 2t..), a2: (row g, k 2t+8..), b1: (k 2t+8.., col g), c3: (row g+8, col 2t+1)
	for _, c := range []struct {
		a, b         string // register of A and of B that holds the element
		laneA, laneB int
		high         bool // in the high half
		out, outLane int
		shape        string
		value        uint32
	}{
		{"%r10", "%r20", 0, 0, false, 0, 0, "m16n8k16", 0x40C00000},                   // (0,0) (0,0) -> (0,0)
		{"%r11", "%r20", 4*3 + 1, 4*5 + 1, true, 3, 4*3 + 2, "m16n8k16", 0x40C00000},  // (11,3) (3,5) -> (11,5)
		{"%r12", "%r21", 4*7 + 2, 4*2 + 2, false, 0, 4*7 + 1, "m16n8k16", 0x40C00000}, // (7,12) (12,2) -> (7,2)
		{"%r13", "%r21", 4*0 + 3, 4*7 + 3, true, 3, 3, "m16n8k16", 0x40C00000},        // (8,15) (15,7) -> (8,7)
		{"%r11", "%r20", 4*6 + 3, 4*4 + 3, true, 2, 4*6 + 2, "m16n8k8", 0x40C00000},   // (14,7) (7,4) -> (14,4)
	} {
		shift := 0
		if c.high {
			shift = 16
		}
		for r := range 4 {
			body := "mov.u32 %r10, 0; mov.u32 %r11, 0; mov.u32 %r12, 0; mov.u32 %r13, 0; mov.u32 %r20, 0; mov.u32 %r21, 0;"
			set := func(reg string, lane, v int) {
				body += fmt.Sprintf("setp.eq.u32 %%p1, %%r30, %d; @%%p1 mov.u32 %s, %d;", lane, reg, v<<shift)
			}
			set(c.a, c.laneA, 0x4000) // 2
			set(c.b, c.laneB, 0x4040) // 3
			a, b := "{%r10,%r11,%r12,%r13}", "{%r20,%r21}"
			if c.shape == "m16n8k8" {
				a, b = "{%r10,%r11}", "{%r20}"
			}
			body += fmt.Sprintf("mma.sync.aligned.%s.row.col.f32.bf16.bf16.f32 {%%r2,%%r3,%%r4,%%r5}, %s, %s, {0f00000000,0f00000000,0f00000000,0f00000000}; mov.b32 %%r1, %%r%d;", c.shape, a, b, 2+r)
			for l, got := range lanesOf(t, body) {
				want := uint32(0)
				if r == c.out && l == c.outLane {
					want = c.value
				}
				if got != want {
					t.Errorf("%+v: lane %d, c%d is %#x, expected %#x", c, l, r, got, want)
				}
			}
		}
	}
}

// A launch with more shared memory than an earlier one of the same device, which left split words.
func TestSplitWordsOfEarlierLaunches(t *testing.T) {
	d := NewDevice(Options{Threads: 1})
	out := upload(t, d, "out", make([]byte, 64))
	for i, size := range []int{2048, 512, 1024, 2048, 4096} {
		narrow := "st.shared.u8 [%d1], %r1;"
		if i == 0 {
			narrow = ""
		}
		text := strings.Replace(kernelText("mov.u32 %r1, %tid.x; mov.u64 %d3, s; mad.wide.u32 %d3, %r1, 4, %d3; st.shared.u32 [%d3], %r1; bar.sync 0; mov.u64 %d1, s; cvt.u64.u32 %d2, %r1; add.s64 %d1, %d1, %d2; "+narrow),
			".visible", fmt.Sprintf(".shared .align 16 .b8 s[%d];.visible", size), 1)
		m, err := Parse("split.ptx", text)
		if err != nil {
			t.Fatal(err)
		}
		mustLaunch(t, d, m.Kernel("main"), Dim3{X: 2}, Dim3{X: 64}, 0, Addr(out))
	}
}
