package cpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Once the scratch has grown, a training step allocates nothing.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	const h, f, vocab, batch, seq = 32, 64, 50, 3, 40
	const tokens = batch * seq
	b := opener(2, cpu.Auto)(t)
	defer b.Close()
	param := func(out, in, block int) backend.Param {
		spec := backend.ParamSpec{Name: "w", Out: out, In: in}
		if block > 0 {
			shape := sparse.Shape{Out: out, In: in, Block: block}
			topo, err := sparse.StartTopology(shape, shape.Positions()/2, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			spec.Topology = topo
		}
		return b.NewParam(spec)
	}
	float := func(n int) backend.Buffer { return b.Alloc("x", backend.F32, n) }
	ints := func(n int) backend.Buffer { return b.Alloc("i", backend.I32, n) }
	x, x2, x3, x4, x5, x6, x7 := float(tokens*h), float(tokens*h), float(tokens*h), float(tokens*h), float(tokens*h), float(tokens*h), float(tokens*h)
	y, pre, mean, rstd := float(tokens*f), float(tokens*f), float(tokens), float(tokens)
	lse, stats, norm, logits := float(tokens*2), float(3), float(1), float(tokens*vocab)
	ids, segs, lengths, labels := ints(tokens), ints(tokens), ints(batch), ints(tokens)
	b.WriteInts(lengths, 0, []int32{40, 0, 17})
	word, pos, typ, gamma, beta := param(vocab, h, 0), param(seq, h, 0), param(2, h, 0), param(1, h, 0), param(1, h, 0)
	params := []backend.Param{word, gamma, beta}
	for _, block := range []int{1, 4, 16} {
		params = append(params, param(f, h, block))
	}
	drop := backend.Dropout{Rate: 0.1, Site: 1}
	attn := backend.Attn{Batch: batch, Seq: seq, Heads: 2, Head: h / 2}
	var step int64
	run := func() {
		b.BeginStep(backend.StepScalars{Seed: 1, Step: step, Train: true, LR: 1e-3, MLMScale: 1})
		step++
		b.ZeroGrad(params)
		b.Embed(x, ids, segs, word, pos, typ, tokens, seq)
		b.AddNorm(x2, x3, mean, rstd, x, nil, gamma, beta, tokens, drop)
		b.Attention(x4, lse, x, x2, x3, lengths, attn, drop)
		b.AttentionGrad(x5, x6, x7, x4, x, x2, x3, x4, lse, lengths, attn, drop)
		for _, w := range params[3:] {
			b.DSD(y, pre, x, w, nil, tokens)
			b.DDS(x2, y, w, tokens, backend.Accumulate, nil)
			b.SDD(w, nil, y, x, tokens)
		}
		b.DSD(logits, nil, x, word, nil, tokens)
		b.CrossEntropy(stats, logits, labels, tokens, vocab, backend.MLM, true)
		b.SDD(word, nil, logits, x, tokens)
		b.AddNormGrad(x4, x5, x2, x3, mean, rstd, gamma, beta, tokens, drop)
		b.EmbedGrad(word, pos, typ, x4, ids, segs, tokens, seq)
		b.GradNorm(norm, params)
		b.AdamW(params, norm, backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, MaxGradNorm: 1, GroupLasso: 1e-3, GroupLassoStd: 0.02})
	}
	run()
	run()
	if n := testing.AllocsPerRun(5, run); n != 0 {
		t.Errorf("a step: found %v allocations, expected none", n)
	}
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
}
