package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// paretoChart is loss against the FLOPs of the paper's count.
func paretoChart(runs []*Run, colors map[string]ink) *chart {
	return costChart(runs, colors, paperFLOPs)
}

// costChart is loss against what training costs: a sign for each group, with its spread, a line
// through each series, the dense families as interpolated. Nil with fewer than two finished runs
// whose cost is known.
func costChart(runs []*Run, colors map[string]ink, by cost) *chart {
	text := finalText(runs)
	all := groups(runs)
	n := 0
	for _, g := range all {
		g.flops = g.mean(by.of)
		if g.flops > 0 {
			n += len(g.runs)
		}
	}
	if n < 2 {
		return nil
	}
	all = slices.DeleteFunc(all, func(g *group) bool { return !(g.flops > 0) })
	families := denseFamilies(all)
	c := &chart{
		about: about{name: by.name, title: by.title, wide: true, w: 820, h: 460, caption: "Final loss on the " + text + " text over " + by.caption + " " +
			"Each sign is the mean over the seeds of one configuration, its bar their range; a line joins the sizes of a series."},
		x: by.axis,
		y: axis{label: text + " MLM loss, nats per masked token"},
	}
	if text == "validation" { // whose entropy it is
		c.levels = unigramLevels(runs)
	}
	var lines []curve
	for _, g := range all {
		if len(lines) == 0 || lines[len(lines)-1].name != g.series {
			s := curve{label: g.series, name: g.series, line: stroke{color: colors[g.series], width: 2.4}, marks: markOf(g.method), size: 5}
			switch g.method {
			case model.Static:
				s.line.dash = 1
			case model.Dense:
				s.line.width = 0 // the family's line says it
				if i := slices.IndexFunc(families, func(f named) bool { return f.series == g.series }); i >= 0 && len(families[i].family) > 1 {
					s.label = ""
				}
			}
			lines = append(lines, s)
		}
		s := &lines[len(lines)-1]
		s.points = append(s.points, point{g.flops, g.loss})
		s.spread = append(s.spread, [2]float64{g.lo, g.hi})
		s.tips = append(s.tips, g.tip())
		s.ends = append(s.ends, g.word(all, families))
	}
	moved := sideBySide(lines)
	c.caption += single(all)
	if moved {
		c.caption += " Signs of equal FLOPs stand side by side, in the order of the legend."
	}
	if slices.ContainsFunc(lines, func(s curve) bool {
		return slices.ContainsFunc(s.ends, func(e string) bool { return strings.HasSuffix(e, "×") })
	}) {
		c.caption += " Numbers: " + by.short + " of a dense model of equal loss over the run's own; above 1 the sparse run needs fewer."
	}
	joined, ranged := false, false
	for _, f := range families {
		if len(f.family) > 1 {
			lines = append(lines, f.curve(colors[f.series]))
			ends := f.spread(all, colors[f.series])
			lines, ranged = append(lines, ends...), ranged || len(ends) > 0
			joined = true
		}
	}
	if joined {
		c.caption += " The dense line is interpolated between sizes, straight in the logarithms of both."
	}
	if ranged {
		c.caption += " Thin lines are its range over seeds."
	}
	c.caption += between(all)
	c.curves = lines
	return c
}

// single says which configurations are one seed, which have no bar for that reason.
func single(all []*group) string {
	var one []string
	for _, g := range all {
		name := g.series
		if slices.ContainsFunc(all, func(o *group) bool { return o != g && o.series == g.series }) {
			name += " (" + g.size() + ")"
		}
		if len(g.runs) == 1 {
			one = append(one, name)
		}
	}
	switch {
	case len(one) == 0:
		return ""
	case !slices.ContainsFunc(all, func(g *group) bool { return len(g.runs) > 1 }):
		return " Each sign is one seed: how far seeds lie apart is not known."
	}
	return " One seed only: " + few(one) + "."
}

