package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// paretoChart is loss against FLOPs: every run faintly, the best of each series
// with a line through them, the dense family as interpolated. Nil with fewer than
// two finished runs.
func paretoChart(runs []*Run, colors map[string]ink) *chart {
	all := groups(runs)
	n := 0
	for _, g := range all {
		n += len(g.runs)
	}
	if n < 2 {
		return nil
	}
	bestOf := best(all)
	f := denseFamily(bestOf)
	c := &chart{
		about: about{name: "pareto", title: "Loss against FLOPs", wide: true, w: 820, h: 460, caption: "Final validation loss over the FLOPs of training by the paper's count (non-embedding, forward and backward). " +
			"Each line joins the best of what was tried; faint signs are the rest, bars the range over seeds."},
		x: axis{label: "training FLOPs", log: true, format: metric},
		y: axis{label: "validation MLM loss, nats per masked token"},
	}
	var others, lines []curve
	for _, g := range all {
		if !slices.Contains(bestOf, g) {
			others = append(others, curve{
				points: []point{{g.flops, g.loss}}, line: stroke{color: colors[g.series]}, marks: markOf(g.method), size: 3.4, hollow: true, tips: []string{g.tip()},
			})
		}
	}
	for _, g := range bestOf {
		if len(lines) == 0 || lines[len(lines)-1].name != g.series {
			s := curve{label: g.series, name: g.series, line: stroke{color: colors[g.series], width: 2.4}, marks: markOf(g.method), size: 5}
			switch g.method {
			case model.Static:
				s.line.dash = 1
			case model.Dense:
				s.line.width = 0 // the family's line says it
				s.label = ""
				if len(f) < 2 {
					s.label = denseSeries
				}
			}
			lines = append(lines, s)
		}
		s := &lines[len(lines)-1]
		s.points = append(s.points, point{g.flops, g.loss})
		s.spread = append(s.spread, [2]float64{g.lo, g.hi})
		s.tips = append(s.tips, g.tip())
		end := ""
		if ratio := f.flopsFor(g.loss) / g.flops; g.method != model.Dense && finite(ratio) {
			end = fmt.Sprintf("%.2f×", ratio)
		}
		s.ends = append(s.ends, end)
	}
	sideBySide(lines)
	if slices.ContainsFunc(lines, func(s curve) bool { return slices.ContainsFunc(s.ends, func(e string) bool { return e != "" }) }) {
		c.caption += " Numbers: FLOPs of a dense model of equal loss over the run's own; above 1 the sparse run needs fewer."
	}
	if len(f) > 1 {
		lines = append(lines, f.curve())
		c.caption += " The dense line is interpolated between sizes, straight in the logarithms of both."
	}
	c.curves = append(lines, others...)
	return c
}

// sideBySide moves series that begin at one number of FLOPs, as those of one sparsity do, a
// few pixels apart, so that their bars do not hide each other.
func sideBySide(lines []curve) {
	const apart = 9
	at := map[string][]*curve{}
	for i := range lines {
		if lines[i].line.width == 0 { // the dense signs stand on the family's line
			continue
		}
		key := fmt.Sprintf("%.3e", lines[i].points[0].x)
		at[key] = append(at[key], &lines[i])
	}
	for _, same := range at {
		for i, s := range same {
			s.shift = apart * (float64(i) - float64(len(same)-1)/2)
		}
	}
}

// curve draws the family, with steps small enough to look as it is interpolated.
func (f family) curve() curve {
	s := curve{label: "dense family, interpolated", name: "dense family, interpolated", line: stroke{color: inkDense, width: 2.4}, marks: markNone}
	for i := 1; i < len(f); i++ {
		for k := range 16 {
			x := f[i-1].x * math.Pow(f[i].x/f[i-1].x, float64(k)/16)
			s.points = append(s.points, point{x, f.lossAt(x)})
		}
	}
	s.points = append(s.points, f[len(f)-1])
	return s
}

func (g *group) tip() string {
	var names []string
	for _, r := range g.runs {
		names = append(names, r.Name)
	}
	return fmt.Sprintf("%s: loss %.4f at %s FLOPs, %s", g.series, g.loss, metric(g.flops), strings.Join(names[:min(4, len(names))], ", "))
}

func markOf(m model.Method) marker {
	switch m {
	case model.Static:
		return markSquare
	case model.Partial:
		return markTriangle
	case model.Dense:
		return markDiamond
	}
	return markCircle
}

// seriesColors gives each series of runs a color: grey to the dense one.
func seriesColors(runs []*Run) (order []string, colors map[string]ink) {
	colors = map[string]ink{}
	sorted := slices.Clone(runs)
	slices.SortStableFunc(sorted, func(a, b *Run) int {
		return cmp.Or(cmp.Compare(methodOrder(a.Config.Method), methodOrder(b.Config.Method)),
			cmp.Compare(a.Config.Sparsity, b.Config.Sparsity), cmp.Compare(a.Config.BlockSize, b.Config.BlockSize))
	})
	next := ink(0)
	for _, r := range sorted {
		s := seriesOf(r)
		if _, ok := colors[s]; ok {
			continue
		}
		order = append(order, s)
		if s == denseSeries {
			colors[s] = inkDense
			continue
		}
		colors[s] = next % inkDense
		next++
	}
	return order, colors
}
