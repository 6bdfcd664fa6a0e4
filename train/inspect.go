package train

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/state"
)

// Inspection is what a checkpoint holds, read without a device.
type Inspection struct {
	Trained
	Summary Summary
	Model   model.Config
	Tensors []InspectedTensor // in table order
}

// InspectedTensor describes one parameter.
type InspectedTensor struct {
	Name  string  `json:"name"`
	Shape []int   `json:"shape"`
	Mean  float64 `json:"mean"` // of the stored values
	Std   float64 `json:"std"`
	// The rest is of block-sparse tensors.
	Block       int     `json:"block,omitempty"`
	Active      int     `json:"active_blocks,omitempty"`
	Positions   int     `json:"positions,omitempty"`
	Sparsity    float64 `json:"sparsity,omitempty"`
	ExploredDOF float64 `json:"explored_dof,omitempty"`
	MeanAge     float64 `json:"mean_age_steps,omitempty"`
	EmptyRows   int     `json:"empty_rows,omitempty"`
	EmptyCols   int     `json:"empty_cols,omitempty"`

	Topology *sparse.Topology `json:"-"`
}

// Inspect reads the checkpoint that path means: a step-N folder, or the newest
// good one of a run.
func Inspect(path string) (*Inspection, error) {
	w, err := openWeights(path, true)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	in := &Inspection{Trained: w.Trained, Summary: w.Summary, Model: w.Model}
	for _, row := range w.Table {
		t := InspectedTensor{Name: row.Name, Shape: row.Dims()}
		if row.Sparse {
			if t.Topology, err = w.file.Topology(row); err != nil {
				return nil, err
			}
			stats := t.Topology.Stats(w.Step)
			t.Block, t.Active, t.Positions = row.Block, stats.Active, stats.Positions
			t.Sparsity = 1 - float64(stats.Active)/float64(stats.Positions)
			t.ExploredDOF, t.MeanAge = stats.ExploredDOF(), stats.MeanAge
			t.EmptyRows, t.EmptyCols = stats.EmptyRows, stats.EmptyCols
		}
		values := make([]float32, row.Stored())
		if err := w.file.Floats(row, state.Values, values); err != nil {
			return nil, err
		}
		t.Mean, t.Std = moments(values)
		in.Tensors = append(in.Tensors, t)
	}
	return in, nil
}

// moments returns mean and standard deviation.
func moments(values []float32) (mean, std float64) {
	for _, v := range values {
		mean += float64(v)
	}
	mean /= float64(len(values))
	for _, v := range values {
		d := float64(v) - mean
		std += d * d
	}
	return mean, math.Sqrt(std / float64(len(values)))
}
