package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Run is one run folder as it was when it was read.
type Run struct {
	Name        string
	Dir         string
	Config      train.Config
	Environment *train.Environment  // nil: not there
	Standing    *train.Status       // nil: of an older version
	Text        *train.Fingerprint  // nil: of an older version
	Unigram     float64             // entropy of the validation text, nats a token; NaN: not known
	Estimate    *model.CostEstimate // nil: the configuration has none any more

	Train     []At[metrics.Train]
	Eval      []At[metrics.Eval]
	Test      *metrics.Eval // on the test text, after the last step; nil: there is none
	Topology  []metrics.Topology
	Tensors   []metrics.Tensor
	Snapshots []metrics.Snapshot
	Cost      metrics.Cost // sums and largest values; Step: of the last
	costs     int

	series   string // see nameSeries
	rateless string // the same without the learning rate
	byTest   bool   // the final figure is that of the test text, see finalText

	result      *sweep.Result // what the sweep says of it; nil: nothing, or there is none
	resultAlone bool          // it is read from a results.jsonl, without its folder
}

// At is a record with the seconds of training that had gone by.
type At[R any] struct {
	Record R
	Clock  float64
}

// loadRun reads one run folder. Metrics that are not there yet are none; a last
// line that is being written is passed over.
func loadRun(dir string) (*Run, error) {
	r := &Run{Dir: dir}
	var err error
	if r.Config, err = train.ReadRunConfig(dir); err != nil {
		return nil, err
	}
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, metrics.ErrMalformed):
		return nil, err
	case err != nil:
		return nil, dataErrorf("%v", err)
	}
	if r.Standing, err = train.ReadStatus(dir); err != nil {
		return nil, dataErrorf("%v", err)
	}
	r.take(records)
	text, err := train.ReadTextFile(dir)
	if err != nil {
		return nil, dataErrorf("%v", err)
	}
	r.Unigram = math.NaN()
	if text != nil {
		r.Text = &text.Fingerprint
		if text.UnigramEntropy != nil {
			r.Unigram = *text.UnigramEntropy
		}
	}
	if l, err := train.EstimateRunCost(r.Config); err == nil {
		r.Estimate = &l
	}
	if text, err := os.ReadFile(filepath.Join(dir, train.EnvironmentName)); err == nil {
		var e train.Environment
		if json.Unmarshal(text, &e) == nil {
			r.Environment = &e
		}
	}
	return r, nil
}

// take sorts the records out and gives each its time.
func (r *Run) take(records []metrics.Record) {
	// base is the time up to the last cost record, now what the log lines since
	// then make it; trains and evals from there on are not settled.
	var base, now float64
	settledTrain, settledEval := 0, 0
	lastStep := r.origin().Step
	for _, rec := range records {
		switch rec := rec.(type) {
		case *metrics.Train:
			tokens := float64(rec.Step-lastStep) * r.tokensPerStep()
			lastStep = rec.Step
			if rec.TokensPerSecond > 0 && tokens > 0 {
				now += tokens / rec.TokensPerSecond
			}
			if r.Config.NoNSP {
				rec.NSPLoss = math.NaN() // there is none
			}
			r.Train = append(r.Train, At[metrics.Train]{*rec, now})
		case *metrics.Eval:
			if r.Config.NoNSP {
				rec.NSPLoss, rec.NSPAccuracy = math.NaN(), math.NaN()
			}
			r.Eval = append(r.Eval, At[metrics.Eval]{*rec, now})
		case *metrics.Test:
			r.Test = &rec.Eval
		case *metrics.Topology:
			r.Topology = append(r.Topology, *rec)
		case *metrics.Tensor:
			r.Tensors = append(r.Tensors, *rec)
		case *metrics.Snapshot:
			r.Snapshots = append(r.Snapshots, *rec)
		case *metrics.Cost:
			if settledTrain+1 < len(r.Train) && r.costs == 0 {
				base = r.Train[len(r.Train)-2].Clock // the run began with an older program
			}
			base += rec.Seconds
			now = base
			for ; settledTrain < len(r.Train); settledTrain++ {
				if r.Train[settledTrain].Record.Step == rec.Step {
					r.Train[settledTrain].Clock = now
				}
			}
			for ; settledEval < len(r.Eval); settledEval++ {
				if r.Eval[settledEval].Record.Step == rec.Step {
					r.Eval[settledEval].Clock = now
				}
			}
			r.addCost(rec)
		}
	}
}

func (r *Run) addCost(c *metrics.Cost) {
	r.costs++
	r.Cost.Step = c.Step
	r.Cost.Seconds += c.Seconds
	r.Cost.DataSeconds += c.DataSeconds
	r.Cost.StepSeconds += c.StepSeconds
	r.Cost.UpdateSeconds += c.UpdateSeconds
	r.Cost.EvalSeconds += c.EvalSeconds
	r.Cost.SaveSeconds += c.SaveSeconds
	r.Cost.HostBytes = max(r.Cost.HostBytes, c.HostBytes)
	r.Cost.DeviceBytes = max(r.Cost.DeviceBytes, c.DeviceBytes)
}

// origin is what had come before the run's own first step: nothing, unless it goes on with
// another.
func (r *Run) origin() train.Origin {
	if r.Standing == nil || r.Standing.Continues == nil {
		return train.Origin{}
	}
	return *r.Standing.Continues
}

