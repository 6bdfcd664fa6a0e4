package train

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// BestFolder is the folder, in a run folder, of the checkpoint that save_best keeps.
const BestFolder = "best"

// Best is the evaluation of the smallest MLM loss on the validation text, of those on
// eval_batches batches.
type Best struct {
	Step    int64   `json:"step"`
	MLMLoss float64 `json:"mlm_loss"` // nats
}

// progressMade is how evaluations go. It is part of a checkpoint.
type progressMade struct {
	Best  *Best `json:"best,omitempty"` // nil before the first evaluation
	Since int   `json:"since"`          // evaluations after the best one
}

// watchesBest says whether anything hangs on which evaluation is the best.
func (c *Config) watchesBest() bool { return c.SaveBest || c.EarlyStop > 0 }

// checkBest says where the evaluations are missing that save_best and early_stop need.
func (c *Config) checkBest() error {
	for _, s := range []struct {
		key string
		on  bool
	}{{"save_best", c.SaveBest}, {"early_stop", c.EarlyStop > 0}} {
		if s.on && c.EvalSteps == 0 {
			return usage.Errorf("%s: found no eval_steps, expected the steps between evaluations", s.key)
		}
	}
	return nil
}

// judge takes note of an evaluation and says whether it is the best so far.
func (p *progressMade) judge(step int64, loss float64) bool {
	if p.Best != nil && !(loss < p.Best.MLMLoss) {
		p.Since++
		return false
	}
	p.Best, p.Since = &Best{step, loss}, 0
	return true
}

// resumed takes note of the early_stop that the run had and that it has now. Where less patience is
// left than was used up, the next evaluation decides: it is that of the last step then.
func (p *progressMade) resumed(was, is int) {
	if ended := was > 0 && p.Since >= was; is > 0 && !ended {
		p.Since = min(p.Since, is-1)
	}
}

// stoppedEarly says why the run ends before its last step; "" where it does not.
func (r *runner) stoppedEarly() string {
	if n := r.plan.Config.EarlyStop; n > 0 && r.made.Since >= n && r.done < r.plan.Config.MaxSteps {
		return fmt.Sprintf("early stop: %d evaluations without a smaller MLM loss than %.4f of step %d", r.made.Since, r.made.Best.MLMLoss, r.made.Best.Step)
	}
	return ""
}

// saveBest writes the checkpoint of the best evaluation, which is this step's, and then
// removes the one before.
func (r *runner) saveBest() error {
	if err := r.sameState(); err != nil {
		return err
	}
	if !r.writes() {
		return r.agree(r.sendMoments())
	}
	return r.agree(r.replaceBest())
}

// replaceBest is saveBest in the process that writes.
func (r *runner) replaceBest() error {
	before := clock.Now()
	path, err := r.saveTo(r.folder.Path(BestFolder))
	if err != nil {
		return err
	}
	if err := r.reportAt(StateRunning, "", r.status.Step); err != nil { // from here a run is not resumed
		return err
	}
	// Not the oldest ones: a process that was killed may have left that of a step to be done again.
	r.removed(checkpoint.KeepStep(r.disk, r.folder.Path(BestFolder), r.done))
	r.saved(path, before)
	return nil
}
