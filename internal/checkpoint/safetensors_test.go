package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nlpodyssey/safetensors"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
)

// sample has every Go element type, a scalar, an empty tensor, bit patterns
// that a careless conversion loses, and a tensor beyond one conversion chunk.
func sample() *checkpoint.File {
	long := make([]float32, 1<<14+3)
	for i := range long {
		long[i] = float32(i) * 0.37
	}
	return &checkpoint.File{
		Metadata: map[string]string{"note": "a \"quoted\" ümlaut\n", "format": "pt"},
		Tensors: []checkpoint.Tensor{
			checkpoint.Of("u8", []int{3}, []uint8{0, 127, 255}),
			checkpoint.Of("i8", []int{2}, []int8{-128, 127}),
			checkpoint.Of("u16", []int{1}, []uint16{65535}),
			checkpoint.Of("i16", []int{1}, []int16{-32768}),
			checkpoint.Of("u32", []int{1}, []uint32{math.MaxUint32}),
			checkpoint.Of("i32", []int{1, 2}, []int32{math.MinInt32, 5}),
			checkpoint.Of("u64", []int{1}, []uint64{math.MaxUint64 - 1}),
			checkpoint.Of("i64", []int{2}, []int64{math.MinInt64, -1}),
			checkpoint.Of("f32", []int{2, 2}, []float32{float32(math.Copysign(0, -1)), 1e-45, math.MaxFloat32, float32(math.NaN())}),
			checkpoint.Of("f64", nil, []float64{math.Pi}),
			checkpoint.Of("empty", []int{0, 7}, []float32{}),
			checkpoint.Of("long", []int{1<<14 + 3}, long),
			{Info: checkpoint.Info{Name: "b16 \u00e9", DType: checkpoint.BF16, Shape: []int{2}}, Data: []byte{1, 2, 3, 4}},
		},
	}
}

