package oracle

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Randomize gives every parameter of m the small case's values, which depend on
// seed alone: weights of standard deviation 1/sqrt(In), embeddings of 1, biases
// of 0.2 and LayerNorm scales of 0.2 around 1. So, unlike at the start of a
// training, no bias is 0, no scale is 1, and attention is far from uniform.
// Errors are the device's.
func Randomize(m *model.Model, seed uint64) error {
	b, table := m.Backend(), m.Table()
	for i, p := range m.Params() {
		b.WriteFloats(p.Values(), 0, draw(table[i], seed, table[i].Stored()))
	}
	b.Refresh(m.Params())
	if err := b.Sync(); err != nil {
		return fmt.Errorf("oracle: writing weights to %s: %w", b.Name(), err)
	}
	return nil
}

// InputOf reads the weights and topologies of m and returns the oracle's input
// for a batch. Errors are the device's.
func InputOf(m *model.Model, batch model.Batch) (Input, error) {
	in := Input{
		Config:  m.Config(),
		SeqLen:  m.Options().SeqLen,
		Weights: make(map[string][]float64),
		Masks:   make(map[string][]float64),
		Batch:   batch,
	}
	b, table := m.Backend(), m.Table()
	for i, p := range m.Params() {
		t := table[i]
		topo, err := b.Topology(p)
		if err != nil {
			return Input{}, fmt.Errorf("oracle: reading the topology of %s: %w", t.Name, err)
		}
		values := make([]float32, t.Stored())
		if err := b.ReadFloats(values, p.Values(), 0); err != nil {
			return Input{}, fmt.Errorf("oracle: reading the values of %s: %w", t.Name, err)
		}
		in.Weights[t.Name] = widen(dense(t, topo, values))
		if topo != nil {
			for i := range values {
				values[i] = 1
			}
			in.Masks[t.Name] = widen(dense(t, topo, values))
		}
	}
	return in, nil
}

// Gradients reads the gradients that m.Gradients left on the device, [Out, In]
// row-major by name, with zeros in the inactive blocks. Errors are the device's.
func Gradients(m *model.Model) (map[string][]float32, error) {
	return GradientsBy(m, func(i int, dst []float32) error { return m.Backend().ReadFloats(dst, m.Params()[i].Grad(), 0) })
}

// GradientsBy is Gradients for a device that keeps more than float32: read reads
// the stored gradient of parameter i.
func GradientsBy[F float32 | float64](m *model.Model, read func(i int, dst []F) error) (map[string][]F, error) {
	grads := make(map[string][]F)
	for i, p := range m.Params() {
		t := m.Table()[i]
		topo, err := m.Backend().Topology(p)
		if err != nil {
			return nil, fmt.Errorf("oracle: reading the topology of %s: %w", t.Name, err)
		}
		values := make([]F, t.Stored())
		if err := read(i, values); err != nil {
			return nil, fmt.Errorf("oracle: reading the gradient of %s: %w", t.Name, err)
		}
		grads[t.Name] = dense(t, topo, values)
	}
	return grads, nil
}

// dense spreads the stored blocks of a tensor over [Out, In]; a dense tensor
// (topo nil) is returned as it is.
func dense[F float32 | float64](t model.Tensor, topo *sparse.Topology, stored []F) []F {
	if topo == nil {
		return stored
	}
	out := make([]F, t.Out*t.In)
	size := topo.Block
	for slot := range topo.NNZ() {
		first := int(topo.Rows[slot])*size*t.In + int(topo.Cols[slot])*size
		for r := range size {
			copy(out[first+r*t.In:][:size], stored[(slot*size+r)*size:])
		}
	}
	return out
}

// widen converts to float64, exactly.
func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
