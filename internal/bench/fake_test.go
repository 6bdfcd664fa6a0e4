package bench_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/bench"
)

// fake is a device with a clock of its own: a sparse product takes 2 us, a dense
// one 8 us, and nothing is computed.
type fake struct {
	act       backend.DType
	calls     []string // "sparse" and "dense" with their operands
	samples   [][]string
	refreshed int
	values    map[backend.Buffer]float32 // the sum of what was written
	fails     error
	failAt    int // products before the failure
}

type fakeBuffer struct {
	name string
	dt   backend.DType
	n    int
}

func (b *fakeBuffer) Name() string          { return b.name }
func (b *fakeBuffer) DType() backend.DType  { return b.dt }
func (b *fakeBuffer) Len() int              { return b.n }
func (b *fakeBuffer) Owner() backend.Device { return nil }

type fakeParam struct {
	spec   backend.ParamSpec
	nnz    int
	values *fakeBuffer
}

func (p *fakeParam) Spec() backend.ParamSpec { return p.spec }
func (p *fakeParam) Sparse() bool            { return p.nnz > 0 }
func (p *fakeParam) NNZ() int                { return p.nnz }
func (p *fakeParam) Block() int              { return 0 }
func (p *fakeParam) Owner() backend.Device   { return nil }
func (p *fakeParam) Values() backend.Buffer  { return p.values }
func (p *fakeParam) Grad() backend.Buffer    { return nil }
func (p *fakeParam) M() backend.Buffer       { return nil }
func (p *fakeParam) V() backend.Buffer       { return nil }

func (f *fake) Name() string { return "fake" }

// Capabilities are none.
func (f *fake) Capabilities() backend.Capabilities { return backend.Capabilities{} }

func (f *fake) Describe() string          { return "a fake device" }
func (f *fake) Activation() backend.DType { return f.act }

func (f *fake) Alloc(name string, dt backend.DType, n int) backend.Buffer {
	return &fakeBuffer{name, dt, n}
}

func (f *fake) NewParam(spec backend.ParamSpec) backend.Param {
	p := &fakeParam{spec: spec, values: &fakeBuffer{spec.Name, backend.F32, spec.Out * spec.In}}
	if t := spec.Topology; t != nil {
		p.nnz, p.values.n = t.NNZ(), t.NNZ()*t.BlockSize()
	}
	return p
}

func (f *fake) WriteFloats(dst backend.Buffer, off int, src []float32) {
	if f.values == nil {
		f.values = map[backend.Buffer]float32{}
	}
	for _, x := range src {
		f.values[dst] += x * x
	}
}

func (f *fake) Refresh(params []backend.Param) { f.refreshed += len(params) }

func (f *fake) Sync() error {
	if f.fails != nil && len(f.calls) >= f.failAt {
		return f.fails
	}
	return nil
}

func (f *fake) product(op string, w backend.Param, from, to backend.Buffer, t int) {
	kind := "dense"
	if w.Sparse() {
		kind = "sparse"
	}
	f.calls = append(f.calls, fmt.Sprintf("%s %s %s: %s -> %s, %d", kind, op, w.Spec().Name, from.(*fakeBuffer).name, to.(*fakeBuffer).name, t))
}

func (f *fake) DSD(y, _, x backend.Buffer, w, _ backend.Param, t int) {
	f.product("dsd", w, x, y, t)
}

func (f *fake) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, _ backend.Buffer) {
	if mode != backend.Assign {
		f.fails = errors.New("mode")
	}
	f.product("dds", w, dy, dx, t)
}

func (f *fake) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	if bias == nil || bias.Spec().Out*bias.Spec().In != w.Spec().Out {
		f.fails = errors.New("bias")
	}
	f.product("sdd", w, dy, x, t)
}

// clocked is a fake that times work itself and knows all else that a device may.
type clocked struct{ *fake }

func (f clocked) Capabilities() backend.Capabilities {
	return backend.Capabilities{Clock: f, Profile: f}
}

func (f clocked) Lap() error { return nil }

func (f clocked) Laps() ([]time.Duration, error) { return nil, nil }

func (f clocked) Timer() (func(func()) (time.Duration, error), error) {
	return func(work func()) (time.Duration, error) {
		before := len(f.calls)
		work()
		sample, took := f.calls[before:], time.Duration(0)
		f.samples = append(f.samples, sample)
		for _, c := range sample {
			if c[0] == 's' {
				took += 2 * time.Microsecond
			} else {
				took += 8 * time.Microsecond
			}
		}
		return took, f.Sync()
	}, nil
}

func (f clocked) Threads() int { return 3 }

func (f clocked) CopyRate(int64) (float64, error) { return 100e9, nil }

func (f clocked) ProductKernel(op string, p backend.Param, tokens int) string {
	return fmt.Sprintf("%s %v %d", op, p.Sparse(), tokens)
}

var _ bench.Device = clocked{}
