package model_test

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// smallConfig is a model that the reference backend runs in about a millisecond.
func smallConfig(m model.Method, block int) model.Config {
	return model.Config{
		VocabSize: 40, Layers: 2, Hidden: 16, Heads: 2, FFN: 32, MaxPositions: 10, TypeVocab: 2,
		Method: m, Sparsity: 0.5, BlockSize: block,
	}
}

var smallOptions = model.Options{MicroBatch: 4, SeqLen: 8, MaxMasked: 3, Seed: 11}

// smallBatch draws size sequences of the small model: padding of every kind, two
// masked positions in each sequence that is long enough, one slot unused.
func smallBatch(size int, seed uint64) model.Batch {
	s := philox.NewStream(seed, philox.TestData, 0, 0)
	o := smallOptions
	b := model.Batch{Size: size}
	for i := range size {
		length := o.SeqLen - i%4*2 // 8, 6, 4, 2
		b.Lengths = append(b.Lengths, int32(length))
		for t := range o.SeqLen {
			b.IDs = append(b.IDs, int32(s.IntN(40)))
			b.Segments = append(b.Segments, int32(min(1, t/3)))
		}
		b.MaskedPos = append(b.MaskedPos, int32(i*o.SeqLen), -1, int32(i*o.SeqLen+length-1))
		b.MaskedLabels = append(b.MaskedLabels, int32(s.IntN(40)), -1, int32(s.IntN(40)))
		b.NSPLabels = append(b.NSPLabels, int32(i%2))
	}
	return b
}

func build(t *testing.T, b backend.Backend, c model.Config, o model.Options) *model.Model {
	t.Helper()
	m, err := model.New(b, c, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// randomize moves every value by a normal of standard deviation 0.2, so that
// nothing is zero, equal or nearly linear.
func randomize(t *testing.T, b *reference.Backend, m *model.Model) {
	t.Helper()
	for i, p := range m.Params() {
		v := doubles(t, b, p.Values())
		s := philox.NewStream(3, philox.TestData, 1, uint32(i))
		for j := range v {
			v[j] += 0.2 * math.Sqrt2 * math.Erfinv(2*s.Float64()-1+0x1p-54)
		}
		b.WriteDoubles(p.Values(), 0, v)
	}
}

// doubles reads a whole buffer.
func doubles(t *testing.T, b *reference.Backend, x backend.Buffer) []float64 {
	t.Helper()
	v := make([]float64, x.Len())
	if err := b.ReadDoubles(v, x, 0); err != nil {
		t.Fatal(err)
	}
	return v
}

// adam is an ordinary optimizer setting.
func adam() backend.AdamConfig {
	return backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.01, GroupLassoStd: 0.02, MaxGradNorm: 1}
}

// step runs one step and fails the test on an error.
func step(t *testing.T, m *model.Model, a model.StepArgs, micro ...model.Batch) model.StepResult {
	t.Helper()
	r, err := m.Step(a, micro)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// densify returns a parameter's values as a dense row-major tensor.
func densify(t *testing.T, b *reference.Backend, p backend.Param) []float64 {
	t.Helper()
	v := doubles(t, b, p.Values())
	topo, err := b.Topology(p)
	if err != nil {
		t.Fatal(err)
	}
	if topo == nil {
		return v
	}
	out := make([]float64, topo.Out*topo.In)
	for i, x := range v {
		slot, e := i/topo.BlockSize(), i%topo.BlockSize()
		row := int(topo.Rows[slot])*topo.Block + e/topo.Block
		out[row*topo.In+int(topo.Cols[slot])*topo.Block+e%topo.Block] = x
	}
	return out
}
