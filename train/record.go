package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
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
	r.summary.Train = rec
	*w = window{since: time.Now()}
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Logged(rec)
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
	r.watch.Updated(rec)
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
	rec, err := Evaluate(context.WithoutCancel(ctx), r.model, r.plan.Data.Valid, batches)
	if err != nil {
		return err
	}
	rec.Step = r.done
	r.summary.Eval = rec
	if err := r.write(&rec); err != nil {
		return err
	}
	r.watch.Evaluated(rec)
	r.window.since = r.window.since.Add(time.Since(before))
	r.cost.EvalSeconds += time.Since(before).Seconds()
	return nil
}

// state is what a checkpoint holds beside the tensors.
type state struct {
	Config  Config       `json:"config"` // resolved
	Model   model.Config `json:"model"`
	Vocab   []string     `json:"vocab"`
	Corpus  string       `json:"corpus"` // Data.Fingerprint
	Window  window       `json:"window"`
	Summary Summary      `json:"summary"`
}

// save writes a checkpoint of the steps done so far.
func (r *runner) save() error {
	before := time.Now()
	if err := r.log.Sync(); err != nil {
		return err
	}
	weights, optimizer, err := snapshot(r.model)
	if err != nil {
		return err
	}
	hash, err := r.plan.Config.Hash()
	if err != nil {
		return err
	}
	files := map[string]*checkpoint.File{modelFile: weights, optimizerFile: optimizer}
	s := state{
		Config: r.plan.Config, Model: r.plan.Model, Vocab: r.plan.Data.Vocab.Tokens(), Corpus: r.plan.Data.Fingerprint,
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
func (r *runner) checkpoints() string { return filepath.Join(r.folder.dir, checkpoint.FolderName) }

// finish sums the run up.
func (r *runner) finish() *Summary {
	s := r.summary
	s.Dir = r.folder.dir
	s.Steps = r.done
	s.UnigramEntropy = r.plan.Data.UnigramEntropy
	s.FLOPs = r.plan.FLOPs(r.done)
	s.DenseFLOPs = r.plan.DenseFLOPs(r.done)
	s.Sparse = s.FLOPs != s.DenseFLOPs
	s.Seconds = time.Since(r.began).Seconds()
	return &s
}

// Perplexity is exp of a mean cross-entropy in nats.
func Perplexity(loss float64) float64 { return math.Exp(loss) }
