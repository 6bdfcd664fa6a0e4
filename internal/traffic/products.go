package traffic

import (
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// Machine is the GPU whose kernels and launch shapes the formulas are about.
type Machine struct {
	gpu.Properties
	Activation backend.DType
}

// H200 is an H200 with activations of that dtype.
func H200(act backend.DType) Machine {
	return Machine{gpu.Properties{Major: 9, Multiprocessors: 132, SharedBytes: 227 << 10, SharedPerSM: 228 << 10, MemoryBytes: 141e9, TensorMaps: true}, act}
}

const f32 = 4 // bytes

// act is the bytes of n activations.
func (m Machine) act(n int) int64 { return int64(n) * int64(m.Activation.Size()) }

// device is what the choice of launches depends on.
func (m Machine) device() launch.Device {
	return launch.Device{Multiprocessors: m.Multiprocessors, SharedBytes: m.SharedBytes, SharedPerSM: m.SharedPerSM, Wgmma: m.Wgmma()}
}

// weight is what the formulas need of a parameter that products use.
type weight struct {
	out, in, block, nnz, n int  // n: values
	rows                   bool // the activations on the side of its outputs are a backend.RowBuffer
}

// beside is the weight with those activations.
func (w weight) beside(x backend.Buffer) weight {
	r, ok := x.(backend.RowBuffer)
	w.rows = ok && r.Columns() > 0
	return w
}

func weightOf(p backend.Param) weight {
	s := p.Spec()
	w := weight{out: s.Out, in: s.In, n: p.Values().Len()}
	if p.Sparse() {
		w.nnz = p.NNZ()
		w.block = p.Block()
	}
	return w
}

// shape is the weight as the choice of launches sees it.
func (w weight) shape() launch.Weight {
	return launch.Weight{Out: w.out, In: w.in, Block: w.block, NNZB: w.nnz, Rows: w.rows}
}

// view is the bytes of one index view and the indices that it leads to.
func (w weight) view(groups int) int64 {
	if w.block <= 1 { // products read a copy with every position
		return 0
	}
	return f32 * int64(2*w.nnz+groups/w.block+1)
}

// values is the bytes of the weight as a product reads it: the float32 master for
// float32 activations, else a bfloat16 copy, which has every position for dense
// weights and blocks of 1.
func (m Machine) values(w weight) int64 {
	switch launch.FamilyOf(m.Activation, w.shape()) {
	case launch.Plain:
		return f32 * int64(w.n)
	case launch.Dense:
		return 2 * int64(w.out) * int64(w.in)
	}
	return 2 * int64(w.n)
}

// plan is how the product op runs. One that does not fit the machine counts as
// reading everything once.
func (m Machine) plan(op launch.Op, w weight, t int) launch.Plan {
	p, _ := launch.Product(m.device(), m.Activation, op, w.shape(), t)
	return p
}

// product begins a call: its FLOPs are those on active blocks.
func product(op string, t int, ws ...backend.Param) Call {
	c := Call{Op: op}
	for _, p := range ws {
		c.FLOPs += 2 * int64(t) * int64(p.Values().Len())
		name := short(p.Spec().Name)
		if c.Tensor == "" {
			c.Tensor = name
			continue
		}
		c.Tensor += "," + name[strings.LastIndexByte(name, '.')+1:]
	}
	return c
}

// DSD: x, the weight and its row view once; y, and with it pre.
func (m Machine) dsd(y backend.Buffer, w, b backend.Param, t int, pre bool) Call {
	c, v := product("DSD", t, w), weightOf(w).beside(y)
	plan := m.plan(launch.DSD, v, t)
	c.reads("x", m.act(t*v.in), plan.Reads.X)
	c.reads("weight", m.values(v)+v.view(v.out), plan.Reads.W)
	if b != nil {
		// Each store of sums reads its part: of all tokens of a tile, of 8, on dense.cuh of one.
		times := (t + 7) / 8
		switch {
		case plan.TensorMaps:
			times = 2 * plan.Reads.W
		case v.block <= 1:
			times = t
		case plan.Family == launch.Fragments:
			times = plan.Reads.W
		}
		c.reads("bias", f32*int64(v.out), times)
	}
	c.write("y", m.act(t*v.out))
	if pre {
		c.write("pre", m.act(t*v.out))
	}
	return c
}

// DDS: dy, the weight and its column view once; what dx was, or pre; dx.
func (m Machine) dds(dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode) Call {
	c, v := product("DDS", t, w), weightOf(w).beside(dy)
	plan := m.plan(launch.DDS, v, t)
	c.reads("dy", m.act(t*v.out), plan.Reads.Y)
	c.reads("weight", m.values(v)+v.view(v.in), plan.Reads.W)
	switch mode {
	case backend.Accumulate:
		c.read("dx", m.act(t*v.in))
	case backend.TimesGELU:
		c.read("pre", m.act(t*v.in))
	}
	c.write("dx", m.act(t*v.in))
	if plan.Splits > 1 {
		c.scratch("partial", f32*int64(plan.Splits)*int64(t)*int64(v.in))
	}
	return c
}

// SDD: dy and x once, the gradient in and out, and a partial one for each range of
// tokens when they are split (split-K).
func (m Machine) sdd(dy backend.Buffer, w, b backend.Param, t int) Call {
	c, v := product("SDD", t, w), weightOf(w).beside(dy)
	plan := m.plan(launch.SDD, v, t)
	c.reads("dy", m.act(t*v.out), plan.Reads.Y)
	c.reads("x", m.act(t*v.in), plan.Reads.X)
	n, partials := int64(v.n), int64(v.n)*int64(plan.Partials())
	if b != nil {
		n += int64(v.out)
		partials += int64(v.out) * int64(plan.Splits)
		if m.Activation != backend.BF16 { // its own kernel
			c.read("dy", m.act(t*v.out))
		}
	}
	c.read("grad", f32*n)
	c.write("grad", f32*n)
	if v.block > 0 {
		c.read("view", f32*int64(3*v.nnz))
	}
	if plan.Splits > 1 {
		c.scratch("partial", f32*partials)
	}
	return c
}

// BlockGradL1: dy and x by every tile of the dense gradient, the scores in and out.
func (m Machine) blockGrad(w backend.Param, t int) Call {
	c, v := product("BlockGradL1", t, w), weightOf(w)
	c.FLOPs = 2 * int64(t) * int64(v.out) * int64(v.in)
	c.reads("dy", m.act(t*v.out), (v.in+launch.ScoreTile-1)/launch.ScoreTile)
	c.reads("x", m.act(t*v.in), (v.out+launch.ScoreTile-1)/launch.ScoreTile)
	scores := f32 * int64(v.out/v.block) * int64(v.in/v.block)
	c.read("scores", scores)
	c.write("scores", scores)
	return c
}
