package verify

import (
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// tolerances says how far the loss and a gradient may be from the oracle's in float64, by
// precision: the loss relatively, a gradient by the norm of the difference over its norm. In bf16 a
// gradient of the two layers is some thirty roundings of 2^-9 away from the loss, which add up to
// 0.06 at the most in practice; a wrong one is off by the order of 1.
var tolerances = map[string]struct{ loss, gradient float64 }{
	"fp32": {1e-5, 1e-5},
	"bf16": {8.0 / 512, 64.0 / 512},
}

// smallCase is the small model with blocks of one size, 0 meaning dense.
func smallCase(block int, seed uint64) oracle.Case {
	if block == 0 {
		return oracle.SmallCase(model.Dense, 0, seed)
	}
	return oracle.SmallCase(model.Dynamic, block, seed)
}

// gradients compares one small model, block 0 meaning dense, and returns the number of quantities
// out of tolerance.
func (o Options) gradients(w io.Writer, block int) (int, error) {
	allowed := tolerances[o.Precision]
	name := fmt.Sprintf("B = %d", block)
	if block == 0 {
		name = "dense"
	}
	small := smallCase(block, o.Seed)
	b, err := o.Open()
	if err != nil {
		return 0, err
	}
	defer func() {
		o.note(b)
		b.Close()
	}()
	m, err := model.New(b, small.Config, model.Options{MicroBatch: small.Batch.Size, SeqLen: small.SeqLen, MaxMasked: small.MaxMasked, Seed: o.Seed})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if err := oracle.Randomize(m, o.Seed); err != nil {
		return 0, err
	}
	in, err := oracle.InputOf(m, small.Batch)
	if err != nil {
		return 0, err
	}
	want, err := oracle.Run(in)
	if err != nil {
		return 0, fmt.Errorf("%s: oracle: %w", name, err)
	}
	got, err := m.Gradients([]model.Batch{small.Batch}, false)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	grads, err := oracle.Gradients(m)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	diffs, err := oracle.Compare(small.Config, want.Grads, grads)
	if err != nil {
		return 0, err
	}
	lossError := (got.Loss() - want.Loss) / want.Loss
	bad, worst := 0, oracle.Difference{}
	if !(max(lossError, -lossError) <= allowed.loss) {
		bad++
	}
	for _, d := range diffs {
		ok := d.RelativeError <= allowed.gradient // false for NaN
		if !ok {
			bad++
		}
		if !ok || o.Verbose {
			fmt.Fprintf(w, "  %-62s error %.2e, norm %.3e, %s\n", d.Name, d.RelativeError, d.Norm, verdict(ok))
		}
		if !(d.RelativeError <= worst.RelativeError) {
			worst = d
		}
	}
	fmt.Fprintf(w, "%-7s loss %.6f, error %.1e; %d gradients, worst error %.1e (%s): %s\n",
		name, want.Loss, lossError, len(diffs), worst.RelativeError, worst.Name, verdict(bad == 0))
	return bad, nil
}

func verdict(ok bool) string {
	if ok {
		return "agrees"
	}
	return "DIFFERS"
}
