package train

import (
	"math"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// unlikely is a number of empty rows, columns or heads to be expected below which the
// starting topology is not drawn to count them.
const unlikely = 1e-3

// warnEmpty says which rows, columns and heads have no block. Those of a tensor that
// never moves are counted in its first topology; of others only what no topology could
// fill counts.
func (p *Plan) warnEmpty(tensors []model.Tensor, moved []int, from *initialWeights) error {
	var rows, cols, weights int
	first := ""
	heads := map[[2]int]bool{} // layer and head
	for i, t := range tensors {
		shape := t.Shape()
		// That many have none wherever the blocks are.
		r, c := max(0, shape.BlockRows()-t.NNZ), max(0, shape.BlockCols()-t.NNZ)
		if from != nil || p.mayBeEmpty(t) {
			topo, err := p.startTopology(t, from)
			if err != nil {
				return err
			}
			if moved[i] == 0 {
				s := topo.Stats(0)
				r, c = s.EmptyRows, s.EmptyCols
			}
			p.emptyHeads(t, topo, heads)
		}
		if r+c > 0 {
			rows, cols, weights = rows+r, cols+c, weights+1
			if first == "" {
				first = t.Name
			}
		}
	}
	if weights > 0 {
		p.say("topology: %d block rows and %d block columns in %d of %d weights stay without a block, the first in %s; a lower sparsity or a smaller block_size fills them",
			rows, cols, weights, len(tensors), first)
	}
	if len(heads) > 0 {
		when := ""
		if p.Model.Method == model.Dynamic && len(p.toCome()) > 0 {
			when = " at the start"
		}
		p.say("topology: %d of %d attention heads have no block of query, key, value or output%s", len(heads), p.Model.Heads*p.Model.Layers, when)
	}
	return nil
}

// mayBeEmpty tells whether the first topology of a tensor is likely enough to have an
// empty row, column or head.
func (p *Plan) mayBeEmpty(t model.Tensor) bool {
	shape := t.Shape()
	rows, cols := float64(shape.BlockRows()), float64(shape.BlockCols())
	free := 1 - t.Density()
	expected := rows*math.Pow(free, cols) + cols*math.Pow(free, rows)
	if t.Part == model.Attention {
		a := float64(p.Model.Heads)
		expected += a * math.Pow(free, max(1, rows/a)*cols)
	}
	return expected > unlikely || p.Model.Growth.Balanced() && float64(t.NNZ) < rows
}

// emptyHeads adds the heads of a tensor of attention that its topology leaves without a
// block. A head has D rows of query, key and value and D columns of the output.
func (p *Plan) emptyHeads(t model.Tensor, topo *sparse.Topology, heads map[[2]int]bool) {
	if t.Part != model.Attention {
		return
	}
	lines := topo.Rows
	if strings.Contains(t.Name, "attention.output") {
		lines = topo.Cols
	}
	d, has := p.Model.HeadSize(), make([]bool, p.Model.Heads)
	for _, line := range lines {
		from := int(line) * t.Block
		for h := from / d; h <= (from+t.Block-1)/d; h++ { // a block may span heads
			has[h] = true
		}
	}
	for h := range has {
		if !has[h] {
			heads[[2]int{t.Layer, h}] = true
		}
	}
}
