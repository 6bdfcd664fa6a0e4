package main

import (
	"errors"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// batch is a batch as interop.py writes it. Positions are within a sequence.
type batch struct {
	SeqLen    int       `json:"seq_len"`
	IDs       [][]int32 `json:"ids"` // [n][S], padded
	Segments  [][]int32 `json:"segments"`
	Lengths   []int32   `json:"lengths"`
	Positions [][]int32 `json:"positions"` // to predict, at most S-3 of a sequence
	Labels    [][]int32 `json:"labels"`
	NSP       []int32   `json:"nsp"`
}

// model returns the batch for a model with n masked slots a sequence.
func (b batch) model(n int) model.Batch {
	m := model.Batch{Size: len(b.IDs), Lengths: b.Lengths, NSPLabels: b.NSP}
	for s := range b.IDs {
		m.IDs = append(m.IDs, b.IDs[s]...)
		m.Segments = append(m.Segments, b.Segments[s]...)
		for slot := range n {
			pos, label := int32(-1), int32(-1)
			if slot < len(b.Positions[s]) {
				pos, label = int32(s*b.SeqLen)+b.Positions[s][slot], b.Labels[s][slot]
			}
			m.MaskedPos = append(m.MaskedPos, pos)
			m.MaskedLabels = append(m.MaskedLabels, label)
		}
	}
	return m
}

// load opens a checkpoint on a backend for batches of b's size.
func load(path string, b batch, open func() (backend.Backend, error)) (*model.Model, error) {
	m, _, err := train.LoadModel(path, func(string, string, int) (backend.Backend, error) { return open() }, func(c *train.Config) {
		c.BatchSize, c.SeqLen = len(b.IDs), b.SeqLen
		c.MLMProbability = 1 // a slot for every token but [CLS] and two [SEP]
	})
	return m, err
}

// result is what forward computes.
type result struct {
	mlm, nsp         []float64 // logits: [M, V] in the order of the positions, [n, 2]
	mlmLoss, nspLoss float64   // means
}

// compute runs a model forward.
func compute(m *model.Model, b batch) (result, error) {
	var r result
	var err error
	in := b.model(m.Options().MaxMasked)
	if r.mlm, r.nsp, err = m.Logits(in); err != nil {
		return r, err
	}
	sums, err := m.Eval(in)
	if err != nil {
		return r, err
	}
	r.mlmLoss, r.nspLoss = sums.MLMLossSum/float64(sums.Masked), sums.NSPLossSum/float64(sums.Pairs)
	return r, nil
}

// forward is the command of that name.
func forward(path string, b batch) (f *checkpoint.File, err error) {
	m, err := load(path, b, func() (backend.Backend, error) { return cpu.New(cpu.Options{Threads: 1}) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Backend().Close()) }()
	r, err := compute(m, b)
	if err != nil {
		return nil, err
	}
	v := m.Config().VocabSize
	return &checkpoint.File{Tensors: []checkpoint.Tensor{
		checkpoint.Of("mlm_logits", []int{len(r.mlm) / v, v}, r.mlm), checkpoint.Of("nsp_logits", []int{len(r.nsp) / 2, 2}, r.nsp),
		checkpoint.Of("losses", []int{2}, []float64{r.mlmLoss, r.nspLoss}),
	}}, nil
}

// derive returns the gradients of the mean losses' sum, dense, in float64.
func derive(path string, b batch) (m *model.Model, grads map[string][]float64, err error) {
	device := reference.New()
	m, err = load(path, b, func() (backend.Backend, error) { return device, nil })
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	if _, err := m.Gradients([]model.Batch{b.model(m.Options().MaxMasked)}, false); err != nil {
		return nil, nil, err
	}
	grads, err = oracle.GradientsBy(m, func(i int, dst []float64) error { return device.ReadDoubles(dst, m.Params()[i].Grad(), 0) })
	return m, grads, err
}

// gradients is the command of that name.
func gradients(path string, b batch) (*checkpoint.File, error) {
	m, grads, err := derive(path, b)
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{}
	for _, row := range m.Table() {
		f.Tensors = append(f.Tensors, checkpoint.Of(row.Name, row.Dims(), grads[row.Name]))
	}
	return f, nil
}
