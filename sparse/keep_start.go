package sparse

import (
	"fmt"
	"math"
	"sort"
)

// inactive is the rank of a position without a block: above those of all norms.
const inactive = math.MaxUint32 + 1

// KeepTopology returns the topology of from.NNZ blocks with which a block-sparse weight
// starts from another one of the same shape:
//
//   - as many as source has: source's blocks;
//   - fewer: those of source with the largest norms (BlockNorm);
//   - more: all of source, and the positions that StartTopology would draw first among
//     the others.
//
// Of blocks with equal norms those are kept that StartTopology would draw first. A
// block of zeros is a block. With a from.Growth under a row constraint the number in each
// block row follows source: blocks are taken from the rows that have most, or added to
// those that have fewest, and chosen in the row by the same rules. Slots follow the
// positions in ascending order, and all blocks count as starting blocks.
//
// Errors: ErrShape; ErrArgument when NNZ is not in 1..Positions, source has another
// shape, or a number is out of range; ErrNotFinite for a block of source whose norm is
// NaN or infinite.
func KeepTopology(from NormSpec, source *Matrix) (*Topology, error) {
	t, err := from.keep(source)
	if err != nil {
		return nil, fmt.Errorf("keeping a topology: %w", err)
	}
	return t, nil
}

func (from NormSpec) keep(source *Matrix) (*Topology, error) {
	if err := checkStart(from.Shape, from.NNZ, from.Tensor); err != nil {
		return nil, err
	}
	if source.Shape != from.Shape {
		return nil, fmt.Errorf("%w: found blocks of %+v, expected %+v", ErrArgument, source.Shape, from.Shape)
	}
	if from.Norm > LInf || !from.Growth.Known() {
		return nil, fmt.Errorf("%w: found %s and %s, expected a norm and a growth that are known", ErrArgument, from.Norm, from.Growth)
	}
	ranks := make([]uint64, from.Positions())
	for p := range ranks {
		ranks[p] = inactive
	}
	counts, size := make([]int, from.BlockRows()), from.BlockSize()
	for slot := range source.NNZ() {
		norm := BlockNorm(source.Val[slot*size:(slot+1)*size], from.Norm)
		if !finite(norm) {
			return nil, fmt.Errorf("%w: slot %d, block row %d, column %d: found the %s norm %v",
				ErrNotFinite, slot, source.Rows[slot], source.Cols[slot], from.Norm, norm)
		}
		ranks[source.Position(slot)] = falling(norm)
		counts[source.Rows[slot]]++
	}
	if !from.Growth.Balanced() {
		return from.best(ranks, nil), nil
	}
	level(counts, from.NNZ, from.BlockCols())
	return from.best(ranks, counts), nil
}

// fanIns returns fanIn of every block row.
func (s Shape) fanIns(nnzb int) []int {
	counts := make([]int, s.BlockRows())
	for r := range counts {
		counts[r] = s.fanIn(nnzb, r)
	}
	return counts
}

// level changes the blocks of each block row so that there are nnzb in all: it fills
// the rows that have fewest, or takes from those that have most. No row loses one when
// blocks are added, and none gets one when they are taken away.
func level(counts []int, nnzb, cols int) {
	total := 0
	for _, n := range counts {
		total += n
	}
	add := nnzb >= total
	sum := func(at int) (n int) {
		for _, c := range counts {
			if add {
				n += max(c, at)
			} else {
				n += min(c, at)
			}
		}
		return n
	}
	// at is the highest level to which all rows can be filled, the lowest to which all
	// can be cut.
	at := sort.Search(cols+1, func(at int) bool { return add && sum(at) > nnzb || !add && sum(at) >= nnzb })
	if add {
		at--
	}
	rest := nnzb - sum(at)
	for i := range counts {
		if add {
			counts[i] = max(counts[i], at)
			if rest > 0 && counts[i] == at {
				counts[i]++
				rest--
			}
			continue
		}
		r := len(counts) - 1 - i // of equal rows the first have one more
		counts[r] = min(counts[r], at)
		if rest < 0 && counts[r] == at {
			counts[r]--
			rest++
		}
	}
}

// ValuesOn returns the values of t's blocks as m has them, [nnzb][B][B], with zeros in
// blocks that m does not have. Both are of one shape.
func (m *Matrix) ValuesOn(t *Topology) []float32 {
	size := t.BlockSize()
	values := make([]float32, t.NNZ()*size)
	for slot := range t.NNZ() {
		if from, ok := m.Slot(int(t.Rows[slot]), int(t.Cols[slot])); ok {
			copy(values[slot*size:(slot+1)*size], m.Val[from*size:(from+1)*size])
		}
	}
	return values
}

// Inherit returns the topology with t's blocks that goes on with the history of was, of
// the same shape. Blocks of both keep their order and their ages. The others come
// behind them by position, born after `step` finished steps as by update number
// `update`. What was explored stays so.
func (t *Topology) Inherit(was *Topology, step, update int32) *Topology {
	out := newTopology(t.Shape, t.NNZ())
	copy(out.Explored, was.Explored)
	next := 0
	put := func(row, col, born, newAt int32) {
		out.Rows[next], out.Cols[next], out.Born[next], out.NewAt[next] = row, col, born, newAt
		set(out.Explored, out.Position(next))
		next++
	}
	for slot := range was.NNZ() {
		if _, stays := t.Slot(int(was.Rows[slot]), int(was.Cols[slot])); stays {
			put(was.Rows[slot], was.Cols[slot], was.Born[slot], was.NewAt[slot])
		}
	}
	for _, slot := range t.RowSlot {
		if _, old := was.Slot(int(t.Rows[slot]), int(t.Cols[slot])); !old {
			put(t.Rows[slot], t.Cols[slot], step, update)
		}
	}
	out.Index()
	return out
}
