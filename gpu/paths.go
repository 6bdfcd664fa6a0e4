package gpu

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// path is the way in which the products of a weight are computed, and with it
// what working copies the weight has. docs/kernels.md says why.
type path uint8

const (
	pathPlain     path = iota // one thread an element, from the float32 masters: float32 activations
	pathFragments             // blocks of 16, 32, 64: stream.cuh, wide.cuh, outer.cuh
	pathGathered              // blocks of 8 and 4: gather.cuh; outer_pairs.cuh for 8, dense.cuh for 4
	pathRows                  // dense and blocks of 1: dense.cuh
)

// pathOf is the one place that chooses.
func pathOf(act backend.DType, t *sparse.Topology) path {
	switch {
	case act != backend.BF16:
		return pathPlain
	case t == nil || t.Block == 1:
		return pathRows
	case t.Block < 16:
		return pathGathered
	default:
		return pathFragments
	}
}

// kernelOf names the way of one product. It follows the choices of dsdGathered,
// ddsGathered and sddGathered.
func (b *Backend) kernelOf(op string, p *param, tokens int) string {
	blocks := fmt.Sprintf("tensor cores, blocks of %d", p.blockSize())
	switch p.path {
	case pathFragments:
		return blocks
	case pathGathered:
		in, out := p.spec.In, p.spec.Out
		_, forward := narrowFor(b.prop, tokens, in, max(out, 16), 16)
		_, backward := narrowFor(b.prop, tokens, out, max(in, 16), 16)
		_, pairs := pairsFor(b.prop, tokens, out, in, p.topo.nnz)
		switch {
		case op == "dsd" && forward, op == "dds" && backward, op == "sdd" && pairs && p.topo.Block == 8:
			return blocks
		case op == "sdd":
			return "tensor cores, as a dense product"
		}
		return "plain"
	case pathRows:
		if p.topo == nil {
			return "tensor cores, dense"
		}
		return "tensor cores, as a dense product"
	}
	if p.topo == nil {
		return "plain, dense"
	}
	return "plain"
}

// makeCopies gives p its working copies, of zeros until refresh fills them. A dense
// parameter gets its copy from its first product: many have none.
func (c checker) makeCopies(p *param) {
	switch {
	case p.path == pathFragments:
		n := int64(p.values.n)
		p.forward = ptrBF16(c.b.take(c.op, p.spec.Name+" forward copy", 2*n))
		p.backward = ptrBF16(c.b.take(c.op, p.spec.Name+" backward copy", 2*n))
		c.b.working += 4 * n
	case p.path == pathGathered:
		c.makeGathered(p)
	case p.path == pathRows && p.topo != nil:
		c.makeRows(p)
	}
}

// refresh queues the launches that make the working copies of p again, from its
// values and, but for fragments, its views. They depend on shapes alone, so they
// may follow an update or a step of the optimizer inside a recorded graph.
func (b *Backend) refresh(p *param) {
	switch {
	case p.path == pathFragments:
		b.k.packFragments(grid(p.values.n, 256, 4096), Dim3{X: 256}, 0, p.forward, p.backward, ptrF32(p.values.p), int32(p.topo.Block), int32(p.topo.nnz))
	case p.path == pathGathered:
		b.packGathered(p)
	case p.rows != 0:
		b.packRows(p)
	}
}

// follow makes the copies of p again after AdamW and UpdateTopology, which keep
// fragments up to date themselves, and those of a new p, whose fragments are zeros.
func (b *Backend) follow(p *param) {
	if p.path != pathFragments {
		b.refresh(p)
	}
}

// Refresh implements backend.Backend: it makes the working copies again.
func (b *Backend) Refresh(params []backend.Param) {
	c := b.check("Refresh")
	for _, p := range params {
		q := c.param("parameter", p)
		if !c.ok() {
			return
		}
		b.refresh(q)
	}
}
