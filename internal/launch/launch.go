package launch

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Device is what the choice of a launch depends on of a GPU.
type Device struct {
	Multiprocessors int
	SharedBytes     int  // most shared memory of a thread block, opted in for
	SharedPerSM     int  // shared memory of a multiprocessor
	Wgmma           bool // compute capability 9.0, and a driver that makes tensor maps
	Sample               // of a larger launch
}

// Sample makes launches of a few tokens stand for those of many: kernels, tiles and thread blocks are
// chosen as for Times as many tokens as there are. Where tokens are then split into ranges, or rows among a
// number of thread blocks that the device's size limits, there are so many Ranges, or thread blocks
// twice as many: a launch of few tokens could not fill more. Zero: as it is.
type Sample struct {
	Times  float64
	Ranges int
}

// tokens is for how many tokens a launch of t is chosen.
func (s Sample) tokens(t int) int {
	if s.Times == 0 {
		return t
	}
	return max(t, int(math.Round(float64(t)*s.Times)))
}

// limited is a number of ranges or thread blocks, of a sample that has more than it may.
func (s Sample) limited(n, most int) int {
	if s.Ranges == 0 || n <= 1 {
		return n
	}
	return min(n, most)
}

// Dim3 is the size of a grid or of a thread block. Y and Z of 0 mean 1.
type Dim3 struct{ X, Y, Z int }

// Launch is a kernel of package kernels with its launch configuration.
type Launch struct {
	Kernel      string
	Grid, Block Dim3
	Shared      int // bytes of dynamic shared memory
}

// Op is one of the three products, named by density with the output first.
type Op uint8

// The products.
const (
	DSD Op = iota // y = x W^T
	DDS           // dx = dy W
	SDD           // W.grad += dy^T x on the active blocks
)

// String returns "dsd", "dds" or "sdd".
func (op Op) String() string { return [...]string{"dsd", "dds", "sdd"}[op] }

// ParseOp returns the product of a name as String gives it.
func ParseOp(name string) (Op, error) {
	for op := range SDD + 1 {
		if op.String() == name {
			return op, nil
		}
	}
	return 0, fmt.Errorf("product: found %q, expected dsd, dds or sdd", name)
}

// Weight is the shape of a weight's topology. Which blocks are active does not
// matter, so that a recorded launch stays right when the topology moves.
type Weight struct {
	Out, In int
	Block   int  // 0: dense
	NNZB    int  // active blocks, 0 of a dense weight
	Rows    bool // the activations on the side of its outputs are a backend.RowBuffer
}

// values is the number of stored values.
func (w Weight) values() int {
	if w.Block == 0 {
		return w.Out * w.In
	}
	return w.NNZB * w.Block * w.Block
}

// contraction returns the width of the input rows and of the output rows of a
// product with activations on both sides, DSD or DDS.
func (w Weight) contraction(op Op) (k, n int) {
	if op == DDS {
		return w.Out, w.In
	}
	return w.In, w.Out
}

// Family is a family of kernels for products.
type Family uint8

// The families. docs/kernels.md says when each of them is fastest.
const (
	Plain     Family = iota // one thread an output, from the float32 masters: plain.cuh
	Fragments               // tensor cores, blocks of 16, 32 and 64: one block is some tiles of an instruction
	Gathered                // tensor cores, blocks of 8 and 4: several active blocks fill one instruction
	Dense                   // tensor cores, every position: dense.cuh
)

// FamilyOf returns the family that a weight's working copies are made for. A
// product may take another where that one does not fit the device; see Product.
func FamilyOf(act backend.DType, w Weight) Family {
	switch {
	case act != backend.BF16:
		return Plain
	case w.Block <= 1:
		return Dense
	case w.Block < 16:
		return Gathered
	}
	return Fragments
}

// Reads says how many thread blocks, at the most, read each element of x [T, I], of
// y or dy [T, O] and of the weight. An operand that is not read has 0. The plain
// kernels, which read through caches only, count as reading once.
type Reads struct{ X, Y, W int }

// Plan is how one product runs.
type Plan struct {
	Launch
	Family Family // of the kernel
	// OutputStationary: of the kernels for fragments, the one whose sums stay in
	// registers while the inputs pass, and not the one whose inputs stay.
	OutputStationary bool
	Stages           int  // of such a one: how many parts of the inputs are in shared memory, 2 or 3
	TensorMaps       bool // of the dense kernels, one that takes tensor maps: dense_wgmma.cuh
	Tile             int  // tokens of a thread block, for kernels that take them
	Swapped          bool // of SDD on active blocks: x is the larger operand, and blocks are taken in the order of the column view
	Pairs            bool // of SDD: clusters of two ranges of tokens leave one partial result of the gradient, though two of the bias
	Splits           int  // ranges of the contraction (split-K), each of which leaves a partial result when there are several; of SDD, and of DDS with tensor maps
	Reads            Reads

	BiasSums Launch // of SDD: the bias gradient, where the product's kernel does not make it
	Reduce   Launch // adds up the partial results, where there are several ranges
}

// Partials is the number of partial results of the product or gradient, where there are several ranges.
func (p Plan) Partials() int {
	if p.Pairs {
		return p.Splits / 2
	}
	return p.Splits
}

// Grid returns a grid for n threads in blocks of size, of at most most blocks.
func Grid(n, size, most int) Dim3 { return Dim3{X: min(most, max(1, ceil(n, size)))} }

func ceil(n, by int) int { return (n + by - 1) / by }
