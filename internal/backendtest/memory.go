package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// memoryChecks are about buffers and parameters before any operation.
func memoryChecks() []check {
	return []check{
		{name: "new buffers are zero", whole: func(b, _ backend.Backend) error {
			r := newHarness(b)
			for _, dt := range []backend.DType{b.Activation(), backend.F32} {
				for _, n := range []int{0, 1, 33, 4099} {
					before := b.MemoryBytes()
					buf := b.Alloc("buffer", dt, n)
					if buf.DType() != dt || buf.Len() != n {
						return fmt.Errorf("a new buffer: found %v of %d elements, expected %v of %d", buf.DType(), buf.Len(), dt, n)
					}
					if err := sameFloats("a new buffer", r, buf, make([]float32, n)); err != nil {
						return err
					}
					if took, want := b.MemoryBytes()-before, int64(n*dt.Size()); took != want {
						return fmt.Errorf("memory of %d elements of %v: found %d bytes, expected %d", n, dt, took, want)
					}
				}
			}
			return b.Sync()
		}},
		{name: "new parameters are zero, in products too", whole: func(b, _ backend.Backend) error {
			const out, in, tokens = 64, 96, 17
			d := newDraws("new parameters", b.Activation())
			x, y, dx := b.Alloc("x", b.Activation(), tokens*max(out, in)), b.Alloc("y", b.Activation(), tokens*out), b.Alloc("dx", b.Activation(), tokens*in)
			b.WriteFloats(x, 0, d.reals(x.Len(), 1))
			for _, block := range []int{0, 1, 4, 8, 16, 32} {
				spec := backend.ParamSpec{Name: "new", Out: out, In: in}
				if block > 0 {
					shape := sparse.Shape{Out: out, In: in, Block: block}
					topology, err := sparse.StartTopology(shape, shape.Positions()/2, 1, 0)
					if err != nil {
						return err
					}
					spec.Topology = topology
				}
				w := b.NewParam(spec)
				for i, buf := range []backend.Buffer{w.Values(), w.Grad(), w.M(), w.V()} {
					if err := sameFloats(fmt.Sprintf("B = %d, array %d", block, i), newHarness(b), buf, make([]float32, buf.Len())); err != nil {
						return err
					}
				}
				b.WriteFloats(y, 0, d.reals(y.Len(), 1))
				b.WriteFloats(dx, 0, d.reals(dx.Len(), 1))
				b.DSD(y, nil, x, w, nil, tokens)
				b.DDS(dx, x, w, tokens, backend.Assign, nil)
				for _, result := range []backend.Buffer{y, dx} {
					if err := sameFloats(fmt.Sprintf("B = %d, a product", block), newHarness(b), result, make([]float32, result.Len())); err != nil {
						return err
					}
				}
			}
			return b.Sync()
		}},
		{name: "copies with offsets", whole: func(b, _ backend.Backend) error {
			r := newHarness(b)
			d := newDraws("copies", b.Activation())
			for _, dt := range []backend.DType{b.Activation(), backend.F32} {
				want := make([]float32, 67)
				buf := b.Alloc("buffer", dt, len(want))
				for _, span := range [][2]int{{0, 67}, {3, 8}, {8, 8}, {66, 67}, {31, 65}} {
					part := d.reals(span[1]-span[0], 1)
					copy(want[span[0]:], part)
					b.WriteFloats(buf, span[0], part)
					for i := range part {
						part[i] = 77 // the copy is done when the call returns
					}
					if err := sameFloats("a written buffer", r, buf, want); err != nil {
						return err
					}
					got := make([]float32, span[1]-span[0])
					if err := b.ReadFloats(got, buf, span[0]); err != nil {
						return err
					}
					for i, v := range got {
						if v != want[span[0]+i] {
							return fmt.Errorf("ReadFloats from %d: element %d: found %v, expected %v", span[0], i, v, want[span[0]+i])
						}
					}
				}
			}
			return b.Sync()
		}},
		{name: "writes round to nearest", whole: func(b, _ backend.Backend) error {
			d := newDraws("rounding", b.Activation())
			x := append(d.uniform(1000, 3), 1+1.0/256, 1+3.0/256, -1-1.0/256, 0, float32(math.Inf(1)), float32(math.Inf(-1)))
			buf := b.Alloc("buffer", b.Activation(), len(x))
			b.WriteFloats(buf, 0, x)
			if d.bf16 {
				for i, v := range x {
					x[i] = roundBF16(v)
				}
			}
			return sameFloats("a written buffer", newHarness(b), buf, x)
		}},
		{name: "integers with offsets", whole: func(b, _ backend.Backend) error {
			// They show through Gather from a table of row numbers.
			const rows = 9
			table := make([]float32, rows)
			for i := range table {
				table[i] = float32(i)
			}
			src, index, dst := b.Alloc("table", b.Activation(), rows), b.Alloc("index", backend.I32, 6), b.Alloc("dst", b.Activation(), 6)
			b.WriteFloats(src, 0, table)
			b.WriteInts(index, 1, []int32{8, 1, 5})
			b.WriteInts(index, 2, []int32{3})
			b.Gather(dst, src, index, 6, 1)
			return sameFloats("gathered", newHarness(b), dst, []float32{0, 8, 3, 5, 0, 0})
		}},
		{name: "new parameters", whole: func(b, _ backend.Backend) error {
			r := newHarness(b)
			for _, p := range topologyTensors(newDraws("new parameters", b.Activation())) {
				topology := p.spec.Topology
				if topology != nil {
					topology = topology.Clone()
				}
				before := b.MemoryBytes()
				w := b.NewParam(p.spec)
				if p.spec.Topology != nil {
					clear(p.spec.Topology.Cols) // it must have been copied
				}
				spec := p.spec
				spec.Topology = nil
				if w.Spec() != spec {
					return fmt.Errorf("spec of a new parameter: found %+v, expected %+v", w.Spec(), spec)
				}
				if err := sameTopology(spec.Name, r, w, topology); err != nil {
					return err
				}
				want := int64(0)
				for _, x := range []backend.Buffer{w.Values(), w.Grad(), w.M(), w.V()} {
					if err := sameFloats(spec.Name, r, x, make([]float32, len(p.values))); err != nil {
						return err
					}
					want += int64(len(p.values) * x.DType().Size())
				}
				if topology != nil {
					m := topology.SparseMemory(topology.NNZ())
					want += m.Indices + m.History + m.Explored
					for range 2 { // the second call takes nothing
						scores := b.GrowScores(w)
						if err := sameFloats(spec.Name+": growth scores", r, scores, make([]float32, topology.Positions())); err != nil {
							return err
						}
					}
					want += int64(topology.Positions() * backend.F32.Size())
				}
				if took := b.MemoryBytes() - before; took != want {
					return fmt.Errorf("memory of %s: found %d bytes, expected %d", spec.Name, took, want)
				}
			}
			return b.Sync()
		}},
	}
}
