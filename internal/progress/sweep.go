package progress

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Sweep shows a sweep: on a terminal a bar over all runs and one for each that is running,
// elsewhere log lines. Progress is counted in FLOPs, since a step of one run may cost a hundred of
// another's. It is a sweep.Observer.
type Sweep struct {
	screen *Screen
	log    zerolog.Logger
	bars   *mpb.Progress // nil off a terminal
	total  *mpb.Bar
	text   atomic.Value // string beside total: the bar is drawn by another goroutine, which must not wait for mu

	mu             sync.Mutex
	flops          map[string]float64 // of each run
	all, done      float64            // FLOPs of all runs, and of those that are done
	before         float64            // of done, by earlier processes
	runs, finished int
	running        map[string]*mpb.Bar // of each run here
	launched       map[string]bool     // runs that are jobs
	began, told    time.Time
}

// sweepLineEvery is the time between two lines on progress off a terminal.
const sweepLineEvery = 30 * time.Second

// barUnits is what the bar over all runs counts to.
const barUnits = 1000

// NewSweep shows a sweep of runs on w, which has bars if it is a [Screen] on a terminal and c does
// not ask for quiet or JSON.
func NewSweep(log zerolog.Logger, w io.Writer, runs []*sweep.Run, c train.Config) *Sweep {
	watch := &Sweep{log: log, flops: map[string]float64{}, running: map[string]*mpb.Bar{}, launched: map[string]bool{}, runs: len(runs), began: clock.Now(), told: clock.Now()}
	for _, r := range runs {
		flops, err := train.RunFLOPs(r.Config)
		if err != nil {
			flops = 1 // the sweep will say so
		}
		watch.flops[r.Name] = flops
		watch.all += flops
	}
	if s := barScreen(w, c); s != nil {
		watch.screen = s
		watch.drawOn(s.File)
		s.SetBar(watch.bars)
	}
	return watch
}

// drawOn makes the watch draw bars on w, with its log lines above them.
func (w *Sweep) drawOn(out io.Writer, options ...mpb.ContainerOption) {
	w.bars = newBars(out, options...)
	w.log = NewLog(w.bars, false, false)
	w.text.Store("")
	state := func(decor.Statistics) string { return w.text.Load().(string) }
	w.total = w.bars.AddBar(0, mpb.BarPriority(1<<20), mpb.PrependDecorators(decor.Name("sweep ")), mpb.AppendDecorators(decor.Any(state)))
	w.total.SetTotal(barUnits, false)
}

