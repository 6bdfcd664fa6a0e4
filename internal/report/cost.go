package report

import (
	"cmp"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// cost is what training takes, as the x axis of a chart of losses.
type cost struct {
	name, title string // of the chart
	caption     string // what is counted, a sentence that follows "Final validation loss over"
	short       string // the same in a word
	axis        axis
	of          func(*Run) float64 // of a finished run; NaN or 0 where it is not known
}

var (
	paperFLOPs = cost{
		name: "pareto", title: "Loss against FLOPs", short: "FLOPs",
		caption: "the FLOPs of training by the paper's count (non-embedding, forward and backward).",
		axis:    axis{label: "training FLOPs", log: true, format: metric},
		of:      func(r *Run) float64 { return r.FLOPsAt(r.Final().Step) },
	}
	allFLOPs = cost{
		name: "pareto-all", title: "Loss against all FLOPs", short: "FLOPs",
		caption: "all FLOPs of training that are executed: those of embeddings and heads too, and the dense gradients of growth, which the paper's count leaves out. At small widths they are most of a sparse model's work.",
		axis:    axis{label: "training FLOPs, all that are executed", log: true, format: metric},
		of:      func(r *Run) float64 { return r.executedFLOPsAt(r.Final().Step) },
	}
)

// executedFLOPsAt is all that was executed up to a step, NaN where it is not known.
func (r *Run) executedFLOPsAt(step int64) float64 {
	switch {
	case r.resultAlone && r.result.ExecutedFLOPs > 0:
		return r.result.ExecutedFLOPs
	case r.Estimate == nil, r.resultAlone && (r.Config.ContinueFrom != "" || r.Estimate.GrowthFLOPs > 0):
		return math.NaN() // a line of results has no updates, and no origin
	}
	o := r.origin()
	if o.Step > 0 && o.ExecutedFLOPs == 0 || step < o.Step {
		return math.NaN()
	}
	return o.ExecutedFLOPs + r.sequencesPerStep()*r.Estimate.ExecutedFLOPs*float64(step-o.Step) + r.growthFLOPsAt(step) - o.GrowthFLOPs
}

// growthFLOPsAt are those for the dense gradients of growth.
func (r *Run) growthFLOPsAt(step int64) float64 {
	updates := 0
	for i := range r.Topology {
		if r.Topology[i].Step <= step {
			updates++
		}
	}
	return r.origin().GrowthFLOPs + r.sequencesPerStep()*r.Estimate.GrowthFLOPs*float64(updates)
}

// width is the size of a group's model in two numbers, as 2 x 64, or its name.
func (g *group) width() string {
	m, _, err := train.Shape(g.runs[0].Config)
	if err != nil {
		return cmp.Or(g.runs[0].Config.Model, g.size())
	}
	return fmt.Sprintf("%d x %d", m.Layers, m.Hidden)
}
