package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// write appends a record to metrics.jsonl and to the TensorBoard events.
func (r *runner) write(rec metrics.Record) error {
	return errors.Join(r.log.Write(rec), r.board.Record(rec))
}

// logWindow writes the log line of the steps since the last one.
func (r *runner) logWindow() error {
	w := &r.window
	if w.Steps == 0 {
		return nil
	}
	n := float64(w.Steps)
	c := &r.plan.Config
	rec := metrics.Train{
		Step:    r.done,
		Loss:    (w.MLMLoss + w.NSPLoss) / n,
		MLMLoss: w.MLMLoss / n, NSPLoss: w.NSPLoss / n,
		LR:              learningRate(r.plan.Config.LearningRate, r.done-1, c.WarmupSteps, c.MaxSteps),
		GradNorm:        w.GradNorm / n,
		TokensPerSecond: float64(w.Tokens) / time.Since(w.since).Seconds(),
		FLOPs:           r.plan.FLOPs(r.done),
	}
	if r.summary.FirstLoss == 0 {
		r.summary.FirstLoss = rec.MLMLoss
	}
	r.summary.Train = TrainMetrics(rec)
	*w = window{since: time.Now()}
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Logged(r.summary.Train)
	return nil
}

// logUpdate writes what a topology update did; took is the whole step's time.
func (r *runner) logUpdate(u sparse.Update, stats []sparse.Stats, took time.Duration) error {
	mean := sparse.MeanStats(stats)
	rec := metrics.Topology{
		Step: r.done, Update: int64(u.Number), PruneRatio: u.PruneRatio, Pruned: int64(mean.Pruned),
		ExploredDOF: mean.ExploredDOF, RemovedNewRatio: mean.RemovedNewRatio, Turnover: mean.Turnover,
		MeanAge: mean.MeanAge, EmptyRows: int64(mean.EmptyRows), EmptyCols: int64(mean.EmptyCols), Seconds: took.Seconds(),
	}
	r.summary.ExploredDOF, r.summary.Updated = rec.ExploredDOF, true
	if err := r.write(&rec); err != nil {
		return err
	}
	if err := r.logTensors(stats); err != nil {
		return err
	}
	r.watch.Updated(TopologyMetrics(rec))
	return nil
}

// evaluate measures the validation set, as much of it as the configuration says;
// last: after the last step. A signal does not cut it short, since the checkpoint
// that follows must hold a finished step with all of its records.
func (r *runner) evaluate(ctx context.Context, last bool) error {
	before := time.Now()
	batches := r.plan.Config.EvalBatches
	if last {
		batches = r.plan.Config.FinalBatches
	}
	rec, err := evaluate(context.WithoutCancel(ctx), r.model, r.plan.data.valid, batches)
	if err != nil {
		return err
	}
	rec.Step = r.done
	r.summary.Eval = EvalMetrics(rec)
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Evaluated(r.summary.Eval)
	r.window.since = r.window.since.Add(time.Since(before))
	r.cost.EvalSeconds += time.Since(before).Seconds()
	return nil
}

// save writes a checkpoint of the steps done so far.
func (r *runner) save() error {
	before := time.Now()
	if err := r.log.Sync(); err != nil {
		return err
	}
	files, err := state.Files(r.model.Table(), state.Model(r.model))
	if err != nil {
		return err
	}
	hash, err := r.plan.Config.Hash()
	if err != nil {
		return err
	}
	s := savedState{
		Config: r.plan.Config, Model: r.plan.Model, Vocab: r.plan.data.vocab.Tokens(), Corpus: r.plan.data.fingerprint,
		Window: r.window, Summary: r.summary,
	}
	path, err := checkpoint.SaveOn(r.disk, r.checkpoints(), r.done, files, s, hash)
	if err != nil {
		return err
	}
	if keep := r.plan.Config.SaveTotalLimit; keep > 0 {
		if err := checkpoint.Prune(r.disk, r.checkpoints(), keep); err != nil {
			return fmt.Errorf("remove old checkpoints: %w", err)
		}
	}
	r.watch.Saved(path)
	r.window.since = r.window.since.Add(time.Since(before))
	r.cost.SaveSeconds += time.Since(before).Seconds()
	return nil
}

// checkpoints is the folder of the run's checkpoints.
func (r *runner) checkpoints() string { return filepath.Join(r.folder.Dir, checkpoint.FolderName) }

// finish sums the run up.
func (r *runner) finish() *Summary {
	s := r.summary
	s.Dir = r.folder.Dir
	s.Steps = r.done
	s.UnigramEntropy = r.plan.Text.UnigramEntropy
	s.FLOPs = r.plan.FLOPs(r.done)
	s.DenseFLOPs = r.plan.DenseFLOPs(r.done)
	s.Sparse = s.FLOPs != s.DenseFLOPs
	s.Seconds = time.Since(r.began).Seconds()
	return &s
}
