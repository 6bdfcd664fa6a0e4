package ptxsim

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// Each case is a kernel with one planted fault, and the place where it must be
// found. The body begins at line 8 of the text. %r30 is the thread, %r31 the
// lane; %d0 points at 64 bytes, of which the first 32 are written.
func TestPlantedFaults(t *testing.T) {
	const shared = ".shared .align 16 .b8 buf[256]; mov.u64 %d6, buf; mad.wide.u32 %d5, %r30, 4, %d6;"
	for _, c := range []struct {
		name    string
		threads int
		body    string
		kind    error
		line    int
		thread  int
		detail  string
	}{
		{"global load past the end", 1, "ld.global.u32 %r1, [%d0+64];", ErrOutOfBounds, 9, 0, "out+64, which has 64 bytes"},
		{"global store across the end", 1, "st.global.u64 [%d0+64], %d0;", ErrOutOfBounds, 9, 0, "out+64"},
		{"global load before the start", 1, "ld.global.u32 %r1, [%d0+-4];", ErrOutOfBounds, 9, 0, "in no allocation"},
		{"null", 1, "mov.u64 %d1, 0; ld.global.u32 %r1, [%d1];", ErrOutOfBounds, 9, 0, "in no allocation"},
		{"one lane of many", 8, "mad.wide.u32 %d1, %r30, 12, %d0;\nst.global.u32 [%d1], 0;", ErrOutOfBounds, 10, 6, "out+72"},
		{"misaligned", 1, "ld.global.u32 %r1, [%d0+2];", ErrMisaligned, 9, 0, "4 bytes"},
		{"misaligned vector", 1, "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%d0+8];", ErrMisaligned, 9, 0, "16 bytes"},
		{"nothing wrote it", 1, "ld.global.u32 %r1, [%d0+32];\nst.global.u32 [%d0], %r1;", ErrUninitialized, 10, 0, "out+32, which nothing wrote, loaded in line 9"},
		{"one byte of it is unwritten", 1, "st.global.u8 [%d0+32], %r30; st.global.u8 [%d0+34], %r30; st.global.u8 [%d0+35], %r30; ld.global.u32 %r1, [%d0+32];\nsetp.eq.u32 %p1, %r1, 0; @%p1 bra E; E:", ErrUninitialized, 10, 0, "out+33, which nothing wrote, loaded in line 9"},
		{"atomic on unwritten memory", 1, "atom.global.add.u32 %r1, [%d0+32], 1;", ErrUninitialized, 9, 0, "out+32"},
		{"shared past the variable", 1, shared + "\nst.shared.u32 [%d6+256], 0;", ErrOutOfBounds, 10, 0, "buf+256"},
		{"shared before the variable", 1, shared + "\nst.shared.u32 [%d6+-4], 0;", ErrOutOfBounds, 10, 0, "before every variable"},
		{"shared unwritten", 1, shared + "\nld.shared.u32 %r1, [%d6];\nst.global.u32 [%d0], %r1;", ErrUninitialized, 11, 0, "buf+0 (size 256), which nothing wrote, loaded in line 10"},
		{"shared that is aligned by chance", 1, ".shared .align 8 .b8 buf8[64];\nst.shared.v4.u32 [buf8], {%r1, %r1, %r1, %r1};", ErrMisaligned, 10, 0, "16 bytes at shared address"},
		{"shared misaligned", 1, shared + "\nst.shared.u64 [%d6+4], %d0;", ErrMisaligned, 10, 0, "8 bytes"},
		{"shared address as global", 1, shared + "\nst.global.u32 [%d6], 0;", ErrOutOfBounds, 10, 0, "in no allocation"},
		{"global address as shared", 1, "st.shared.u32 [%d0], 0;", ErrOutOfBounds, 9, 0, ""},
		{"local past the variable", 1, ".local .align 4 .b8 l[8]; mov.u64 %d1, l;\nst.local.u32 [%d1+8], 0;", ErrOutOfBounds, 10, 0, "l+8"},
		{"local unwritten", 1, ".local .align 4 .b8 l[8]; mov.u64 %d1, l;\nld.local.u32 %r1, [%d1]; st.global.u32 [%d0], %r1;", ErrUninitialized, 10, 0, "l+0"},
		{"read before write without barrier", 64, shared + "\nst.shared.u32 [%d5], 1; xor.b32 %r1, %r30, 33; mad.wide.u32 %d4, %r1, 4, %d6; ld.shared.u32 %r2, [%d4];", ErrRace, 10, 32, "buf+128 (size 256), which thread 1 read"},
		{"race: read in the warp without bar.warp.sync", 32, shared + "st.shared.u32 [%d5], 1; xor.b32 %r1, %r30, 1; mad.wide.u32 %d4, %r1, 4, %d6;\nld.shared.u32 %r2, [%d4];", ErrRace, 10, 0, "buf+4 (size 256), which thread 1 wrote"},
		{"race: read after another warp's write", 64, shared + "st.shared.u32 [%d5], 1; bar.sync 0; xor.b32 %r1, %r30, 32; mad.wide.u32 %d4, %r1, 4, %d6; ld.shared.u32 %r2, [%d4];\nst.shared.u32 [%d5], 2;", ErrRace, 9, 0, "thread 32 wrote"},
		{"race: write after one read", 32, shared + "st.shared.u32 [%d5], 1; bar.sync 0; ld.shared.u32 %r2, [%d5]; xor.b32 %r1, %r30, 1; mad.wide.u32 %d4, %r1, 4, %d6;\nst.shared.u32 [%d4], 2;", ErrRace, 10, 0, "thread 1 read"},
		{"race: write after reads of a warp", 32, shared + "setp.eq.u32 %p1, %r30, 0; @%p1 st.shared.u32 [%d6], 1; bar.sync 0; ld.shared.u32 %r2, [%d6];\n@%p1 st.shared.u32 [%d6], 2;", ErrRace, 10, 0, "several threads of warp 0 read"},
		{"race: write after reads of two warps", 64, shared + "setp.eq.u32 %p1, %r30, 0; @%p1 st.shared.u32 [%d6], 1; bar.sync 0; ld.shared.u32 %r2, [%d6];\n@%p1 st.shared.u32 [%d6], 2;", ErrRace, 10, 0, "several threads read"},
		{"race: two writes", 64, shared + "\nst.shared.u32 [%d6], %r30;", ErrRace, 10, 1, "thread 0 wrote"},
		{"race: two writes that differ in one byte", 64, shared + "mad.lo.u32 %r2, %r30, 0x10000, 7;\nst.shared.u32 [%d6], %r2;", ErrRace, 10, 1, "buf+2"},
		{"race: atomic and plain", 64, shared + "setp.eq.u32 %p1, %r30, 0; @%p1 st.shared.u32 [%d6], 1; bar.sync 0; red.shared.add.u32 [%d6], 1;\nld.shared.u32 %r1, [%d6];", ErrRace, 10, 32, "thread 63 wrote"},
		{"race: bar.warp.sync does not order other warps", 64, shared + "setp.eq.u32 %p1, %r30, 0; @%p1 st.shared.u32 [%d6], 1; bar.warp.sync -1;\nsetp.eq.u32 %p1, %r30, 32; @%p1 ld.shared.u32 %r1, [%d6];", ErrRace, 10, 32, "thread 0 wrote"},
		{"race: volatile flags", 64, shared + "setp.eq.u32 %p1, %r30, 0; @%p1 st.volatile.shared.u32 [%d6], 1;\nld.volatile.shared.u32 %r1, [%d6];", ErrRace, 10, 1, "thread 0 wrote"},
		{"race: warps that are not at the barrier", 96, shared + "setp.lt.u32 %p1, %r30, 64; @%p1 bra A; mov.u32 %r2, 0; L: add.u32 %r2, %r2, 1; setp.lt.u32 %p2, %r2, 9; @%p2 bra L;\n@!%p1 ld.shared.u32 %r1, [%d6]; bra.uni B; A: setp.eq.u32 %p2, %r30, 0; @%p2 st.shared.u32 [%d6], 1; bar.sync 1, 64; B: bar.sync 0;", ErrRace, 10, 64, "thread 0 wrote"},
		{"cp.async read too early", 1, shared + "cp.async.ca.shared.global [%d6], [%d0], 4; cp.async.commit_group;\nld.shared.u32 %r1, [%d6];", ErrUninitialized, 10, 0, "under way"},
		{"cp.async waited for the wrong group", 1, shared + "cp.async.ca.shared.global [%d6], [%d0], 4; cp.async.commit_group; cp.async.ca.shared.global [%d6+4], [%d0], 4; cp.async.commit_group; cp.async.wait_group 1; ld.shared.u32 %r1, [%d6];\nld.shared.u32 %r1, [%d6+4];", ErrUninitialized, 10, 0, "under way"},
		{"cp.async of another thread without barrier", 2, shared + "cp.async.ca.shared.global [%d5], [%d0], 4; cp.async.wait_all; xor.b32 %r1, %r30, 1; mad.wide.u32 %d4, %r1, 4, %d6;\nld.shared.u32 %r2, [%d4];", ErrRace, 10, 0, "thread 1 wrote"},
		{"cp.async over data that is being read", 32, shared + "st.shared.u32 [%d5], 1; bar.sync 0; ld.shared.u32 %r1, [%d5]; xor.b32 %r1, %r30, 1; mad.wide.u32 %d4, %r1, 4, %d6;\ncp.async.ca.shared.global [%d4], [%d0], 4;", ErrRace, 10, 0, "thread 1 read"},
		{"cp.async of a source that is overwritten", 1, shared + "cp.async.ca.shared.global [%d6], [%d0], 4;\nst.global.u32 [%d0], 9; cp.async.wait_all;", ErrRace, 10, 0, "thread 0 copies"},
		{"output of a register that nothing writes", 1, "add.s32 %r2, %r1, 1;\nst.global.u32 [%d0], %r2;", ErrUninitialized, 10, 0, "nothing writes"},
		{"address of a register that nothing writes", 1, "mul.wide.u32 %d4, %r1, 4; add.s64 %d5, %d4, %d0;\nld.global.u32 %r2, [%d5];", ErrUninitialized, 10, 0, "nothing writes"},
		{"cp.async past the source", 1, shared + "\ncp.async.cg.shared.global [%d6], [%d0+64], 16;", ErrOutOfBounds, 10, 0, "out+64"},
		{"barrier in one branch of a warp", 32, "setp.lt.u32 %p1, %r31, 5;\n@%p1 bar.sync 0;", ErrDivergent, 10, 5, "differs between the lanes"},
		{"two barriers for one warp", 32, "setp.lt.u32 %p1, %r31, 5; @%p1 bra A; bar.sync 0; bra.uni B;\nA: bar.sync 0;\nB: add.s32 %r1, %r1, 1;", ErrDivergent, 9, 5, "line 10"},
		{"barrier while a warp is at another", 64, "setp.lt.u32 %p1, %r30, 32; @%p1 bra A; bar.sync 1, 64;\nA: bar.sync 0;", ErrDivergent, 10, 0, "32 threads arrived at barrier 0, expected 64"},
		{"barrier for more threads than are left", 64, "setp.lt.u32 %p1, %r30, 32; @!%p1 exit;\nbar.sync 0, 64;", ErrDivergent, 10, 0, "32 threads arrived at barrier 0, expected 64"},
		{"matrix after some exited", 32, "setp.lt.u32 %p1, %r30, 20; @!%p1 exit;\nmma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r1,%r2,%r3,%r4}, {%r5,%r6}, {%r7}, {%r8,%r9,%r10,%r11};", ErrDivergent, 10, 0, "20 threads"},
		{"barrier that is out of range", 32, "mov.u32 %r1, 16;\nbar.sync %r1;", ErrDivergent, 10, 0, "expected 0 to 15"},
		{"shuffle without a named lane", 32, "setp.lt.u32 %p1, %r31, 5;\n@%p1 shfl.sync.bfly.b32 %r1, %r30, 1, 31, -1;", ErrDivergent, 10, 0, "exited"},
		{"shuffle with an exited lane", 32, "setp.eq.u32 %p1, %r31, 5; @%p1 exit;\nshfl.sync.bfly.b32 %r1, %r30, 1, 31, -1;", ErrDivergent, 10, 0, "0x20"},
		{"shuffle from a lane outside", 32, "setp.lt.u32 %p1, %r31, 16;\n@%p1 shfl.sync.down.b32 %r1, %r30, 1, 31, 0xFFFF;", ErrDivergent, 10, 15, "lane 16"},
		{"lane outside its own mask", 32, "redux.sync.add.u32 %r1, %r30, 0xFFFF;", ErrDivergent, 9, 16, "0xffff"},
		{"matrix in an incomplete warp", 16, "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r1,%r2,%r3,%r4}, {%r5,%r6}, {%r7}, {%r8,%r9,%r10,%r11};", ErrDivergent, 9, 0, "16 threads"},
		{"ldmatrix of a misaligned row", 32, shared + "\nldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%d5];", ErrMisaligned, 10, 1, "16 bytes"},
		{"write of a constant", 1, "mov.u64 %d1, table;\nst.global.u32 [%d1], 0;", ErrReadOnly, 10, 0, "table+0"},
		{"constant load of global memory", 1, "ld.const.u32 %r1, [%d0];", ErrOutOfBounds, 9, 0, "not constant"},
		{"trap", 3, "setp.eq.u32 %p1, %r30, 2;\n@%p1 trap;", ErrTrap, 10, 2, ""},
		{"endless loop of barriers", 64, "L: bar.sync 0; bra.uni L;", ErrDeadlock, 9, 0, "instructions"},
		{"endless loop", 1, "L: bra.uni L;", ErrDeadlock, 9, 0, "instructions"},
	} {
		text := strings.Replace(kernelText("mov.u32 %r30, %tid.x; mov.u32 %r31, %laneid;\n"+c.body), ".visible", ".const .b32 table[4];.visible", 1)
		m, err := Parse("fault.ptx", text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		d := NewDevice(Options{MaxInstructions: 1 << 16})
		out := reserve(t, d, "out", 64)
		if err := d.CopyIn(out, make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
		_, err = d.Launch(t.Context(), m.Kernel("main"), Dim3{X: 1}, Dim3{X: c.threads}, 0, Addr(out))
		var f *Fault
		if !errors.As(err, &f) || !errors.Is(err, c.kind) {
			t.Errorf("%s: found %v, expected %v", c.name, err, c.kind)
			continue
		}
		if f.Line != c.line || f.Thread.X != c.thread || f.Kernel != "main" || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: found %v, expected line %d, thread %d, %q", c.name, f, c.line, c.thread, c.detail)
		}
	}
}

// What looks like the faults above and is right must pass.
func TestNoFalseAlarms(t *testing.T) {
	const shared = ".shared .align 16 .b8 buf[256]; mov.u64 %d6, buf; mov.u32 %r30, %tid.x; mad.wide.u32 %d5, %r30, 4, %d6; xor.b32 %r1, %r30, 33; mad.wide.u32 %d4, %r1, 4, %d6; xor.b32 %r1, %r30, 1; mad.wide.u32 %d3, %r1, 4, %d6;"
	for name, body := range map[string]string{
		"the same value from all":           "st.shared.u32 [%d6], 7; bar.sync 0; ld.shared.u32 %r2, [%d6]; st.global.u32 [%d0], %r2;",
		"exchange of what nothing wrote":    "setp.eq.u32 %p1, %r30, 0; @%p1 atom.shared.exch.b32 %r2, [%d6], 1; bar.sync 0; ld.shared.u32 %r2, [%d6];",
		"barrier after lanes exited":        "setp.ge.u32 %p1, %r30, 40; @%p1 exit; st.shared.u32 [%d5], 1; bar.sync 0; ld.shared.u32 %r2, [%d6+156];",
		"barrier after a warp exited":       "setp.ge.u32 %p1, %r30, 32; @%p1 exit; st.shared.u32 [%d5], 1; bar.sync 0; ld.shared.u32 %r2, [%d6+124];",
		"barrier before a warp exits":       "setp.lt.u32 %p1, %r30, 32; @%p1 bra B; mov.u32 %r3, 0; L: add.s32 %r3, %r3, 1; setp.lt.u32 %p2, %r3, 40000; @%p2 bra L; bra.uni E; B: bar.sync 0; E:",
		"barriers":                          "st.shared.u32 [%d5], 1; bar.sync 0; ld.shared.u32 %r2, [%d4]; bar.sync 0; st.shared.u32 [%d5], 2;",
		"warp barriers":                     "st.shared.u32 [%d5], 1; bar.warp.sync -1; ld.shared.u32 %r2, [%d3]; bar.warp.sync -1; st.shared.u32 [%d5], 2;",
		"atomics":                           "setp.eq.u32 %p1, %r30, 0; @%p1 st.shared.u32 [%d6], 0; bar.sync 0; red.shared.add.u32 [%d6], 1; atom.shared.max.u32 %r2, [%d6], 3; bar.sync 0; ld.shared.u32 %r2, [%d6];",
		"relaxed flags":                     "setp.eq.u32 %p1, %r30, 0; @%p1 st.relaxed.cta.shared.u32 [%d6], 0; bar.sync 0; st.relaxed.cta.shared.u32 [%d6], 1; ld.relaxed.cta.shared.u32 %r2, [%d6];",
		"cp.async of what is written again": "cp.async.ca.shared.global [%d5], [%d0], 4; st.global.u32 [%d0], 0; cp.async.wait_all;",
		"cp.async":                          "cp.async.ca.shared.global [%d5], [%d0], 4; cp.async.wait_all; bar.sync 0; ld.shared.u32 %r2, [%d4];",
		"zero filling":                      "cp.async.ca.shared.global [%d5], [%d0+62], 4, 0; cp.async.wait_all; bar.sync 0; ld.shared.u32 %r2, [%d4]; setp.ne.u32 %p1, %r2, 0; @%p1 trap;",
		"arrive":                            "setp.ge.u32 %p1, %r30, 32; @%p1 bra C; st.shared.u32 [%d5], 1; bar.arrive 1, 64; bra.uni D; C: bar.sync 1, 64; ld.shared.u32 %r2, [%d4]; D: bar.sync 0;",
		"barriers in a loop of branches":    "mov.u32 %r3, 0; L: setp.lt.u32 %p1, %r30, 7; @%p1 bra A; add.s32 %r4, %r3, 1; bra.uni J; A: add.s32 %r4, %r3, 2; J: bar.sync 0; add.s32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, 5; @%p1 bra L;",
	} {
		if name == "zero filling" {
			body = strings.Replace(body, "+62", "+60", 1)
		}
		d := NewDevice(Options{Threads: 1}) // both blocks write the same word, which Go's race detector would see
		out := upload(t, d, "out", make([]byte, 64))
		if _, err := d.Launch(t.Context(), parseBody(t, shared+body), Dim3{X: 2}, Dim3{X: 64}, 0, Addr(out)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFirstFaultOfManyBlocks(t *testing.T) {
	k := parseBody(t, "mov.u32 %r1, %ctaid.x; setp.lt.u32 %p1, %r1, 5; @%p1 bra E; ld.global.u32 %r2, [%d0+4]; E:")
	for range 20 {
		d := NewDevice(Options{Threads: 8})
		_, err := d.Launch(t.Context(), k, Dim3{X: 100}, Dim3{X: 32}, 0, Addr(reserve(t, d, "out", 4)))
		var f *Fault
		if !errors.As(err, &f) || f.Block.X != 5 {
			t.Fatalf("found %v, expected a fault of block 5", err)
		}
	}
}

// Blocks cannot wait for each other, so that what one writes no other may touch.
func TestRacesBetweenBlocks(t *testing.T) {
	const block = "mov.u32 %r1, %ctaid.x; mad.wide.u32 %d1, %r1, 4, %d0; setp.eq.u32 %p1, %r1, 3;"
	for _, c := range []struct {
		body, detail string // no detail: no race
	}{
		{"ld.global.u32 %r2, [%d0]; st.global.u32 [%d1+16], %r2; ld.global.u32 %r2, [%d1+16];", ""},
		{"st.global.u8 [%d1], %r1; st.global.u8 [%d1+1], %r1;", ""},
		{"red.global.add.u32 [%d0], 1;", ""},
		{"st.global.u32 [%d0], 1;", ""},
		{"st.global.u32 [%d0], %r1;", "out+0, which block 0 of this launch wrote"},
		{"st.global.u16 [%d1+2], %r1; ld.global.u32 %r2, [%d1]; @%p1 st.global.u32 [%d0+4], %r2;", "out+4, which block 1 of this launch read"},
		{"ld.global.u32 %r2, [%d0+32]; @%p1 st.global.u32 [%d0+32], 1;", "out+32, which several blocks of this launch read"},
		{"@!%p1 bra W; ld.global.u32 %r2, [%d0+20]; bra.uni E; W: ld.global.u32 %r2, [%d1+16]; E: @%p1 st.global.u32 [%d0+16], 1;", "out+16, which block 0 of this launch read"},
	} {
		d := NewDevice(Options{BlockRaces: true})
		_, err := d.Launch(t.Context(), parseBody(t, block+c.body), Dim3{X: 4}, Dim3{X: 1}, 0, Addr(upload(t, d, "out", make([]byte, 64))))
		switch {
		case c.detail == "" && err != nil:
			t.Errorf("%s: found %v, expected no race", c.body, err)
		case c.detail != "" && (!errors.Is(err, ErrRace) || !strings.Contains(err.Error(), c.detail)):
			t.Errorf("%s: found %v, expected a race at %s", c.body, err, c.detail)
		}
	}
}

func TestDeviceMemory(t *testing.T) {
	d := NewDevice(Options{MemoryBytes: 100})
	p := reserve(t, d, "p", 60)
	if _, err := d.Alloc(41, "q"); err == nil {
		t.Error("101 of 100 bytes were allocated")
	}
	b := make([]byte, 60)
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: found %v, expected %v", what, err, want)
		}
	}
	check("copy of unwritten bytes", d.CopyOut(b, p), ErrUninitialized)
	check("set memory past the end", d.Memset(p+1, 7, 60), ErrOutOfBounds)
	check("set memory", d.Memset(p, 7, 60), nil)
	check("copy within", d.Copy(p, p+30, 30), nil)
	check("copy past the end", d.CopyOut(b, p+1), ErrOutOfBounds)
	check("copy", d.CopyOut(b, p), nil)
	if b[59] != 7 {
		t.Errorf("byte 59 is %d, expected 7", b[59])
	}
	check("free inside", d.Free(p+8), ErrOutOfBounds)
	check("free", d.Free(p), nil)
	check("second free", d.Free(p), ErrFreed)
	check("copy to freed memory", d.CopyIn(p, b), ErrFreed)
	k := parseBody(t, "ld.global.u32 %r1, [%d0];")
	_, err := d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 1}, 0, Addr(p))
	check("kernel on freed memory", err, ErrFreed)
	if q := reserve(t, d, "q", 100); q == p {
		t.Error("an address was given out twice")
	}
}

func TestBadLaunches(t *testing.T) {
	d := NewDevice(Options{})
	k := parseBody(t, ".shared .b8 s[1000];")
	p := Addr(0)
	for name, launch := range map[string]func() error{
		"no block":     func() error { _, err := d.Launch(t.Context(), k, Dim3{}, Dim3{X: 1}, 0, p); return err },
		"large block":  func() error { _, err := d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 32, Y: 33}, 0, p); return err },
		"large shared": func() error { _, err := d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 1}, 232448-999, p); return err },
		"no argument":  func() error { _, err := d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 1}, 0); return err },
		"argument of 4 bytes": func() error {
			_, err := d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 1}, 0, U32(1))
			return err
		},
	} {
		if err := launch(); !errors.Is(err, ErrLaunch) {
			t.Errorf("%s: found %v, expected %v", name, err, ErrLaunch)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Launch(ctx, parseBody(t, "L: bra.uni L;"), Dim3{X: 1}, Dim3{X: 1}, 0, p); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, expected %v", err, context.Canceled)
	}
}
