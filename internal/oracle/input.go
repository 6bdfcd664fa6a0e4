package oracle

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// checkInput finds what would make the graph wrong or impossible to build.
func checkInput(in Input, table []model.Tensor) error {
	for _, t := range table {
		w, ok := in.Weights[t.Name]
		if !ok {
			return fmt.Errorf("%w: weights: found no %s, expected [%d, %d]", ErrInput, t.Name, t.Out, t.In)
		}
		if len(w) != t.Out*t.In {
			return fmt.Errorf("%w: weights of %s: found %d, expected %d x %d", ErrInput, t.Name, len(w), t.Out, t.In)
		}
		m, ok := in.Masks[t.Name]
		if t.Sparse && !ok {
			return fmt.Errorf("%w: masks: found none for the block-sparse %s", ErrInput, t.Name)
		}
		if ok && len(m) != t.Out*t.In {
			return fmt.Errorf("%w: mask of %s: found %d elements, expected %d x %d", ErrInput, t.Name, len(m), t.Out, t.In)
		}
		for i, v := range m {
			if v != 0 && v != 1 {
				return fmt.Errorf("%w: mask of %s: found %g at element %d, expected 0 or 1", ErrInput, t.Name, v, i)
			}
		}
	}
	return checkBatch(in)
}

// checkBatch checks the batch against the configuration.
func checkBatch(in Input) error {
	b, c, tokens := in.Batch, in.Config, in.Batch.Size*in.SeqLen
	if b.Size < 1 || in.SeqLen < 1 || in.SeqLen > c.MaxPositions {
		return fmt.Errorf("%w: found a batch of %d sequences of %d tokens, expected at least 1 of 1 to %d",
			ErrInput, b.Size, in.SeqLen, c.MaxPositions)
	}
	if len(b.MaskedPos) < 1 {
		return fmt.Errorf("%w: found no slots for masked positions, expected at least 1", ErrInput)
	}
	for _, f := range []struct {
		what      string
		values    []int32
		n         int
		low, high int // allowed: low <= value < high
	}{
		{"token ids", b.IDs, tokens, 0, c.VocabSize},
		{"segments", b.Segments, tokens, 0, c.TypeVocab},
		{"lengths", b.Lengths, b.Size, 0, in.SeqLen + 1},
		{"masked positions", b.MaskedPos, len(b.MaskedPos), -1, tokens},
		{"masked labels", b.MaskedLabels, len(b.MaskedPos), -1, c.VocabSize},
		{"NSP labels", b.NSPLabels, b.Size, -1, 2},
	} {
		if len(f.values) != f.n {
			return fmt.Errorf("%w: %s: found %d, expected %d", ErrInput, f.what, len(f.values), f.n)
		}
		for i, v := range f.values {
			if int(v) < f.low || int(v) >= f.high {
				return fmt.Errorf("%w: %s: found %d at %d, expected %d to %d", ErrInput, f.what, v, i, f.low, f.high-1)
			}
		}
	}
	return nil
}
