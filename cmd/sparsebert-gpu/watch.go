package main

import (
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// newLogger returns the program's log: lines for people, or JSON. The runs of a sweep use it at
// the same time.
func newLogger(w io.Writer, quiet, asJSON bool) zerolog.Logger {
	color := isTerminal(w)
	w = zerolog.SyncWriter(w)
	if !asJSON {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !color}
	}
	level := zerolog.InfoLevel
	if quiet {
		level = zerolog.WarnLevel
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// watcher shows a run: a progress bar on a terminal, log lines elsewhere.
type watcher struct {
	screen *screen // told of the bar; nil without one
	log    zerolog.Logger
	bars   *mpb.Progress // nil off a terminal
	bar    *mpb.Bar
	load   *loading
	loss   atomic.Uint64 // bits of the last step's loss: the bar is drawn by another goroutine
	dir    string
}

// newWatcher makes the watcher of one run.
func newWatcher(log zerolog.Logger, w io.Writer, c train.Config) *watcher {
	watch := &watcher{log: log, load: newLoading(log)}
	if s, ok := w.(*screen); ok && isTerminal(s) && !c.Quiet && !c.JSONLogs {
		watch.drawOn(s.File)
		watch.screen = s
		s.setBar(watch.bars)
	}
	return watch
}

// newBars makes a container of progress bars.
func newBars(out io.Writer, options ...mpb.ContainerOption) *mpb.Progress {
	return mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(out), mpb.WithWidth(48), mpb.WithRefreshRate(200 * time.Millisecond)}, options...)...)
}

// drawOn makes the watcher draw a bar on w, with its log lines above the bar.
func (w *watcher) drawOn(out io.Writer, options ...mpb.ContainerOption) {
	w.bars = newBars(out, options...)
	w.log = newLogger(w.bars, false, false)
	w.load.log = w.log
}

// addBar draws the bar of a run of which from steps are done.
func (w *watcher) addBar(from, steps int64) {
	began := time.Now()
	state := func(s decor.Statistics) string {
		text := fmt.Sprintf(" loss %.3f, %v", math.Float64frombits(w.loss.Load()), time.Since(began).Round(time.Second))
		if done := s.Current - from; done > 0 { // of this process: earlier steps took no time of its own
			left := time.Since(began) / time.Duration(done) * time.Duration(s.Total-s.Current)
			text += fmt.Sprintf(", %v left", left.Round(time.Second))
		}
		return text
	}
	// With a total of 0 at first, only close completes the bar. Lines written
	// to the container after its last bar is complete are lost, and a run has
	// more to say after its last step.
	w.bar = w.bars.AddBar(0,
		mpb.PrependDecorators(decor.CountersNoUnit("step %d/%d ")),
		mpb.AppendDecorators(decor.Any(state)))
	w.bar.SetTotal(steps, false)
	w.bar.SetCurrent(from)
}

// close ends the bar and leaves the terminal in order.
func (w *watcher) close() {
	if w.bars == nil {
		return
	}
	if w.bar != nil {
		w.bar.Abort(false)
	}
	if w.screen != nil {
		w.screen.setBar(nil)
	}
	w.bars.Wait()
}

// Loading implements train.Observer.
func (w *watcher) Loading(stage string, done, total int64) { w.load.report(stage, done, total) }

// Started implements train.Observer.
func (w *watcher) Started(p *train.Plan, dir string, from int64) {
	w.dir = dir
	c := p.Config
	e := w.log.Info().Str("model", c.Model).Str("method", c.Method)
	if c.Method != "dense" {
		e = e.Float64("sparsity", c.Sparsity).Int("block_size", c.BlockSize)
	}
	if c.Method == "dynamic" {
		e = e.Int("topology_updates", len(p.UpdateAt))
	}
	e.Int("vocab", p.Data.Vocab.Size()).Int64("train_tokens", p.Data.TrainTokens).
		Str("unigram_entropy", fmt.Sprintf("%.3f", p.Data.UnigramEntropy)).
		Str("learning_rate", fmt.Sprintf("%.3g", p.Peak)).Int64("steps", c.MaxSteps).Str("out", dir).Msg("training")
	if from > 0 {
		w.log.Info().Int64("step", from).Msg("resumed")
	}
	if w.bars != nil {
		w.addBar(from, c.MaxSteps)
	}
}

// Stepped implements train.Observer.
func (w *watcher) Stepped(done, total int64, loss float64) {
	if w.bar != nil {
		w.loss.Store(math.Float64bits(loss))
		w.bar.SetCurrent(done)
	}
}

// Logged implements train.Observer.
func (w *watcher) Logged(r metrics.Train) {
	w.log.Info().Int64("step", r.Step).
		Str("mlm_loss", fmt.Sprintf("%.4f", r.MLMLoss)).Str("nsp_loss", fmt.Sprintf("%.4f", r.NSPLoss)).
		Str("lr", fmt.Sprintf("%.2e", r.LR)).Str("grad_norm", fmt.Sprintf("%.2f", r.GradNorm)).
		Str("tokens_per_second", fmt.Sprintf("%.0f", r.TokensPerSecond)).Msg("train")
}

// Updated implements train.Observer.
func (w *watcher) Updated(r metrics.Topology) {
	w.log.Debug().Int64("step", r.Step).Int64("update", r.Update).Float64("explored_dof", r.ExploredDOF).Msg("topology")
}

// Evaluated implements train.Observer.
func (w *watcher) Evaluated(r metrics.Eval) {
	w.log.Info().Int64("step", r.Step).
		Str("mlm_loss", fmt.Sprintf("%.4f", r.MLMLoss)).Str("mlm_accuracy", fmt.Sprintf("%.3f", r.MLMAccuracy)).
		Str("nsp_loss", fmt.Sprintf("%.4f", r.NSPLoss)).Str("nsp_accuracy", fmt.Sprintf("%.3f", r.NSPAccuracy)).Msg("eval")
}

// Saved implements train.Observer.
func (w *watcher) Saved(path string) { w.log.Info().Str("checkpoint", path).Msg("saved") }

// Skipped implements train.Observer.
func (w *watcher) Skipped(path string, reason error) {
	w.log.Warn().Str("checkpoint", path).Str("reason", reason.Error()).Msg("passed over a damaged checkpoint")
}

// loading logs the stages of reading data, each at its start and, when it is
// long, every few seconds.
type loading struct {
	log   zerolog.Logger
	stage string
	shown time.Time
}

func newLoading(log zerolog.Logger) *loading { return &loading{log: log} }

// loadingEvery is the time between two lines about one stage.
const loadingEvery = 5 * time.Second

func (l *loading) report(stage string, done, total int64) {
	if stage == l.stage && time.Since(l.shown) < loadingEvery {
		return
	}
	first := stage != l.stage
	l.stage, l.shown = stage, time.Now()
	e := l.log.Info()
	if !first && total > 0 {
		e = e.Str("done", fmt.Sprintf("%d %%", 100*done/total))
	}
	e.Msg(stage)
}
