package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// ErrMalformed is wrapped by the errors about a line that is no record.
var ErrMalformed = errors.New("malformed metrics")

// Record is one line of metrics.jsonl: a [*Train], [*Eval], [*Test], [*Topology],
// [*Tensor], [*Snapshot] or [*Cost].
type Record interface {
	// Kind is the value of the "kind" key.
	Kind() string
	// At is the training step.
	At() int64
	// columns lists the keys after "kind", in file order, with where their
	// values are. The first is the step.
	columns() []column
}

// column is one key of a record.
type column struct {
	name      string
	value     any  // *int64, *float64, **float64 (nil: null), *string, or *[]byte (base64 in the file)
	wallClock bool // differs between runs that are otherwise equal
	// later columns are not in the files of older versions, and left out where they have
	// no value: nil, or 0 of those that cannot be 0.
	later bool
}

// equal is a column that is equal in equal runs.
func equal(name string, value any) column { return column{name: name, value: value} }

// clocked is a column that depends on the machine.
func clocked(name string, value any) column { return column{name: name, value: value, wallClock: true} }

// later makes columns later ones.
func later(columns ...column) []column {
	for i := range columns {
		columns[i].later = true
	}
	return columns
}

// missing says whether the column is later and has no value.
func (c column) missing() bool {
	switch v := c.value.(type) {
	case *int64:
		return c.later && *v == 0
	case *float64:
		return c.later && *v == 0
	case **float64:
		return c.later && *v == nil
	}
	return false
}

// Train is the state of training after an optimizer step.
type Train struct {
	Step            int64
	Loss            float64 // MLMLoss + NSPLoss, nats
	MLMLoss         float64 // mean over masked positions, nats
	NSPLoss         float64 // mean over sequences, nats
	LR              float64 // learning rate of this step
	GradNorm        float64 // global L2 norm before clipping
	TokensPerSecond float64 // wall clock
	FLOPs           float64 // non-embedding, cumulative, by the paper's count

	// 0: not known, or none.
	TokensPerWeight      float64 // seen so far, over the active weights of the encoder
	PredictionsPerWeight float64 // masked positions so far, over the same
	MFU                  float64 // model FLOP utilization: FLOPs a second over the device's peak
	SecondsLeft          float64 // until the last step, at the speed since the last record
	GrowthFLOPs          float64 // of dense gradients for growth so far, which FLOPs has not
}

// Kind implements [Record].
func (*Train) Kind() string { return "train" }

// At implements [Record].
func (r *Train) At() int64 { return r.Step }

func (r *Train) columns() []column {
	return append([]column{
		equal("step", &r.Step),
		equal("loss", &r.Loss),
		equal("mlm_loss", &r.MLMLoss),
		equal("nsp_loss", &r.NSPLoss),
		equal("lr", &r.LR),
		equal("grad_norm", &r.GradNorm),
		clocked("tokens_per_second", &r.TokensPerSecond),
		equal("flops", &r.FLOPs),
	}, later(
		equal("tokens_per_weight", &r.TokensPerWeight),
		equal("predictions_per_weight", &r.PredictionsPerWeight),
		clocked("mfu", &r.MFU),
		clocked("seconds_left", &r.SecondsLeft),
		equal("growth_flops", &r.GrowthFLOPs),
	)...)
}

// Eval is an evaluation on the validation text after a step.
type Eval struct {
	Step        int64
	MLMLoss     float64 // nats
	MLMAccuracy float64 // 0 to 1
	NSPLoss     float64 // nats
	NSPAccuracy float64 // 0 to 1
}

// Kind implements [Record].
func (*Eval) Kind() string { return "eval" }

// At implements [Record].
func (r *Eval) At() int64 { return r.Step }

func (r *Eval) columns() []column {
	return []column{
		equal("step", &r.Step),
		equal("mlm_loss", &r.MLMLoss),
		equal("mlm_accuracy", &r.MLMAccuracy),
		equal("nsp_loss", &r.NSPLoss),
		equal("nsp_accuracy", &r.NSPAccuracy),
	}
}

