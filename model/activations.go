package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// allocator makes a buffer of n elements, or of n rows of some columns. part is its line in
// the memory estimate.
type allocator func(part, name string, dt backend.DType, n int, columns ...int) backend.Buffer

// Lines of the memory estimate that buffers belong to.
const (
	partInputs      = "batch inputs"
	partActivations = "encoder activations"
	partHeads       = "head activations"
	partBackward    = "backward workspace"
	partStatistics  = "losses and norm"
)

// layerActivations are what one encoder layer keeps from forward to backward.
// T is MicroBatch*S.
type layerActivations struct {
	q, k, v, ctx backend.Buffer // [T, H]
	lse          backend.Buffer // [MicroBatch, A, S]
	attnZ, attnY backend.Buffer // [T, H] before and after the attention's LayerNorm
	attnMean     backend.Buffer // [T]
	attnRstd     backend.Buffer // [T]
	pre, up      backend.Buffer // [T, F] before and after GELU
	ffnZ, ffnY   backend.Buffer // [T, H] before and after the FFN's LayerNorm
	ffnMean      backend.Buffer // [T]
	ffnRstd      backend.Buffer // [T]

	// What dropout kept (backend.Dropout); nil where there is none, or where the
	// backend does not keep it.
	probsKept, attnKept, ffnKept backend.Buffer
}

// activations are all buffers of a model beside its parameters, for one
// micro-batch. The backward pass needs only two more of them, gradY and gradSub:
// it overwrites what it has read for the last time. It puts the gradient of pre
// into pre, that of ctx into ffnZ, and those of q, k, v into attnZ, attnY, ffnY
// of the same layer. In the heads, the gradient of the transform's output goes
// into transY, that of the masked hidden states into transZ, that of the [CLS]
// hidden states into pooled.
//
// With Options.Recompute all layers share one set but for ffnY, their output.
type activations struct {
	ids, segments backend.Buffer // I32 [T]
	lengths       backend.Buffer // I32 [MicroBatch]
	maskedPos     backend.Buffer // I32 [M], M = MicroBatch*MaxMasked
	maskedLabels  backend.Buffer // I32 [M]
	nspLabels     backend.Buffer // I32 [MicroBatch]
	clsRows       backend.Buffer // I32 [MicroBatch]: the row of each sequence's first token

	embZ, embY       backend.Buffer // [T, H] before and after the embeddings' LayerNorm
	embMean, embRstd backend.Buffer // [T]
	layers           []layerActivations

	masked               backend.Buffer // [M, H] hidden states at the masked positions
	transPre, transZ     backend.Buffer // [M, H] before and after the transform's GELU
	transY               backend.Buffer // [M, H] after its LayerNorm
	transMean, transRstd backend.Buffer // [M]
	logits               backend.Buffer // [M, V], replaced by their gradient

	// Those of next sentence prediction are nil with Config.NoNSP, as nspLabels,
	// clsRows and nspStats are.
	cls, pooled backend.Buffer // [MicroBatch, H]
	gradPooled  backend.Buffer // [MicroBatch, H]
	nspLogits   backend.Buffer // [MicroBatch, 2], replaced by their gradient

	gradY, gradSub backend.Buffer // [T, H]

	mlmStats, nspStats backend.Buffer // [3]: loss sum, count, correct
	gradNorm           backend.Buffer // [1]
}

