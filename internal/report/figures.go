package report

import (
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// How much is drawn.
const (
	fewRuns     = 7     // with more, colors are those of series, not of runs
	chartPoints = 10000 // of all curves of a chart together
	curvePoints = 400   // of one curve
)

// chartWidth and chartHeight are the usual size.
const chartWidth, chartHeight = 440, 320

// size gives a chart the usual size, and more height where its legend would leave
// little of it to the curves.
func (c *chart) size() {
	c.w, c.h = chartWidth, max(chartHeight, headHeight(c.keys(), chartWidth)+250)
}

// look is how a run's curves are drawn.
type look struct {
	label  string // "": not in the legend
	color  ink
	dash   int
	width  float64
	alpha  float64
	budget int // points
}

// looks gives each run its look: the color of its series, as in all figures. Of few runs each is
// in the legend, and those of one series differ in their dash; of many the series are.
func looks(runs []*Run) (of map[*Run]look, legend []key) {
	of = map[*Run]look{}
	budget := min(curvePoints, chartPoints/max(1, len(runs)))
	order, colors := seriesColors(runs)
	if len(runs) <= fewRuns {
		seen := map[ink]int{}
		for _, r := range runs {
			color := colors[seriesOf(r)]
			of[r] = look{label: r.Name, width: 1.8, budget: budget, color: color, dash: seen[color]}
			seen[color]++
		}
		return of, nil
	}
	dash, times := map[string]int{}, map[ink]int{}
	for _, s := range order {
		dash[s] = times[colors[s]] // colors come again with another dash
		times[colors[s]]++
		legend = append(legend, key{label: s, line: stroke{color: colors[s], width: 2, dash: dash[s]}})
	}
	for _, r := range runs {
		s := seriesOf(r)
		of[r] = look{color: colors[s], dash: dash[s], width: 1.2, alpha: 0.55, budget: budget}
	}
	return of, legend
}

// curveOf draws a run's points.
func (l look) curveOf(r *Run, points []point) curve {
	return curve{
		label: l.label, name: r.Name, points: thin(points, l.budget),
		line: stroke{color: l.color, width: l.width, dash: l.dash, alpha: l.alpha},
	}
}

// axes of charts.
var (
	stepAxis = axis{label: "optimizer steps", zero: true, format: metric}
	lossAxis = axis{label: "MLM loss, nats per masked token"}
)

// runCharts are the charts that all runs share, without those that have nothing to
// show.
func runCharts(runs []*Run) []figure {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool { return r.resultAlone })
	of, legend := looks(runs)
	longest := 0.
	if len(runs) > fewRuns { // what is first lies on top
		runs = slices.Clone(runs)
		slices.SortStableFunc(runs, func(a, b *Run) int { return methodOrder(a.Config.Method) - methodOrder(b.Config.Method) })
	}
	for _, r := range runs {
		longest = max(longest, r.Seconds())
	}
	unit, size := timeUnit(longest)
	timeAxis := axis{label: "wall-clock time, " + unit, zero: true}

	stepOf := func(_ *Run, step int64, _ float64) float64 { return float64(step) }
	flopsOf := func(r *Run, step int64, _ float64) float64 { return r.FLOPsAt(step) }
	timeOf := func(_ *Run, _ int64, clock float64) float64 { return clock / size }

	charts := []*chart{
		lossChart(runs, of, "loss", "Loss", stepAxis, stepOf),
		lossChart(runs, of, "loss-flops", "Loss while FLOPs are spent", axis{label: "training FLOPs so far", zero: true, format: metric}, flopsOf),
		lossChart(runs, of, "loss-time", "Loss against wall-clock", timeAxis, timeOf),
		trainChart(runs, of, about{name: "nsp-loss", title: "Next-sentence loss"}, axis{label: "NSP loss of training, nats per pair"}, func(m metrics.Train) float64 { return m.NSPLoss }),
		trainChart(runs, of, about{name: "learning-rate", title: "Learning rate"}, axis{label: "learning rate", zero: true}, func(m metrics.Train) float64 { return m.LR }),
		trainChart(runs, of, about{name: "gradient-norm", title: "Gradient norm"}, axis{label: "L2 norm before clipping, mean of a log window", log: true, format: metric}, func(m metrics.Train) float64 { return m.GradNorm }),
		trainChart(runs, of, about{name: "speed", title: "Speed"}, axis{label: "tokens per second", zero: true, format: metric}, func(m metrics.Train) float64 { return m.TokensPerSecond }),
		trainChart(runs, of, about{name: "utilization", title: "Model FLOP utilization", caption: "The model's FLOPs a second over what the device can do at most."},
			axis{label: "fraction of the device's peak", zero: true, format: percent}, func(m metrics.Train) float64 { return aboveZero(m.MFU) }),
		trainChart(runs, of, about{name: "predictions", title: "Masked predictions per weight", caption: "Since the start, over the active weights of the encoder."},
			axis{label: "predictions per active weight", zero: true, format: metric}, func(m metrics.Train) float64 { return aboveZero(m.PredictionsPerWeight) }),
		topologyChart(runs, of, about{name: "explored-dof", title: "Explored degrees of freedom", caption: "The fraction of the dense weights that were active at any time, mean over tensors."},
			axis{label: "fraction of the dense weights ever active", zero: true, format: percent}, func(m metrics.Topology) float64 { return m.ExploredDOF }),
		topologyChart(runs, of, about{name: "removed-new", title: "Removed new blocks", caption: "The fraction of the pruned blocks that the update before had grown: exploration that came to nothing. Of all weights together."},
			axis{label: "fraction of the pruned blocks", zero: true, format: percent}, removedNewOf),
		topologyChart(runs, of, about{name: "removed-new-dense", title: "Removed new blocks, of the dense weights", caption: "The same blocks as a fraction of all blocks of the dense weights, as the paper plots them."},
			axis{label: "fraction of the dense weights", zero: true, format: percent}, func(m metrics.Topology) float64 { return valueOf(m.RemovedNewDense) }),
		topologyChart(runs, of, about{name: "newborn-norm", title: "Norm of newborn blocks", caption: "The mean norm of the blocks that the update before had grown, over the largest that the update pruned: below 1 they had no time to grow."},
			axis{label: "norm over the pruning threshold", zero: true, format: metric}, func(m metrics.Topology) float64 { return valueOf(m.NewbornNorm) }),
		topologyChart(runs, of, about{name: "turnover", title: "Turnover", caption: "The fraction of the active blocks that an update replaced."},
			axis{label: "fraction of the active blocks", zero: true, format: percent}, func(m metrics.Topology) float64 { return m.Turnover }),
		topologyChart(runs, of, about{name: "mean-age", title: "Age of the active blocks"}, axis{label: "mean age, steps", zero: true, format: metric}, func(m metrics.Topology) float64 { return m.MeanAge }),
	}
	charts = append(charts, courseChart(runs), survivalChart(runs))
	var out []figure
	for _, c := range charts {
		if c == nil || c.empty() {
			continue
		}
		for _, k := range legend {
			if slices.ContainsFunc(c.curves, func(s curve) bool { return s.line.color == k.line.color && s.line.dash == k.line.dash }) {
				c.legend = append(c.legend, k)
			}
		}
		if !c.wide {
			c.size()
		}
		out = append(out, c)
	}
	return out
}

