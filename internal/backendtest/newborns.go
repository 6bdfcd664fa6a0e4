package backendtest

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// newbornChecks update a tensor that has blocks of the start and of eight updates, and
// compare what the statistics say of each with package sparse, bit for bit.
func newbornChecks() []check {
	var list []check
	for _, s := range []struct{ block, rows, cols, nnzb int }{{1, 61, 53, 1301}, {4, 9, 12, 72}, {16, 9, 11, 72}} {
		shape := sparse.Shape{Out: s.rows * s.block, In: s.cols * s.block, Block: s.block}
		for _, zeros := range []bool{false, true} {
			name := fmt.Sprintf("newborns, B=%d", s.block)
			if zeros { // the threshold is 0
				name += ", values of 0"
			}
			list = append(list, check{name: name, prepare: func(d *draws) (script, bounds) {
				p := d.sparse("w", shape, s.nnzb, 1)
				t := p.spec.Topology
				for slot := range t.NewAt {
					t.NewAt[slot] = int32(slot * 7 % 9)
					t.Born[slot] = 10 * t.NewAt[slot]
				}
				if zeros {
					clear(p.values)
				}
				u := sparse.Update{Seed: 5, Number: 9, Step: 90, PruneRatio: 0.3}
				return func(r *harness) {
					params := r.paramList([]paramData{p}, "values", "m", "v")
					want := t.Clone()
					change, err := want.Update(append([]float32(nil), p.values...), nil, u, p.spec.Index)
					if err != nil {
						r.failure = err
						return
					}
					if c := change.Stats; c.Newborn == 0 || c.RemovedNew == 0 || c.StartAlive == 0 || c.Survivors[0]*c.Survivors[1]*c.Survivors[2]*c.Survivors[3] == 0 {
						r.failure = fmt.Errorf("found the statistics %+v, expected some of each", c)
						return
					}
					r.b.UpdateTopology(params, u)
					r.failure = sameStats("update 9", r, params, []sparse.Stats{change.Stats})
				}, nil
			}})
		}
	}
	return list
}
