package bench

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The products.
const (
	DSD = "dsd" // forward: y = x W^T
	DDS = "dds" // input gradient: dx = dy W
	SDD = "sdd" // weight gradient on active blocks: grad += dy^T x
)

// Ops are the products in the order of a training step.
var Ops = []string{DSD, DDS, SDD}

// ErrCase is wrapped by the errors of a case that cannot be measured.
var ErrCase = errors.New("bad case")

// Case is one product to measure.
type Case struct {
	Op       string  `json:"op"`
	Block    int     `json:"block"`
	Sparsity float64 `json:"sparsity"` // as asked for; NNZ says what it comes to
	Tokens   int     `json:"tokens"`
	In       int     `json:"in"`
	Out      int     `json:"out"`
}

// caseError names one setting of a case, what was found and what was expected.
type caseError string

func (e caseError) Error() string        { return string(e) }
func (e caseError) Is(target error) bool { return target == ErrCase }

func wrong(format string, args ...any) error { return caseError(fmt.Sprintf(format, args...)) }

// Check returns an error that wraps ErrCase, of one line, if the case cannot be
// measured on any device.
func (c Case) Check() error {
	switch {
	case !slices.Contains(Ops, c.Op):
		return wrong("op: found %q, expected dsd, dds or sdd", c.Op)
	case !slices.Contains(sparse.BlockSizes(), c.Block):
		return wrong("block: found %d, expected one of %v", c.Block, sparse.BlockSizes())
	case !(c.Sparsity >= 0 && c.Sparsity < 1):
		return wrong("sparsity: found %v, expected 0 or more and below 1", c.Sparsity)
	case c.Tokens < 1:
		return wrong("tokens: found %d, expected 1 or more", c.Tokens)
	case c.In < 1 || c.Out < 1 || c.In > math.MaxInt32/c.Out:
		return wrong("shape: found %dx%d, expected IN x OUT of 1 or more and at most %d elements", c.In, c.Out, math.MaxInt32)
	case c.In%c.Block != 0 || c.Out%c.Block != 0:
		return wrong("shape: found %dx%d, expected multiples of the block %d", c.In, c.Out, c.Block)
	case c.Tokens > math.MaxInt32/max(c.In, c.Out):
		return wrong("tokens: found %d with shape %dx%d, expected at most %d", c.Tokens, c.In, c.Out, math.MaxInt32/max(c.In, c.Out))
	case c.NNZ() < 1:
		return wrong("sparsity: found %v, expected at most %v, which leaves one block of %dx%d", c.Sparsity, 1-1/float64(c.Shape().Positions()), c.In, c.Out)
	}
	return nil
}

// Shape is the weight's.
func (c Case) Shape() sparse.Shape { return sparse.Shape{Out: c.Out, In: c.In, Block: c.Block} }

// NNZ is the number of active blocks.
func (c Case) NNZ() int {
	return int(math.Round((1 - c.Sparsity) * float64(c.Shape().Positions())))
}

// FLOPs are the useful operations of the product, DenseFLOPs those of the dense one.
func (c Case) FLOPs() int64 { return c.Shape().ProductFLOPs(c.Tokens, c.NNZ()) }

// DenseFLOPs are the operations of the dense product of the same shape.
func (c Case) DenseFLOPs() int64 { return 2 * int64(c.Tokens) * int64(c.In) * int64(c.Out) }

// activations is the number of elements of both activations.
func (c Case) activations() int64 { return int64(c.Tokens) * int64(c.In+c.Out) }

// FloorBytes is the byte floor, with activations of so many bytes an element.
func (c Case) FloorBytes(activation int) int64 {
	s, a, nnz := c.Shape(), int64(activation), int64(c.NNZ())
	values := nnz * int64(s.BlockSize())
	switch c.Op {
	case DSD:
		return a*(c.activations()+values) + 4*(2*nnz+int64(s.BlockRows())+1)
	case DDS:
		return a*(c.activations()+values) + 4*(2*nnz+int64(s.BlockCols())+1)
	default:
		return a*c.activations() + 2*4*(values+int64(c.Out)) + 4*2*nnz
	}
}

// denseBytes is the same for the dense product.
func (c Case) denseBytes(activation int) int64 {
	values := int64(c.In) * int64(c.Out)
	if c.Op == SDD {
		return int64(activation)*c.activations() + 2*4*(values+int64(c.Out))
	}
	return int64(activation) * (c.activations() + values)
}
