package simdriver

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// A struct goes by value as its bytes, also in a graph, which keeps them.
func TestLaunchBytes(t *testing.T) {
	d := New(Options{})
	m := must[gpu.Module](t)(d.Load("struct.ptx", []byte(`.version 8.4
.target sm_80
.address_size 64
.entry k(.param .align 8 .b8 s[24], .param .u32 n) {
.reg .b32 %r<9>; .reg .b64 %d<9>;
ld.param.u64 %d1, [s]; ld.param.u32 %r1, [s+8]; ld.param.u32 %r2, [s+20]; ld.param.u32 %r3, [n];
add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3; st.global.u32 [%d1], %r1;
ret; }`)))
	f := must[gpu.Function](t)(d.Function(m, "k"))
	out := must[gpu.Ptr](t)(d.Alloc(4, "out"))
	s := make([]byte, 24)
	binary.LittleEndian.PutUint64(s, uint64(out))
	s[8], s[20] = 100, 20
	one := gpu.Dim3{X: 1}
	check(t, d.LaunchBytes(0, f, one, one, 0, [][]byte{s, {3, 0, 0, 0}}))
	want := func(v uint32) {
		t.Helper()
		got := make([]byte, 4)
		check(t, d.CopyOut(0, got, out))
		if g := binary.LittleEndian.Uint32(got); g != v {
			t.Errorf("found %d, expected %d", g, v)
		}
	}
	want(123)

	stream := must[gpu.Stream](t)(d.NewStream())
	check(t, d.BeginCapture(stream))
	check(t, d.LaunchBytes(stream, f, one, one, 0, [][]byte{s, {4, 0, 0, 0}}))
	g := must[gpu.Graph](t)(d.EndCapture(stream))
	s[8] = 0
	check(t, d.LaunchGraph(g, stream))
	check(t, d.Sync(stream))
	want(124)

	for _, args := range [][][]byte{{s}, {s[:23], {0, 0, 0, 0}}, {s, {0}}} {
		if err := d.LaunchBytes(0, f, one, one, 0, args); !errors.Is(err, ptxsim.ErrLaunch) {
			t.Errorf("%d arguments of which one has a wrong size: error %v", len(args), err)
		}
	}
}
