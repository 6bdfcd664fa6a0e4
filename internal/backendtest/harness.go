package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

const (
	// guardWords is how much longer than needed every buffer is.
	guardWords = 19
	// guard fills the words past the end of outputs; exact in bfloat16.
	guard = -96.5
	// guardInt is far outside every table.
	guardInt = 1 << 29
)

// harness runs a script on one backend and remembers its buffers.
type harness struct {
	b       backend.Backend
	tensors []*tensor
	failure error // of the harness itself
	refused bool  // the device refused the script with the error that it must give
}

// tensor is a buffer that a script uses.
type tensor struct {
	name    string
	buf     backend.Buffer
	n       int       // elements that the operation may use; guards follow
	written []float32 // what was uploaded, guards included
	changes bool      // the operation may change the first n elements

	bits   []float32 // what was read back
	exact  []float64 // the same without rounding (reference only)
	limits []float64 // allowed differences of the first n elements; nil: none
}

func newHarness(b backend.Backend) *harness { return &harness{b: b} }

// play runs the script, reads everything back, and checks what needs no second
// backend: errors, guards, inputs.
func (r *harness) play(s script) error {
	r.b.BeginStep(defaultStep())
	s(r)
	if r.failure != nil || r.refused {
		return r.failure
	}
	if err := r.b.Sync(); err != nil {
		return fmt.Errorf("found the error %q, expected none", err)
	}
	for _, t := range r.tensors {
		if err := t.read(r.b); err != nil {
			return err
		}
		from := t.n
		if !t.changes {
			from = 0
		}
		for i := from; i < len(t.written); i++ {
			if !sameFloat(t.bits[i], t.written[i]) {
				what := "an input"
				if i >= t.n {
					what = fmt.Sprintf("beyond the %d elements of the operation", t.n)
				}
				return fmt.Errorf("%s[%d], %s: found %v, expected %v as before", t.name, i, what, t.bits[i], t.written[i])
			}
		}
	}
	return nil
}

// defaultStep is what every script starts with.
func defaultStep() backend.StepScalars {
	return backend.StepScalars{Seed: 0x5eed<<32 | 17, Step: 6, Micro: 2, Train: true, LR: 0.0625, MLMScale: 0.25, NSPScale: 0.5}
}

func (t *tensor) read(b backend.Backend) error {
	t.bits = make([]float32, t.buf.Len())
	if err := b.ReadFloats(t.bits, t.buf, 0); err != nil {
		return fmt.Errorf("reading %s: %w", t.name, err)
	}
	if ref, ok := b.(*reference.Backend); ok {
		t.exact = make([]float64, t.buf.Len())
		return ref.ReadDoubles(t.exact, t.buf, 0)
	}
	return nil
}

// sameFloat reports equal bits, or two NaNs.
func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// compare returns an error that describes the wrong elements of the first
// tensor that has any.
func (r *harness) compare(want *harness) error {
	for k, t := range r.tensors {
		if !t.changes {
			continue // play has compared its bits
		}
		w := want.tensors[k]
		wrong, first := 0, ""
		for i := range t.n {
			limit := 0.0
			if w.limits != nil {
				limit = w.limits[i]
			}
			if reason := difference(float64(t.bits[i]), w.exact[i], limit); reason != "" {
				if wrong == 0 {
					first = fmt.Sprintf("%s[%d]: %s", t.name, i, reason)
				}
				wrong++
			}
		}
		if wrong > 0 {
			return fmt.Errorf("%s; %d of %d elements are wrong", first, wrong, t.n)
		}
	}
	return nil
}

// difference returns "" when found is as expected. An infinity is only matched
// by itself, NaN by nothing.
func difference(found, expected, allowed float64) string {
	if found == expected || math.Abs(found-expected) <= allowed && !math.IsInf(allowed, 0) {
		return ""
	}
	return fmt.Sprintf("found %v, expected %v: differs by %.3g, allowed %.3g", found, expected, math.Abs(found-expected), allowed)
}

// sameBits returns an error when any element differs from first's.
func (r *harness) sameBits(first *harness) error {
	for k, t := range r.tensors {
		for i, v := range t.bits {
			if f := first.tensors[k].bits[i]; !sameFloat(v, f) {
				return fmt.Errorf("%s[%d]: found %v and %v in two runs, expected equal bits", t.name, i, f, v)
			}
		}
	}
	return nil
}

