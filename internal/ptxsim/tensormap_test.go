package ptxsim

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// tensorKernel is a kernel of one warp with the parameters map, out, n and the coordinates c0 to c4: r1 is the
// shared memory box, and at has so many coordinates. It begins with head in its attributes.
func tensorKernel(t testing.TB, rank int, head, body string) *Kernel {
	t.Helper()
	var params, loads, at strings.Builder
	for i := range 5 {
		fmt.Fprintf(&params, ", .param .u32 c%d", i)
		fmt.Fprintf(&loads, "ld.param.u32 %%r%d, [c%d]; ", 10+i, i)
	}
	for i := range rank {
		fmt.Fprintf(&at, ", %%r%d", 10+i)
	}
	text := `.version 8.4
.target sm_90a
.address_size 64
.visible .entry k(.param .align 64 .b8 map[128], .param .u64 out, .param .u32 n` + params.String() + `) ` + head + ` {
.shared .align 1024 .b8 box[32768]; .shared .align 8 .b64 bar;
.reg .b32 %r<40>; .reg .b64 %d<8>; .reg .pred %p<8>; .reg .b16 %h<4>;
ld.param.u64 %d0, [out]; ld.param.u32 %r2, [n]; ` + loads.String() + `
mov.u64 %d1, map; cvta.param.u64 %d1, %d1; mov.u32 %r1, box; mov.u32 %r0, %tid.x; setp.eq.u32 %p0, %r0, 0;
@%p0 mbarrier.init.shared.b64 [bar], 1; bar.sync 0;
` + strings.ReplaceAll(strings.ReplaceAll(body, "DIM", fmt.Sprintf("%dd", rank)), "AT", "{"+at.String()[2:]+"}") + `
ret; }`
	m, err := Parse("tensor", text)
	if err != nil {
		t.Fatal(err)
	}
	return m.Kernel("k")
}

const (
	loadTensor = `@%p0 mbarrier.arrive.expect_tx.shared.b64 _, [bar], %r2;
@%p0 cp.async.bulk.tensor.DIM.shared::cluster.global.tile.mbarrier::complete_tx::bytes [box], [%d1, AT], [bar];`
	waitTensor = "W: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 0; @!%p1 bra W; "
	// copyOut copies n bytes of the box as they lie to out, copyIn those of out to the box.
	copyOut = `shl.b32 %r3, %r0, 2; add.u32 %r4, %r3, %r1; cvt.u64.u32 %d2, %r3; add.u64 %d2, %d2, %d0;
C: setp.ge.u32 %p2, %r3, %r2; @%p2 bra E; ld.shared.u32 %r5, [%r4]; st.global.u32 [%d2], %r5; add.u32 %r3, %r3, 128; add.u32 %r4, %r4, 128; add.u64 %d2, %d2, 128; bra C; E:`
	copyIn = `shl.b32 %r3, %r0, 2; add.u32 %r4, %r3, %r1; cvt.u64.u32 %d2, %r3; add.u64 %d2, %d2, %d0;
C: setp.ge.u32 %p2, %r3, %r2; @%p2 bra E; ld.global.u32 %r5, [%d2]; st.shared.u32 [%r4], %r5; add.u32 %r3, %r3, 128; add.u32 %r4, %r4, 128; add.u64 %d2, %d2, 128; bra C; E:`
	storeTensor = "@%p0 cp.async.bulk.tensor.DIM.global.shared::cta.tile.bulk_group [%d1, AT], [box]; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;"
)

// tensorCase is a tensor, a box of it, and where the box begins.
type tensorCase struct {
	m  TensorMap
	at [5]int
}

func (c *tensorCase) launch(t testing.TB, d *Device, k *Kernel, out Ptr, bytes int) error {
	t.Helper()
	raw, err := c.m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	args := [][]byte{raw, Addr(out), U32(uint32(bytes))}
	for _, v := range c.at {
		args = append(args, U32(uint32(v)))
	}
	_, err = d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 32}, 0, args...)
	return err
}

// size is the bytes of the tensor and of the box.
func (c *tensorCase) size() (tensor, box, element int) {
	element = map[TensorType]int{TensorU8: 1, TensorU16: 2, TensorF16: 2, TensorBF16: 2, TensorU32: 4, TensorF32: 4, TensorF64: 8}[c.m.Type]
	tensor, box = int(c.m.Dims[0])*element, c.m.Box[0]*element
	for i, s := range c.m.Strides {
		tensor = max(tensor, int(s)*int(c.m.Dims[i+1]))
		step := 1
		if c.m.ElementStrides != nil {
			step = c.m.ElementStrides[i+1]
		}
		box *= (c.m.Box[i+1] + step - 1) / step
	}
	return tensor, box, element
}

