package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/feed"
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
)

// runner is a run in progress.
type runner struct {
	plan   *Plan
	dir    string         // of the run
	folder *folder.Folder // nil in a process that writes nothing
	model  *model.Model
	log    *metrics.Log
	board  *metrics.Events
	watch  Observer
	disk   checkpoint.FS       // where checkpoints go; tests let it fail
	group  *collective.Counter // nil: the run is this process's alone
	cause  func() error        // why the run's context has ended; nil where it has not
	ends   []func()            // what is to be done at the end, the last first

	done    int64 // finished steps
	made    progressMade
	better  bool // this step's evaluation is the best so far
	seen    *seen
	grown   grown
	weights int64   // active weights of the encoder
	peak    float64 // FLOP/s of the device at most; 0: not known
	// topologyEvery: of so many updates one has its topology saved; 0: none has.
	topologyEvery int
	status        *Status
	enter         *model.Phase // to begin with the next step, though it is in the middle
	window        window
	cost          cost
	// kernelWarnings is the number of the device's warnings of its kernels that were told.
	kernelWarnings int
	sent           int64 // bytes to other processes, up to the last cost record
	began          time.Time
	summary        Summary
}

// Run carries out a training run, from its first step or, with Config.Resume,
// from its newest good checkpoint. It returns ErrStopped when ctx ended it,
// model.ErrNotFinite when it diverged, an error for which IsUsage is true when
// nothing could start, and any other error when the run failed. watch may be nil.
func Run(ctx context.Context, c Config, open Opener, watch Observer) (*Summary, error) {
	if watch == nil {
		watch = NopObserver{}
	}
	return newRunner(watch).run(ctx, c, open)
}

// newRunner returns a runner of a run that is this process's alone.
func newRunner(watch Observer) *runner {
	return &runner{watch: watch, began: clock.Now(), disk: checkpoint.OS{}, seen: &seen{}}
}

// run is Run on a runner that has its observer, its disk and its group.
func (r *runner) run(ctx context.Context, c Config, open Opener) (*Summary, error) {
	defer func() {
		for _, end := range slices.Backward(r.ends) {
			end()
		}
	}()
	ctx, cancel, err := WithMaxTime(ctx, c.MaxTime)
	if err != nil {
		return nil, r.agree(err)
	}
	defer cancel()
	r.cause = func() error { return context.Cause(ctx) }
	prepare, enter := r.prepareStart, r.enterNew
	if c.Resume {
		prepare, enter = r.prepareResume, r.enterAgain
	}
	if c, err = r.shared(c); err == nil {
		err = prepare(ctx, c, open)
	}
	if err := r.agree(err); err != nil {
		return nil, err
	}
	if err := r.compare(); err != nil {
		return nil, err
	}
	if r.writes() {
		err = enter()
	}
	if err := r.agree(err); err != nil {
		return nil, err
	}
	return r.train(ctx)
}

// prepareStart does all of a new run that comes before its folder is touched.
func (r *runner) prepareStart(ctx context.Context, c Config, open Opener) error {
	if c.OutputDir == "" {
		c.OutputDir = defaultOutputDir(c, time.Now())
	}
	r.dir = c.OutputDir
	if r.writes() {
		if err := folder.Check(c.OutputDir, false); err != nil {
			return err
		}
	}
	from, err := r.build(ctx, c, resumePoint{}, open)
	if err != nil {
		return err
	}
	return r.goOn(from)
}

// build makes the plan, opens the device and builds the model, for a run that goes on from
// a checkpoint if at has one. from is what its weights come from, nil where that is chance.
func (r *runner) build(ctx context.Context, c Config, at resumePoint, open Opener) (from *initialWeights, err error) {
	if r.plan, from, err = newPlan(ctx, c, at, r.watch.Loading); err != nil {
		return nil, err
	}
	if from != nil {
		r.ends = append(r.ends, func() { from.weights.Close() })
	}
	if r.group != nil {
		r.plan.group = r.group
	}
	b, err := open(c.Device, c.Precision, c.Threads)
	if err != nil {
		return nil, err
	}
	r.ends = append(r.ends, func() { b.Close() })
	r.model, err = r.plan.build(b, from)
	return from, err
}

// enterNew makes the folder of a new run.
func (r *runner) enterNew() error {
	if err := r.openFolder(r.dir); err != nil {
		return err
	}
	// Until now another process may have begun a run there, and have ended.
	if err := folder.Check(r.dir, false); err != nil {
		return err
	}
	device := r.model.Backend().Describe()
	if err := r.describe(device); err != nil {
		return err
	}
	for _, text := range r.plan.Config.pin.sameBuild(environment(device)) {
		r.watch.Warned(text)
	}
	return nil
}

// openFolder locks the folder of the run until its end.
func (r *runner) openFolder(dir string) error {
	var err error
	if r.folder, err = folder.Open(dir); err != nil {
		return err
	}
	r.ends = append(r.ends, func() { r.folder.Unlock() })
	return nil
}

