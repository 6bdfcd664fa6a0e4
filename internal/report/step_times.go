package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// stepTimes are the results of bench --step --json: seconds of a step by what it is.
type stepTimes struct {
	path     string
	seconds  map[stepKind]float64
	hardware string
}

// stepKind is what the time of a micro-batch depends on, as bench --step has it.
type stepKind struct {
	model     string
	sizes     stepSizes
	sparsity  float64
	block     int // 0: dense
	sequences int
	seqLen    int
}

// stepSizes are the sizes that records of older versions lack: zeros there, for any.
type stepSizes struct {
	Heads     int `json:"heads"`
	FFN       int `json:"ffn"`
	VocabSize int `json:"vocab_size"`
}

// readStepTimes reads a file of bench --step --json.
func readStepTimes(path string) (*stepTimes, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, dataErrorf("%s: found %v, expected a readable file", path, err)
	}
	var rows []struct {
		stepSizes
		Model     string  `json:"model"`
		Sparsity  float64 `json:"sparsity"`
		Block     int     `json:"block"`
		Sequences int     `json:"sequences"`
		SeqLen    int     `json:"seq_len"`
		Hardware  string  `json:"hardware"`
		Median    float64 `json:"seconds_median"`
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, dataErrorf("%s: found %v, expected what bench --step --json prints", path, err)
	}
	t := &stepTimes{path: path, seconds: map[stepKind]float64{}}
	for i, row := range rows {
		if row.Model == "" {
			return nil, dataErrorf("%s: row %d: found no model, expected a step, which bench --step --json prints", path, i+1)
		}
		if !(row.Median > 0) {
			return nil, dataErrorf("%s: row %d: found seconds_median %v, expected a measured time", path, i+1, row.Median)
		}
		if i > 0 && row.Hardware != t.hardware {
			return nil, dataErrorf("%s: row %d: found hardware %q beside %q, expected one", path, i+1, row.Hardware, t.hardware)
		}
		t.hardware = row.Hardware
		t.seconds[stepKind{row.Model, row.stepSizes, row.Sparsity, row.Block, row.Sequences, row.SeqLen}] = row.Median
	}
	if len(rows) == 0 {
		return nil, dataErrorf("%s: found no step, expected what bench --step --json prints", path)
	}
	return t, nil
}

// lacking says which runs have no time, so that the figure is without them.
func (t *stepTimes) lacking(runs []*Run) []string {
	of := t.cost().of
	var names []string
	for _, r := range runs {
		if r.ended() && !r.Candidate() && !(of(r) > 0) {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: found no step of %s (the same layers, sizes, sparsity, block size, sequences and length): not in the figure of losses against time", t.path, few(names))}
}

// cost is the time of a run's steps on an idle machine, without evaluations and checkpoints.
func (t *stepTimes) cost() cost {
	return cost{
		name: "pareto-time", title: "Loss against time", short: "time",
		caption: fmt.Sprintf("the time of all steps: their number times the median of bench --step on an idle machine (%s), not the clock of the runs.", t.hardware),
		axis:    axis{label: "training time, minutes", log: true, format: plain},
		of: func(r *Run) float64 {
			m, o, err := train.Shape(r.Config)
			if err != nil || r.Config.Method == model.Partial { // whose weights are dense: bench has no such step
				return math.NaN()
			}
			sizes := stepSizes{Heads: m.Heads, FFN: m.FFN, VocabSize: m.VocabSize}
			kind := stepKind{fmt.Sprintf("%d layers of %d", m.Layers, m.Hidden), sizes, r.Config.Sparsity, r.Config.BlockSize, o.MicroBatch, o.SeqLen}
			if r.Config.Method == model.Dense {
				kind.sparsity, kind.block = 0, 0
			}
			if _, known := t.seconds[kind]; !known {
				kind.sizes = stepSizes{}
			}
			return t.seconds[kind] * float64(r.Config.Accumulation) * float64(r.Final().Step) / 60
		},
	}
}