// each calls f for the elements of the box: where they are in shared memory and, if they are inside, in the tensor.
func (c *tensorCase) each(f func(shared, global int, inside bool)) {
	_, box, size := c.size()
	for at := 0; at < box; at += size {
		left, global, inside := at/size, 0, true
		for i := range c.m.Dims {
			step, stride := 1, size
			if i > 0 {
				stride = int(c.m.Strides[i-1])
				if c.m.ElementStrides != nil {
					step = c.m.ElementStrides[i]
				}
			}
			n := (c.m.Box[i] + step - 1) / step
			g := c.at[i] + left%n*step
			left /= n
			inside = inside && g >= 0 && g < int(c.m.Dims[i])
			global += g * stride
		}
		// PTX gives the swizzles as tables of 16-byte pieces by line of 128 bytes: piece j of line i is at j xor
		// i mod 8; of two halves of four pieces at j xor i / 2 in lines of 64 bytes, and of pairs at j xor i / 4 in
		// lines of 32 bytes.
		piece, shared := at/16, at
		line, width := piece/8, map[Swizzle]int{SwizzleNone: 1, Swizzle32: 2, Swizzle64: 4, Swizzle128: 8}[c.m.Swizzle]
		j := piece % width
		shared = (piece-j+(j^line%width))*16 + at%16
		f(shared, global, inside)
	}
}

var tensorCases = map[string]tensorCase{
	"inside":               {TensorMap{Type: TensorF32, Dims: []uint64{64, 16}, Strides: []uint64{256}, Box: []int{16, 8}}, [5]int{16, 4}},
	"one dimension":        {TensorMap{Type: TensorU8, Dims: []uint64{100}, Box: []int{64}}, [5]int{61}},
	"ragged":               {TensorMap{Type: TensorBF16, Dims: []uint64{37, 11}, Strides: []uint64{80}, Box: []int{16, 8}}, [5]int{30, 6}},
	"before the beginning": {TensorMap{Type: TensorU16, Dims: []uint64{37, 11}, Strides: []uint64{80}, Box: []int{16, 8}}, [5]int{-5, -3}},
	"all outside":          {TensorMap{Type: TensorU32, Dims: []uint64{8, 8}, Strides: []uint64{32}, Box: []int{8, 8}}, [5]int{-8, 0}},
	"NaN outside":          {TensorMap{Type: TensorF32, Dims: []uint64{10, 5}, Strides: []uint64{48}, Box: []int{8, 4}, FillNaN: true}, [5]int{4, 3}},
	"element strides":      {TensorMap{Type: TensorU32, Dims: []uint64{16, 30}, Strides: []uint64{64}, Box: []int{8, 11}, ElementStrides: []int{1, 3}}, [5]int{4, 22}},
	"three dimensions":     {TensorMap{Type: TensorF64, Dims: []uint64{6, 5, 4}, Strides: []uint64{48, 256}, Box: []int{4, 3, 3}}, [5]int{3, -1, 2}},
	"four dimensions":      {TensorMap{Type: TensorF16, Dims: []uint64{20, 3, 4, 5}, Strides: []uint64{48, 144, 576}, Box: []int{8, 2, 3, 2}}, [5]int{-2, 2, 1, 4}},
	"five dimensions":      {TensorMap{Type: TensorU8, Dims: []uint64{50, 3, 2, 3, 2}, Strides: []uint64{64, 192, 384, 1152}, Box: []int{32, 2, 2, 2, 2}}, [5]int{40, 1, 0, 2, 1}},
	"swizzle 32":           {TensorMap{Type: TensorU16, Dims: []uint64{60, 50}, Strides: []uint64{128}, Box: []int{16, 40}, Swizzle: Swizzle32}, [5]int{50, 20}},
	"swizzle 64":           {TensorMap{Type: TensorU32, Dims: []uint64{60, 50}, Strides: []uint64{256}, Box: []int{16, 40}, Swizzle: Swizzle64}, [5]int{50, 20}},
	"swizzle 128":          {TensorMap{Type: TensorBF16, Dims: []uint64{120, 50}, Strides: []uint64{256}, Box: []int{64, 40}, Swizzle: Swizzle128}, [5]int{80, 20}},
}

