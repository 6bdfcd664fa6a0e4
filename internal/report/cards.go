package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// card is a number at the top of the page.
type card struct{ Name, Value, Note string }

// cards are the numbers to see first: of one run, or of the best of many.
func (r *Report) cards() []card {
	runs := r.data.Runs
	if len(runs) == 1 {
		return cardsOf(runs[0])
	}
	status, candidates := map[string]int{}, 0
	var finished []*Run
	for _, run := range runs {
		s := run.Status()
		if strings.HasPrefix(s, "at step") {
			s = "unfinished" // of an older version, which does not tell
		}
		s, _, _ = strings.Cut(s, " at step")
		status[s]++
		if run.Candidate() {
			candidates++
		} else if run.Final() != nil && s == "done" {
			finished = append(finished, run)
		}
	}
	var counts []string
	for _, s := range slices.Sorted(maps.Keys(status)) {
		counts = append(counts, fmt.Sprintf("%d %s", status[s], s))
	}
	if candidates > 0 {
		counts = append(counts, fmt.Sprintf("%d of them tried a learning rate for others", candidates))
	}
	out := []card{{"runs", fmt.Sprint(len(runs)), strings.Join(counts, ", ")}}
	if len(finished) > 0 {
		b := slices.MinFunc(finished, compareLoss)
		out = append(out, card{"lowest validation loss", lossText(b.Final().MLMLoss), b.Name})
	}
	shown := 0
	for _, c := range r.Comparisons {
		if c.Ratio == nil || shown == mostRatios {
			continue
		}
		shown++
		out = append(out, card{"dense FLOPs at equal loss", fmt.Sprintf("%.2f×", *c.Ratio), fmt.Sprintf("over those of %s, loss %s, %s", c.Series, lossText(c.Loss), seedsText(len(c.Runs)))})
	}
	seconds := 0.
	for _, run := range runs {
		seconds += run.Seconds()
	}
	return append(out, card{"time of all runs", duration(seconds), ""})
}

// mostRatios is the most ratios that are cards; the table of comparisons has all.
const mostRatios = 3

// seedsText says of how many seeds a number is.
func seedsText(n int) string {
	if n == 1 {
		return "one seed"
	}
	return fmt.Sprintf("%d seeds", n)
}

func cardsOf(r *Run) []card {
	c := r.Config
	kind := fmt.Sprintf("%s, %s", c.Model, seriesOf(r))
	out := []card{{"steps", metric(float64(r.Steps())), r.Status() + "; " + kind}}
	if f := r.Final(); f != nil {
		out = append(out,
			card{"validation MLM loss", lossText(f.MLMLoss), fmt.Sprintf("perplexity %.4g", math.Exp(f.MLMLoss)) + besideUnigram(r)},
			card{"masked tokens found", percent(math.Round(f.MLMAccuracy*1e4) / 1e4), "on the validation text"})
		if !c.NoNSP {
			out = append(out, card{"next sentence", percent(math.Round(f.NSPAccuracy*1e4) / 1e4), fmt.Sprintf("loss %s", lossText(f.NSPLoss))})
		}
	}
	if t := r.Test; t != nil {
		out = append(out, card{"test MLM loss", lossText(t.MLMLoss), "measured once, after the last step"})
	}
	if flops := r.FLOPsAt(r.Steps()); flops > 0 {
		note := "by the paper's count"
		if l := r.Estimate; l != nil && c.Method != model.Dense {
			note += fmt.Sprintf("; the dense model: %.1f× as many", (r.origin().DenseFLOPs+l.DenseNonEmbeddingFLOPs*r.sequencesPerStep()*float64(r.Steps()-r.origin().Step))/flops)
		}
		if asked := r.AskedFLOPsAt(r.Steps()); finite(asked) && metric(asked) != metric(flops) {
			note += fmt.Sprintf("; %s at the density asked for, which whole blocks do not have", metric(asked))
		}
		out = append(out, card{"training FLOPs", metric(flops), note})
	}
	if n := len(r.Topology); n > 0 {
		t := r.Topology[n-1]
		out = append(out, card{"explored DOF", percent(math.Round(t.ExploredDOF*1e4) / 1e4), fmt.Sprintf("after %d updates", t.Update)})
	}
	if s := r.Seconds(); s > 0 {
		out = append(out, card{"time", duration(s), fmt.Sprintf("%s tokens/s at the end", metric(lastSpeed(r)))})
	}
	return out
}

// besideUnigram says what word frequencies alone would give.
func besideUnigram(r *Run) string {
	if !(r.Unigram > 0) {
		return ""
	}
	return fmt.Sprintf("; word frequencies alone give %s", lossText(r.Unigram))
}

func lastSpeed(r *Run) float64 {
	if len(r.Train) == 0 {
		return math.NaN()
	}
	return r.Train[len(r.Train)-1].Record.TokensPerSecond
}
