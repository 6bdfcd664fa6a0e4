package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/feed"
)

// EvalOptions say on what, and where, a checkpoint is evaluated.
type EvalOptions struct {
	Corpus  []string // text or shards; none: the run's validation set
	Vocab   string   // path of a vocab.txt that must be the checkpoint's; "": not compared
	Batches int      // at most so many; 0: all
	// Change may set the device, its precision and its threads; nil: as in training.
	Change func(*Config)
	// Loading reports the data being read; nil: nobody is told.
	Loading func(stage string, done, total int64)
}

// Evaluation is how good a checkpoint is.
type Evaluation struct {
	Trained
	Metrics        EvalMetrics
	UnigramEntropy float64 // of the text: see Text
	Tokens         int64   // of the text
	// Warnings say what could not be compared, a line each.
	Warnings []string
}

// Evaluate measures the checkpoint that path means (a step-N folder, or the newest good
// one of a run) on the run's fixed evaluation examples, or on another text. Where the
// checkpoint could be read, what it is comes with an error too.
func Evaluate(ctx context.Context, path string, o EvalOptions, open Opener) (_ *Evaluation, err error) {
	c, err := openCheckpoint(path)
	if err != nil {
		return nil, err
	}
	m, err := c.load(open, o.Change)
	out := &Evaluation{Trained: c.Trained}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, m.Backend().Close()) }()
	if o.Vocab != "" {
		v, _, err := huggingface.LoadVocab(o.Vocab)
		if err != nil {
			return out, err
		}
		if v.SHA256() != c.vocab.SHA256() {
			return out, usage.Errorf("vocab: found %s with %d tokens, expected the checkpoint's own vocabulary of %d tokens", o.Vocab, v.Size(), c.vocab.Size())
		}
	}
	var d *dataset
	if len(o.Corpus) > 0 {
		d, err = loadEvalData(ctx, c.Config, o.Corpus, c.vocab, o.Loading)
	} else if d, err = loadData(ctx, c.Config.withoutTest(), c.vocab, c.saved.demo(), o.Loading); err == nil {
		out.Warnings, err = c.saved.sameValid(d)
	}
	if err != nil {
		return out, err
	}
	out.UnigramEntropy, out.Tokens = d.text.UnigramEntropy, d.text.ValidTokens
	e, err := evaluate(ctx, m, d.valid, o.Batches)
	e.Step = c.Step
	out.Metrics = EvalMetrics(e)
	return out, err
}

// Perplexity is exp of the MLM loss.
func (e EvalMetrics) Perplexity() float64 { return math.Exp(e.MLMLoss) }

// evaluate runs a model over a data set's fixed evaluation examples: at most
// batches of them (0: all). The losses are means over all masked tokens and all
// pairs, not means of batch means. It stops between batches when ctx ends. The processes
// of a model's group take the batches in turns, and all return the same.
func evaluate(ctx context.Context, m *model.Model, d *corpus.Dataset, batches int) (metrics.Eval, error) {
	o := m.Options()
	b := corpus.NewBatch(o.MicroBatch, o.SeqLen, o.MaxMasked)
	parts, rank, w := []model.EvalSums(nil), 0, 1
	if o.Group != nil {
		rank, w = o.Group.Rank(), o.Group.Size()
	}
	for i := 0; batches == 0 || i < batches; i++ {
		if err := ctx.Err(); err != nil {
			return metrics.Eval{}, context.Cause(ctx)
		}
		rows := d.Eval(b, i*o.MicroBatch)
		if rows == 0 {
			break
		}
		var part model.EvalSums
		if i%w == rank {
			var err error
			if part, err = m.Eval(feed.View(b)); err != nil {
				return metrics.Eval{}, fmt.Errorf("evaluation batch %d: %w", i, err)
			}
		}
		parts = append(parts, part)
		if rows < o.MicroBatch {
			break
		}
	}
	sum, err := sumParts(o.Group, parts)
	if err != nil {
		return metrics.Eval{}, fmt.Errorf("evaluation: %w", err)
	}
	if sum.Masked == 0 || sum.Pairs == 0 && !m.Config().NoNSP {
		return metrics.Eval{}, usage.Errorf("validation set: found %d masked tokens in %d pairs, expected at least one of each", sum.Masked, sum.Pairs)
	}
	masked, pairs := float64(sum.Masked), float64(max(sum.Pairs, 1))
	e := metrics.Eval{
		MLMLoss: sum.MLMLossSum / masked, MLMAccuracy: float64(sum.MLMCorrect) / masked,
		NSPLoss: sum.NSPLossSum / pairs, NSPAccuracy: float64(sum.NSPCorrect) / pairs,
	}
	if math.IsNaN(e.MLMLoss+e.NSPLoss) || math.IsInf(e.MLMLoss+e.NSPLoss, 0) {
		return e, fmt.Errorf("evaluation: MLM loss %v, NSP loss %v: %w", e.MLMLoss, e.NSPLoss, model.ErrNotFinite)
	}
	return e, nil
}