// few lists names, the first few of many.
func few(names []string) string {
	const most = 4
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// between says in which settings the methods differ beside what makes the method.
func between(all []*group) string {
	var runs []*Run
	for _, g := range all {
		runs = append(runs, g.runs...)
	}
	var keys []string
	for _, key := range differing(runs) {
		if slices.Contains(inKind, key) || slices.Contains(harmless, key) || slices.Contains(modelSize, key) || slices.Contains(runLength, key) {
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return ""
	}
	return " The runs differ in these settings too: " + strings.Join(keys, ", ") + "."
}

func formatRatio(v float64) string { return fmt.Sprintf("%.2f×", v) }

// word is what stands at a group's sign: the size of a dense one, the method of another and how
// many times a dense model of equal loss costs. Where there are many signs it is the number alone.
func (g *group) word(all []*group, families []named) string {
	const many = 10
	if g.method == model.Dense {
		if len(all) > many {
			return ""
		}
		return g.width()
	}
	var parts []string
	if len(all) <= many {
		parts = append(parts, g.method.String())
	}
	if len(families) == 1 && alike(g.runs[0], families[0].of) {
		if ratio := families[0].flopsFor(g.loss) / g.flops; finite(ratio) {
			parts = append(parts, formatRatio(ratio))
		}
	}
	return strings.Join(parts, " ")
}

// sideBySide moves series that begin at one number of FLOPs, as those of one sparsity do, a
// few pixels apart, so that their bars do not hide each other. It says whether any were.
func sideBySide(lines []curve) (moved bool) {
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
			moved = moved || len(same) > 1
		}
	}
	return moved
}

// curve draws the family, with steps small enough to look as it is interpolated.
func (f named) curve(color ink) curve {
	name := f.series + " family, interpolated"
	s := curve{label: name, name: name, line: stroke{color: color, width: 2.4}, marks: markNone}
	for i := 1; i < len(f.family); i++ {
		for k := range 16 {
			x := f.family[i-1].x * math.Pow(f.family[i].x/f.family[i-1].x, float64(k)/16)
			s.points = append(s.points, point{x, f.lossAt(x)})
		}
	}
	s.points = append(s.points, f.family[len(f.family)-1])
	return s
}

// spread draws the lowest and the highest loss of each size of the family, as thin lines between
// sizes of several seeds.
func (f named) spread(all []*group, color ink) (out []curve) {
	for _, end := range []func(*group) float64{func(g *group) float64 { return g.lo }, func(g *group) float64 { return g.hi }} {
		s := curve{line: stroke{color: color, width: 1, alpha: 0.45}, marks: markNone}
		joined, last := false, false
		for _, g := range all {
			if g.series != f.series || !slices.Contains(f.family, point{g.flops, g.loss}) {
				continue
			}
			at := point{g.flops, end(g)}
			if len(g.runs) == 1 {
				at.y = math.NaN() // a range is not known
			}
			joined, last = joined || last && len(g.runs) > 1, len(g.runs) > 1
			s.points = append(s.points, at)
		}
		if joined {
			out = append(out, s)
		}
	}
	return out
}

func (g *group) tip() string {
	var names []string
	for _, r := range g.runs {
		names = append(names, r.Name)
	}
	seeds := fmt.Sprintf("mean of %d seeds, %.4f to %.4f", len(g.runs), g.lo, g.hi)
	if len(g.runs) == 1 {
		seeds = "one seed"
	}
	return fmt.Sprintf("%s: loss %.4f (%s) at %s, %s", g.series, g.loss, seeds, metric(g.flops), strings.Join(names[:min(4, len(names))], ", "))
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

// unigramLevels are the unigram entropies of the runs' validation texts, the first few.
func unigramLevels(runs []*Run) (out []level) {
	for _, r := range runs {
		if r.Unigram > 0 && !slices.ContainsFunc(out, func(l level) bool { return l.y == r.Unigram }) {
			out = append(out, level{r.Unigram, fmt.Sprintf("unigram entropy %.3f", r.Unigram)})
		}
	}
	slices.SortFunc(out, func(a, b level) int { return cmp.Compare(a.y, b.y) })
	return out[:min(3, len(out))]
}
