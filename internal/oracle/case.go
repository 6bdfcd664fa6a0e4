package oracle

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Case is a model and a batch, small enough for the oracle.
type Case struct {
	Config    model.Config
	SeqLen    int // S
	MaxMasked int // slots for masked positions in each sequence
	Batch     model.Batch
}

// The sizes of a small case. They are odd where a block size allows it.
const (
	caseLayers    = 2
	caseHeads     = 3
	caseVocab     = 53
	casePositions = 13
	caseSeqLen    = 11
	caseMasked    = 3
	caseSparsity  = 0.6
	caseDropout   = 0.1
)

// SmallCase returns a BERT of 2 layers and a batch of 5 sequences that have
// everything a gradient can get wrong: padding to different lengths, a sequence
// of one token, masked slots that are unused, a pair without an NSP label, and a
// dropout rate that must have no effect. There are 8 masked positions and 4
// labeled pairs, so that the factor 1/count of each loss is exact on a device of
// any precision; the labels are not balanced, so that the NSP bias's gradient is
// not the small difference of large terms. Hidden is 3 x max(16, block) and FFN
// 5 x max(16, block): every block size divides them, the sizes from 16 on into an
// odd number of blocks. block is ignored when method is Dense. The same arguments give the same case.
func SmallCase(method model.Method, block int, seed uint64) Case {
	unit := 16
	c := model.Config{
		VocabSize: caseVocab, Layers: caseLayers, Heads: caseHeads,
		MaxPositions: casePositions, TypeVocab: 2, Dropout: caseDropout, Method: method,
	}
	if method != model.Dense {
		unit = max(unit, block)
		c.BlockSize, c.Sparsity = block, caseSparsity
	}
	c.Hidden, c.FFN = 3*unit, 5*unit

	lengths := []int32{caseSeqLen, 7, 1, 8, 3}
	masked := [][]int32{{1, 4, 10}, {2, 6}, {}, {1, 5, 7}, {}}
	b := model.Batch{
		Size:      len(lengths),
		IDs:       make([]int32, len(lengths)*caseSeqLen),
		Segments:  make([]int32, len(lengths)*caseSeqLen),
		Lengths:   lengths,
		NSPLabels: []int32{1, 0, -1, 1, 1},
	}
	r := philox.NewStream(seed, philox.TestData, caseBatch, 0)
	for s, length := range lengths {
		for t := range length {
			i := int32(s)*caseSeqLen + t
			b.IDs[i] = int32(r.IntN(caseVocab))
			if 2*t > length {
				b.Segments[i] = 1
			}
		}
		for slot := range caseMasked {
			pos, label := int32(-1), int32(-1)
			if slot < len(masked[s]) {
				pos, label = int32(s)*caseSeqLen+masked[s][slot], int32(r.IntN(caseVocab))
			}
			b.MaskedPos = append(b.MaskedPos, pos)
			b.MaskedLabels = append(b.MaskedLabels, label)
		}
	}
	return Case{Config: c, SeqLen: caseSeqLen, MaxMasked: caseMasked, Batch: b}
}

// The Philox coordinate b of what a case draws.
const (
	caseBatch = iota + 1
	caseWeights
)

// draw returns n stored elements of a tensor as Randomize describes them, from
// uniform distributions.
func draw(t model.Tensor, seed uint64, n int) []float32 {
	mean, deviation := 0.0, 1/math.Sqrt(float64(t.In))
	switch {
	case t.Part == model.Embedding:
		deviation = 1
	case t.Start == model.StartOne:
		mean, deviation = 1, 0.2
	case t.Out == 1:
		deviation = 0.2
	}
	r := philox.NewStream(seed, philox.TestData, caseWeights, uint32(t.Index))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(mean + deviation*math.Sqrt(3)*(2*r.Float64()-1))
	}
	return out
}
