package progress

import (
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Run shows a run: a progress bar on a terminal, log lines elsewhere. It is a train.Observer.
type Run struct {
	screen *Screen // told of the bar; nil without one
	log    zerolog.Logger
	bars   *mpb.Progress // nil off a terminal
	bar    *mpb.Bar
	load   *stageLog
	loss   atomic.Uint64 // bits of the last step's loss: the bar is drawn by another goroutine
	dir    string
	plan   *train.Plan // nil before the run began
	from   int64       // steps that earlier processes finished
	began  time.Time   // of the first step here
}

// NewRun shows the run of a configuration on w, which has a bar if it is a [Screen] on a terminal.
func NewRun(log zerolog.Logger, w io.Writer, c train.Config) *Run {
	r := &Run{log: log, load: newStageLog(log)}
	if s := barScreen(w, c); s != nil {
		r.drawOn(s.File)
		r.screen = s
		s.SetBar(r.bars)
	}
	return r
}

// Dir is the run's folder, "" before the run has one.
func (r *Run) Dir() string { return r.dir }

// drawOn makes the run draw a bar on out, with its log lines above the bar.
func (r *Run) drawOn(out io.Writer, options ...mpb.ContainerOption) {
	r.bars = newBars(out, options...)
	r.log = NewLog(r.bars, false, false)
	r.load.log = r.log
}

// left is the time that a run still takes, by that of the steps of this process: earlier ones took
// no time of its own. ok is false before the first.
func left(began time.Time, from, done, total int64) (_ time.Duration, ok bool) {
	if done <= from {
		return 0, false
	}
	d := time.Duration(float64(clock.Since(began)) / float64(done-from) * float64(total-done))
	return d.Round(time.Second), true
}

// addBar draws the bar of a run of which from steps are done.
func (r *Run) addBar(from, steps int64) {
	began := clock.Now()
	state := func(s decor.Statistics) string {
		text := fmt.Sprintf(" loss %.3f, %v", math.Float64frombits(r.loss.Load()), clock.Since(began).Round(time.Second))
		if left, ok := left(began, from, s.Current, s.Total); ok {
			text += fmt.Sprintf(", %v left", left)
		}
		return text
	}
	// With a total of 0 at first, only Close completes the bar. Lines written
	// to the container after its last bar is complete are lost, and a run has
	// more to say after its last step.
	r.bar = r.bars.AddBar(0,
		mpb.PrependDecorators(decor.CountersNoUnit("step %d/%d ")),
		mpb.AppendDecorators(decor.Any(state)))
	r.bar.SetTotal(steps, false)
	r.bar.SetCurrent(from)
}

// Close ends the bar and leaves the terminal in order.
func (r *Run) Close() {
	if r.bars == nil {
		return
	}
	if r.bar != nil {
		r.bar.Abort(false)
	}
	if r.screen != nil {
		r.screen.SetBar(nil)
	}
	r.bars.Wait()
}

// Loading implements train.Observer.
func (r *Run) Loading(stage string, done, total int64) { r.load.report(stage, done, total) }

// Started implements train.Observer.
func (r *Run) Started(p *train.Plan, dir string, from int64) {
	r.dir, r.plan, r.from, r.began = dir, p, from, clock.Now()
	c := p.Config
	e := r.log.Info().Str("model", c.Model).Stringer("method", c.Method)
	if c.Method != model.Dense {
		e = e.Float64("sparsity", c.Sparsity).Int("block_size", c.BlockSize)
	}
	if c.Method == model.Dynamic {
		e = e.Int("topology_updates", len(p.UpdateAt))
	}
	e.Int("vocab", p.Text.VocabSize).Int64("train_tokens", p.Text.TrainTokens).
		Str("unigram_entropy", fmt.Sprintf("%.3f", p.Text.UnigramEntropy)).
		Str("learning_rate", fmt.Sprintf("%.3g", c.LearningRate)).Int64("steps", c.MaxSteps).Str("out", dir).Msg("training")
	if own := p.Origin != nil && from == p.Origin.Step; from == 0 || own {
		for _, text := range p.Kept {
			r.log.Info().Msg(text)
		}
		warn(r.log, "", p)
	} else {
		r.log.Info().Int64("step", from).Int64("steps", c.MaxSteps).Msg("resumed")
	}
	if c.Device == "sim" {
		r.log.Info().Msg("the simulator carries out the GPU's instructions on the CPU, for tests: a step of BERT-Tiny takes most of a minute; the first step tells how long the run will take")
	}
	if r.bars != nil {
		r.addBar(from, c.MaxSteps)
	}
}

// Stepped implements train.Observer.
func (r *Run) Stepped(done, total int64, loss float64) {
	if r.bar != nil {
		r.loss.Store(math.Float64bits(loss))
		r.bar.SetCurrent(done)
	}
	if r.plan != nil && r.plan.Config.Device == "sim" && done == r.from+1 && done < total {
		took := clock.Since(r.began)
		r.log.Info().Int64("step", done).Int64("steps", total).
			Msgf("the simulator took %v for a step: the %d that are left take about %v, evaluations besides; --device cpu computes the same in a fraction of it",
				took.Round(100*time.Millisecond), total-done, (took * time.Duration(total-done)).Round(time.Second))
	}
}

// at begins a line about a step.
func (r *Run) at(step int64) *zerolog.Event {
	e := r.log.Info().Int64("step", step)
	if r.plan != nil {
		e = e.Int64("steps", r.plan.Config.MaxSteps)
	}
	return e
}

// Logged implements train.Observer.
func (r *Run) Logged(m train.TrainMetrics) {
	e := r.at(m.Step)
	if r.plan != nil {
		if left, ok := left(r.began, r.from, m.Step, r.plan.Config.MaxSteps); ok {
			e = e.Stringer("left", left)
		}
	}
	e = e.Str("mlm_loss", fmt.Sprintf("%.4f", m.MLMLoss))
	if !r.alone() {
		e = e.Str("nsp_loss", fmt.Sprintf("%.4f", m.NSPLoss))
	}
	e = e.Str("lr", fmt.Sprintf("%.2e", m.LR)).Str("grad_norm", fmt.Sprintf("%.2f", m.GradNorm)).
		Str("tokens_per_second", fmt.Sprintf("%.0f", m.TokensPerSecond))
	if m.MFU > 0 {
		e = e.Str("mfu", fmt.Sprintf("%.3f", m.MFU))
	}
	e.Msg("train")
}

// Updated implements train.Observer.
func (r *Run) Updated(m train.TopologyMetrics) {
	e := r.at(m.Step).Int64("update", m.Update)
	if r.plan != nil {
		e = e.Int("updates", r.plan.LastUpdate())
	}
	e = e.Int64("pruned", m.Pruned).Str("explored_dof", fmt.Sprintf("%.3f", m.ExploredDOF))
	if m.RemovedNewRatio != nil {
		e = e.Str("removed_new_ratio", fmt.Sprintf("%.3f", *m.RemovedNewRatio))
	}
	e.Msg("topology")
}

// Evaluated implements train.Observer.
func (r *Run) Evaluated(m train.EvalMetrics) {
	e := r.at(m.Step).Str("mlm_loss", fmt.Sprintf("%.4f", m.MLMLoss)).Str("mlm_accuracy", fmt.Sprintf("%.3f", m.MLMAccuracy))
	if !r.alone() {
		e = e.Str("nsp_loss", fmt.Sprintf("%.4f", m.NSPLoss)).Str("nsp_accuracy", fmt.Sprintf("%.3f", m.NSPAccuracy))
	}
	e.Msg("eval")
}

// alone tells whether masked tokens are all that the run predicts.
func (r *Run) alone() bool { return r.plan != nil && r.plan.Config.NoNSP }

// Spent implements train.Observer.
func (*Run) Spent(train.CostMetrics) {}

// Saved implements train.Observer.
func (r *Run) Saved(path string) { r.log.Info().Str("checkpoint", path).Msg("saved") }

// Warned implements train.Observer.
func (r *Run) Warned(text string) { r.log.Warn().Msg(text) }

// Skipped implements train.Observer.
func (r *Run) Skipped(path string, reason error) {
	r.log.Warn().Str("checkpoint", path).Str("reason", reason.Error()).Msg("passed over a damaged checkpoint")
}
