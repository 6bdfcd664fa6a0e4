package train

import "github.com/sparsebert/sparsebert-gpu/internal/clock"

// Summary is what a finished run comes to.
type Summary struct {
	Dir            string
	Steps          int64
	FirstLoss      float64 // MLM loss of the first log line of the run's metrics
	Train          TrainMetrics
	Eval           EvalMetrics
	Test           *EvalMetrics // on the test text, measured once; nil without one
	UnigramEntropy float64
	FLOPs          float64 // the paper's count of the whole run, on the blocks that exist
	DenseFLOPs     float64 // of the dense model for the same steps
	AskedFLOPs     float64 // FLOPs, had every weight the density asked for
	ExecutedFLOPs  float64 // all that was executed, embeddings, heads and growth too
	GrowthFLOPs    float64 // of them, the dense gradients of growth by gradient
	ExploredDOF    float64
	Best           *Best   // nil without save_best or early_stop
	Reason         string  // why it ended before its last step; "": it did not
	Updated        bool    // the topology moved
	Sparse         bool    // fewer FLOPs than dense
	Seconds        float64 // of this process
}

// finish sums the run up.
func (r *runner) finish() *Summary {
	s := r.summary
	s.Dir = r.dir
	s.Steps = r.done
	s.UnigramEntropy = r.plan.Text.UnigramEntropy
	s.FLOPs = r.plan.FLOPs(r.done)
	s.DenseFLOPs = r.plan.DenseFLOPs(r.done)
	s.AskedFLOPs = r.plan.AskedFLOPs(r.done)
	s.ExecutedFLOPs, s.GrowthFLOPs = r.plan.ExecutedFLOPs(r.done), r.plan.GrowthFLOPs(r.done)
	s.Best, s.Reason = r.made.Best, r.stoppedEarly()
	s.Sparse = s.FLOPs != s.DenseFLOPs
	s.Seconds = clock.Since(r.began).Seconds()
	return &s
}
