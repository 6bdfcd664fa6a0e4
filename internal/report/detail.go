package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
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

// weightNames are the six weights of an encoder layer, as Hugging Face calls them
// and in a figure.
var weightNames = []struct{ key, short string }{
	{"attention.self.query", "query"}, {"attention.self.key", "key"}, {"attention.self.value", "value"},
	{"attention.output.dense", "attn out"}, {"intermediate.dense", "ffn up"}, {"output.dense", "ffn down"},
}

var layerName = regexp.MustCompile(`^bert\.encoder\.layer\.(\d{1,4})\.([a-z.]+)\.weight$`)

// placeOf tells layer and weight of a parameter's name.
func placeOf(name string) (layer, weight int, ok bool) {
	m := layerName.FindStringSubmatch(name)
	if m == nil {
		return 0, 0, false
	}
	layer, err := strconv.Atoi(m[1])
	for i, w := range weightNames {
		if w.key == m[2] && err == nil {
			return layer, i, true
		}
	}
	return 0, 0, false
}

// grid is a value for each weight of each layer, NaN where there is none.
type grid [][]float64

func (g *grid) set(name string, v float64) {
	layer, weight, ok := placeOf(name)
	if !ok {
		return
	}
	for len(*g) <= layer {
		row := make([]float64, len(weightNames))
		for i := range row {
			row[i] = math.NaN()
		}
		*g = append(*g, row)
	}
	(*g)[layer][weight] = v
}

// heat draws a grid.
func (g grid) heat(a about, color ink) *heatMap {
	m := &heatMap{about: a, values: g, color: color, format: func(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }}
	for l := range g {
		m.rows = append(m.rows, fmt.Sprintf("layer %d", l))
	}
	for _, w := range weightNames {
		m.cols = append(m.cols, w.short)
	}
	m.w, m.h = chartWidth, m.height()
	return m
}

// layerFigures show the statistics layer by layer.
func (d *detail) layerFigures() []figure {
	r := d.run
	var explored, removed grid
	where := "after the last update"
	if len(r.Tensors) > 0 {
		last := r.Tensors[len(r.Tensors)-1].Step
		sums := map[string][2]float64{}
		for _, t := range r.Tensors {
			if t.Step == last {
				explored.set(t.Tensor, t.ExploredDOF)
			}
			s := sums[t.Tensor]
			sums[t.Tensor] = [2]float64{s[0] + t.RemovedNewRatio, s[1] + 1}
		}
		for name, s := range sums {
			removed.set(name, s[0]/s[1])
		}
	} else if d.inspect != nil { // of a run by an older program, or without updates
		where = fmt.Sprintf("in the checkpoint of step %d", d.inspect.Step)
		for _, t := range d.inspect.Tensors {
			if t.Topology != nil {
				explored.set(t.Name, t.ExploredDOF)
			}
		}
	}
	var out []figure
	if len(explored) > 0 {
		out = append(out, explored.heat(about{name: "layer-explored", title: "Explored, by weight", caption: "The fraction of each dense weight that was ever active, " + where + "."}, 0))
	}
	if len(removed) > 0 {
		out = append(out, removed.heat(about{name: "layer-removed", title: "Removed new blocks, by weight", caption: "Mean over all updates."}, 1))
	}
	for _, f := range []*chart{
		layerChart(r, about{name: "layer-explored-time", title: "Explored, by layer"}, "fraction ever active, mean of six weights", func(t metrics.Tensor) float64 { return t.ExploredDOF }),
		layerChart(r, about{name: "layer-removed-time", title: "Removed new blocks, by layer"}, "fraction of the pruned, mean of six weights", func(t metrics.Tensor) float64 { return t.RemovedNewRatio }),
	} {
		if !f.empty() {
			out = append(out, f)
		}
	}
	return out
}

// layerChart has a curve for each layer: the mean over its weights.
func layerChart(r *Run, a about, label string, value func(metrics.Tensor) float64) *chart {
	a.w, a.h = chartWidth, chartHeight
	c := &chart{about: a, x: stepAxis, y: axis{label: label, zero: true, format: percent}}
	type sum struct {
		step int64
		v, n float64
	}
	layers := map[int][]sum{}
	for _, t := range r.Tensors {
		l, _, ok := placeOf(t.Tensor)
		if !ok {
			continue
		}
		s := layers[l]
		if len(s) == 0 || s[len(s)-1].step != t.Step {
			s = append(s, sum{step: t.Step})
		}
		s[len(s)-1].v += value(t)
		s[len(s)-1].n++
		layers[l] = s
	}
	for i := range 10000 {
		s, ok := layers[i]
		if !ok {
			break
		}
		var points []point
		for _, p := range s {
			points = append(points, point{float64(p.step), p.v / p.n})
		}
		name := fmt.Sprintf("layer %d", i)
		c.curves = append(c.curves, curve{
			label: name, name: name, points: thin(points, curvePoints),
			line: stroke{color: ink(i) % inkDense, width: 1.8, dash: i / int(inkDense)},
		})
	}
	return c
}

// costFigures are what the run costs by the books and by the clock.
func (d *detail) costFigures() []figure {
	var out []figure
	if l := d.run.Estimate; l != nil {
		out = append(out, flopBars(l), memoryBars(l, &d.run.Cost))
	}
	if b := d.run.timeBars(); b != nil {
		out = append(out, b)
	}
	return out
}

