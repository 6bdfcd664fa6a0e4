// Package verify compares a device with independent witnesses on the machine of the user: the loss
// and every gradient of a small BERT with Gorgonia's automatic differentiation in float64, and
// topology updates with the definition in package sparse, bit for bit.
package verify

import (
	"context"
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Options say what is verified.
type Options struct {
	Open      func() (backend.Backend, error) // opens the device, once for each model
	Precision string                          // that it computes in: fp32 or bf16
	Blocks    []int                           // block sizes, 0 is dense; nil: dense and every one
	Seed      uint64                          // of weights, batch and topology updates
	Verbose   bool                            // a line for each tensor

	loaded *backend.Loaded // of all devices so far
}

// note adds what a device has loaded to what all have.
func (o Options) note(b backend.Backend) {
	if loaded := b.Capabilities().Loaded; loaded != nil {
		o.loaded.Add(loaded())
	}
}

// Run verifies a device and writes a line on each comparison to w. It returns an error where
// anything differs, and, before it opens the device, where a block size is none. ctx ends it
// between models.
func Run(ctx context.Context, w io.Writer, o Options) error {
	if len(o.Blocks) == 0 {
		o.Blocks = append([]int{0}, sparse.BlockSizes()...)
	}
	for _, block := range o.Blocks {
		if err := smallCase(block, o.Seed).Config.Validate(); err != nil {
			return err
		}
	}
	o.loaded = &backend.Loaded{}
	bad := 0
	for _, block := range o.Blocks {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		failures, err := o.gradients(w, block)
		if err != nil {
			return err
		}
		bad += failures
	}
	failures, err := o.topologies(w)
	if err != nil {
		return err
	}
	if len(o.loaded.Kernels) > 0 {
		fmt.Fprintf(w, "kernels: %v\n", o.loaded)
	}
	for _, warning := range o.loaded.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	if bad += failures; bad > 0 {
		return fmt.Errorf("verify: found %d differences, expected none", bad)
	}
	fmt.Fprintln(w, "verified: everything agrees")
	return nil
}
