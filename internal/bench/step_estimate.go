package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
)

// EstimatedStep is the estimate of a training step on a GPU, without topology update.
type EstimatedStep struct {
	StepCase
	Version  int     `json:"estimate_version"`
	GPU      string  `json:"estimate_gpu"`
	Seconds  float64 `json:"estimate_seconds"` // kernels, and what their launches cost in a graph
	Launches int     `json:"launches"`
	Launch   float64 `json:"launch_seconds"` // of Seconds

	TokensPerSecond float64             `json:"estimate_tokens_per_second"`
	Ops             []OperationEstimate `json:"operations"`      // those that take most first
	Kernels         []KernelEstimate    `json:"kernels"`         // of all operations
	Update          []OperationEstimate `json:"topology_update"` // not in the sums: once in many steps

	Samples []int  `json:"sample_sequences"` // of one layer; the last one checks, where there are three
	Check   *Check `json:"check,omitempty"`
	*Compared
}

// OperationEstimate is the estimate of all calls of an operation on one kind of tensor.
type OperationEstimate struct {
	Op      string           `json:"op"`
	Tensor  string           `json:"tensor"`
	Calls   int              `json:"calls"`
	Seconds float64          `json:"estimate_seconds"` // launches included
	Bound   string           `json:"bound"`            // of the kernel that takes most of it
	Kernels []KernelEstimate `json:"kernels"`
}

// Check is how far the extrapolation is from a sample that it does not use.
type Check struct {
	Sequences  int     `json:"sequences"`
	Estimated  float64 `json:"extrapolated_seconds"` // of the sample's kernels, but the optimizer's
	Counted    float64 `json:"counted_seconds"`      // the same from the sample's own counts
	Error      float64 `json:"error"`                // the first over the second, less 1
	WorstOp    string  `json:"worst_operation"`      // of those with a twentieth of the time or more
	WorstError float64 `json:"worst_error"`
}

// The samples: sequences, and the most ranges into which tokens are split.
var stepSamples = [3][2]int{{1, 2}, {4, 4}, {6, 3}}

// constantOps do not depend on the number of sequences: the first sample is enough.
var constantOps = []string{"AdamW", "ZeroGrad", "GradNorm", "UpdateTopology"}

// estimateStep estimates a step on g. It runs one layer of the model on the simulator, with one, four and six
// sequences and the launch decisions of the whole step, lays a straight line through the counts of the
// first two, and checks it with the third. A step of six sequences or fewer is run as it is, one layer of it.
func estimateStep(ctx context.Context, g estimate.GPU, s device.Settings, step Step, figures measured) (EstimatedStep, error) {
	r := EstimatedStep{StepCase: stepCaseOf(s, step), Version: estimate.Version, GPU: g.Label, Ops: []OperationEstimate{}, Update: []OperationEstimate{}}
	run := stepRunner{g, s}
	calls, err := run.planned(step)
	if err != nil {
		return r, err
	}
	sizes := stepSamples[:]
	if full := step.Options.MicroBatch; full <= stepSamples[2][0] {
		sizes = [][2]int{{full, 0}}
	}
	var samples []*sample
	for i, size := range sizes {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		one, err := run.newSample(step, size[0], size[1], i == 0)
		if err != nil {
			return r, err
		}
		samples, r.Samples = append(samples, one), append(r.Samples, size[0])
	}
	_, which := kinds(calls)
	var all kernelList
	for i, c := range calls {
		list, err := estimateFrom(g, c, which[i], step.Options.MicroBatch, samples)
		if err != nil {
			return r, err
		}
		n, seconds := 0, 0.0
		for _, k := range list {
			n, seconds = n+k.Launches, seconds+k.Seconds
		}
		launch := float64(n) * g.LaunchGraph
		if once(traffic.Row{Op: c.Op}) {
			addOperation(&r.Update, c, list, seconds+launch)
			continue
		}
		addOperation(&r.Ops, c, list, seconds+launch)
		all.merge(list)
		r.Seconds += seconds + launch
		r.Launches += n
		r.Launch += launch
	}
	for _, ops := range [][]OperationEstimate{r.Ops, r.Update} {
		slices.SortStableFunc(ops, func(a, b OperationEstimate) int { return cmp.Compare(b.Seconds, a.Seconds) })
	}
	slices.SortStableFunc(all, func(a, b KernelEstimate) int { return cmp.Compare(b.Seconds, a.Seconds) })
	r.Kernels = all
	r.TokensPerSecond = float64(r.Tokens) / r.Seconds
	r.Compared = figures.step(r.StepCase, g.Label, r.Seconds)
	if len(samples) == 3 {
		r.Check, err = checkSamples(g, samples)
	}
	return r, err
}

