package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
)

// lastly is the context of the evaluations behind the last step. They may take long: by default
// they go over whole texts. So the end of ctx cuts them short, and a resumed run makes them. Where
// processes share the run it does not: all take part in them.
func (r *runner) lastly(ctx context.Context) context.Context {
	if r.group != nil {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// withoutLast saves a run whose evaluation behind the last step the end of ctx has cut short. Of
// any other error it is that.
func (r *runner) withoutLast(ctx context.Context, err error) error {
	if r.group != nil || ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	if failed := r.save(); failed != nil {
		return failed
	}
	return fmt.Errorf("%w after step %d, saved, before the end of its last evaluation: %w", ErrStopped, r.done, context.Cause(ctx))
}

// lacksLast tells whether a resumed run has made all of its steps, but not all that comes behind
// them.
func (r *runner) lacksLast() bool {
	if r.done < r.plan.Config.MaxSteps && r.stoppedEarly() == "" {
		return false
	}
	test := r.summary.Test
	return r.summary.Eval.Step != r.done || r.plan.data.test != nil && (test == nil || test.Step != r.done)
}

// makeLast makes what a resumed run lacks behind its last step.
func (r *runner) makeLast(ctx context.Context) error {
	c := &r.plan.Config
	if r.summary.Eval.Step != r.done {
		before := clock.Now()
		rec, err := evaluate(r.lastly(ctx), r.model, r.plan.data.valid, c.FinalBatches)
		if err != nil {
			return r.withoutLast(ctx, err)
		}
		if err := r.evaluated(rec, before); err != nil {
			return err
		}
		if err := r.logWindow(); err != nil { // which an early stop leaves open
			return err
		}
	}
	if err := r.evaluateTest(ctx); err != nil {
		return r.withoutLast(ctx, err)
	}
	if err := r.logCost(); err != nil {
		return err
	}
	if best := r.made.Best; c.SaveBest && best != nil && best.Step == r.done {
		if err := r.saveBest(); err != nil {
			return err
		}
	}
	return r.save()
}
