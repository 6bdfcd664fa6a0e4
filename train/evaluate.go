package train

import (
	"context"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Evaluate runs a model over a data set's fixed evaluation examples: at most
// batches of them (0: all). The losses are means over all masked tokens and all
// pairs, not means of batch means. It stops between batches when ctx ends.
func Evaluate(ctx context.Context, m *model.Model, d *corpus.Dataset, batches int) (metrics.Eval, error) {
	o := m.Options()
	b := corpus.NewBatch(o.MicroBatch, o.SeqLen, o.MaxMasked)
	var sum model.EvalSums
	for i := 0; batches == 0 || i < batches; i++ {
		if err := ctx.Err(); err != nil {
			return metrics.Eval{}, context.Cause(ctx)
		}
		rows := d.Eval(b, i*o.MicroBatch)
		if rows == 0 {
			break
		}
		part, err := m.Eval(modelBatch(b))
		if err != nil {
			return metrics.Eval{}, fmt.Errorf("evaluation batch %d: %w", i, err)
		}
		sum.MLMLossSum += part.MLMLossSum
		sum.NSPLossSum += part.NSPLossSum
		sum.Masked += part.Masked
		sum.MLMCorrect += part.MLMCorrect
		sum.Pairs += part.Pairs
		sum.NSPCorrect += part.NSPCorrect
		if rows < o.MicroBatch {
			break
		}
	}
	if sum.Masked == 0 || sum.Pairs == 0 {
		return metrics.Eval{}, usage.Errorf("validation set: found %d masked tokens in %d pairs, expected at least one of each", sum.Masked, sum.Pairs)
	}
	masked, pairs := float64(sum.Masked), float64(sum.Pairs)
	e := metrics.Eval{
		MLMLoss: sum.MLMLossSum / masked, MLMAccuracy: float64(sum.MLMCorrect) / masked,
		NSPLoss: sum.NSPLossSum / pairs, NSPAccuracy: float64(sum.NSPCorrect) / pairs,
	}
	if math.IsNaN(e.MLMLoss+e.NSPLoss) || math.IsInf(e.MLMLoss+e.NSPLoss, 0) {
		return e, fmt.Errorf("evaluation: MLM loss %v, NSP loss %v: %w", e.MLMLoss, e.NSPLoss, model.ErrNotFinite)
	}
	return e, nil
}