// estimateFrom estimates a call of a step of so many sequences from the first samples.
func estimateFrom(g estimate.GPU, c stepCall, which, sequences int, samples []*sample) (kernelList, error) {
	a, err := samples[0].call(c.Call, which)
	if err != nil {
		return nil, err
	}
	if len(samples) == 1 || slices.Contains(constantOps, c.Op) {
		return estimateCall(g, c, sequences, a, nil, samples[0].sequences, 0)
	}
	b, err := samples[1].call(c.Call, which)
	if err != nil {
		return nil, err
	}
	return estimateCall(g, c, sequences, a, b, samples[0].sequences, samples[1].sequences)
}

// checkSamples compares what the first two samples say of the third with its own counts.
func checkSamples(g estimate.GPU, samples []*sample) (*Check, error) {
	third := samples[2]
	c := &Check{Sequences: third.sequences}
	_, which := kinds(third.calls)
	type pair struct{ found, own float64 }
	byOp := map[string]pair{}
	for i, call := range third.calls {
		if slices.Contains(constantOps, call.Op) || once(traffic.Row{Op: call.Op}) {
			continue
		}
		list, err := estimateFrom(g, call, which[i], third.sequences, samples[:2])
		if err != nil {
			return nil, err
		}
		own, err := estimateCall(g, call, third.sequences, &third.calls[i], nil, third.sequences, 0)
		if err != nil {
			return nil, err
		}
		p := byOp[kindOf(call.Call)]
		for _, k := range list {
			p.found += k.Seconds
		}
		for _, k := range own {
			p.own += k.Seconds
		}
		byOp[kindOf(call.Call)] = p
	}
	names := slices.Sorted(maps.Keys(byOp)) // the order of a sum decides its last digit
	for _, name := range names {
		c.Estimated += byOp[name].found
		c.Counted += byOp[name].own
	}
	c.Error = c.Estimated/c.Counted - 1
	for _, name := range names {
		p := byOp[name]
		if e := p.found/p.own - 1; p.own >= c.Counted/20 && (math.Abs(e) > math.Abs(c.WorstError) || c.WorstOp == "") {
			c.WorstOp, c.WorstError = name, e
		}
	}
	return c, nil
}

// addOperation adds a call to the row of its operation.
func addOperation(rows *[]OperationEstimate, c stepCall, list kernelList, seconds float64) {
	i := slices.IndexFunc(*rows, func(o OperationEstimate) bool { return o.Op == c.Op && o.Tensor == c.Tensor })
	if i < 0 {
		i = len(*rows)
		*rows = append(*rows, OperationEstimate{Op: c.Op, Tensor: c.Tensor})
	}
	o := &(*rows)[i]
	kernels := kernelList(o.Kernels)
	kernels.merge(list)
	o.Calls, o.Seconds, o.Kernels, o.Bound = o.Calls+1, o.Seconds+seconds, kernels, kernels.bound()
}

// write writes the estimate as tables.
func (r EstimatedStep) write(w io.Writer) {
	fmt.Fprintf(w, "ESTIMATE (ruler %d) from the simulator's counts, nothing is measured: %v\n", r.Version, r.StepCase)
	fmt.Fprintf(w, "%s: step %s, %.0f tokens/s; %d launches, %s of it between them in a graph; without topology update\n", r.GPU, span(r.Seconds), r.TokensPerSecond, r.Launches, span(r.Launch))
	r.Compared.write(w, "")
	fmt.Fprintf(w, "%-14s %-34s %5s %12s %6s  %s\n", "operation", "tensor", "calls", "estimate", "share", "bound")
	for _, o := range r.Ops {
		fmt.Fprintf(w, "%-14s %-34s %5d %12s %6s  %s\n", o.Op, o.Tensor, o.Calls, span(o.Seconds), fmt.Sprintf("%.1f %%", 100*o.Seconds/r.Seconds), o.Bound)
	}
	fmt.Fprintf(w, "\n%-26s %8s %12s %6s  %-16s %s\n", "kernel", "launches", "estimate", "share", "bound", "of the longest launch")
	for _, k := range r.Kernels {
		fmt.Fprintf(w, "%-26s %8d %12s %6s  %-16s %s: %s\n", k.Kernel, k.Launches, span(k.Seconds), fmt.Sprintf("%.1f %%", 100*k.Seconds/r.Seconds), k.Bound, span(k.Longest.Seconds), describe(k))
	}
	for _, o := range r.Update {
		fmt.Fprintf(w, "once in many steps: %s %s, bound: %s\n", o.Op, span(o.Seconds), o.Bound)
	}
	if c := r.Check; c != nil {
		fmt.Fprintf(w, "extrapolated from %d and %d sequences of one layer; of %d the lines say %s and the counts %s: %+.1f %%; most off: %s, %+.1f %%\n",
			r.Samples[0], r.Samples[1], c.Sequences, span(c.Estimated), span(c.Counted), 100*c.Error, c.WorstOp, 100*c.WorstError)
	}
	fmt.Fprintln(w)
}
