package bench

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// The flags of the bench command that take lists: every combination of their values is a case or
// a way to open the device.
var (
	productLists = []string{"op", "tokens", "shape"}           // of single products
	stepLists    = []string{"model", "batch-size", "seq-len"}  // of whole steps
	sharedLists  = []string{"sparsity", "block"}               // of both
	deviceLists  = []string{"precision", "threads"}            // of the device
	productFlags = []string{"dense", "crossover"}              // other flags of single products
	stepFlags    = []string{"vocab-size", "bandwidth", "peak"} // other flags of whole steps
)

// ListFlags are the names of the flags that take lists.
func ListFlags() []string { return slices.Concat(productLists, stepLists, sharedLists, deviceLists) }

// OtherFlags are the names of the other flags that mean something in one mode only.
func OtherFlags() []string { return slices.Concat(productFlags, stepFlags) }

// Request is what the bench command is asked for.
type Request struct {
	Device    string              // auto, cpu, cuda or sim
	Step      bool                // whole training steps, not single products
	Crossover bool                // from which sparsity on sparse is faster, not the times
	NoDense   bool                // leave the dense product out
	Repeats   int                 // samples of each product, or steps
	Lists     map[string][]string // by flag what was given: values with commas between, in one text or several
	Given     []string            // those of OtherFlags that were given
	VocabSize int                 // of the steps' models
	Bandwidth float64             // GB/s of global memory that floors of counted steps assume
	Peak      float64             // TFLOP/s of matrix units that they assume
	ModelGPU  string              // of the device sim: the GPU to estimate times for; "": none
	Measured  string              // file of figures from hardware beside which estimates are printed
}

// Plan is a request that was checked, with all that is to be measured.
type Plan struct {
	request Request
	setups  []device.Settings
	cases   []Case // of single products
	steps   []Step // of whole steps
}

// Plan checks a request. An error is one of package usage, in one line that names the flag.
func (r Request) Plan() (*Plan, error) {
	if err := r.checkModes(); err != nil {
		return nil, err
	}
	p := &Plan{request: r}
	name := device.Resolve(r.Device)
	if standardTokens[name] == "" {
		return nil, device.Unknown(name)
	}
	var err error
	if !r.Step {
		if p.cases, err = r.productCases(name); err != nil {
			return nil, err
		}
	}
	if p.setups, err = r.setups(name); err != nil {
		return nil, err
	}
	if r.Step {
		if p.steps, err = r.stepCases(name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// checkModes refuses flags that mean nothing beside the others.
func (r Request) checkModes() error {
	mode, wrong := "without --step", slices.Concat(stepLists, stepFlags)
	if r.Step {
		mode, wrong = "with --step", slices.Concat(productLists, productFlags)
	}
	for _, name := range wrong {
		if _, list := r.Lists[name]; list || slices.Contains(r.Given, name) {
			return usage.Errorf("bench: --%s: found it %s, where it means nothing", name, mode)
		}
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"bandwidth", r.Bandwidth}, {"peak", r.Peak}} {
		if r.Step && !(x.value > 0 && x.value < 1e9) {
			return usage.Errorf("bench: --%s: found %v, expected above 0", x.name, x.value)
		}
	}
	if sim := device.Resolve(r.Device) == "sim"; r.ModelGPU != "" && !sim {
		return usage.Errorf("bench: --model-gpu: found it with the device %s, expected sim, whose counts estimates come from", device.Resolve(r.Device))
	} else if r.Measured != "" && r.ModelGPU == "" {
		return usage.Errorf("bench: --measured: found it without --model-gpu, expected the GPU to estimate for")
	}
	if _, _, err := (&Plan{request: r}).ruler(); err != nil {
		return err
	}
	if r.Crossover && (device.Resolve(r.Device) == "sim" || r.NoDense) {
		with := "--dense=false"
		if !r.NoDense {
			with = "the device sim"
		}
		return usage.Errorf("bench: --crossover: found it with %s, expected a device that can be timed and the dense product beside", with)
	}
	return nil
}

// ruler is the GPU to estimate for and the figures to set beside; nil: none is.
func (p *Plan) ruler() (*estimate.GPU, measured, error) {
	if p.request.ModelGPU == "" {
		return nil, nil, nil
	}
	g, err := estimate.Find(p.request.ModelGPU)
	if err != nil {
		return nil, nil, usage.Errorf("bench: --model-gpu: %w", err)
	}
	figures, err := readMeasured(p.request.Measured)
	return &g, figures, err
}

// Run measures everything on devices that open opens, or counts it on the device sim. It writes
// tables to w, row by row, unless w is nil, and returns the results, which encode as JSON.
//
// When ctx ends, Run returns its cause. It waits a second at the most for the product in
// progress: what it was running may go on in the background.
func (p *Plan) Run(ctx context.Context, open device.Opener, w io.Writer) (results any, err error) {
	type outcome struct {
		results any
		err     error
	}
	finished := make(chan outcome, 1)
	go func() {
		var o outcome
		switch {
		case p.request.Step:
			o.results, o.err = p.runSteps(ctx, open, w)
		case p.setups[0].Device == "sim":
			o.results, o.err = p.countProducts(ctx, open, w)
		default:
			o.results, o.err = p.timeProducts(ctx, open, w)
		}
		finished <- o
	}()
	select {
	case o := <-finished:
		return o.results, o.err
	case <-ctx.Done():
	}
	select {
	case <-finished: // so that a short product closes its device
	case <-time.After(time.Second):
	}
	return nil, context.Cause(ctx)
}