// tensor returns the tensor of that name. A name that a script did not use is a
// fault of the suite.
func (r *harness) tensor(name string) *tensor {
	i := slices.IndexFunc(r.tensors, func(t *tensor) bool { return t.name == name })
	if i < 0 {
		panic("backendtest: no tensor " + name)
	}
	return r.tensors[i]
}

// value returns the elements of a tensor as the reference left them.
func (r *harness) value(name string) []float64 {
	t := r.tensor(name)
	return t.exact[:t.n]
}

// allow sets the allowed difference of each element of a tensor.
func (r *harness) allow(name string, limit func(i int) float64) {
	t := r.tensor(name)
	t.limits = make([]float64, t.n)
	for i := range t.limits {
		if t.limits[i] = limit(i); t.limits[i] != 0 {
			t.limits[i] += underflow
		}
	}
}

func (r *harness) upload(name string, dt backend.DType, data []float32, fill float32, changes bool) backend.Buffer {
	t := &tensor{name: name, n: len(data), changes: changes}
	t.written = append(slices.Clone(data), slices.Repeat([]float32{fill}, guardWords)...)
	t.buf = r.b.Alloc(name, dt, len(t.written))
	r.b.WriteFloats(t.buf, 0, t.written)
	r.tensors = append(r.tensors, t)
	return t.buf
}

// rows is upload for a buffer of rows, with one row of guards.
func (r *harness) rows(name string, data []float32, columns int, fill float32, changes bool) backend.Buffer {
	t := &tensor{name: name, n: len(data), changes: changes}
	t.written = append(slices.Clone(data), slices.Repeat([]float32{fill}, columns)...)
	t.buf = backend.AllocRows(r.b, name, r.b.Activation(), len(data)/columns+1, columns)
	r.b.WriteFloats(t.buf, 0, t.written)
	r.tensors = append(r.tensors, t)
	return t.buf
}

func nans(n int) []float32 { return slices.Repeat([]float32{float32(math.NaN())}, n) }

// input is an activation that the operation reads.
func (r *harness) input(name string, data []float32) backend.Buffer {
	return r.upload(name, r.b.Activation(), data, float32(math.NaN()), false)
}

// output is an activation that it assigns.
func (r *harness) output(name string, n int) backend.Buffer {
	return r.upload(name, r.b.Activation(), nans(n), guard, true)
}

// inout is an activation that it changes or adds to.
func (r *harness) inout(name string, data []float32) backend.Buffer {
	return r.upload(name, r.b.Activation(), data, guard, true)
}

// rowInput, rowOutput and rowInout are the same for float32 buffers.
func (r *harness) rowInput(name string, data []float32) backend.Buffer {
	return r.upload(name, backend.F32, data, float32(math.NaN()), false)
}

func (r *harness) rowOutput(name string, n int) backend.Buffer {
	return r.upload(name, backend.F32, nans(n), guard, true)
}

func (r *harness) rowInout(name string, data []float32) backend.Buffer {
	return r.upload(name, backend.F32, data, guard, true)
}

// ints is an I32 input.
func (r *harness) ints(name string, data []int32) backend.Buffer {
	all := append(slices.Clone(data), slices.Repeat([]int32{guardInt}, guardWords)...)
	buf := r.b.Alloc(name, backend.I32, len(all))
	r.b.WriteInts(buf, 0, all)
	return buf
}

// param makes a parameter from its data. The fields of it that the operation
// changes are named in changes: "values", "grad", "m", "v".
func (r *harness) param(p paramData, changes ...string) backend.Param {
	handle := r.b.NewParam(p.spec)
	for _, f := range []struct {
		name string
		buf  backend.Buffer
		data []float32
	}{
		{"values", handle.Values(), p.values},
		{"grad", handle.Grad(), p.grad},
		{"m", handle.M(), p.m},
		{"v", handle.V(), p.v},
	} {
		if f.buf.Len() != len(f.data) {
			r.failure = fmt.Errorf("%s.%s: found %d elements, expected %d", p.spec.Name, f.name, f.buf.Len(), len(f.data))
			return handle
		}
		r.b.WriteFloats(f.buf, 0, f.data)
		r.tensors = append(r.tensors, &tensor{
			name: p.spec.Name + "." + f.name, buf: f.buf, n: len(f.data), written: f.data,
			changes: slices.Contains(changes, f.name),
		})
	}
	r.b.Refresh([]backend.Param{handle})
	return handle
}
