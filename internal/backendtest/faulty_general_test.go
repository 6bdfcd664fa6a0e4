package backendtest

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

type (
	dirtyAlloc  struct{ backend.Backend }
	noMemory    struct{ backend.Backend }
	noOffset    struct{ backend.Backend }
	noError     struct{ backend.Backend }
	noLabels    struct{ backend.Backend }
	noTokens    struct{ backend.Backend }
	readsOn     struct{ backend.Backend }
	vague       struct{ backend.Backend }
	panics      struct{ backend.Backend }
	beside      struct{ backend.Backend }
	clampedTanh struct{ backend.Backend }
	lateError   struct {
		backend.Backend
		calls *int
	}
	unsteady struct {
		backend.Backend
		runs *int
	}
)

func (f dirtyAlloc) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	x := f.Backend.Alloc(name, dt, n)
	if dt != backend.I32 && n > 0 {
		f.WriteFloats(x, n-1, []float32{1})
	}
	return x
}

func (f noMemory) MemoryBytes() int64 { return 0 }

func (f noOffset) WriteInts(dst backend.Buffer, _ int, src []int32) { f.Backend.WriteInts(dst, 0, src) }

func (f noError) Sync() error { return nil }

// CrossEntropy does not look at the labels.
func (f noLabels) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
	f.Backend.CrossEntropy(stats, logits, f.Alloc("labels", backend.I32, labels.Len()), rows, c, l, grad)
}

// DSD takes fewer than no tokens for none.
func (f noTokens) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	f.Backend.DSD(y, pre, x, w, bias, max(t, 0))
}

// Sync does not keep to the first error.
func (f lateError) Sync() error {
	*f.calls++
	if err := f.Backend.Sync(); err != nil {
		return fmt.Errorf("%w, asked %d times", err, *f.calls)
	}
	return nil
}

func (f readsOn) ReadFloats(dst []float32, src backend.Buffer, off int) error {
	_ = f.Backend.ReadFloats(dst, src, off)
	return nil
}

func (f vague) Sync() error {
	if f.Backend.Sync() != nil {
		return errors.New("invalid argument")
	}
	return nil
}

// Gather panics on a bad index.
func (f panics) Gather(dst, src, index backend.Buffer, n, h int) {
	if f.Backend.Gather(dst, src, index, n, h); f.Sync() != nil {
		panic("index out of range")
	}
}

// Capabilities come without the check of arguments.
func (f beside) Capabilities() backend.Capabilities {
	return backend.Capabilities{SharedInput: oneByOne{f.Backend}}
}

// DSD is off in the last bit in every second run, as if its order of summation
// depended on the threads.
func (f unsteady) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	f.Backend.DSD(y, pre, x, w, bias, t)
	*f.runs++
	if *f.runs%2 == 0 {
		edit(f.Backend, y, func(v []float32) { v[0] *= 1 + 1.0/(1<<23) })
	}
}

func (f clampedTanh) Tanh(y, x backend.Buffer, n int) {
	f.Backend.Tanh(y, x, n)
	edit(f.Backend, y, replaceNaN)
}

func replaceNaN(v []float32) {
	for i := range v {
		if v[i] != v[i] {
			v[i] = -1
		}
	}
}

func generalFaults() []fault {
	runs := 0
	return []fault{
		{"NaN", "a clamp in tanh", func(b backend.Backend) backend.Backend { return clampedTanh{b} }},
		{"NaN", "lost in the loss", func(b backend.Backend) backend.Backend {
			return lossFault{b, func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
				b.CrossEntropy(stats, logits, labels, rows, c, l, grad)
				edit(b, stats, replaceNaN)
			}}
		}},
		{"Memory", "new buffers are not zero", func(b backend.Backend) backend.Backend { return dirtyAlloc{b} }},
		{"Memory", "memory not counted", func(b backend.Backend) backend.Backend { return noMemory{b} }},
		{"Memory", "offsets of integers ignored", func(b backend.Backend) backend.Backend { return noOffset{b} }},
		{"Values", "no error", func(b backend.Backend) backend.Backend { return noError{b} }},
		{"Values", "labels unchecked", func(b backend.Backend) backend.Backend { return noLabels{b} }},
		{"Values", "the error changes", func(b backend.Backend) backend.Backend { return lateError{b, new(int)} }},
		{"Values", "reads go on", func(b backend.Backend) backend.Backend { return readsOn{b} }},
		{"Values", "a vague message", func(b backend.Backend) backend.Backend { return vague{b} }},
		{"Values", "a panic", func(b backend.Backend) backend.Backend { return panics{b} }},
		{"Wrapper", "fewer than no tokens", func(b backend.Backend) backend.Backend { return noTokens{b} }},
		{"Wrapper", "capabilities beside the check", func(b backend.Backend) backend.Backend { return beside{b} }},
		{"DSD", "bits differ from run to run", func(b backend.Backend) backend.Backend { return unsteady{b, &runs} }},
	}
}
