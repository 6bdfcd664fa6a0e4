package report

import (
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// updateLine is a number of topology updates, NaN where there is none.
type updateLine struct {
	label string
	of    func(*metrics.Topology) float64
}

// courseChart has what the updates of one run made of its topology, in one picture. Nil where
// another number of runs than one has updates.
func courseChart(runs []*Run) *chart {
	return updatesChart(runs, about{name: "topology-course", title: "The topology over time", caption: "Of the dense weights: those that were active at any time. " +
		"Of the active blocks: the newborns, which the last update had grown, before an update, and those of the start after it. Of the pruned blocks: the newborns, for which exploration came to nothing."},
		[]updateLine{
			{"ever active", func(t *metrics.Topology) float64 { return t.ExploredDOF }},
			{"newborns among the pruned", func(t *metrics.Topology) float64 { return removedNewOf(*t) }},
			{"newborns among the active", func(t *metrics.Topology) float64 { return valueOf(t.NewbornShare) }},
			{"blocks of the start among the active", func(t *metrics.Topology) float64 { return valueOf(t.StartShare) }},
		})
}

// survivalChart has how long the blocks stay that the updates of one run grow.
func survivalChart(runs []*Run) *chart {
	return updatesChart(runs, about{name: "survival", title: "Survival of newborn blocks", caption: "Of the blocks that one update grew: those that are still active so many updates later."},
		[]updateLine{
			{"after 1 update", func(t *metrics.Topology) float64 { return valueOf(t.Survival1) }},
			{"after 2 updates", func(t *metrics.Topology) float64 { return valueOf(t.Survival2) }},
			{"after 4 updates", func(t *metrics.Topology) float64 { return valueOf(t.Survival4) }},
			{"after 8 updates", func(t *metrics.Topology) float64 { return valueOf(t.Survival8) }},
		})
}

// updatesChart has several numbers of one run's updates, which are fractions.
func updatesChart(runs []*Run, a about, lines []updateLine) *chart {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool { return len(r.Topology) == 0 })
	if len(runs) != 1 {
		return nil
	}
	a.wide, a.w, a.h = true, 820, 400
	c := &chart{about: a, x: stepAxis, y: axis{label: "fraction", zero: true, format: percent}}
	for i, line := range lines {
		s := curve{label: line.label, name: line.label, line: stroke{color: ink(i), width: 2}, marks: markCircle, size: 2.5}
		for k := range runs[0].Topology {
			t := &runs[0].Topology[k]
			if v := line.of(t); finite(v) {
				s.points = append(s.points, point{float64(t.Step), v})
			}
		}
		if len(s.points) > 0 {
			c.curves = append(c.curves, s)
		}
	}
	return c
}

// valueOf is NaN for a number that there is none of.
func valueOf(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

// aboveZero is NaN for 0, which stands for none.
func aboveZero(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}
