package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// group is the runs that differ in their seed only.
type group struct {
	series string
	method model.Method
	runs   []*Run
	flops  float64
	loss   float64 // mean over seeds
	lo, hi float64
}

// denseSeries is the series of the dense models.
const denseSeries = "dense"

// seriesOf names what a run is an example of.
func seriesOf(r *Run) string {
	if r.Config.Method == model.Dense {
		return denseSeries
	}
	name := r.Config.Method.String()
	if r.Config.Method == model.Partial {
		name += fmt.Sprintf(" (%s, %s, %s)", r.Config.PartialPhases, r.Config.PartialChoice, r.Config.PartialRest)
	}
	return fmt.Sprintf("%s s=%g B=%d", name, r.Config.Sparsity, r.Config.BlockSize)
}

// ended says whether a run was trained to its end and has a final loss. It counts
// with its last evaluation, and only after its last step.
func (r *Run) ended() bool {
	f := r.Final()
	return f != nil && f.Step >= r.Config.MaxSteps && finite(f.MLMLoss)
}

// groups puts the runs that were trained to their end together, by series, then by
// FLOPs. Those that only tried a learning rate for others do not count.
func groups(runs []*Run) []*group {
	byKey := map[string]*group{}
	var all []*group
	for _, r := range runs {
		if !r.ended() || r.Candidate() || !(r.FLOPsAt(r.Final().Step) > 0) {
			continue
		}
		f := r.Final()
		c := r.Config
		c.Seed = 0
		key, err := c.Hash()
		if err != nil {
			key = r.Dir // alone
		}
		g := byKey[key]
		if g == nil {
			g = &group{series: seriesOf(r), method: c.Method, flops: r.FLOPsAt(f.Step), lo: math.Inf(1), hi: math.Inf(-1)}
			byKey[key] = g
			all = append(all, g)
		}
		g.runs = append(g.runs, r)
		g.loss += f.MLMLoss
		g.lo, g.hi = min(g.lo, f.MLMLoss), max(g.hi, f.MLMLoss)
	}
	for _, g := range all {
		g.loss /= float64(len(g.runs))
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		x, y := &a.runs[0].Config, &b.runs[0].Config
		return cmp.Or(cmp.Compare(methodOrder(a.method), methodOrder(b.method)), cmp.Compare(x.Sparsity, y.Sparsity), cmp.Compare(x.BlockSize, y.BlockSize),
			cmp.Compare(a.series, b.series), cmp.Compare(a.flops, b.flops), cmp.Compare(a.loss, b.loss))
	})
	return all
}

// methodOrder puts the dense model last.
func methodOrder(m model.Method) int {
	return slices.Index([]model.Method{model.Dynamic, model.Static, model.Partial, model.Dense}, m)
}

// best returns the groups of lowest loss, one for each series and number of FLOPs
// (to four digits): the best of what a sweep tried.
func best(all []*group) []*group {
	var out []*group
	seen := map[string]bool{}
	for _, g := range all { // by loss within one number of FLOPs
		key := fmt.Sprintf("%s %.3e", g.series, g.flops)
		if !seen[key] {
			seen[key] = true
			out = append(out, g)
			continue
		}
		for i, other := range out {
			if fmt.Sprintf("%s %.3e", other.series, other.flops) == key && g.loss < other.loss {
				out[i] = g
			}
		}
	}
	return out
}

// family is the dense models of several sizes: FLOPs ascending, loss descending.
type family []point

// denseFamily takes the best dense groups and leaves out those that a cheaper one
// equals or beats.
func denseFamily(bestOf []*group) family {
	var f family
	for _, g := range bestOf {
		if g.method == model.Dense && g.loss > 0 {
			f = append(f, point{g.flops, g.loss})
		}
	}
	slices.SortFunc(f, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var front family
	for _, p := range f {
		if len(front) == 0 || p.y < front[len(front)-1].y && p.x > front[len(front)-1].x {
			front = append(front, p)
		}
	}
	return front
}

// lossAt interpolates the loss of a dense model of so many FLOPs: a straight line
// in the logarithms of both, as between the paper's points. NaN outside the
// family, which is not extrapolated.
func (f family) lossAt(flops float64) float64 {
	for i := 1; i < len(f); i++ {
		if a, b := f[i-1], f[i]; flops >= a.x && flops <= b.x {
			t := math.Log(flops/a.x) / math.Log(b.x/a.x)
			return math.Exp(math.Log(a.y) + t*math.Log(b.y/a.y))
		}
	}
	if len(f) == 1 && f[0].x == flops {
		return f[0].y
	}
	return math.NaN()
}

// flopsFor is the inverse of lossAt: what a dense model takes to come to a loss.
func (f family) flopsFor(loss float64) float64 {
	for i := 1; i < len(f); i++ {
		if a, b := f[i-1], f[i]; loss <= a.y && loss >= b.y {
			t := math.Log(loss/a.y) / math.Log(b.y/a.y)
			return math.Exp(math.Log(a.x) + t*math.Log(b.x/a.x))
		}
	}
	if len(f) == 1 && f[0].y == loss {
		return f[0].x
	}
	return math.NaN()
}

// Comparison sets a sparse result beside the dense family. A number that lies
// outside the family is nil.
type Comparison struct {
	Series      string   `json:"series"`
	Runs        []string `json:"runs"`
	FLOPs       float64  `json:"flops"`
	Loss        float64  `json:"mlm_loss"` // mean over the runs
	LowestLoss  float64  `json:"mlm_loss_lowest"`
	HighestLoss float64  `json:"mlm_loss_highest"`
	DenseLoss   *float64 `json:"dense_mlm_loss_at_equal_flops"`
	DenseFLOPs  *float64 `json:"dense_flops_at_equal_loss"`
	Ratio       *float64 `json:"flops_ratio_at_equal_loss"` // DenseFLOPs / FLOPs
}

// comparisons sets the best sparse groups beside the family.
func comparisons(bestOf []*group, f family) []Comparison {
	var all []Comparison
	for _, g := range bestOf {
		if g.method == model.Dense {
			continue
		}
		c := Comparison{Series: g.series, FLOPs: g.flops, Loss: g.loss, LowestLoss: g.lo, HighestLoss: g.hi,
			DenseLoss: known(f.lossAt(g.flops)), DenseFLOPs: known(f.flopsFor(g.loss)), Ratio: known(f.flopsFor(g.loss) / g.flops)}
		for _, r := range g.runs {
			c.Runs = append(c.Runs, r.Name)
		}
		all = append(all, c)
	}
	return all
}

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
