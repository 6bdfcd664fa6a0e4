package traffic

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// tables is what the thread blocks of the optimizer's kernels, of 8 warps, read of
// its tables of tensors and chunks: so many sectors a warp, from L1.
func (c *Call) tables(params []backend.Param, sectors int64) {
	c.add("tables", Again, sectors*32*8*chunks(params))
}

// chunks is the number of thread blocks of the optimizer's kernels.
func chunks(params []backend.Param) (n int64) {
	for _, p := range params {
		n += (int64(p.Values().Len()) + launch.OptimizerChunk - 1) / launch.OptimizerChunk
	}
	return n
}

// elements is the stored elements of all parameters.
func elements(params []backend.Param) (n int64) {
	for _, p := range params {
		n += int64(p.Values().Len())
	}
	return n
}

// ZeroGrad: every gradient out.
func zeroGrad(params []backend.Param) Call {
	c := Call{Op: "ZeroGrad"}
	c.write("gradients", f32*elements(params))
	c.tables(params, 9)
	return c
}

// GradNorm: every gradient in, a float64 for each chunk between the two kernels.
func gradNorm(params []backend.Param) Call {
	c := Call{Op: "GradNorm"}
	c.read("gradients", f32*elements(params))
	c.tables(params, 3)
	c.scratch("partial", 8*chunks(params))
	return c
}

// AdamW: values, gradient and moments in, values and moments out, births, and the
// working copies that products read, which the same kernel writes for blocks of 16
// and more and other kernels make from the values for the rest. used tells whether
// a dense parameter has a copy.
func (m Machine) adamW(params []backend.Param, used func(backend.Param) bool) Call {
	c := Call{Op: "AdamW"}
	n := elements(params)
	c.tables(params, 9)
	c.read("values, gradients, moments", 4*f32*n)
	c.write("values, moments", 3*f32*n)
	for _, p := range params {
		w := weightOf(p)
		if w.block > 0 {
			c.read("births", f32*int64(w.nnz))
		}
		if m.Activation == backend.BF16 && (w.block > 0 || used(p)) {
			m.copies(&c, w)
		}
	}
	return c
}

// copies is what making the working copies of a weight moves.
func (m Machine) copies(c *Call, w weight) {
	switch launch.FamilyOf(m.Activation, w.shape()) {
	case launch.Fragments: // in the order of fragments, of W and of its transpose, by adamw
		c.write("copies", 2*2*int64(w.n))
	case launch.Gathered: // one for each view, and the columns
		for _, side := range []int{w.out, w.in} {
			c.copyTables(side / w.block)
			c.read("copies", f32*int64(w.n)+w.view(side))
			c.write("copies", 2*int64(w.n)+f32*int64(w.nnz))
		}
	default: // rows
		c.copyTables(w.out)
		c.read("copies", f32*int64(w.n+2*w.nnz))
		c.write("copies", 2*int64(w.out)*int64(w.in))
	}
}

// copyTables is what the thread blocks of pack_copies, of 4 warps, read of its tables
// for a copy of so many units: 7 sectors a warp, from L1.
func (c *Call) copyTables(units int) {
	c.add("tables", Again, 7*32*4*((int64(units)+launch.CopyUnits-1)/launch.CopyUnits))
}

// UpdateTopology: the values, and for saliency the moments, for the scores; per block its
// keys and its entries in the topology; the state of all positions, a byte each, marked and ranked for both
// views; zeroes in the newborn blocks. Which blocks move does not depend on a
// formula: k is the most.
func (m Machine) updateTopology(params []backend.Param, u sparse.Update) Call {
	c := Call{Op: "UpdateTopology"}
	for _, p := range params {
		if !p.Sparse() {
			continue
		}
		w := weightOf(p)
		nnz, positions, size := int64(w.nnz), int64(w.out/w.block)*int64(w.in/w.block), int64(w.block*w.block)
		k := min(int64(u.PruneRatio*float64(nnz)), positions-nnz)
		c.read("values", f32*nnz*size)
		if u.Prune.Criterion().Moments {
			c.read("moments", f32*nnz*size)
		}
		c.read("topology", 9*f32*nnz)
		c.write("topology", 2*f32*nnz+4*f32*k)
		c.scratch("keys", 8*nnz)
		c.scratch("state", 2*positions)
		c.write("newborn blocks", 3*f32*k*size)
		if m.Activation == backend.BF16 {
			if launch.FamilyOf(m.Activation, w.shape()) == launch.Fragments {
				c.write("newborn blocks", 2*2*k*size)
			} else {
				m.copies(&c, w)
			}
		}
	}
	return c
}