// sequencesPerStep is the examples of an optimizer step.
func (r *Run) sequencesPerStep() float64 {
	return float64(r.Config.BatchSize) * float64(r.Config.Accumulation)
}

// tokensPerStep is the tokens of an optimizer step.
func (r *Run) tokensPerStep() float64 { return r.sequencesPerStep() * float64(r.Config.SeqLen) }

// broken says that the run diverged or failed, by its sweep or its folder.
func (r *Run) broken() bool {
	return r.brokenSweep() || r.result == nil && r.Standing != nil && (r.Standing.State == train.StateDiverged || r.Standing.State == train.StateFailed)
}

// brokenSweep says that the run diverged or failed by its sweep. In folders of older
// versions the steps since the last record are known to the sweep only.
func (r *Run) brokenSweep() bool {
	return r.result != nil && r.result.Status != "" && r.result.Status != sweep.Done
}

// Candidate says that the run tried a learning rate that its sweep has not chosen.
func (r *Run) Candidate() bool { return r.result != nil && r.result.Role == sweep.RoleCandidate }

// Steps is how far the run is by its records.
func (r *Run) Steps() int64 {
	if r.brokenSweep() {
		return r.result.Steps
	}
	steps := int64(0)
	if n := len(r.Train); n > 0 {
		steps = r.Train[n-1].Record.Step
	}
	if n := len(r.Eval); n > 0 {
		steps = max(steps, r.Eval[n-1].Record.Step)
	}
	return steps
}

// FLOPsAt is the paper's count up to a step, NaN where it is not known.
func (r *Run) FLOPsAt(step int64) float64 {
	if (r.brokenSweep() || r.resultAlone) && r.result.Steps == step {
		return r.result.FLOPs
	}
	after, found := slices.BinarySearchFunc(r.Train, step, func(t At[metrics.Train], step int64) int { return cmp.Compare(t.Record.Step, step) })
	switch {
	case found:
		return r.Train[after].Record.FLOPs
	case after < len(r.Train): // steps of method partial do not cost the same all
		a := metrics.Train{Step: r.origin().Step, FLOPs: r.origin().FLOPs}
		if after > 0 {
			a = r.Train[after-1].Record
		}
		b := r.Train[after].Record
		return a.FLOPs + (b.FLOPs-a.FLOPs)*float64(step-a.Step)/float64(b.Step-a.Step)
	case after > 0 && r.Train[after-1].Record.Step > r.origin().Step:
		last, o := r.Train[after-1].Record, r.origin()
		return o.FLOPs + (last.FLOPs-o.FLOPs)/float64(last.Step-o.Step)*float64(step-o.Step)
	case r.Estimate != nil && r.Config.Method != model.Partial:
		o := r.origin()
		return o.FLOPs + r.Estimate.NonEmbeddingFLOPs*r.sequencesPerStep()*float64(step-o.Step)
	}
	return math.NaN()
}

// AskedFLOPsAt is FLOPsAt, had every weight the density asked for, which whole blocks do
// not have; NaN where it is not known or not another number.
func (r *Run) AskedFLOPsAt(step int64) float64 {
	e := r.Estimate
	if e == nil || !r.Config.Method.BlockSparse() || e.AskedNonEmbeddingFLOPs == e.NonEmbeddingFLOPs {
		return math.NaN()
	}
	return r.origin().AskedFLOPs + e.AskedNonEmbeddingFLOPs*r.sequencesPerStep()*float64(step-r.origin().Step)
}

// Seconds is the time that the run took, as far as it is recorded.
func (r *Run) Seconds() float64 {
	s := 0.0
	if n := len(r.Train); n > 0 {
		s = r.Train[n-1].Clock
	}
	if n := len(r.Eval); n > 0 {
		s = max(s, r.Eval[n-1].Clock)
	}
	return s
}

// Final is the last evaluation, nil before the first and where the run did not end
// well.
func (r *Run) Final() *metrics.Eval {
	if len(r.Eval) == 0 || r.broken() {
		return nil
	}
	return &r.Eval[len(r.Eval)-1].Record
}

// atItsEnd says whether the last evaluation is that after the last step: of max_steps, or of
// a run that was done before.
func (r *Run) atItsEnd() bool {
	f := r.Final()
	return f != nil && (f.Step >= r.Config.MaxSteps ||
		r.Standing != nil && r.Standing.State == train.StateDone && f.Step == r.Standing.Step ||
		r.result != nil && r.result.Status == sweep.Done && f.Step == r.result.Steps)
}

// onPlateau says that the run ended near the unigram entropy of its validation text.
func (r *Run) onPlateau() bool {
	return r.ended() && r.Unigram > 0 && train.OnPlateau(r.Final().MLMLoss, r.Unigram)
}

// Status is done, what the sweep says, or what the folder says and how far the run is.
func (r *Run) Status() string {
	switch {
	case r.brokenSweep():
		return r.result.Status
	case r.atItsEnd():
		return "done"
	}
	at := fmt.Sprintf("at step %d of %d", r.Steps(), r.Config.MaxSteps)
	if r.Standing != nil {
		return r.Standing.State + " " + at
	}
	return at
}
