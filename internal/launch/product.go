package launch

import (
	"fmt"
	"strconv"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Product chooses how the product op of a weight with activations of that dtype
// runs over so many tokens. With no tokens nothing runs: the plan has no kernel.
// It fails where no kernel of the weight's family fits the device.
func Product(d Device, act backend.DType, op Op, w Weight, tokens int) (Plan, error) {
	once := map[Op]Plan{
		DSD: {Reads: Reads{X: 1, W: 1}},
		DDS: {Reads: Reads{Y: 1, W: 1}},
		SDD: {Reads: Reads{X: 1, Y: 1}, Splits: 1},
	}[op]
	if tokens == 0 {
		return once, nil
	}
	family := FamilyOf(act, w)
	if op == SDD {
		return gradient(d, family, w, tokens), nil
	}
	k, n := w.contraction(op)
	switch family {
	case Dense:
		if wide(d, w) {
			return wideDense(d, op, w, tokens), nil
		}
		return dense(op, n, tokens), nil
	case Gathered:
		if s, ok := inputStationary(d, tokens, k, max(n, 16), leastGathered); ok {
			return s.plan(op, Gathered, blocks(op, "", w.Block)), nil
		}
	case Fragments:
		s, ok := stationary(d, tokens, k, n, w.Block, w.NNZB)
		if !ok {
			return once, fmt.Errorf("weight: found a contraction of %d and %d outputs, expected less (rows or lists of them must fit the %d bytes of shared memory of this device)",
				k, n, d.SharedBytes)
		}
		return s.plan(op, Fragments, blocks(op, s.infix(), w.Block)), nil
	}
	once.Launch = plain(op, act, tokens*n)
	return once, nil
}

// blocks is the name of a kernel for blocks of one size.
func blocks(op Op, infix string, block int) string {
	return op.String() + infix + "_b" + strconv.Itoa(block)
}

// plain is a kernel with one thread for each of n results, at most a million blocks.
func plain(op Op, act backend.DType, n int) Launch {
	name := op.String() + "_plain_f32"
	if act == backend.BF16 {
		name = op.String() + "_plain_bf16"
	}
	return Launch{Kernel: name, Grid: Grid(n, 256, 1<<20), Block: Dim3{X: 256}}
}

// Describe names the way of a product in words, for records and tables.
func (p Plan) Describe(w Weight) string {
	switch p.Family {
	case Fragments, Gathered:
		return fmt.Sprintf("tensor cores, blocks of %d", w.Block)
	case Dense:
		if w.Block == 0 {
			return "tensor cores, dense"
		}
		return "tensor cores, as a dense product"
	}
	if w.Block == 0 {
		return "plain, dense"
	}
	return "plain"
}
