package backendtest

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// rows draws a block-sparse parameter with so many active blocks in each block row.
func (d *draws) rows(name string, block, cols int, fanIn ...int) paramData {
	var r, c []int32
	for row, n := range fanIn {
		from, step := d.stream.IntN(cols), 1
		if cols%2 == 1 && cols > 1 {
			step = 2 // coprime with cols
		}
		for i := range n {
			r, c = append(r, int32(row)), append(c, int32((from+i*step)%cols))
		}
	}
	t, err := sparse.NewTopology(sparse.Shape{Out: len(fanIn) * block, In: cols * block, Block: block}, r, c)
	if err != nil {
		panic(fmt.Sprintf("backendtest: %v", err)) // a fault of the suite
	}
	return d.blocks(name, t, 1)
}

// fanInTensors are weights of a few blocks a row, of uneven rows, of rows that are
// empty, full, or nearly so, and of more rows than a GPU's block may have threads.
func fanInTensors(d *draws) []paramData {
	tall := make([]int, 1100)
	for i := range tall {
		tall[i] = d.stream.IntN(3)
	}
	return []paramData{
		d.rows("one", 4, 9, slices.Repeat([]int{1}, 40)...),
		d.rows("two", 1, 12, slices.Repeat([]int{2}, 17)...),
		d.rows("three", 8, 5, slices.Repeat([]int{3}, 6)...),
		d.rows("balanced", 1, 31, slices.Concat(slices.Repeat([]int{4}, 9), slices.Repeat([]int{3}, 26))...),
		d.rows("uneven", 4, 16, 0, 1, 16, 3, 0, 15, 8, 9, 2, 14),
		d.rows("nearly full", 1, 6, slices.Repeat([]int{5, 6, 4}, 12)...),
		d.rows("full", 16, 2, 2, 2, 2),
		d.rows("one column", 4, 1, 1, 0, 1, 1, 0),
		d.rows("one row", 1, 70, 33),
		d.rows("one row of a few", 4, 13, 5),
		d.rows("wide", 1, 90, slices.Repeat([]int{7, 6}, 20)...),
		d.rows("tall", 1, 2, tall...),
	}
}

// fanInChecks are updates of rows so small that a ratio of one alone is less than a
// block, and of rows that can replace fewer than it says; then of rows that are ablated,
// as long as the others have room.
func fanInChecks() []check {
	var cases []updateCase
	for i, ratio := range []float64{0.03, 0.2, 0.5, 1} {
		for _, regrow := range []bool{false, true} {
			cases = append(cases, updateCase{norm: sparse.Norm(i % 3), growth: sparse.GrowFanIn, ratio: ratio, regrow: regrow, ties: regrow == (i > 1)})
		}
	}
	for i, share := range []float64{0.3, 0.5, 0.75, 1} {
		for k, ratio := range []float64{0.1, 0.5} {
			cases = append(cases, updateCase{norm: sparse.Norm((i + k) % 3), growth: sparse.GrowFanIn, ratio: ratio, regrow: i > 1 == (k > 0), ties: i == 2, ablate: share})
		}
	}
	var list []check
	for _, c := range cases {
		list = append(list, check{name: "rows/" + c.String(), prepare: func(d *draws) (script, bounds) {
			list := fanInTensors(d)
			if c.ties {
				tie(list)
			}
			return func(r *harness) { r.failure = c.updates(r, list, make([][2][]float32, len(list))) }, nil
		}})
	}
	return list
}

// checkMoved compares the numbers of blocks that an update of fan-in growth replaced
// with what the ratio says and the rows of the sparse parameters can do. Rows keep
// their numbers of blocks, so those of the start will do.
func (c updateCase) checkMoved(list []paramData, stats []sparse.Stats) error {
	for _, p := range list {
		t, can := p.spec.Topology, 0
		if t == nil {
			continue
		}
		for row := range t.BlockRows() {
			n := int(t.RowPtr[row+1] - t.RowPtr[row])
			if !c.regrow {
				n = min(n, t.BlockCols()-n)
			}
			can += n
		}
		if want := min(int(c.ratio*float64(t.NNZ())), can); stats[0].Pruned != want {
			return fmt.Errorf("%s: found %d blocks replaced, expected %d", p.spec.Name, stats[0].Pruned, want)
		}
		stats = stats[1:]
	}
	return nil
}