// newActivations makes every buffer through alloc, in a fixed order. Row statistics,
// losses and the norm are float32.
func newActivations(c Config, o Options, s Storage, alloc allocator) *activations {
	dtype, t := s.Activation, o.MicroBatch*o.SeqLen
	m := o.MicroBatch * o.MaxMasked
	th, mh, bh := t*c.Hidden, m*c.Hidden, o.MicroBatch*c.Hidden

	a := new(activations)
	input := func(name string, n int) backend.Buffer { return alloc(partInputs, name, backend.I32, n) }
	a.ids = input("token ids", t)
	a.segments = input("segments", t)
	a.lengths = input("lengths", o.MicroBatch)
	a.maskedPos = input("masked positions", m)
	a.maskedLabels = input("masked labels", m)
	if !c.NoNSP {
		a.nspLabels = input("next-sentence labels", o.MicroBatch)
		a.clsRows = input("[CLS] rows", o.MicroBatch)
	}

	act := func(name string, n int) backend.Buffer { return alloc(partActivations, name, dtype, n) }
	acc := func(name string, n int) backend.Buffer { return alloc(partActivations, name, backend.F32, n) }
	kept := func(name string, rows, columns int) backend.Buffer {
		if !s.KeepsDropout || c.Dropout == 0 {
			return nil
		}
		return alloc(partActivations, name, backend.I32, rows*backend.KeptWords(columns))
	}
	a.embZ, a.embY = act("embedding sums", th), act("embeddings", th)
	a.embMean, a.embRstd = acc("embedding means", t), acc("embedding deviations", t)
	for l := range c.Layers {
		if l > 0 && o.Recompute {
			shared := a.layers[0]
			shared.ffnY = act("layer output", th)
			a.layers = append(a.layers, shared)
			continue
		}
		a.layers = append(a.layers, layerActivations{
			q: act("queries", th), k: act("keys", th), v: act("values", th), ctx: act("attention context", th),
			lse:   acc("attention log sums", o.MicroBatch*c.Heads*o.SeqLen),
			attnZ: act("attention sums", th), attnY: act("attention output", th),
			attnMean: acc("attention means", t), attnRstd: acc("attention deviations", t),
			pre: act("FFN before GELU", t*c.FFN), up: act("FFN after GELU", t*c.FFN),
			ffnZ: act("FFN sums", th), ffnY: act("layer output", th),
			ffnMean: acc("FFN means", t), ffnRstd: acc("FFN deviations", t),
			probsKept: kept("attention dropout", o.MicroBatch*c.Heads*o.SeqLen, o.SeqLen),
			attnKept:  kept("attention output dropout", t, c.Hidden),
			ffnKept:   kept("FFN dropout", t, c.Hidden),
		})
	}

	head := func(name string, n int) backend.Buffer { return alloc(partHeads, name, dtype, n) }
	a.masked = head("masked hidden states", mh)
	a.transPre, a.transZ = head("MLM transform before GELU", mh), head("MLM transform after GELU", mh)
	a.transY = head("MLM transform output", mh)
	a.transMean = alloc(partHeads, "MLM transform means", backend.F32, m)
	a.transRstd = alloc(partHeads, "MLM transform deviations", backend.F32, m)
	a.logits = alloc(partHeads, "MLM logits", dtype, m, c.VocabSize)
	if !c.NoNSP {
		a.cls, a.pooled = head("[CLS] hidden states", bh), head("pooled", bh)
		a.gradPooled = head("pooled gradient", bh)
		a.nspLogits = head("next-sentence logits", 2*o.MicroBatch)
	}

	a.gradY = alloc(partBackward, "hidden gradient", dtype, th)
	a.gradSub = alloc(partBackward, "sublayer gradient", dtype, th)

	a.mlmStats = alloc(partStatistics, "MLM statistics", backend.F32, 3)
	if !c.NoNSP {
		a.nspStats = alloc(partStatistics, "next-sentence statistics", backend.F32, 3)
	}
	a.gradNorm = alloc(partStatistics, "gradient norm", backend.F32, 1)
	return a
}

// writeConstants fills the buffers that never change.
func (a *activations) writeConstants(b backend.Backend, o Options) {
	if a.clsRows == nil {
		return
	}
	rows := make([]int32, o.MicroBatch)
	for i := range rows {
		rows[i] = int32(i * o.SeqLen)
	}
	b.WriteInts(a.clsRows, 0, rows)
}