func encode(t testing.TB, f *checkpoint.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := checkpoint.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (*checkpoint.Reader, error) {
	return checkpoint.NewReader(bytes.NewReader(data), int64(len(data)), "x.safetensors", checkpoint.Limits{})
}

// same checks one tensor bit for bit, through both ways of reading.
func same[E checkpoint.Element](t *testing.T, r *checkpoint.Reader, name string, want []E) {
	t.Helper()
	bits := func(v []E) []byte {
		b, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tensor, err := r.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tensor.Data, bits(want)) {
		t.Errorf("%s: Read gives % x, want % x", name, tensor.Data, bits(want))
	}
	into := make([]E, len(want))
	if err := checkpoint.ReadInto(r, name, into); err != nil || !bytes.Equal(bits(into), bits(want)) {
		t.Errorf("%s: ReadInto gives %v (%v), want %v", name, into, err, want)
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	f := sample()
	if err := checkpoint.WriteFile(path, f); err != nil {
		t.Fatal(err)
	}
	r, err := checkpoint.Open(path, checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !reflect.DeepEqual(r.Metadata(), f.Metadata) {
		t.Errorf("metadata: got %v, want %v", r.Metadata(), f.Metadata)
	}
	var want []checkpoint.Info
	for _, tensor := range f.Tensors {
		want = append(want, tensor.Info)
	}
	if err := r.Require(want); err != nil {
		t.Error(err)
	}
	same(t, r, "u8", []uint8{0, 127, 255})
	same(t, r, "i8", []int8{-128, 127})
	same(t, r, "u16", []uint16{65535})
	same(t, r, "i16", []int16{-32768})
	same(t, r, "u32", []uint32{math.MaxUint32})
	same(t, r, "i32", []int32{math.MinInt32, 5})
	same(t, r, "u64", []uint64{math.MaxUint64 - 1})
	same(t, r, "i64", []int64{math.MinInt64, -1})
	same(t, r, "f32", []float32{float32(math.Copysign(0, -1)), 1e-45, math.MaxFloat32, float32(math.NaN())})
	same(t, r, "f64", []float64{math.Pi})
	same(t, r, "empty", []float32{})
	long := make([]float32, 1<<14+3)
	for i := range long {
		long[i] = float32(i) * 0.37
	}
	same(t, r, "long", long)

	whole := checkpointtest.Read(t, path)
	if b16, ok := whole.Tensor("b16 \u00e9"); !ok || !bytes.Equal(b16.Data, []byte{1, 2, 3, 4}) {
		t.Errorf("bf16 tensor: got %v, %v", b16.Data, ok)
	}
	again, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(encode(t, whole), again) {
		t.Errorf("writing what was read gives other bytes (%v)", err)
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	want := encode(t, sample())
	f := sample()
	for range 20 {
		f.Tensors = append(f.Tensors[1:], f.Tensors[0])
		if !bytes.Equal(encode(t, f), want) {
			t.Fatal("the order in which tensors are given changes the bytes")
		}
	}
	// The exact layout, so that a change of it cannot pass unseen.
	small := &checkpoint.File{
		Metadata: map[string]string{"b": "2", "a": "1"},
		Tensors:  []checkpoint.Tensor{checkpoint.Of("t", []int{2}, []uint8{7, 8}), checkpoint.Of("z", nil, []int32{-2})},
	}
	text := `{"__metadata__":{"a":"1","b":"2"},"z":{"dtype":"I32","shape":[],"data_offsets":[0,4]},"t":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}`
	text += strings.Repeat(" ", (8-len(text)%8)%8)
	exact := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	exact = append(exact, text...)
	exact = append(exact, 0xfe, 0xff, 0xff, 0xff, 7, 8)
	if got := encode(t, small); !bytes.Equal(got, exact) {
		t.Errorf("got  %q\nwant %q", got, exact)
	}
}

// An independent implementation reads what we write, and we read what it writes.
func TestAgreesWithTheLibrary(t *testing.T) {
	f := sample()
	data := encode(t, f)
	theirs, err := safetensors.Deserialize(data)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	if theirs.Len() != len(f.Tensors) {
		t.Fatalf("the library finds %d tensors, want %d", theirs.Len(), len(f.Tensors))
	}
	views := map[string]safetensors.TensorView{}
	for _, tensor := range f.Tensors {
		view, ok := theirs.Tensor(tensor.Name)
		got, err := ours.Read(tensor.Name)
		if !ok || err != nil {
			t.Fatalf("%s: library %v, ours %v", tensor.Name, ok, err)
		}
		shape := []uint64{}
		for _, n := range tensor.Shape {
			shape = append(shape, uint64(n))
		}
		if view.DType().String() != string(tensor.DType) || !slices.Equal(view.Shape(), shape) || !bytes.Equal(view.Data(), got.Data) {
			t.Errorf("%s: the library reads %v %v, other than ours", tensor.Name, view.DType(), view.Shape())
		}
		views[tensor.Name] = view
	}
	back, err := safetensors.Serialize(views, f.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	r, err := read(back)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range ours.Tensors() {
		a, aerr := ours.Read(info.Name)
		b, berr := r.Read(info.Name)
		if aerr != nil || berr != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: read from the library's file: %v, %v", info.Name, aerr, berr)
		}
	}
}

func TestTruncationIsRejected(t *testing.T) {
	f := &checkpoint.File{Tensors: []checkpoint.Tensor{
		checkpoint.Of("w", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}), checkpoint.Of("empty", []int{0}, []int32{}),
	}}
	data := encode(t, f)
	for n := range len(data) {
		if _, err := read(data[:n]); !errors.Is(err, checkpoint.ErrCorrupt) {
			t.Errorf("cut to %d of %d bytes: got %v, want ErrCorrupt", n, len(data), err)
		}
	}
	if _, err := read(append(slices.Clone(data), 0)); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("one byte too many: got %v, want ErrCorrupt", err)
	}
}

// A file that shrinks after the header was checked.
func TestShortReadIsAnError(t *testing.T) {
	data := encode(t, &checkpoint.File{Tensors: []checkpoint.Tensor{checkpoint.Of("w", []int{4}, []float32{1, 2, 3, 4})}})
	r, err := checkpoint.NewReader(bytes.NewReader(data[:len(data)-1]), int64(len(data)), "x", checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read("w"); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("Read: got %v, want ErrCorrupt", err)
	}
	if err := checkpoint.ReadInto(r, "w", make([]float32, 4)); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("ReadInto: got %v, want ErrCorrupt", err)
	}
}

func TestWriteRejectsBadTensors(t *testing.T) {
	info := checkpoint.Info{Name: "w", DType: checkpoint.F32, Shape: []int{2}}
	stream := func(n int) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(make([]byte, n)); return err }
	}
	cases := []struct {
		name    string
		tensors []checkpoint.Tensor
		want    string
	}{
		{"empty name", []checkpoint.Tensor{{Info: checkpoint.Info{DType: checkpoint.F32}}}, `tensor 0: found name ""`},
		{"reserved name", []checkpoint.Tensor{{Info: checkpoint.Info{Name: "__metadata__", DType: checkpoint.F32}}}, `found name "__metadata__"`},
		{"not UTF-8", []checkpoint.Tensor{{Info: checkpoint.Info{Name: "\xff", DType: checkpoint.F32}}}, `found name "\xff"`},
		{"twice", []checkpoint.Tensor{checkpoint.Of("w", []int{1}, []int8{1}), checkpoint.Of("w", []int{1}, []int8{1})}, `tensor "w": found two of that name`},
		{"unknown type", []checkpoint.Tensor{{Info: checkpoint.Info{Name: "w", DType: "F8"}}}, `tensor "w": found element type "F8"`},
		{"negative", []checkpoint.Tensor{{Info: checkpoint.Info{Name: "w", DType: checkpoint.F32, Shape: []int{-1}}}}, `found extent -1`},
		{"overflow", []checkpoint.Tensor{{Info: checkpoint.Info{Name: "w", DType: checkpoint.F32, Shape: []int{1 << 31, 1 << 31}}}}, `expected one below 2^63 bytes`},
		{"short data", []checkpoint.Tensor{{Info: info, Data: make([]byte, 7)}}, `found 7 bytes of data, expected 8`},
		{"values and shape", []checkpoint.Tensor{checkpoint.Of("w", []int{3}, []int32{1})}, `found a stream of 4 bytes, expected 12`},
		{"short stream", []checkpoint.Tensor{{Info: info, Stream: stream(7)}}, `found a stream of 7 bytes, expected 8`},
		{"long stream", []checkpoint.Tensor{{Info: info, Stream: stream(9)}}, `found a stream with 1 bytes too many`},
	}
	for _, c := range cases {
		if err := checkpoint.Write(io.Discard, &checkpoint.File{Tensors: c.tensors}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	err := checkpoint.Write(io.Discard, &checkpoint.File{Metadata: map[string]string{"k": "\xff"}})
	if err == nil || !strings.Contains(err.Error(), `metadata "k"`) {
		t.Errorf("metadata that is not UTF-8: got %v", err)
	}
}

func TestWriteReportsAFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no device that is always full: %v", err)
	}
	defer full.Close()
	if err := checkpoint.Write(full, sample()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
}

