package oracle

import (
	"fmt"
	"hash"
	"hash/fnv"
	"math"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Gorgonia has no erf, and its Max drops the axis and has a derivative that is
// not wanted here. Both operations below take one float64 matrix.

// unaryOp holds what the two operations share: everything that Gorgonia asks of
// an operation but the arithmetic.
type unaryOp struct{ name string }

func (unaryOp) Arity() int { return 1 }

// Type says matrix of a to matrix of a.
func (unaryOp) Type() hm.Type {
	t := gorgonia.TensorType{Dims: 2, Of: hm.TypeVariable('a')}
	return hm.NewFnType(t, t)
}

func (unaryOp) ReturnsPtr() bool        { return false }
func (unaryOp) CallsExtern() bool       { return false }
func (unaryOp) OverwritesInput() int    { return -1 }
func (o unaryOp) WriteHash(h hash.Hash) { fmt.Fprint(h, o.name) }
func (o unaryOp) String() string        { return o.name }
func (o unaryOp) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// values returns the row-major elements and the shape of an operation's only input.
func (o unaryOp) values(inputs []gorgonia.Value) ([]float64, tensor.Shape, error) {
	if len(inputs) != 1 {
		return nil, nil, fmt.Errorf("%s: found %d inputs, expected 1", o.name, len(inputs))
	}
	d, ok := inputs[0].(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Float64 || d.Dims() != 2 {
		return nil, nil, fmt.Errorf("%s: found input %T of shape %v, expected a float64 matrix", o.name, inputs[0], inputs[0].Shape())
	}
	return rowMajor(d), d.Shape(), nil
}

// rowMajor copies the elements of a matrix in logical order, whatever its strides.
func rowMajor(d *tensor.Dense) []float64 {
	data, s, st := d.Float64s(), d.Shape(), d.Strides()
	out := make([]float64, 0, s[0]*s[1])
	for i := range s[0] {
		for j := range s[1] {
			out = append(out, data[i*st[0]+j*st[1]])
		}
	}
	return out
}

// erfOp is the error function of each element.
type erfOp struct{ unaryOp }

func newErf() erfOp { return erfOp{unaryOp{"erf"}} }

func (erfOp) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return in[0].(tensor.Shape).Clone(), nil
}

func (o erfOp) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	x, shape, err := o.values(inputs)
	if err != nil {
		return nil, err
	}
	for i, v := range x {
		x[i] = math.Erf(v)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x)), nil
}

// DiffWRT says that erf has a derivative.
func (erfOp) DiffWRT(int) []bool { return []bool{true} }

// SymDiff is the chain rule with erf'(x) = 2/sqrt(pi) exp(-x^2).
func (erfOp) SymDiff(inputs gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	x := inputs[0]
	square, err := gorgonia.HadamardProd(x, x)
	if err != nil {
		return nil, fmt.Errorf("derivative of erf: %w", err)
	}
	neg, err := gorgonia.Neg(square)
	if err != nil {
		return nil, fmt.Errorf("derivative of erf: %w", err)
	}
	gauss, err := gorgonia.Exp(neg)
	if err != nil {
		return nil, fmt.Errorf("derivative of erf: %w", err)
	}
	slope, err := gorgonia.HadamardProd(gauss, gorgonia.NewConstant(2/math.SqrtPi))
	if err != nil {
		return nil, fmt.Errorf("derivative of erf: %w", err)
	}
	d, err := gorgonia.HadamardProd(slope, grad)
	if err != nil {
		return nil, fmt.Errorf("derivative of erf: %w", err)
	}
	return gorgonia.Nodes{d}, nil
}

// rowMaxOp is the largest element of each row, [m, n] to [m, 1]. It counts as a
// constant: a softmax does not depend on the number that is subtracted from all
// its logits, so the derivative through that number is zero.
type rowMaxOp struct{ unaryOp }

func newRowMax() rowMaxOp { return rowMaxOp{unaryOp{"row maximum"}} }

func (rowMaxOp) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape{in[0].(tensor.Shape)[0], 1}, nil
}

func (o rowMaxOp) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	x, shape, err := o.values(inputs)
	if err != nil {
		return nil, err
	}
	out := make([]float64, shape[0])
	for i := range out {
		out[i] = math.Inf(-1)
		for _, v := range x[i*shape[1] : (i+1)*shape[1]] {
			out[i] = max(out[i], v)
		}
	}
	return tensor.New(tensor.WithShape(shape[0], 1), tensor.WithBacking(out)), nil
}

// DiffWRT says that the maximum is a constant.
func (rowMaxOp) DiffWRT(int) []bool { return []bool{false} }

// SymDiff is never asked for; Gorgonia wants the method on every operation of a
// differentiated graph.
func (rowMaxOp) SymDiff(gorgonia.Nodes, *gorgonia.Node, *gorgonia.Node) (gorgonia.Nodes, error) {
	return nil, fmt.Errorf("row maximum has no derivative")
}