// lossChart has the training loss as a line and the evaluations as dots; of many
// runs the evaluations only, as lines, where there are some.
func lossChart(runs []*Run, of map[*Run]look, name, title string, x axis, at func(r *Run, step int64, clock float64) float64) *chart {
	c := &chart{about: about{name: name, title: title, caption: "Lines: training text, mean of a log window. Dots: validation text."}, x: x, y: lossAxis, levels: unigramLevels(runs)}
	many := len(runs) > fewRuns
	evaluated := slices.ContainsFunc(runs, func(r *Run) bool { return len(r.Eval) > 2 })
	switch {
	case many && evaluated:
		c.caption = "Validation text."
	case many:
		c.caption = "Training text, mean of a log window."
	}
	for _, r := range runs {
		var training, validation []point
		for _, t := range r.Train {
			training = append(training, point{at(r, t.Record.Step, t.Clock), t.Record.MLMLoss})
		}
		for _, e := range r.Eval {
			validation = append(validation, point{at(r, e.Record.Step, e.Clock), e.Record.MLMLoss})
		}
		l := of[r]
		line, dots := l.curveOf(r, training), l.curveOf(r, validation)
		switch {
		case many && evaluated:
			c.curves = append(c.curves, dots)
			continue
		case many:
			c.curves = append(c.curves, line)
			continue
		case len(runs) == 1:
			line.label, line.name, dots.label, dots.name = "training", "training", "validation", "validation"
			dots.line.color, dots.line.width = 3, 1.8
		default:
			dots.label, dots.name, dots.line.width = "", r.Name+", validation", 1
		}
		dots.marks, dots.size = markCircle, 3.2
		c.curves = append(c.curves, dots, line) // dots on top
	}
	return c
}

// trainChart has a number of the train records over steps.
func trainChart(runs []*Run, of map[*Run]look, a about, y axis, value func(metrics.Train) float64) *chart {
	return stepChart(runs, of, a, y, func(r *Run) (points []point) {
		for _, t := range r.Train {
			if v := value(t.Record); finite(v) {
				points = append(points, point{float64(t.Record.Step), v})
			}
		}
		return points
	})
}

// topologyChart has a number of the topology records over steps.
func topologyChart(runs []*Run, of map[*Run]look, a about, y axis, value func(metrics.Topology) float64) *chart {
	return stepChart(runs, of, a, y, func(r *Run) (points []point) {
		for _, t := range r.Topology {
			if v := value(t); finite(v) {
				points = append(points, point{float64(t.Step), v})
			}
		}
		return points
	})
}

// removedNewOf is NaN for an update that pruned nothing.
func removedNewOf(m metrics.Topology) float64 {
	if m.RemovedNewRatio == nil || m.Pruned == 0 {
		return math.NaN()
	}
	return *m.RemovedNewRatio
}

// stepChart has a curve of each run over steps; that of a single run needs no
// legend.
func stepChart(runs []*Run, of map[*Run]look, a about, y axis, points func(*Run) []point) *chart {
	c := &chart{about: a, x: stepAxis, y: y}
	for _, r := range runs {
		if all := points(r); len(all) > 0 {
			s := of[r].curveOf(r, all)
			if len(runs) == 1 {
				s.label = ""
			}
			c.curves = append(c.curves, s)
		}
	}
	return c
}