// Boxes come to shared memory as PTX says, and go back.
func TestTensorCopies(t *testing.T) {
	for name, c := range tensorCases {
		t.Run(name, func(t *testing.T) {
			tensor, box, size := c.size()
			d := NewDevice(Options{BlockRaces: true})
			c.m.Address = reserve(t, d, "tensor", tensor)
			out := reserve(t, d, "out", box)
			content := make([]byte, tensor)
			for i := range content {
				content[i] = byte(i*7 + i/251 + 1)
			}
			if err := d.CopyIn(c.m.Address, content); err != nil {
				t.Fatal(err)
			}
			if err := c.launch(t, d, tensorKernel(t, len(c.m.Dims), "", loadTensor+waitTensor+copyOut), out, box); err != nil {
				t.Fatal(err)
			}
			got, want := make([]byte, box), make([]byte, box)
			if err := d.CopyOut(got, out); err != nil {
				t.Fatal(err)
			}
			outside := 0
			c.each(func(shared, global int, inside bool) {
				if inside {
					copy(want[shared:shared+size], content[global:])
				} else if outside++; c.m.FillNaN {
					copy(want[shared:], U32(0x7FFFFFFF))
				}
			})
			if !bytes.Equal(got, want) {
				t.Fatalf("found % x,\nexpected % x", got, want)
			}
			if (outside == 0) != (name == "inside") {
				t.Errorf("%d elements are outside", outside)
			}

			// Back: the box has other values, and what is outside it stays.
			for i := range got {
				got[i] = byte(i*5 + i/241 + 3)
			}
			if err := d.CopyIn(out, got); err != nil {
				t.Fatal(err)
			}
			k := tensorKernel(t, len(c.m.Dims), "", copyIn+"fence.proxy.async.shared::cta; bar.sync 0;"+storeTensor)
			if err := c.launch(t, d, k, out, box); err != nil {
				t.Fatal(err)
			}
			c.each(func(shared, global int, inside bool) {
				if inside {
					copy(content[global:global+size], got[shared:])
				}
			})
			back := make([]byte, tensor)
			if err := d.CopyOut(back, c.m.Address); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back, content) {
				t.Errorf("stored % x,\nexpected % x", back, content)
			}
		})
	}
}

// What is wrong with a copy of a box is reported.
func TestTensorFaults(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		fail error
		says string
	}{
		"right":                {loadTensor + waitTensor + copyOut, nil, ""},
		"read without a wait":  {loadTensor[strings.Index(loadTensor, "\n"):] + "setp.ne.u32 %p3, %r0, 1; @%p3 bra E; ld.shared.u32 %r5, [%r1+4]; E:", ErrUninitialized, "box+4 (size 32768) is under way"},
		"no fence before":      {copyIn + "bar.sync 0;" + storeTensor, ErrRace, "without a fence.proxy.async"},
		"misaligned box":       {strings.ReplaceAll(loadTensor, "[box]", "[box+16]"), ErrMisaligned, "multiple of 128"},
		"misaligned map":       {strings.ReplaceAll(loadTensor, "[%d1,", "[%d1+16,"), ErrMisaligned, "multiple of 64"},
		"coordinates missing":  {strings.ReplaceAll(strings.ReplaceAll(loadTensor, "DIM", "1d"), "AT", "{%r10}"), ErrOutOfBounds, "1 coordinates"},
		"map in local memory":  {".local .align 64 .b8 l[128]; .reg .b64 %n; mov.u32 %r20, 0; mov.u64 %n, l; cvta.local.u64 %n, %n; Z: st.u64 [%n], 0; add.u64 %n, %n, 8; add.u32 %r20, %r20, 1; setp.lt.u32 %p3, %r20, 16; @%p3 bra Z; add.u64 %n, %n, -128; " + strings.ReplaceAll(loadTensor, "[%d1,", "[%n,"), ErrOutOfBounds, "a tensor map in local memory"},
		"not a map":            {strings.ReplaceAll(loadTensor, "[%d1,", "[%d0,"), ErrOutOfBounds, "not a tensor map"},
		"too few bytes":        {strings.ReplaceAll(loadTensor, "%r2", "16") + waitTensor, ErrDeadlock, "goes on"},
		"map in shared memory": {"@%p0 tensormap.replace.tile.rank.shared::cta.b1024.b32 [box+128], 1; ld.shared.u8 %r5, [box+156];", ErrRace, "box+156"},
		"value too large":      {"mov.u32 %r20, 70000; tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [box+128], 1, %r20;", ErrOutOfBounds, "does not fit"},
	} {
		k := tensorKernel(t, 2, "", c.body)
		tc := tensorCases["inside"]
		d := NewDevice(Options{MaxInstructions: 1 << 18})
		tc.m.Address = reserve(t, d, "tensor", 64*16*4)
		out := reserve(t, d, "out", 1024)
		for p, n := range map[Ptr]int{tc.m.Address: 64 * 16 * 4, out: 1024} {
			if err := d.CopyIn(p, bytes.Repeat([]byte{1}, n)); err != nil {
				t.Fatal(err)
			}
		}
		err := tc.launch(t, d, k, out, 512)
		if !errors.Is(err, c.fail) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: found %v, expected %v, %q", name, err, c.fail, c.says)
		}
	}
	tc := tensorCases["inside"]
	d := NewDevice(Options{})
	tc.m.Address = reserve(t, d, "tensor", 1024)
	if err := d.CopyIn(tc.m.Address, make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	if err := tc.launch(t, d, tensorKernel(t, 2, "", loadTensor+waitTensor), tc.m.Address, 512); !errors.Is(err, ErrOutOfBounds) || !strings.Contains(err.Error(), "tensor+") {
		t.Errorf("a tensor larger than its memory: %v", err)
	}
}

