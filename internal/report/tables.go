package report

import (
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// seriesView is a group's row of the table of series.
type seriesView struct {
	Series, Size, Seeds, Loss, Range, Deviation, FLOPs, Tokens string
}

// seriesRows are those of all groups, where there is more than one run to put together.
func (r *Report) seriesRows() (out []seriesView) {
	if len(r.data.Runs) < 2 {
		return nil
	}
	for _, g := range r.groups {
		var seeds []string
		for _, run := range g.runs {
			seeds = append(seeds, fmt.Sprint(run.Config.Seed))
		}
		first := g.runs[0]
		row := seriesView{
			Series: g.series, Size: g.size(), Seeds: fmt.Sprintf("%d: %s", len(g.runs), strings.Join(seeds, ", ")), Loss: fmt.Sprintf("%.4f", g.loss),
			Range: fmt.Sprintf("%.4f to %.4f", g.lo, g.hi), Deviation: knownText("%.4f", known(g.sd)), FLOPs: metric(g.flops),
			Tokens: metric(float64(first.Final().Step) * first.tokensPerStep()),
		}
		if len(g.runs) == 1 {
			row.Range = "one seed"
		}
		out = append(out, row)
	}
	return out
}

// pairView is a pair's row.
type pairView struct {
	A, B, Equal, Seeds, Differences, Mean, Below, SignP, TP, GapShare string
}

// mostPairs is the most pairs that the page shows; the page's data have all.
const mostPairs = 60

func (r *Report) pairRows() (out []pairView) {
	for _, p := range r.Pairs[:min(mostPairs, len(r.Pairs))] {
		var seeds, differences []string
		for i, d := range p.Differences {
			seeds, differences = append(seeds, fmt.Sprint(p.Seeds[i])), append(differences, fmt.Sprintf("%+.4f", d))
		}
		out = append(out, pairView{
			A: p.A, B: p.B, Equal: p.Equal, Seeds: strings.Join(seeds, ", "), Differences: strings.Join(differences, ", "), Mean: fmt.Sprintf("%+.4f", p.Mean),
			Below: fmt.Sprintf("%d of %d", p.Below, len(p.Seeds)), SignP: knownText("%.3g", p.SignP), TP: knownText("%.3g", p.TP), GapShare: knownText("%.2f", p.GapShare),
		})
	}
	return out
}

// tooShort says which runs are too short to compare.
func (r *Report) tooShort() []string {
	runs := onPlateau(r.groups)
	if len(runs) == 0 {
		return nil
	}
	var names []string
	for _, run := range runs {
		names = append(names, run.Name)
	}
	return []string{fmt.Sprintf("too short to compare: %s end within %g nats of the loss of word frequencies alone, or above it; methods then differ by little more than noise",
		few(names), train.PlateauMargin)}
}
