package report

import (
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// courseChart has what the updates of one run made of its topology, in one picture. Nil where
// another number of runs than one has updates.
func courseChart(runs []*Run) *chart {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool { return len(r.Topology) == 0 })
	if len(runs) != 1 {
		return nil
	}
	c := &chart{
		about: about{name: "topology-course", title: "The topology over time", wide: true, w: 820, h: 400, caption: "Of the dense weights: those that were active at any time. " +
			"Of the active blocks before an update: those of the start, and the newborns, which the update before had grown. Of the pruned blocks: the newborns, for which exploration came to nothing."},
		x: stepAxis, y: axis{label: "fraction", zero: true, format: percent},
	}
	value := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	for i, line := range []struct {
		label string
		of    func(*metrics.Topology) float64
	}{
		{"ever active", func(t *metrics.Topology) float64 { return t.ExploredDOF }},
		{"newborns among the pruned", func(t *metrics.Topology) float64 { return removedNewOf(*t) }},
		{"newborns among the active", func(t *metrics.Topology) float64 { return value(t.NewbornShare) }},
		{"blocks of the start among the active", func(t *metrics.Topology) float64 { return value(t.StartShare) }},
	} {
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
