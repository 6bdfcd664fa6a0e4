package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Crossover says from which sparsity on a product is faster block-sparse than
// dense on the device that was measured.
type Crossover struct {
	Op        string `json:"op"`
	Block     int    `json:"block"`
	Tokens    int    `json:"tokens"`
	In        int    `json:"in"`
	Out       int    `json:"out"`
	Threads   int    `json:"threads"`
	Device    string `json:"device"`
	Precision string `json:"precision"`
	Hardware  string `json:"hardware"`

	// Verdict is "from": sparse is faster from Sparsity on; "always": at every
	// sparsity measured; "never": not at the largest measured.
	Verdict  string   `json:"verdict"`
	Sparsity *float64 `json:"sparsity"` // nil but for "from"
	Points   []Point  `json:"points"`   // by sparsity
}

// Point is one measured sparsity.
type Point struct {
	Sparsity      float64 `json:"sparsity"`
	Seconds       float64 `json:"seconds_median"`
	DenseSeconds  float64 `json:"dense_seconds_median"`
	Speedup       float64 `json:"speedup"`
	Kernel        string  `json:"kernel"`
	DenseKernel   string  `json:"dense_kernel"`
	UsefulPercent float64 `json:"useful_percent"` // operations on active blocks of all operations
}

// Crossovers groups results, each with its dense product, by everything but the
// sparsity, in the order in which the groups come up.
func Crossovers(results []Result) []Crossover {
	var list []Crossover
	for _, r := range results {
		if r.Dense == nil {
			continue
		}
		group := Crossover{Op: r.Op, Block: r.Block, Tokens: r.Tokens, In: r.In, Out: r.Out, Threads: r.Threads, Device: r.Device, Precision: r.Precision, Hardware: r.Hardware}
		i := slices.IndexFunc(list, func(c Crossover) bool { return c.key() == group.key() })
		if i < 0 {
			i, list = len(list), append(list, group)
		}
		list[i].Points = append(list[i].Points, Point{
			Sparsity: r.Sparsity, Seconds: r.SecondsMedian, DenseSeconds: r.Dense.SecondsMedian, Speedup: r.Speedup, Kernel: r.Kernel, DenseKernel: r.Dense.Kernel,
			UsefulPercent: 100 * float64(r.FLOPs()) / float64(r.DenseFLOPs()),
		})
	}
	for i := range list {
		list[i].judge()
	}
	return list
}

// crossoverKey is what the results of a group have in common.
type crossoverKey struct {
	op, device, precision, hardware string
	block, tokens, in, out, threads int
}

func (c Crossover) key() crossoverKey {
	return crossoverKey{c.Op, c.Device, c.Precision, c.Hardware, c.Block, c.Tokens, c.In, c.Out, c.Threads}
}

// judge finds the smallest sparsity from which on every point is faster. Between
// the last slower point and the next one the time over the dense time is taken as
// a straight line: it goes with the density.
func (c *Crossover) judge() {
	slices.SortStableFunc(c.Points, func(a, b Point) int { return cmp.Compare(a.Sparsity, b.Sparsity) })
	ratio := func(p Point) float64 { return p.Seconds / p.DenseSeconds }
	slower := -1
	for i, p := range c.Points {
		if !(ratio(p) < 1) {
			slower = i
		}
	}
	switch {
	case slower < 0:
		c.Verdict = "always"
	case slower == len(c.Points)-1:
		c.Verdict = "never"
	default:
		a, b := c.Points[slower], c.Points[slower+1]
		s := a.Sparsity + (b.Sparsity-a.Sparsity)*(ratio(a)-1)/(ratio(a)-ratio(b))
		c.Verdict, c.Sparsity = "from", &s
	}
}

// writeCrossovers writes from which sparsity on sparse is faster.
func writeCrossovers(w io.Writer, list []Crossover, repeats int) {
	group, own := "", false
	for _, c := range list {
		if c.Hardware != group {
			group = c.Hardware
			fmt.Fprintf(w, "%s; medians of %d samples\n%-3s %5s %7s %11s  %-28s %s\n", group, repeats, "op", "block", "tokens", "in x out", "sparse is faster", "speed-up at each sparsity measured")
		}
		least, most := c.Points[0].Sparsity, c.Points[len(c.Points)-1].Sparsity
		verdict := fmt.Sprintf("never, up to s = %.4g", most)
		switch c.Verdict {
		case "from":
			verdict = fmt.Sprintf("from s = %.3f on", *c.Sparsity)
		case "always":
			verdict = fmt.Sprintf("always, from s = %.4g on", least)
		}
		fmt.Fprintf(w, "%-3s %5d %7d %11s  %-28s", c.Op, c.Block, c.Tokens, fmt.Sprintf("%dx%d", c.In, c.Out), verdict)
		for _, p := range c.Points {
			fmt.Fprintf(w, "  %.4g: %.2f x", p.Sparsity, p.Speedup)
		}
		fmt.Fprintln(w)
		own = own || c.Device != "cpu"
	}
	fmt.Fprintln(w, "\nBetween two measured sparsities the ratio of the times is taken as a straight line.")
	if own {
		fmt.Fprintln(w, "The dense product is this program's own: for cuBLAS see bench/peers (docs/benchmarks.md).")
	}
}
