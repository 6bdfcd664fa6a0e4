package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/feed"
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
)

// runner is a run in progress.
type runner struct {
	plan   *Plan
	folder *folder.Folder
	model  *model.Model
	log    *metrics.Log
	board  *metrics.Events
	watch  Observer
	disk   checkpoint.FS // where checkpoints go; tests let it fail

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
	began         time.Time
	summary       Summary
}

// Run carries out a training run, from its first step or, with Config.Resume,
// from its newest good checkpoint. It returns ErrStopped when ctx ended it,
// model.ErrNotFinite when it diverged, an error for which IsUsage is true when
// nothing could start, and any other error when the run failed. watch may be nil.
func Run(ctx context.Context, c Config, open Opener, watch Observer) (*Summary, error) {
	if watch == nil {
		watch = NopObserver{}
	}
	r := &runner{watch: watch, began: clock.Now(), disk: checkpoint.OS{}, seen: &seen{}}
	return r.run(ctx, c, open)
}

// run is Run on a runner that has its observer and its disk.
func (r *runner) run(ctx context.Context, c Config, open Opener) (*Summary, error) {
	ctx, cancel, err := WithMaxTime(ctx, c.MaxTime)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if c.Resume {
		return r.resume(ctx, c, open)
	}
	return r.start(ctx, c, open)
}

// start begins a new run.
func (r *runner) start(ctx context.Context, c Config, open Opener) (*Summary, error) {
	if c.OutputDir == "" {
		c.OutputDir = defaultOutputDir(c, time.Now())
	}
	if err := folder.Check(c.OutputDir, false); err != nil {
		return nil, err
	}
	var err error
	var from *initialWeights
	if r.plan, from, err = newPlan(ctx, c, resumePoint{}, r.watch.Loading); err != nil {
		return nil, err
	}
	if from != nil {
		defer from.weights.Close()
	}
	b, err := open(c.Device, c.Precision, c.Threads)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if r.model, err = r.plan.build(b, from); err != nil {
		return nil, err
	}
	if err := r.goOn(from); err != nil {
		return nil, err
	}
	if r.folder, err = folder.Open(c.OutputDir); err != nil {
		return nil, err
	}
	defer r.folder.Unlock()
	if err := r.describe(b.Describe()); err != nil {
		return nil, err
	}
	for _, text := range c.pin.sameBuild(environment(b.Describe())) {
		r.watch.Warned(text)
	}
	return r.train(ctx)
}

// train runs from r.done to the end.
func (r *runner) train(ctx context.Context) (*Summary, error) {
	var err error
	if r.log, err = metrics.OpenLog(r.folder.Path(metrics.FileName)); err != nil {
		return nil, err
	}
	defer r.log.Close()
	first := int64(0)
	if r.done > 0 {
		first = r.done + 1
	}
	if r.board, err = metrics.NewEvents(r.folder.Dir, first, time.Now); err != nil {
		return nil, err
	}
	defer r.board.Close()
	r.weights = model.Count(r.model.Table()).EncoderActive
	if r.peak = r.plan.Config.Peak * 1e12; r.peak == 0 {
		r.peak = r.model.Backend().Capabilities().Peak
	}
	if _, r.topologyEvery, err = r.plan.topologyFiles(); err != nil {
		return nil, err
	}
	r.watch.Started(r.plan, r.folder.Dir, r.done)

	err = r.loop(ctx)
	if ending := r.leave(err); err == nil {
		err = ending
	}
	if closing := errors.Join(r.log.Sync(), r.board.Sync()); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	return r.finish(), nil
}

// loop is the training loop.
func (r *runner) loop(ctx context.Context) error {
	c := &r.plan.Config
	batches := feed.New(r.plan.data.train, feed.Options{
		Done: r.done, Steps: c.MaxSteps, Accumulation: c.Accumulation, BatchSize: c.BatchSize, SeqLen: c.SeqLen, MaxMasked: c.maxMasked(),
	})
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
	for r.done < c.MaxSteps && r.stoppedEarly() == "" {
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
				return err
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
				return err
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
		stopping := ctx.Err() != nil
		if due(r.done, c.SaveSteps) || last || stopping {
			if err := r.save(); err != nil {
				return err
			}
		}
		if stopping && !last {
			return fmt.Errorf("%w after step %d, saved: %w", ErrStopped, r.done, context.Cause(ctx))
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
	tokens := int64(len(batches) * c.BatchSize * c.SeqLen)
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
	return errors.Join(r.log.Write(rec), r.board.Record(rec))
}
