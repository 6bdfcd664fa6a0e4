package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Runs are put together in two steps. A group is the runs that differ in nothing but their
// seed. A series is the groups that differ in nothing but their size, so that a line through
// them means something. Whatever else differs makes another series: of two ways to train one
// model none is left out for the better one.

// modelSize and runLength are the settings that may differ within a series: the size of the
// model, or, where that does not differ, how long it is trained.
var (
	modelSize = []string{"model", "layers", "hidden", "heads", "ffn"}
	runLength = []string{"max_steps", "epochs"}
)

// follows are the settings that a size commonly has of its own. Where each size of a series has
// one value they make no series.
var follows = []string{"learning_rate", "warmup_steps", "dropout"}

// harmless are the settings that are no part of the final loss.
var harmless = []string{"seed", "logging_steps", "eval_steps", "eval_batches"}

// inKind are the settings that stand in the name of every series.
var inKind = []string{"method", "sparsity", "block_size", "partial_phases", "partial_choice", "partial_rest"}

// kindOf names what a run is an example of, the settings aside that differ among its like.
func kindOf(c *train.Config) string {
	name := c.Method.String()
	switch c.Method {
	case model.Dense:
		return name
	case model.Partial:
		name += fmt.Sprintf(" (%s, %s, %s)", c.PartialPhases, c.PartialChoice, c.PartialRest)
	}
	return fmt.Sprintf("%s s=%g B=%d", name, c.Sparsity, c.BlockSize)
}

// seriesOf names the series of a run.
func seriesOf(r *Run) string {
	if r.series == "" {
		return kindOf(&r.Config)
	}
	return r.series
}

// nameSeries gives each run the name of its series: its kind, and every setting in which runs
// of its method differ. Runs that only tried a learning rate do not decide what differs.
func nameSeries(runs []*Run) {
	for _, m := range []model.Method{model.Dynamic, model.Static, model.Partial, model.Dense} {
		var all, deciding []*Run
		for _, r := range runs {
			if r.Config.Method != m {
				continue
			}
			all = append(all, r)
			if !r.Candidate() {
				deciding = append(deciding, r)
			}
		}
		if len(deciding) == 0 {
			deciding = all
		}
		keys, texts := seriesKeys(deciding)
		for _, r := range all {
			r.series = kindOf(&r.Config) + valuesOf(r, keys)
			r.rateless = kindOf(&r.Config) + valuesOf(r, slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "learning_rate" }))
			if texts && r.Text != nil {
				r.series += " text=" + r.Text.Train[:min(6, len(r.Text.Train))]
			}
		}
	}
}

// seriesKeys returns the settings that make series of runs of one method, and whether their
// training texts do.
func seriesKeys(runs []*Run) (keys []string, texts bool) {
	for _, key := range differing(runs) {
		if !slices.Contains(inKind, key) && !slices.Contains(harmless, key) {
			keys = append(keys, key)
		}
	}
	known := map[string]bool{}
	for _, r := range runs {
		if r.Text != nil {
			known[r.Text.Train] = true
			// Of two texts the fingerprints tell, whatever their paths.
			keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains([]string{"corpus", "valid", "test", "vocab"}, k) })
		}
	}
	size := modelSize
	if !slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(modelSize, k) }) {
		size = runLength
	}
	keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(size, k) })
	for _, k := range follows {
		rest := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == k })
		if slices.Contains(keys, k) && follow(runs, rest, size, k) {
			keys = rest
		}
	}
	return keys, len(known) > 1
}

// follow tells whether all runs of one kind, one size and one value of each of keys have one
// value of the setting k.
func follow(runs []*Run, keys, size []string, k string) bool {
	s, _ := settings.Find(k)
	seen := map[string]string{}
	for _, r := range runs {
		at := kindOf(&r.Config) + valuesOf(r, slices.Concat(keys, size))
		if r.Text != nil {
			at += r.Text.Train
		}
		is := settingText(s, &r.Config)
		if was, ok := seen[at]; ok && was != is {
			return false
		}
		seen[at] = is
	}
	return true
}

// valuesOf writes the values of settings that a run has a use for, in the table's order.
func valuesOf(r *Run, keys []string) string {
	var out strings.Builder
	for _, s := range settings.All() {
		if slices.Contains(keys, s.Key) && s.UsedBy(&r.Config) {
			fmt.Fprintf(&out, " %s=%s", s.Key, shortSetting(s, &r.Config))
		}
	}
	return out.String()
}

// methodOrder puts the dense model last.
func methodOrder(m model.Method) int {
	return slices.Index([]model.Method{model.Dynamic, model.Static, model.Partial, model.Dense}, m)
}

// inOrder compares runs by the order of their series in a legend.
func inOrder(a, b *Run) int {
	x, y := &a.Config, &b.Config
	return cmp.Or(cmp.Compare(methodOrder(x.Method), methodOrder(y.Method)), cmp.Compare(x.Sparsity, y.Sparsity), cmp.Compare(x.BlockSize, y.BlockSize))
}

// methodInk is the color of a method, in all figures: that of its first series.
func methodInk(m model.Method) ink {
	switch m {
	case model.Dense:
		return inkDense
	case model.Partial:
		return 2
	case model.Static:
		return 1
	}
	return 0
}

// seriesColors gives each series of runs a color, the same in all figures. The first series of
// a method has the method's; further ones take what no method has, and come again.
func seriesColors(runs []*Run) (order []string, colors map[string]ink) {
	colors = map[string]ink{}
	sorted := slices.Clone(runs)
	slices.SortStableFunc(sorted, func(a, b *Run) int { return cmp.Or(inOrder(a, b), cmp.Compare(seriesOf(a), seriesOf(b))) })
	spare := []ink{3, 4, 5, 6}
	methods, next := map[model.Method]bool{}, 0
	for _, r := range sorted {
		s, m := seriesOf(r), r.Config.Method
		if _, ok := colors[s]; ok {
			continue
		}
		order = append(order, s)
		if !methods[m] {
			methods[m], colors[s] = true, methodInk(m)
			continue
		}
		colors[s] = spare[next%len(spare)]
		next++
	}
	return order, colors
}
