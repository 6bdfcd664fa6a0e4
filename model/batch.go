package model

import (
	"errors"
	"fmt"
)

// ErrBatch is wrapped by the errors of Step, Gradients and Eval about a batch
// that does not fit the model. Nothing has been computed then.
var ErrBatch = errors.New("invalid batch")

// Batch is one micro-batch of examples on the host. With S the model's sequence
// length and N = Options.MaxMasked:
type Batch struct {
	Size     int     // sequences, 1 to Options.MicroBatch
	IDs      []int32 // [Size*S] token ids
	Segments []int32 // [Size*S] segment types
	Lengths  []int32 // [Size] tokens before the padding, 0 to S

	// MaskedPos are indices into the Size*S tokens, MaskedLabels the tokens that
	// stood there: [Size*N], both -1 where unused.
	MaskedPos, MaskedLabels []int32
	NSPLabels               []int32 // [Size] 0: B follows A; 1: it does not; -1: ignored, as all are with NoNSP
}

// counts returns the number of masked positions and of labeled pairs that a model of
// configuration c predicts.
func (b Batch) counts(c Config) (masked, pairs int) {
	for _, l := range b.MaskedLabels {
		if l >= 0 {
			masked++
		}
	}
	for _, l := range b.NSPLabels {
		if l >= 0 && !c.NoNSP {
			pairs++
		}
	}
	return masked, pairs
}

// validate checks b against the model's sizes.
func (b Batch) validate(c Config, o Options) error {
	if b.Size < 1 || b.Size > o.MicroBatch {
		return fmt.Errorf("%w: found size %d, expected 1 to %d", ErrBatch, b.Size, o.MicroBatch)
	}
	tokens := b.Size * o.SeqLen
	for _, f := range []struct {
		name   string
		values []int32
		n      int
		lo, hi int // inclusive
	}{
		{"ids", b.IDs, tokens, 0, c.VocabSize - 1},
		{"segments", b.Segments, tokens, 0, c.TypeVocab - 1},
		{"lengths", b.Lengths, b.Size, 0, o.SeqLen},
		{"masked positions", b.MaskedPos, b.Size * o.MaxMasked, -1, tokens - 1},
		{"masked labels", b.MaskedLabels, b.Size * o.MaxMasked, -1, c.VocabSize - 1},
		{"next-sentence labels", b.NSPLabels, b.Size, -1, 1},
	} {
		if len(f.values) != f.n {
			return fmt.Errorf("%w: %s: found %d values, expected %d", ErrBatch, f.name, len(f.values), f.n)
		}
		for i, v := range f.values {
			if int(v) < f.lo || int(v) > f.hi {
				return fmt.Errorf("%w: %s[%d]: found %d, expected %d to %d", ErrBatch, f.name, i, v, f.lo, f.hi)
			}
		}
	}
	for i, p := range b.MaskedPos {
		if (p < 0) != (b.MaskedLabels[i] < 0) {
			return fmt.Errorf("%w: masked slot %d: found position %d with label %d, expected both or neither to be -1", ErrBatch, i, p, b.MaskedLabels[i])
		}
		if p >= 0 {
			if row := int(p) / o.SeqLen; int(p)%o.SeqLen >= int(b.Lengths[row]) {
				return fmt.Errorf("%w: masked positions[%d]: found token %d of sequence %d, expected one below its length %d", ErrBatch, i, int(p)%o.SeqLen, row, b.Lengths[row])
			}
		}
	}
	return nil
}
