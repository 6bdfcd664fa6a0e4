package oracle

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// builder writes a Gorgonia graph of float64 matrices. Every node is a matrix
// with two axes and every broadcast is a product with a matrix of ones, so only
// operations whose derivative is beyond doubt are used: products, transposes,
// and elementwise arithmetic of equal shapes. The first error sticks; after it
// the methods return nil and do nothing.
type builder struct {
	g      *gorgonia.ExprGraph
	err    error
	consts int
	full   map[fullKey]*gorgonia.Node
}

// fullKey names a constant matrix with the same value everywhere.
type fullKey struct {
	rows, cols int
	value      float64
}

func newBuilder() *builder {
	return &builder{g: gorgonia.NewGraph(), full: make(map[fullKey]*gorgonia.Node)}
}

// input makes a named matrix with the given row-major values. Gorgonia merges
// nodes of equal names, so names must differ.
func (b *builder) input(name string, rows, cols int, values []float64) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	if len(values) != rows*cols {
		b.err = fmt.Errorf("oracle: %s: found %d values, expected %d x %d", name, len(values), rows, cols)
		return nil
	}
	v := tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(append([]float64(nil), values...)))
	return gorgonia.NewMatrix(b.g, tensor.Float64, gorgonia.WithShape(rows, cols),
		gorgonia.WithName(name), gorgonia.WithValue(v))
}

// constant makes a matrix that is never differentiated.
func (b *builder) constant(rows, cols int, values []float64) *gorgonia.Node {
	b.consts++
	return b.input(fmt.Sprintf("constant %d", b.consts), rows, cols, values)
}

// fill is the constant matrix with one value everywhere.
func (b *builder) fill(rows, cols int, value float64) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	k := fullKey{rows, cols, value}
	if n, ok := b.full[k]; ok {
		return n
	}
	values := make([]float64, rows*cols)
	for i := range values {
		values[i] = value
	}
	n := b.constant(rows, cols, values)
	b.full[k] = n
	return n
}

// selection is the constant matrix with a row for each index: 1 in that
// column, or all zeros where the index is negative. Times a matrix it picks rows.
func (b *builder) selection(index []int, cols int) *gorgonia.Node {
	values := make([]float64, len(index)*cols)
	for i, c := range index {
		if c >= 0 {
			values[i*cols+c] = 1
		}
	}
	return b.constant(len(index), cols, values)
}

func (b *builder) binary(what string, op func(x, y *gorgonia.Node) (*gorgonia.Node, error), x, y *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	n, err := op(x, y)
	if err != nil {
		b.err = fmt.Errorf("oracle: %s of %v and %v: %w", what, x.Shape(), y.Shape(), err)
	}
	return n
}

func (b *builder) unary(what string, op func(x *gorgonia.Node) (*gorgonia.Node, error), x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	n, err := op(x)
	if err != nil {
		b.err = fmt.Errorf("oracle: %s of %v: %w", what, x.Shape(), err)
	}
	return n
}

func (b *builder) matmul(x, y *gorgonia.Node) *gorgonia.Node {
	return b.binary("matrix product", gorgonia.Mul, x, y)
}

func (b *builder) add(x, y *gorgonia.Node) *gorgonia.Node {
	return b.binary("sum", gorgonia.Add, x, y)
}

func (b *builder) sub(x, y *gorgonia.Node) *gorgonia.Node {
	return b.binary("difference", gorgonia.Sub, x, y)
}

func (b *builder) times(x, y *gorgonia.Node) *gorgonia.Node {
	return b.binary("elementwise product", gorgonia.HadamardProd, x, y)
}

func (b *builder) divide(x, y *gorgonia.Node) *gorgonia.Node {
	return b.binary("elementwise quotient", gorgonia.HadamardDiv, x, y)
}

func (b *builder) transpose(x *gorgonia.Node) *gorgonia.Node {
	return b.unary("transpose", func(x *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Transpose(x, 1, 0)
	}, x)
}

// scale multiplies every element by c.
func (b *builder) scale(x *gorgonia.Node, c float64) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.times(x, b.fill(x.Shape()[0], x.Shape()[1], c))
}

// shift adds c to every element.
func (b *builder) shift(x *gorgonia.Node, c float64) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.add(x, b.fill(x.Shape()[0], x.Shape()[1], c))
}

// rowSum adds up each row: [m, n] to [m, 1].
func (b *builder) rowSum(x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.matmul(x, b.fill(x.Shape()[1], 1, 1))
}

// repeatRow copies a row m times: [1, n] to [m, n].
func (b *builder) repeatRow(x *gorgonia.Node, m int) *gorgonia.Node {
	return b.matmul(b.fill(m, 1, 1), x)
}

// repeatColumn copies a column n times: [m, 1] to [m, n].
func (b *builder) repeatColumn(x *gorgonia.Node, n int) *gorgonia.Node {
	return b.matmul(x, b.fill(1, n, 1))
}

// total adds up all elements into a scalar.
func (b *builder) total(x *gorgonia.Node) *gorgonia.Node {
	return b.unary("total", func(x *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.Sum(x)
	}, x)
}

// apply puts an operation of our own into the graph.
func (b *builder) apply(op gorgonia.Op, x *gorgonia.Node) *gorgonia.Node {
	return b.unary(op.String(), func(x *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.ApplyOp(op, x)
	}, x)
}
