// Package inspect shows what is in a checkpoint: its tensors as a table, and a topology as a
// picture.
package inspect

import (
	"fmt"
	"io"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Find returns the tensor of a name whose topology can be drawn, and with no name the first one: nil
// where the model is dense.
func Find(in *train.Inspection, name string) (*train.InspectedTensor, error) {
	for i, t := range in.Tensors {
		if t.Topology != nil && (name == "" || name == t.Name) {
			return &in.Tensors[i], nil
		}
	}
	if name != "" {
		return nil, usage.Errorf("tensor: found no block-sparse tensor %q, expected one that inspect lists", name)
	}
	return nil, nil
}

// WriteTable writes the table of tensors, with the checkpoint's step and last evaluation before it.
func WriteTable(w io.Writer, in *train.Inspection) {
	fmt.Fprintf(w, "%s: step %d, %s, method %s\n", in.Path, in.Step, in.Config.Model, in.Config.Method)
	if in.Summary.Eval.Step > 0 {
		fmt.Fprintf(w, "validation at step %d: MLM loss %.4f", in.Summary.Eval.Step, in.Summary.Eval.MLMLoss)
		if !in.Model.NoNSP {
			fmt.Fprintf(w, ", NSP accuracy %.1f %%", 100*in.Summary.Eval.NSPAccuracy)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\n%-60s %14s %10s %10s %6s %9s %9s %9s\n", "tensor", "shape", "mean", "std", "block", "sparsity", "explored", "mean age")
	for _, t := range in.Tensors {
		shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Shape), " ", "x"), "[]")
		fmt.Fprintf(w, "%-60s %14s %10.2e %10.2e", t.Name, shape, t.Mean, t.Std)
		if t.Topology != nil {
			fmt.Fprintf(w, " %6d %8.2f%% %8.1f%% %9.0f", t.Block, 100*t.Sparsity, 100*t.ExploredDOF, t.MeanAge)
		}
		fmt.Fprintln(w)
	}
}