func TestRequire(t *testing.T) {
	r, err := read(encode(t, &checkpoint.File{Tensors: []checkpoint.Tensor{
		checkpoint.Of("a", []int{2}, []float32{1, 2}), checkpoint.Of("b", []int{1, 1}, []int32{1}),
	}}))
	if err != nil {
		t.Fatal(err)
	}
	a := checkpoint.Info{Name: "a", DType: checkpoint.F32, Shape: []int{2}}
	b := checkpoint.Info{Name: "b", DType: checkpoint.I32, Shape: []int{1, 1}}
	cases := []struct {
		want []checkpoint.Info
		text string
	}{
		{[]checkpoint.Info{b, a}, ""},
		{[]checkpoint.Info{a}, `x.safetensors: tensor "b": found an unexpected tensor, expected the 1 tensors of this model only`},
		{[]checkpoint.Info{a, b, {Name: "c", DType: checkpoint.F32}}, `x.safetensors: tensor "c": found no such tensor, expected shape [] of F32`},
		{[]checkpoint.Info{a, {Name: "b", DType: checkpoint.I32, Shape: []int{1}}}, `x.safetensors: tensor "b": found shape [1 1] of I32, expected shape [1] of I32`},
		{[]checkpoint.Info{{Name: "a", DType: checkpoint.I32, Shape: []int{2}}, b}, `x.safetensors: tensor "a": found shape [2] of F32, expected shape [2] of I32`},
	}
	for _, c := range cases {
		switch err := r.Require(c.want); {
		case c.text == "" && err != nil:
			t.Error(err)
		case c.text != "" && (!errors.Is(err, checkpoint.ErrCorrupt) || err.Error() != c.text):
			t.Errorf("got %v, want %s", err, c.text)
		}
	}
	if err := checkpoint.ReadInto(r, "a", make([]int32, 2)); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("ReadInto of another type: got %v", err)
	}
	if err := checkpoint.ReadInto(r, "a", make([]float32, 3)); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("ReadInto of another length: got %v", err)
	}
	if _, err := r.Read("c"); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("Read of a missing tensor: got %v", err)
	}
}
