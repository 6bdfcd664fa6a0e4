package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

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
			if v, weight := removedNew(t); weight > 0 {
				s := sums[t.Tensor]
				sums[t.Tensor] = [2]float64{s[0] + weight*v, s[1] + weight}
			}
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
		out = append(out, removed.heat(about{name: "layer-removed", title: "Removed new blocks, by weight", caption: "The fraction of the blocks that all updates pruned."}, 1))
	}
	for _, f := range []*chart{
		layerChart(r, about{name: "layer-explored-time", title: "Explored, by layer"}, "fraction ever active, mean of six weights", func(t metrics.Tensor) (v, weight float64) { return t.ExploredDOF, 1 }),
		layerChart(r, about{name: "layer-removed-time", title: "Removed new blocks, by layer"}, "fraction of the blocks pruned in six weights", removedNew),
	} {
		if !f.empty() {
			out = append(out, f)
		}
	}
	return out
}

// removedNew is the fraction of a tensor's pruned blocks that were new, and how much it
// counts in a mean: by the blocks that it pruned.
func removedNew(t metrics.Tensor) (v, weight float64) {
	if t.RemovedNewRatio == nil {
		return 0, 0
	}
	return *t.RemovedNewRatio, float64(t.Pruned) // older versions wrote 0 where nothing was pruned
}

// layerChart has a curve for each layer: the weighted mean over its weights.
func layerChart(r *Run, a about, label string, value func(metrics.Tensor) (v, weight float64)) *chart {
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
		v, weight := value(t)
		s[len(s)-1].v += weight * v
		s[len(s)-1].n += weight
		layers[l] = s
	}
	for i := range 10000 {
		s, ok := layers[i]
		if !ok {
			break
		}
		var points []point
		for _, p := range s {
			if p.n > 0 {
				points = append(points, point{float64(p.step), p.v / p.n})
			}
		}
		name := fmt.Sprintf("layer %d", i)
		c.curves = append(c.curves, curve{
			label: name, name: name, points: thin(points, curvePoints),
			line: stroke{color: ink(i) % inkDense, width: 1.8, dash: i / int(inkDense)},
		})
	}
	return c
}
