package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
)

// trial is the runs that differ in their learning rate only.
type trial struct {
	series, name string
	runs         []*Run
}

// trials puts together the runs that tried several learning rates, by series; those
// that did not come to a final loss are in broken.
func trials(runs []*Run) (all []*trial, broken []*Run) {
	byKey := map[string]*trial{}
	for _, r := range runs {
		c := r.Config
		c.LearningRate = 0
		key, err := r.key(c)
		if err != nil {
			continue // alone
		}
		t := byKey[key]
		if t == nil {
			t = &trial{series: r.ratelessSeries(), name: fmt.Sprintf("%s %s, seed %d", c.Model, r.ratelessSeries(), c.Seed)}
			byKey[key] = t
			all = append(all, t)
		}
		t.runs = append(t.runs, r)
	}
	all = slices.DeleteFunc(all, func(t *trial) bool {
		var bad []*Run
		t.runs = slices.DeleteFunc(t.runs, func(r *Run) bool {
			if r.broken() {
				bad = append(bad, r)
			}
			return !r.ended()
		})
		slices.SortStableFunc(t.runs, func(a, b *Run) int { return cmp.Compare(a.Config.LearningRate, b.Config.LearningRate) })
		if len(t.runs)+len(bad) > 1 {
			broken = append(broken, bad...)
		}
		n := len(t.runs)
		return n == 0 || n+len(bad) < 2
	})
	slices.SortStableFunc(all, func(a, b *trial) int {
		return cmp.Or(cmp.Compare(methodOrder(a.runs[0].Config.Method), methodOrder(b.runs[0].Config.Method)), cmp.Compare(a.series, b.series), cmp.Compare(a.name, b.name))
	})
	return all, broken
}

// ratelessSeries names the series of a run whatever its learning rate.
func (r *Run) ratelessSeries() string {
	if r.rateless == "" {
		return kindOf(&r.Config)
	}
	return r.rateless
}

// rateChart is the final loss against the learning rate, a line for all rates of
// one configuration and seed. Of a sweep that chose, the candidates that were not
// chosen are hollow. Nil where nothing tried two rates.
func rateChart(runs []*Run, colors map[string]ink) *chart {
	all, broken := trials(runs)
	if len(all) == 0 {
		return nil
	}
	c := &chart{
		about: about{name: "loss-learning-rate", title: "Loss against learning rate",
			caption: "Final validation loss of runs that differ in their learning rate only, a line for each seed."},
		x: axis{label: "peak learning rate", log: true, format: plain},
		y: axis{label: "validation MLM loss, nats per masked token"},
	}
	var lines []curve
	candidates := false
	for i, t := range all {
		line := curve{name: t.name, line: stroke{color: colors[seriesOf(t.runs[0])], width: 1.6}, marks: markOf(t.runs[0].Config.Method), size: 4, hollow: true}
		if i == 0 || all[i-1].series != t.series {
			line.label = t.series
		}
		filled := line
		filled.label, filled.line.width, filled.hollow, filled.size = "", 0, false, 4.5
		for _, r := range t.runs {
			p := point{r.Config.LearningRate, r.Final().MLMLoss}
			tip := fmt.Sprintf("%s: loss %.4f at a learning rate of %s", r.Name, p.y, plain(p.x))
			line.points, line.tips = append(line.points, p), append(line.tips, tip)
			if r.Candidate() {
				candidates = true
			} else {
				filled.points, filled.tips = append(filled.points, p), append(filled.tips, tip)
			}
		}
		c.curves = append(c.curves, filled)
		lines = append(lines, line)
	}
	c.curves = append(c.curves, lines...)
	if candidates {
		c.caption += " Hollow: candidates that were not chosen."
	}
	if len(broken) > 0 {
		c.caption += " Not drawn: " + brokenText(broken) + "."
	}
	c.size()
	return c
}

// brokenText names runs that did not end well, the first few.
func brokenText(runs []*Run) string {
	var names []string
	for _, r := range runs {
		how := "failed"
		if strings.HasPrefix(r.Status(), sweep.Diverged) {
			how = "diverged"
		}
		names = append(names, fmt.Sprintf("%s (%s)", r.Name, how))
	}
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
