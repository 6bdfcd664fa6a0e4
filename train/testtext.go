package train

import (
	"context"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// withoutTest is the configuration without its test text.
func (c Config) withoutTest() Config {
	c.Test = nil
	return c
}

// evaluateTest measures the test text after the last step, as much of it as of the
// validation text then: the one time that it is looked at.
func (r *runner) evaluateTest(ctx context.Context) error {
	if r.plan.data.test == nil {
		return nil
	}
	before := clock.Now()
	found, err := evaluate(r.lastly(ctx), r.model, r.plan.data.test, r.plan.Config.FinalBatches)
	if err != nil {
		return wrap("measure the test text", err)
	}
	found.Step = r.done
	if err := r.write(&metrics.Test{Eval: found}); err != nil {
		return err
	}
	test := EvalMetrics(found)
	r.summary.Test = &test
	r.window.since = r.window.since.Add(clock.Since(before))
	r.cost.EvalSeconds += clock.Since(before).Seconds()
	return nil
}
