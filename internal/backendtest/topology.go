package backendtest

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func sameFloats(what string, r *harness, b backend.Buffer, want []float32) error {
	got := make([]float32, len(want))
	if b.Len() != len(want) {
		return fmt.Errorf("%s: found %d elements, expected %d", what, b.Len(), len(want))
	}
	if err := r.b.ReadFloats(got, b, 0); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for i := range want {
		if !sameFloat(got[i], want[i]) {
			return fmt.Errorf("%s[%d]: found %v, expected %v", what, i, got[i], want[i])
		}
	}
	return nil
}

func sameTopology(what string, r *harness, p backend.Param, want *sparse.Topology) error {
	got, err := r.b.Topology(p)
	if err != nil {
		return fmt.Errorf("%s: Topology: %w", what, err)
	}
	if want == nil {
		if got != nil || p.Sparse() || p.NNZ() != 0 {
			return fmt.Errorf("%s: found a sparse parameter, expected a dense one without topology", what)
		}
		return nil
	}
	if got == nil || !p.Sparse() || p.NNZ() != want.NNZ() {
		return fmt.Errorf("%s: found topology %v, sparse %v, %d blocks, expected a sparse one of %d", what, got != nil, p.Sparse(), p.NNZ(), want.NNZ())
	}
	if got.Equal(want) {
		return nil
	}
	for _, f := range []struct {
		name      string
		got, want []int32
	}{
		{"Rows", got.Rows, want.Rows}, {"Cols", got.Cols, want.Cols}, {"Born", got.Born, want.Born}, {"NewAt", got.NewAt, want.NewAt},
		{"RowPtr", got.RowPtr, want.RowPtr}, {"RowSlot", got.RowSlot, want.RowSlot},
		{"ColPtr", got.ColPtr, want.ColPtr}, {"ColSlot", got.ColSlot, want.ColSlot},
	} {
		if !slices.Equal(f.got, f.want) {
			return fmt.Errorf("%s: %s: found %v, expected %v", what, f.name, f.got, f.want)
		}
	}
	return fmt.Errorf("%s: found shape %v and explored bits %x, expected %v and %x", what, got.Shape, got.Explored, want.Shape, want.Explored)
}

func sameStats(what string, r *harness, params []backend.Param, want []sparse.Stats) error {
	got, err := r.b.UpdateStats(params)
	if err != nil {
		return fmt.Errorf("%s: UpdateStats: %w", what, err)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: UpdateStats: found %+v, expected %+v", what, got, want)
	}
	return nil
}

// setTopologyChecks replace a topology, and look whether products use the new
// one, with values written before and after it.
func setTopologyChecks() []check {
	var list []check
	for _, s := range []struct{ block, rows, cols, nnzb int }{{1, 17, 9, 40}, {4, 5, 6, 11}, {8, 5, 3, 4}, {16, 3, 5, 7}, {32, 2, 3, 3}, {64, 2, 2, 2}} {
		shape := sparse.Shape{Out: s.rows * s.block, In: s.cols * s.block, Block: s.block}
		list = append(list, check{name: fmt.Sprintf("B=%d", s.block), prepare: func(d *draws) (script, bounds) {
			const tokens = 5
			first, second := d.sparse("w", shape, s.nnzb, 1), d.sparse("w", shape, s.nnzb, 1)
			second.spec.Topology.Born[0], second.spec.Topology.NewAt[0] = 5, 1
			x, dy := d.reals(tokens*shape.In, 1), d.reals(tokens*shape.Out, 1)
			run := func(r *harness) {
				w := r.param(first, "values", "grad")
				mine := second.spec.Topology.Clone()
				r.b.SetTopology(w, mine)
				clear(mine.Rows) // it must have been copied
				clear(mine.RowSlot)
				r.b.WriteFloats(w.Values(), 0, second.values)
				r.b.Refresh([]backend.Param{w})
				if r.failure = sameTopology("after SetTopology", r, w, second.spec.Topology); r.failure != nil {
					return
				}
				state := []sparse.Stats{second.spec.Topology.Stats(defaultStep().Step)}
				if r.failure = sameStats("after SetTopology", r, []backend.Param{w}, state); r.failure != nil {
					return
				}
				xs, dys := r.input("x", x), r.input("dy", dy)
				r.b.DSD(r.output("y", tokens*shape.Out), nil, xs, w, nil, tokens)
				r.b.DDS(r.output("dx", tokens*shape.In), dys, w, tokens, backend.Assign, nil)
				r.b.SDD(w, nil, dys, xs, tokens)
			}
			return run, func(ref *harness) {
				full := second.full(second.values)
				for _, p := range []struct {
					name       string
					from, to   int
					in         []float32
					transposed bool
				}{{"y", shape.In, shape.Out, x, false}, {"dx", shape.Out, shape.In, dy, true}} {
					size, terms := absProduct(p.in, full, tokens, p.from, p.to, p.transposed)
					exact := ref.value(p.name)
					ref.allow(p.name, func(i int) float64 { return d.limit("product", terms[i], size[i]) + d.stored(exact[i]) })
				}
				ref.allow("w.grad", func(k int) float64 { return d.limit("product", tokens+1, tokens+1) })
			}
		}})
	}
	return list
}