// A box comes to all blocks of a cluster.
func TestTensorMulticast(t *testing.T) {
	const body = `@%p0 mbarrier.arrive.expect_tx.shared.b64 _, [bar], %r2; fence.mbarrier_init.release.cluster; barrier.cluster.arrive; barrier.cluster.wait;
mov.u32 %r6, %cluster_ctarank; setp.ne.u32 %p3, %r6, 1; @%p3 bra W; mov.u16 %h0, 3;
@%p0 cp.async.bulk.tensor.DIM.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [box], [%d1, AT], [bar], %h0;
` + waitTensor + "mul.wide.u32 %d3, %r6, 512; add.u64 %d0, %d0, %d3;" + copyOut + "barrier.cluster.arrive; barrier.cluster.wait;"
	c := tensorCases["inside"]
	d := NewDevice(Options{})
	c.m.Address = reserve(t, d, "tensor", 64*16*4)
	out := reserve(t, d, "out", 1024)
	content := make([]byte, 64*16*4)
	for i := range content {
		content[i] = byte(i * 3)
	}
	if err := d.CopyIn(c.m.Address, content); err != nil {
		t.Fatal(err)
	}
	raw, err := c.m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	k := tensorKernel(t, 2, ".reqnctapercluster 2", body)
	counted, err := d.Launch(t.Context(), k, Dim3{X: 2}, Dim3{X: 32}, 0, raw, Addr(out), U32(512), U32(16), U32(4), U32(0), U32(0), U32(0))
	if err != nil {
		t.Fatal(err)
	}
	if counted.GlobalLoadBytes != 512 { // once for both
		t.Errorf("found %d bytes loaded, expected 512", counted.GlobalLoadBytes)
	}
	got, want := make([]byte, 1024), make([]byte, 1024)
	c.each(func(shared, global int, _ bool) {
		copy(want[shared:shared+4], content[global:])
		copy(want[512+shared:512+shared+4], content[global:])
	})
	if err := d.CopyOut(got, out); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("found % x,\nexpected % x", got, want)
	}
}

// Wrong fields are errors that say which.
func TestTensorMapErrors(t *testing.T) {
	good := TensorMap{Type: TensorF32, Dims: []uint64{64, 16}, Strides: []uint64{256}, Box: []int{16, 8}}
	for says, change := range map[string]func(m *TensorMap){
		"0 dimensions":         func(m *TensorMap) { m.Dims = nil },
		"2 strides":            func(m *TensorMap) { m.Strides = []uint64{256, 256} },
		"element type 8":       func(m *TensorMap) { m.Type = 8 },
		"address 0x8":          func(m *TensorMap) { m.Address = 8 },
		"swizzle mode 4":       func(m *TensorMap) { m.Swizzle = 4 },
		"which has none":       func(m *TensorMap) { m.Type, m.FillNaN = TensorU32, true },
		"has 0 elements":       func(m *TensorMap) { m.Dims = []uint64{64, 0} },
		"257 elements":         func(m *TensorMap) { m.Box = []int{16, 257} },
		"element stride 9":     func(m *TensorMap) { m.ElementStrides = []int{1, 9} },
		"stride 260":           func(m *TensorMap) { m.Strides = []uint64{260} },
		"has 20 bytes":         func(m *TensorMap) { m.Box = []int{5, 8} },
		"a swizzle of 128":     func(m *TensorMap) { m.Swizzle = Swizzle128 },
		"1 to 2^32 - 1":        func(m *TensorMap) { m.Dims = []uint64{1 << 32, 1} },
		"1 sides of the box":   func(m *TensorMap) { m.Box = []int{16} },
		"1 element strides, e": func(m *TensorMap) { m.ElementStrides = []int{1} },
	} {
		m := good
		change(&m)
		if _, err := m.Encode(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("found %v, expected an error with %q", err, says)
		}
	}
	if _, err := good.Encode(); err != nil {
		t.Error(err)
	}
}

// FuzzTensorMap: any bytes are a tensor map or an error, and one that is comes back from its encoding.
func FuzzTensorMap(f *testing.F) {
	for _, c := range tensorCases {
		raw, err := c.m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(bytes.Repeat([]byte{0xFF}, TensorMapBytes))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) != TensorMapBytes {
			return
		}
		m, bad := decodeTensorMap(raw)
		if bad != "" {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, bad := decodeTensorMap(again); bad != "" || !reflect.DeepEqual(m, back) {
			t.Errorf("%+v comes back as %+v, %s", m, back, bad)
		}
	})
}