// sumParts adds the sums of all batches, in their order. Of several processes that of rank i
// has batch i, i + W and so on.
func sumParts(group model.Communicator, parts []model.EvalSums) (model.EvalSums, error) {
	if group != nil {
		own := make([]float64, 0, 6*len(parts)) // which holds counts exactly
		for _, p := range parts {
			own = append(own, p.MLMLossSum, p.NSPLossSum, float64(p.Masked), float64(p.MLMCorrect), float64(p.Pairs), float64(p.NSPCorrect))
		}
		all, err := collective.GatherFew(group, own)
		if err != nil {
			return model.EvalSums{}, err
		}
		for i := range parts {
			v := all[i%group.Size()][6*i:]
			parts[i] = model.EvalSums{MLMLossSum: v[0], NSPLossSum: v[1], Masked: int(v[2]), MLMCorrect: int(v[3]), Pairs: int(v[4]), NSPCorrect: int(v[5])}
		}
	}
	var sum model.EvalSums
	for _, p := range parts {
		sum = sum.Add(p)
	}
	return sum, nil
}

// evaluate measures the validation set, as much of it as the configuration says; last:
// after the last step. Where the best evaluation counts, the last step is measured as the
// others are, too, and an early stop as the last step is. A signal cuts short what is behind
// the last step alone: any other checkpoint must hold a finished step with all of its records.
func (r *runner) evaluate(ctx context.Context, last bool) error {
	before, c := clock.Now(), &r.plan.Config
	measure := func(ctx context.Context, batches int) (metrics.Eval, error) {
		return evaluate(ctx, r.model, r.plan.data.valid, batches)
	}
	var rec metrics.Eval
	var err error
	r.better = false
	measured := !last || c.watchesBest()
	if measured {
		if rec, err = measure(context.WithoutCancel(ctx), c.EvalBatches); err != nil {
			return err
		}
	}
	if c.watchesBest() {
		r.better = r.made.judge(r.done, rec.MLMLoss)
		last = last || r.stoppedEarly() != ""
	}
	if last && !(measured && c.FinalBatches == c.EvalBatches) {
		if rec, err = measure(r.lastly(ctx), c.FinalBatches); err != nil {
			return err
		}
	}
	return r.evaluated(rec, before)
}

// evaluateStart measures the model before its first step. It is no evaluation that could
// be the best.
func (r *runner) evaluateStart(ctx context.Context) error {
	before := clock.Now()
	rec, err := evaluate(context.WithoutCancel(ctx), r.model, r.plan.data.valid, r.plan.Config.EvalBatches)
	if err != nil {
		return err
	}
	return r.evaluated(rec, before)
}

// evaluated writes what an evaluation measured that began at a time.
func (r *runner) evaluated(rec metrics.Eval, before time.Time) error {
	rec.Step = r.done
	r.summary.Eval = EvalMetrics(rec)
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Evaluated(r.summary.Eval)
	r.window.since = r.window.since.Add(clock.Since(before))
	r.cost.EvalSeconds += clock.Since(before).Seconds()
	return nil
}
