package model

import "slices"

// FLOPPart is one line of the estimate of arithmetic: floating-point operations
// of training on one sequence, forward and backward, a multiply-add counted as 2.
type FLOPPart struct {
	Name string `json:"name"`
	// Theoretical counts as the paper does, backward twice the forward, on the blocks
	// that the tensors really have.
	Theoretical float64 `json:"theoretical"`
	// Asked is Theoretical with every weight at the density asked for.
	Asked float64 `json:"asked"`
	// Executed counts what the backend is told to do: the active blocks that the
	// tensors really have (all elements of those that are trained in part), and
	// attention scores made again in the backward pass.
	Executed float64 `json:"executed"`
	// Dense is Executed of the same model with method dense.
	Dense float64 `json:"dense"`
}

// Names of the lines of the estimate of arithmetic.
const (
	FLOPsAttentionWeights = "attention products"
	FLOPsFFNWeights       = "ffn products"
	FLOPsAttentionScores  = "attention scores"
	FLOPsEmbedding        = "embedding sums"
	FLOPsPooler           = "pooler"
	FLOPsMLMTransform     = "mlm transform"
	FLOPsMLMDecoder       = "mlm decoder"
	FLOPsNSPHead          = "nsp head"
)

// AskedNonEmbeddingFLOPs returns the paper's count for one sequence of seq tokens,
// forward and backward, at the density asked for:
//
//	3 (2 S d W + 4 S^2 H L),  W = 12 L H^2 for F = 4H
//
// with W the encoder's dense weights, summed over the table, and d the density
// asked for. Embeddings and heads are outside this count. For method Partial it is
// the count of a step that trains a part: with frozen weights W counts in full in
// two of the three products, d is (2 + d)/3. A step that trains all is that of
// method Dense. CostEstimate.NonEmbeddingFLOPs has each tensor at its own density,
// which rounding to whole blocks makes another one.
func AskedNonEmbeddingFLOPs(c Config, seq int) (float64, error) {
	table, err := Table(c)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, p := range flopParts(c, table, Options{SeqLen: seq}) {
		if p.nonEmbedding() {
			sum += p.Asked
		}
	}
	return sum, nil
}

// nonEmbedding tells whether the paper counts the part.
func (p FLOPPart) nonEmbedding() bool {
	return p.Name == FLOPsAttentionWeights || p.Name == FLOPsFFNWeights || p.Name == FLOPsAttentionScores
}

// share is the part of a weight's three products that is computed at density d.
func (t Tensor) share(c Config, d float64) float64 {
	switch {
	case t.Partial && c.Rest == Frozen:
		// Frozen weights cost what trained ones do but for their own gradient, one
		// product of three.
		return (2 + d) / 3
	case t.Sparse || t.Partial:
		return d
	}
	return 1
}

// flopParts is the estimate for one sequence. The heads run on o.MaxMasked
// positions and on [CLS]. With o.Recompute all layers but the last run forward
// twice. Elementwise work (LayerNorm, GELU, dropout, softmax)
// and the optimizer are not counted.
func flopParts(c Config, table []Tensor, o Options) []FLOPPart {
	order := []string{
		FLOPsAttentionWeights, FLOPsFFNWeights, FLOPsAttentionScores, FLOPsEmbedding,
		FLOPsPooler, FLOPsMLMTransform, FLOPsMLMDecoder, FLOPsNSPHead,
	}
	if c.NoNSP {
		order = slices.DeleteFunc(order, func(name string) bool { return name == FLOPsPooler || name == FLOPsNSPHead })
	}
	parts := make(map[string]*FLOPPart, len(order))
	for _, name := range order {
		parts[name] = &FLOPPart{Name: name}
	}
	// The three products of a weight over rows activations.
	product := func(name string, t Tensor, rows int) {
		p, each := parts[name], 3*2*float64(rows)
		p.Theoretical += each * t.share(c, t.Density()) * float64(t.Elements())
		p.Asked += each * t.share(c, c.Density()) * float64(t.Elements())
		if o.Recompute && t.Encoder && t.Layer < c.Layers-1 {
			each *= 4. / 3
		}
		p.Executed += each * float64(t.Stored())
		p.Dense += each * float64(t.Elements())
	}
	for _, t := range table {
		if t.Vector {
			continue
		}
		switch t.Part {
		case Attention:
			product(FLOPsAttentionWeights, t, o.SeqLen)
		case FeedForward:
			product(FLOPsFFNWeights, t, o.SeqLen)
		case Pooler:
			product(FLOPsPooler, t, 1)
		case MLMHead:
			product(FLOPsMLMTransform, t, o.MaxMasked)
		case NSPHead:
			product(FLOPsNSPHead, t, 1)
		case Embedding:
			if t.Index == 0 { // the token embedding is the decoder too
				product(FLOPsMLMDecoder, t, o.MaxMasked)
			}
		case Norm:
		}
	}
	s, h, l := float64(o.SeqLen), float64(c.Hidden), float64(c.Layers)
	// Forward q k^T and p v; backward q k^T again, dv, dp, dq and dk.
	const forward, executed = 2, 2 + 5
	scores := parts[FLOPsAttentionScores]
	scores.Theoretical = 3 * forward * 2 * s * s * h * l
	scores.Asked = scores.Theoretical
	scores.Executed = executed * 2 * s * s * h * l
	if o.Recompute {
		scores.Executed += forward * 2 * s * s * h * (l - 1)
	}
	scores.Dense = scores.Executed
	// Two additions of a row forward, three into the gradients backward.
	sums := parts[FLOPsEmbedding]
	sums.Theoretical = 5 * s * h
	sums.Asked, sums.Executed, sums.Dense = sums.Theoretical, sums.Theoretical, sums.Theoretical

	out := make([]FLOPPart, len(order))
	for i, name := range order {
		out[i] = *parts[name]
	}
	return out
}