// Test is the evaluation on the test text after the last step. Its columns are those of
// an [Eval].
type Test struct{ Eval }

// Kind implements [Record].
func (*Test) Kind() string { return "test" }

// Topology is one update of the sparse topology, averaged over the tensors;
// RemovedNewRatio is that of all pruned blocks together.
type Topology struct {
	Step            int64
	Update          int64
	PruneRatio      float64  // pr(t)
	Pruned          int64    // blocks, over all tensors
	ExploredDOF     float64  // fraction of the dense weights ever active
	RemovedNewRatio *float64 // fraction of the pruned that the last update had grown; nil: nothing was pruned
	Turnover        float64  // fraction of the active blocks that were replaced
	MeanAge         float64  // steps since the active blocks were activated
	EmptyRows       int64    // block rows without an active block, over all tensors
	EmptyCols       int64    // block columns without one
	Seconds         float64  // wall clock

	// 0 or nil in files of older versions.
	Active          int64    // blocks, over all tensors, as positions
	Positions       int64    // blocks of the dense weights
	NewbornShare    *float64 // fraction of the active blocks that the last update had grown
	RemovedNewDense *float64 // pruned blocks that the last update had grown, over Positions
	StartShare      *float64 // fraction of the active blocks that are active since the start
	Survival1       *float64 // fraction of the blocks that the last update had grown, still active; nil: none
	Survival2       *float64 // of those of two updates ago
	Survival4       *float64 // four
	Survival8       *float64 // eight
	NewbornNorm     *float64 // mean norm of the newborns over the largest norm pruned; nil: no such
	AblatedRows     int64    // block rows that lost all their blocks to the others, over all tensors
}

// Kind implements [Record].
func (*Topology) Kind() string { return "topology" }

// At implements [Record].
func (r *Topology) At() int64 { return r.Step }

func (r *Topology) columns() []column {
	all := append([]column{equal("step", &r.Step), equal("update", &r.Update), equal("prune_ratio", &r.PruneRatio)},
		updateFields{&r.Pruned, &r.ExploredDOF, &r.Turnover, &r.MeanAge, &r.RemovedNewRatio, &r.EmptyRows, &r.EmptyCols}.columns()...)
	return append(append(all, clocked("seconds", &r.Seconds)), newbornFields{
		&r.Active, &r.Positions, &r.NewbornShare, &r.RemovedNewDense, &r.StartShare,
		&r.Survival1, &r.Survival2, &r.Survival4, &r.Survival8, &r.NewbornNorm, &r.AblatedRows,
	}.columns()...)
}

// appendNumber appends the shortest text of v that reads back the same.
func appendNumber(line []byte, v float64, name string) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return line, fmt.Errorf("found %s %v, expected a finite number", name, v)
	}
	text, err := json.Marshal(v)
	return append(line, text...), err
}

// encode returns the line of a record without its newline. It fails on NaN and
// infinities, which JSON has no text for.
func encode(r Record, withWallClock bool) ([]byte, error) {
	var err error
	line := fmt.Appendf(nil, `{"kind":%q`, r.Kind())
	for _, c := range r.columns() {
		if c.wallClock && !withWallClock || c.missing() {
			continue
		}
		line = fmt.Appendf(line, `,%q:`, c.name)
		switch v := c.value.(type) {
		case *int64:
			line = strconv.AppendInt(line, *v, 10)
		case *float64:
			line, err = appendNumber(line, *v, c.name)
		case **float64:
			if *v == nil {
				line = append(line, "null"...)
			} else {
				line, err = appendNumber(line, **v, c.name)
			}
		case *string, *[]byte:
			var text []byte
			text, err = json.Marshal(v)
			line = append(line, text...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s record of step %d: %w", r.Kind(), r.At(), err)
		}
	}
	return append(line, '}'), nil
}

// Comparable returns a line of metrics.jsonl without its wall-clock columns:
// what must be equal between a run and the same run interrupted and resumed.
func Comparable(line []byte) ([]byte, error) {
	r, err := decode(line)
	if err != nil {
		return nil, err
	}
	return encode(r, false)
}
