package oracle_test

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Backends that compute one thing wrongly, as a model with that mistake would.
type (
	lostBias  struct{ backend.Backend } // no bias gradients
	lostSum   struct{ backend.Backend } // input gradients overwrite each other
	swapped   struct{ backend.Backend } // dq and dk change places
	doubled   struct{ backend.Backend } // embedding gradients count twice
	lostBlock struct{ backend.Backend } // the last block of each weight has no gradient
	padded    struct {                  // padding is attended to
		backend.Backend
		full backend.Buffer
	}
)

func (f lostBias) SDD(w, _ backend.Param, dy, x backend.Buffer, t int) {
	f.Backend.SDD(w, nil, dy, x, t)
}

func (f lostSum) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	if mode == backend.Accumulate {
		mode = backend.Assign
	}
	f.Backend.DDS(dx, dy, w, t, mode, pre)
}

func (f swapped) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	f.Backend.AttentionGrad(dk, dq, dv, dctx, q, k, v, ctx, lse, lengths, a, d)
}

func (f doubled) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	f.Backend.EmbedGrad(word, pos, typ, dz, ids, segments, t, seq)
	f.Backend.EmbedGrad(word, pos, typ, dz, ids, segments, t, seq)
}

func (f lostBlock) SDD(w, b backend.Param, dy, x backend.Buffer, t int) {
	f.Backend.SDD(w, b, dy, x, t)
	if w.Sparse() {
		n := w.Grad().Len()
		block := n / w.NNZ()
		f.WriteFloats(w.Grad(), n-block, make([]float32, block))
	}
}

func (f *padded) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	f.Backend.Attention(ctx, lse, q, k, v, f.lengths(a), a, d)
}

func (f *padded) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	f.Backend.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, f.lengths(a), a, d)
}

func (f *padded) lengths(a backend.Attn) backend.Buffer {
	if f.full == nil {
		f.full = f.Alloc("full lengths", backend.I32, a.Batch)
		full := make([]int32, a.Batch)
		for i := range full {
			full[i] = int32(a.Seq)
		}
		f.WriteInts(f.full, 0, full)
	}
	return f.full
}

// The comparison must notice a model that computes something else than BERT.
func TestOracleFindsPlantedFaults(t *testing.T) {
	for _, fault := range []struct {
		what string
		plan func(b backend.Backend) backend.Backend
		name string // a tensor that must differ
	}{
		{"lost bias gradients", func(b backend.Backend) backend.Backend { return lostBias{b} }, "bert.pooler.dense.bias"},
		{"overwritten input gradients", func(b backend.Backend) backend.Backend { return lostSum{b} }, "bert.embeddings.word_embeddings.weight"},
		{"dq and dk swapped", func(b backend.Backend) backend.Backend { return swapped{b} }, "bert.encoder.layer.0.attention.self.key.bias"},
		{"embedding gradients doubled", func(b backend.Backend) backend.Backend { return doubled{b} }, "bert.embeddings.position_embeddings.weight"},
		{"a block without gradient", func(b backend.Backend) backend.Backend { return lostBlock{b} }, "bert.encoder.layer.1.intermediate.dense.weight"},
		{"padding attended to", func(b backend.Backend) backend.Backend { return &padded{Backend: b} }, "bert.encoder.layer.1.attention.self.query.weight"},
	} {
		t.Run(fault.what, func(t *testing.T) {
			b := fault.plan(reference.New())
			defer b.Close()
			m, _, want := solve(t, b, oracle.SmallCase(model.Dynamic, 4, seed), randomized)
			grads, err := oracle.Gradients(m)
			if err != nil {
				t.Fatal(err)
			}
			diffs, err := oracle.Compare(m.Config(), want.Grads, grads)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(diffs, func(d oracle.Difference) bool { return d.Name == fault.name })
			if i < 0 || diffs[i].RelativeError <= 1e-3 {
				t.Errorf("%s: found no large error in %v", fault.name, diffs)
			}
		})
	}
}
