package train

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// Opener opens a device: "auto", "cpu", ... in a precision ("fp32" or "bf16"), with a
// number of threads (0: one a core) where that means something. A program that has
// one device may ignore all three.
type Opener func(device, precision string, threads int) (backend.Backend, error)

// Observer is told what a run does. Calls come from the run's goroutine and must
// return soon.
type Observer interface {
	// Loading reports the data being read: stage names what is done.
	Loading(stage string, done, total int64)
	// Started comes once, before the first step. from is the number of steps
	// already finished.
	Started(p *Plan, dir string, from int64)
	// Stepped comes after every step; loss is the step's, MLM and NSP together.
	Stepped(done, total int64, loss float64)
	// Logged comes with every log line.
	Logged(TrainMetrics)
	// Updated comes after every topology update.
	Updated(TopologyMetrics)
	// Evaluated comes after every evaluation.
	Evaluated(EvalMetrics)
	// Spent comes after every log line and evaluation.
	Spent(CostMetrics)
	// Saved comes after every checkpoint, with its folder.
	Saved(path string)
	// Warned comes with what the user should know: of the run's start before Started, of the
	// device's kernels once they are loaded, of old checkpoints that cannot be removed.
	Warned(text string)
	// Skipped reports a checkpoint that is newer than the one resumed from but
	// damaged.
	Skipped(path string, reason error)
}

// NopObserver is an Observer that does nothing. Embed it to watch a part.
type NopObserver struct{}

// Loading implements Observer.
func (NopObserver) Loading(string, int64, int64) {}

// Started implements Observer.
func (NopObserver) Started(*Plan, string, int64) {}

// Stepped implements Observer.
func (NopObserver) Stepped(int64, int64, float64) {}

// Logged implements Observer.
func (NopObserver) Logged(TrainMetrics) {}

// Updated implements Observer.
func (NopObserver) Updated(TopologyMetrics) {}

// Evaluated implements Observer.
func (NopObserver) Evaluated(EvalMetrics) {}

// Spent implements Observer.
func (NopObserver) Spent(CostMetrics) {}

// Saved implements Observer.
func (NopObserver) Saved(string) {}

// Warned implements Observer.
func (NopObserver) Warned(string) {}

// Skipped implements Observer.
func (NopObserver) Skipped(string, error) {}

// TrainMetrics is the state of training after an optimizer step: a "train" record of
// metrics.jsonl. Losses are means over the steps since the last one, in nats.
type TrainMetrics struct {
	Step            int64
	Loss            float64 // MLMLoss + NSPLoss
	MLMLoss         float64 // mean over masked positions
	NSPLoss         float64 // mean over sequences
	LR              float64 // learning rate of this step
	GradNorm        float64 // global L2 norm before clipping
	TokensPerSecond float64 // by the clock
	FLOPs           float64 // non-embedding, of all steps so far, by the paper's count

	// 0: not known, or none.
	TokensPerWeight      float64 // seen so far, over the active weights of the encoder
	PredictionsPerWeight float64 // masked positions so far, over the same
	MFU                  float64 // model FLOP utilization: FLOPs a second over the device's peak
	SecondsLeft          float64 // until the last step, at the speed since the last log line
	GrowthFLOPs          float64 // of dense gradients for growth by gradient so far, which FLOPs has not
}

// EvalMetrics is an evaluation on the validation text: an "eval" record of
// metrics.jsonl. Losses are means over all masked tokens and all pairs, in nats;
// accuracies are fractions.
type EvalMetrics struct {
	Step        int64
	MLMLoss     float64
	MLMAccuracy float64
	NSPLoss     float64
	NSPAccuracy float64
}

// TopologyMetrics is one topology update, averaged over the tensors (RemovedNewRatio
// over the pruned blocks) where nothing else is said: a "topology" record of metrics.jsonl.
type TopologyMetrics struct {
	Step            int64
	Update          int64    // 1 for the first
	PruneRatio      float64  // pr(t)
	Pruned          int64    // blocks, over all tensors
	ExploredDOF     float64  // fraction of the dense weights ever active
	RemovedNewRatio *float64 // fraction of the pruned that the last update had grown; nil: nothing was pruned
	Turnover        float64  // fraction of the active blocks that were replaced
	MeanAge         float64  // steps since the active blocks were activated
	EmptyRows       int64    // block rows without an active block, over all tensors
	EmptyCols       int64    // block columns without one
	Seconds         float64  // by the clock

	// 0 or nil where they are not known, as in what older versions recorded. The shares are
	// those of all tensors' blocks together.
	Active          int64    // blocks, over all tensors
	Positions       int64    // blocks of the dense weights, over all tensors
	NewbornShare    *float64 // fraction of the active blocks that the last update had grown: the RemovedNewRatio of chance
	RemovedNewDense *float64 // pruned blocks that the last update had grown, over Positions
	StartShare      *float64 // fraction of the active blocks that are active since the start
	Survival1       *float64 // fraction of the blocks that the last update had grown, still active; nil: none
	Survival2       *float64 // of those of two updates ago
	Survival4       *float64 // four
	Survival8       *float64 // eight
	NewbornNorm     *float64 // mean norm of the newborns over the largest norm pruned; nil: no such
	AblatedRows     int64    // block rows that lost all their blocks to the others, over all tensors
}

// CostMetrics is where the time of the process went since the last one, and what memory is
// in use: a "cost" record of metrics.jsonl.
type CostMetrics struct {
	Step          int64
	Seconds       float64 // all of the time
	DataSeconds   float64 // waiting for batches
	StepSeconds   float64 // training steps without a topology update
	UpdateSeconds float64 // whole training steps with one
	EvalSeconds   float64
	SaveSeconds   float64 // checkpoints
	HostBytes     int64   // largest resident memory of the process so far; 0: not known
	DeviceBytes   int64   // parameters, moments, activations and what the device adds
	SentBytes     int64   // to the other processes of the run; 0: it has no others
}

// Skipped is a checkpoint that was passed over, since it is damaged.
type Skipped struct {
	Path string
	Err  error
}

// skipped makes what package checkpoint says public.
func skipped(list []checkpoint.Skipped) []Skipped {
	var out []Skipped
	for _, s := range list {
		out = append(out, Skipped(s))
	}
	return out
}
