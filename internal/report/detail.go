package report

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// detail is what is shown of one run alone.
type detail struct {
	run     *Run
	prefix  string // of the names of its figures
	inspect *train.Inspection
	note    string // why there is no checkpoint to look at
}

// figures are those of the run's own numbers.
func (d *detail) figures() []figure {
	var out []figure
	add := func(f figure) {
		a := f.meta()
		a.name = d.prefix + a.name
		out = append(out, f)
	}
	for _, f := range d.layerFigures() {
		add(f)
	}
	for _, f := range d.snapshots() {
		add(f)
	}
	for _, f := range d.costFigures() {
		add(f)
	}
	return out
}

// mostDetails is how many runs are all shown one by one.
const mostDetails = 3

// details chooses the runs to show one by one: all of a few, else the first seed of the first
// configuration of each method, dynamic first.
func details(runs []*Run) []*detail {
	chosen := runs
	if len(runs) > mostDetails {
		chosen = nil
		for _, g := range groups(runs) { // in the order of the methods
			if !slices.ContainsFunc(chosen, func(r *Run) bool { return r.Config.Method == g.method }) {
				chosen = append(chosen, g.runs[0])
			}
		}
		if len(chosen) == 0 { // nothing is finished
			chosen = runs[:1]
		}
	}
	var out []*detail
	for i, r := range chosen {
		d := &detail{run: r}
		if len(runs) > 1 {
			d.prefix = fmt.Sprintf("run%d-", i+1)
		}
		d.look()
		out = append(out, d)
	}
	return out
}

// compareLoss orders finished runs by their loss.
func compareLoss(a, b *Run) int {
	switch d := a.Final().MLMLoss - b.Final().MLMLoss; {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}