// train runs from r.done to the end.
func (r *runner) train(ctx context.Context) (*Summary, error) {
	if r.writes() {
		if err := r.openLogs(); err != nil {
			return nil, err
		}
		defer r.log.Close()
		defer r.board.Close()
	}
	r.weights = model.Count(r.model.Table()).EncoderActive
	if r.peak = r.plan.Config.Peak * 1e12; r.peak == 0 {
		r.peak = r.model.Backend().Capabilities().Peak
	}
	var err error
	if _, r.topologyEvery, err = r.plan.topologyFiles(); err != nil {
		return nil, err
	}
	r.watch.Started(r.plan, r.dir, r.done)

	err = r.loop(ctx)
	if ending := r.leave(err); err == nil {
		err = ending
	}
	if r.writes() {
		if closing := errors.Join(r.log.Sync(), r.board.Sync()); err == nil {
			err = closing
		}
	}
	if err != nil {
		return nil, err
	}
	return r.finish(), nil
}

// openLogs opens the log and the TensorBoard events.
func (r *runner) openLogs() error {
	var err error
	if r.log, err = metrics.OpenLog(r.folder.Path(metrics.FileName)); err != nil {
		return err
	}
	first := int64(0)
	if r.done > 0 || r.plan.Config.Resume {
		first = r.done + 1
	}
	if r.board, err = metrics.NewEvents(r.folder.Dir, first, time.Now); err != nil {
		r.log.Close()
	}
	return err
}

// loop is the training loop.
func (r *runner) loop(ctx context.Context) error {
	c := &r.plan.Config
	o := feed.Options{Done: r.done, Steps: c.MaxSteps, Accumulation: c.Accumulation, BatchSize: c.BatchSize, SeqLen: c.SeqLen, MaxMasked: c.maxMasked()}
	if r.group != nil {
		o.Own = c.Accumulation / r.group.Size()
		o.First = r.group.Rank() * o.Own
	}
	batches := feed.New(r.plan.data.train, o)
	defer batches.Stop()
	if r.done == r.plan.first() {
		if err := r.saveTopology(nil); err != nil {
			return err
		}
	}
	r.window.since = clock.Now()
	r.cost.since = r.window.since
	if c.EvalOnStart && r.done == r.plan.first() {
		if err := r.evaluateStart(ctx); err != nil {
			return err
		}
	}
	if r.lacksLast() {
		return r.makeLast(ctx)
	}
	for r.done < c.MaxSteps && r.stoppedEarly() == "" {
		r.note()
		if err := r.step(batches); err != nil {
			return err
		}
		last := r.done == c.MaxSteps
		logging, evaluating := due(r.done, c.LoggingSteps) || last, due(r.done, c.EvalSteps) || last
		if logging {
			if err := r.logWindow(); err != nil {
				return err
			}
		}
		if evaluating {
			if err := r.evaluate(ctx, last); err != nil {
				return r.withoutLast(ctx, err)
			}
			if r.stoppedEarly() != "" {
				last = true
				if err := r.logWindow(); err != nil {
					return err
				}
			}
		}
		if last {
			if err := r.evaluateTest(ctx); err != nil {
				return r.withoutLast(ctx, err)
			}
		}
		if logging || evaluating {
			if err := r.logCost(); err != nil {
				return err
			}
		}
		if evaluating && r.better && c.SaveBest {
			if err := r.saveBest(); err != nil {
				return err
			}
		}
		stopping, err := r.stopping(ctx)
		if err != nil {
			return err
		}
		if due(r.done, c.SaveSteps) || last || stopping != nil {
			if err := r.save(); err != nil {
				return err
			}
		}
		if stopping != nil && !last {
			return fmt.Errorf("%w after step %d, saved: %w", ErrStopped, r.done, stopping)
		}
	}
	return nil
}

// due reports whether something done every `every` steps is due; 0 is never.
func due(done, every int64) bool { return every > 0 && done%every == 0 }

// step does one optimizer step and, where it is due, the topology update.
func (r *runner) step(from *feed.Feed) error {
	c := &r.plan.Config
	before := clock.Now()
	batches := from.Next()
	r.cost.DataSeconds += clock.Since(before).Seconds()
	phase := r.plan.phaseFrom(r.done)
	if phase == nil {
		phase = r.enter
	}
	r.enter = nil
	update, err := r.plan.aged(r.plan.update(r.done + 1))
	if err != nil {
		return err
	}
	args := model.StepArgs{
		Step: r.done,
		LR:   c.rate(r.done),
		Adam: r.plan.adam(), Update: update, Phase: phase, Next: from.Peek(),
	}
	before = clock.Now()
	result, err := r.model.Step(args, batches)
	if err != nil {
		return fmt.Errorf("step %d: %w", r.done+1, err)
	}
	took := clock.Since(before)
	r.done++
	tokens := int64(c.Accumulation * c.BatchSize * c.SeqLen)
	r.window.add(result, tokens)
	r.seen.add(tokens, int64(result.Masked))
	if args.Update != nil {
		r.cost.UpdateSeconds += took.Seconds()
		if err := r.logUpdate(*args.Update, result.Topology, took); err != nil {
			return err
		}
	} else {
		r.cost.StepSeconds += took.Seconds()
	}
	if err := r.logSnapshot(args.Update); err != nil {
		return err
	}
	if args.Update != nil {
		if err := r.saveTopology(args.Update); err != nil {
			return err
		}
	}
	r.watch.Stepped(r.done, c.MaxSteps, result.MLMLoss+result.NSPLoss)
	return nil
}

// write appends a record to metrics.jsonl and to the TensorBoard events.
func (r *runner) write(rec metrics.Record) error {
	if !r.writes() {
		return nil
	}
	return errors.Join(r.log.Write(rec), r.board.Record(rec))
}