func flopBars(l *model.CostEstimate) *barChart {
	b := &barChart{
		about:  about{name: "flops", title: "FLOPs of one sequence", caption: "Theoretical: the paper's count at the density asked for. Executed: the active blocks there are, and attention scores made again in the backward pass. Dense: executed by the same model with method dense."},
		unit:   fmt.Sprintf("forward and backward, %d tokens", l.SeqLen),
		format: metric,
		series: []barSeries{{label: "theoretical", color: 0}, {label: "executed", color: 2}, {label: "dense", color: inkDense}},
	}
	for _, p := range l.FLOPs {
		if p.Theoretical == 0 && p.Executed == 0 && p.Dense == 0 {
			continue
		}
		b.groups = append(b.groups, p.Name)
		for i, v := range []float64{p.Theoretical, p.Executed, p.Dense} {
			b.series[i].values = append(b.series[i].values, v)
		}
	}
	b.w, b.h = chartWidth, b.height()
	return b
}

func memoryBars(l *model.CostEstimate, measured *metrics.Cost) *barChart {
	b := &barChart{
		about: about{name: "memory", title: "Memory", caption: fmt.Sprintf("What a model allocates for micro-batches of %d: %s, dense %s.",
			l.MicroBatch, byteText(float64(l.MemoryBytes)), byteText(float64(l.DenseMemoryBytes)))},
		unit: "by the account", format: byteText,
		series: []barSeries{{label: "this model", color: 0}, {label: "dense", color: inkDense}},
	}
	if measured.DeviceBytes > 0 {
		b.caption += " Measured on the device: " + byteText(float64(measured.DeviceBytes)) + "."
	}
	if measured.HostBytes > 0 {
		b.caption += " Largest resident memory of the process: " + byteText(float64(measured.HostBytes)) + "."
	}
	for _, p := range l.Memory {
		if p.Bytes == 0 && p.Dense == 0 {
			continue
		}
		b.groups = append(b.groups, p.Name)
		b.series[0].values = append(b.series[0].values, float64(p.Bytes))
		b.series[1].values = append(b.series[1].values, float64(p.Dense))
	}
	b.w, b.h = chartWidth, b.height()
	return b
}

// TimePart is a part of the measured time.
type TimePart struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"`
}

// timeParts says where the time went; none where the run has not recorded it. What
// a topology update takes is what its step took above the mean of the others.
func (r *Run) timeParts() []TimePart {
	c := r.Cost
	if r.costs == 0 || !(c.Seconds > 0) {
		return nil
	}
	updates := 0.
	for _, t := range r.Topology {
		if t.Step <= c.Step {
			updates++
		}
	}
	steps, extra := c.StepSeconds, 0.
	if plain := float64(c.Step) - updates; plain > 0 && updates > 0 {
		extra = max(0, c.UpdateSeconds-updates*c.StepSeconds/plain)
	}
	steps += c.UpdateSeconds - extra
	parts := []TimePart{
		{Name: "training steps", Seconds: steps}, {Name: "topology updates", Seconds: extra}, {Name: "waiting for batches", Seconds: c.DataSeconds},
		{Name: "evaluation", Seconds: c.EvalSeconds}, {Name: "checkpoints", Seconds: c.SaveSeconds},
		{Name: "everything else", Seconds: max(0, c.Seconds-c.StepSeconds-c.UpdateSeconds-c.DataSeconds-c.EvalSeconds-c.SaveSeconds)},
	}
	for i := range parts {
		parts[i].Share = parts[i].Seconds / c.Seconds
	}
	return parts
}

func (r *Run) timeBars() *barChart {
	parts := r.timeParts()
	if parts == nil {
		return nil
	}
	b := &barChart{
		about:  about{name: "time", title: "Measured time, by part", caption: fmt.Sprintf("%s in all. Topology updates: what their steps took above the mean of the others.", duration(r.Cost.Seconds))},
		unit:   "share of the time",
		format: percent,
		series: []barSeries{{label: "share", color: 2}},
	}
	if rate := r.executedRate(); rate > 0 {
		b.caption += fmt.Sprintf(" The training steps executed %s.", withUnit(rate, "FLOP/s"))
	}
	for _, p := range parts {
		b.groups = append(b.groups, p.Name)
		b.series[0].values = append(b.series[0].values, math.Round(p.Share*1e4)/1e4)
	}
	b.w, b.h = chartWidth, max(b.height(), 220)
	return b
}

// executedRate is the executed FLOPs per second of training steps, 0 where it is
// not known.
func (r *Run) executedRate() float64 {
	parts := r.timeParts()
	if parts == nil || r.Estimate == nil || !(parts[0].Seconds > 0) {
		return 0
	}
	// A resumed run has steps in its folder that this account does not have.
	return r.Estimate.ExecutedFLOPs * r.sequencesPerStep() * float64(r.Cost.Step) / parts[0].Seconds
}

// mostDetails is how many runs are all shown one by one.
const mostDetails = 3

// details chooses the runs to show one by one: all of a few, else the best of each
// kind, dynamic first.
func details(runs []*Run) []*detail {
	chosen := runs
	if len(runs) > mostDetails {
		chosen = nil
		for _, g := range best(groups(runs)) {
			chosen = append(chosen, slices.MinFunc(g.runs, func(a, b *Run) int {
				return compareLoss(a, b)
			}))
		}
		slices.SortStableFunc(chosen, compareLoss)
		var kinds []model.Method
		chosen = slices.DeleteFunc(chosen, func(r *Run) bool {
			seen := slices.Contains(kinds, r.Config.Method)
			kinds = append(kinds, r.Config.Method)
			return seen
		})
		if len(chosen) == 0 { // nothing is finished
			chosen = runs[:1]
		}
		slices.SortStableFunc(chosen, func(a, b *Run) int { return methodOrder(a.Config.Method) - methodOrder(b.Config.Method) })
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
