package backendtest

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

type (
	dirtyAlloc  struct{ backend.Backend }
	noMemory    struct{ backend.Backend }
	noOffset    struct{ backend.Backend }
	noError     struct{ backend.Backend }
	noCheck     struct{ backend.Backend }
	readsOn     struct{ backend.Backend }
	vague       struct{ backend.Backend }
	panics      struct{ backend.Backend }
	deadCall    struct{ backend.Backend }
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

// Tanh trusts the caller: too few elements are just fewer elements.
func (f noCheck) Tanh(y, x backend.Buffer, n int) {
	if y != nil && x != nil {
		n = min(n, y.Len(), x.Len())
	}
	f.Backend.Tanh(y, x, n)
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

// GELUGrad panics on a missing buffer.
func (f panics) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	_ = dx.Len() + dy.Len() + pre.Len()
	f.Backend.GELUGrad(dx, dy, pre, n)
}

// Refresh refuses everything.
func (f deadCall) Refresh([]backend.Param) { f.SetTopology(nil, new(sparse.Topology)) }

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
		{"Mistakes", "no error", func(b backend.Backend) backend.Backend { return noError{b} }},
		{"Mistakes", "lengths unchecked", func(b backend.Backend) backend.Backend { return noCheck{b} }},
		{"Mistakes", "the error changes", func(b backend.Backend) backend.Backend { return lateError{b, new(int)} }},
		{"Mistakes", "reads go on", func(b backend.Backend) backend.Backend { return readsOn{b} }},
		{"Mistakes", "a vague message", func(b backend.Backend) backend.Backend { return vague{b} }},
		{"Mistakes", "a panic", func(b backend.Backend) backend.Backend { return panics{b} }},
		{"GoodCalls", "a good call refused", func(b backend.Backend) backend.Backend { return deadCall{b} }},
		{"DSD", "bits differ from run to run", func(b backend.Backend) backend.Backend { return unsteady{b, &runs} }},
	}
}
