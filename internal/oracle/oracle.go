package oracle

import (
	"errors"
	"fmt"
	"sync"

	_ "go4.org/unsafe/assume-no-moving-gc" // see doc.go
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// ErrInput is wrapped by the errors of Run and Compare when what they were given
// does not fit its own configuration: a missing tensor, a wrong size, a token
// out of range.
var ErrInput = errors.New("oracle: bad input")

// Input is a model and a batch.
type Input struct {
	Config model.Config // Dropout is ignored: the oracle has none
	SeqLen int          // S
	// Weights holds every tensor of the parameter table by its name, [Out, In]
	// row-major and dense: inactive blocks are there, and what they hold does
	// not matter where Masks has the tensor.
	Weights map[string][]float64
	// Masks holds, for each block-sparse tensor, 1 for an element of an active
	// block and 0 for any other, [Out, In]. A tensor without a mask is dense.
	Masks map[string][]float64
	Batch model.Batch
}

// Result is what Run computes.
type Result struct {
	MLMLoss float64 // mean cross-entropy over the masked positions with a label, in nats; 0 when there is none, or no such head
	NSPLoss float64 // mean cross-entropy over the labeled pairs, in nats; 0 when there is none
	Loss    float64 // MLMLoss + NSPLoss
	// Grads is the derivative of Loss by each tensor, [Out, In] row-major and
	// dense, by name. It is 0 in the inactive blocks.
	Grads map[string][]float64
}

// running lets one graph run at a time: Gorgonia keeps nodes and buffers in
// pools and constants that all graphs share, and does not say that they may be
// used from several goroutines.
var running sync.Mutex

// Run computes the losses of BERT without dropout and the derivative of their
// sum by every parameter, in float64, with a graph of its own (package comment).
// A bad input gives an error that wraps ErrInput. Run may be called from several
// goroutines; the calls run one after another. Nothing of a run stays allocated.
func Run(in Input) (res Result, err error) {
	running.Lock()
	defer running.Unlock()
	// Gorgonia panics where it cannot build or compile a graph.
	defer func() {
		if r := recover(); r != nil {
			res, err = Result{}, fmt.Errorf("oracle: gorgonia panicked: %v", r)
		}
	}()

	n, err := build(in)
	if err != nil {
		return Result{}, err
	}
	leaves := make([]*gorgonia.Node, len(n.table))
	for i, t := range n.table {
		leaves[i] = n.leaves[t.Name]
	}
	grads, err := gorgonia.Grad(n.loss, leaves...)
	if err != nil {
		return Result{}, fmt.Errorf("oracle: differentiating: %w", err)
	}
	losses, targets := gorgonia.Nodes{n.mlm}, []*float64{&res.MLMLoss}
	if n.nsp != nil {
		losses, targets = append(losses, n.nsp, n.loss), append(targets, &res.NSPLoss, &res.Loss)
	}
	values, err := evaluate(n.g, append(losses, grads...))
	if err != nil {
		return Result{}, err
	}

	for i, to := range targets {
		var ok bool
		if *to, ok = values[i].Data().(float64); !ok {
			return Result{}, fmt.Errorf("oracle: a loss came back as %T, expected one float64", values[i].Data())
		}
	}
	if n.nsp == nil {
		res.Loss = res.MLMLoss
	}
	res.Grads = make(map[string][]float64, len(n.table))
	for i, t := range n.table {
		d, ok := values[len(targets)+i].(*tensor.Dense)
		if !ok || !d.Shape().Eq(tensor.Shape{t.Out, t.In}) {
			return Result{}, fmt.Errorf("oracle: the gradient of %s came back as %T of shape %v, expected a matrix [%d, %d]",
				t.Name, values[len(targets)+i], values[len(targets)+i].Shape(), t.Out, t.In)
		}
		res.Grads[t.Name] = rowMajor(d)
	}
	return res, nil
}

// build checks the input and writes the graph up to the losses.
func build(in Input) (*network, error) {
	table, err := model.Table(in.Config)
	if err != nil {
		return nil, fmt.Errorf("oracle: parameter table: %w", err)
	}
	if err := checkInput(in, table); err != nil {
		return nil, err
	}
	n := newNetwork(in, table)
	n.mlm, n.nsp = n.losses()
	n.loss = n.mlm
	if n.nsp != nil {
		n.loss = n.add(n.mlm, n.nsp)
	}
	return n, n.err
}

// evaluate compiles a graph, runs it once and returns copies of the nodes' values.
func evaluate(g *gorgonia.ExprGraph, nodes gorgonia.Nodes) ([]gorgonia.Value, error) {
	values := make([]gorgonia.Value, len(nodes))
	for i, n := range nodes {
		gorgonia.Read(n, &values[i]) // the machine reuses a node's own memory
	}
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	defer vm.Reset()
	if err := vm.RunAll(); err != nil {
		return nil, fmt.Errorf("oracle: running the graph: %w", err)
	}
	return values, nil
}