// left says how much time is left. w.mu is held.
func (w *Sweep) left() string {
	spent := clock.Since(w.began)
	text := fmt.Sprintf("%.1f %%, %v", 100*w.done/w.all, spent.Round(time.Second))
	if here := w.done - w.before; here > 0 && w.done < w.all {
		left := time.Duration(float64(spent) * (w.all - w.done) / here)
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return text
}

// Close ends the bars.
func (w *Sweep) Close() {
	if w.bars == nil {
		return
	}
	w.mu.Lock()
	for _, bar := range w.running {
		bar.Abort(true)
	}
	w.mu.Unlock()
	w.total.Abort(false)
	if w.screen != nil {
		w.screen.SetBar(nil)
	}
	w.bars.Wait()
}

// add counts FLOPs as done. w.mu is held.
func (w *Sweep) add(flops float64) {
	w.done += flops
	if w.total != nil {
		w.text.Store(fmt.Sprintf(" %d of %d runs, %s", w.finished, w.runs, w.left()))
		w.total.SetCurrent(int64(barUnits * w.done / w.all))
	} else if clock.Since(w.told) >= sweepLineEvery {
		w.told = clock.Now()
		w.log.Info().Int("finished", w.finished).Int("runs", w.runs).Str("progress", w.left()).Msg("sweep")
	}
}

// Running implements sweep.Observer.
func (w *Sweep) Running(r *sweep.Run) train.Observer {
	return &sweepRun{w: w, name: r.Name, load: newStageLog(w.log)}
}

// Launched implements sweep.Observer.
func (w *Sweep) Launched(r *sweep.Run) {
	w.log.Info().Str("run", r.Name).Msg("launching its job")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.launched[r.Name] = true
}

// Finished implements sweep.Observer.
func (w *Sweep) Finished(r *sweep.Run, result sweep.Result, here bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished++
	if bar := w.running[r.Name]; bar != nil {
		bar.Abort(true)
		delete(w.running, r.Name)
	}
	if !here {
		w.before += w.flops[r.Name]
		w.add(w.flops[r.Name])
		return
	}
	e := w.log.Info()
	if result.Status != sweep.Done {
		e = w.log.Warn().Str("error", result.Error)
	}
	switch {
	case w.launched[r.Name]: // nobody counted its steps
		w.add(w.flops[r.Name])
	case result.Status != sweep.Done:
		w.add(w.flops[r.Name] - result.FLOPs) // nothing of it is left to do
	}
	if result.MLMLoss != nil {
		e = e.Str("mlm_loss", fmt.Sprintf("%.4f", *result.MLMLoss))
	}
	e.Str("run", r.Name).Int("finished", w.finished).Int("of", w.runs).Msg(result.Status)
}

// Warned implements sweep.Observer.
func (w *Sweep) Warned(text string) { w.log.Warn().Msg(text) }

// Chose implements sweep.Observer.
func (w *Sweep) Chose(best *sweep.Run, result sweep.Result) {
	rate, err := result.LearningRate()
	if err != nil {
		return // a result of this program has one
	}
	w.log.Info().Str("run", best.Name).Float64("learning_rate", rate).Msg("chose the learning rate")
}

// sweepRun shows one run of a sweep.
type sweepRun struct {
	w    *Sweep
	name string
	load *stageLog
	plan *train.Plan
	done int64
	bar  *mpb.Bar
}

// Loading implements train.Observer.
func (r *sweepRun) Loading(stage string, done, total int64) { r.load.report(stage, done, total) }

// Started implements train.Observer.
func (r *sweepRun) Started(p *train.Plan, _ string, from int64) {
	r.plan, r.done = p, from
	r.w.log.Info().Str("run", r.name).Int64("from_step", from).Int64("steps", p.Config.MaxSteps).Msg("running")
	if from == 0 {
		warn(r.w.log, r.name, p)
	}
	if r.w.bars != nil {
		r.bar = r.w.bars.AddBar(0, mpb.PrependDecorators(decor.Name(r.name+" "), decor.CountersNoUnit("%d/%d ")))
		r.bar.SetTotal(p.Config.MaxSteps, false) // only Finished or Close ends it
		r.bar.SetCurrent(from)
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.bar != nil {
		r.w.running[r.name] = r.bar
	}
	r.w.before += p.FLOPs(from)
	r.w.add(p.FLOPs(from))
}

// Stepped implements train.Observer.
func (r *sweepRun) Stepped(done, total int64, loss float64) {
	if r.bar != nil {
		r.bar.SetCurrent(done)
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.add(r.plan.FLOPs(done) - r.plan.FLOPs(r.done))
	r.done = done
}

// Logged implements train.Observer.
func (r *sweepRun) Logged(train.TrainMetrics) {}

// Updated implements train.Observer.
func (r *sweepRun) Updated(train.TopologyMetrics) {}

// Evaluated implements train.Observer.
func (r *sweepRun) Evaluated(e train.EvalMetrics) {
	r.w.log.Info().Str("run", r.name).Int64("step", e.Step).Str("mlm_loss", fmt.Sprintf("%.4f", e.MLMLoss)).Msg("eval")
}

// Spent implements train.Observer.
func (*sweepRun) Spent(train.CostMetrics) {}

// Saved implements train.Observer.
func (r *sweepRun) Saved(string) {}

// Warned implements train.Observer.
func (r *sweepRun) Warned(text string) { r.w.log.Warn().Str("run", r.name).Msg(text) }

// Skipped implements train.Observer.
func (r *sweepRun) Skipped(path string, reason error) {
	r.w.log.Warn().Str("checkpoint", path).Str("reason", reason.Error()).Msg("passed over a damaged checkpoint")
}
