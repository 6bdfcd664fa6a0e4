package sparse_test

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// naiveUpdate is the update contract written a second time, from the package
// comment and without the package's code: maps, whole sorts, no views. It
// returns the expected topology (views left out) and change.
func naiveUpdate(t *sparse.Topology, x sparse.Arrays, u sparse.Update, tensor int) (*sparse.Topology, sparse.Change) {
	rows, cols := t.Out/t.Block, t.In/t.Block

	holder := map[int]int{} // position -> slot
	for slot := range t.Rows {
		holder[int(t.Rows[slot])*cols+int(t.Cols[slot])] = slot
	}
	var groups [][]int // the positions of each group
	together := map[sparse.Growth]int{sparse.GrowFanIn: 1, sparse.GrowGradientFanIn: 1, pairs: 2, gradientPairs: 2}[u.Growth]
	for p := range rows * cols {
		g := 0
		if together > 0 {
			g = p / cols / together
		}
		if g == len(groups) {
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], p)
	}
	protected := func(p int) bool {
		at := int(t.NewAt[holder[p]])
		return at > 0 && u.Protect > 0 && at+u.Protect >= u.Number
	}

	scores := make([]float32, len(t.Rows))
	for slot := range scores {
		scores[slot] = naiveScore(t, x, slot, u, tensor)
	}
	// before compares two blocks in the order in which they are pruned.
	before := func(a, b int) int {
		last := func(p int) int {
			if protected(p) {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(scores[holder[a]], scores[holder[b]]), cmp.Compare(a, b))
	}
	counts := naiveCounts(groups, holder, protected, u, tensor)
	grows, ablated := naiveAblation(groups, holder, before, counts, u, tensor)
	var slots, grown []int
	for g, group := range groups {
		var active, candidates []int
		for _, p := range group {
			if _, ok := holder[p]; ok {
				active = append(active, p)
			} else {
				candidates = append(candidates, p)
			}
		}
		k := counts[g]
		slices.SortFunc(active, before)
		for _, p := range active[:k] {
			slots = append(slots, holder[p])
			if u.RegrowPruned {
				candidates = append(candidates, p)
			}
		}
		slices.SortFunc(candidates, func(a, b int) int {
			if u.Growth == sparse.GrowGradient || u.Growth == sparse.GrowGradientFanIn || u.Growth == gradientPairs {
				return cmp.Or(cmp.Compare(x.Scores[b], x.Scores[a]), cmp.Compare(a, b))
			}
			draw := func(p int) uint64 {
				return philox.Key64(u.Seed, philox.Regrow, uint32(p), uint32(u.Number), uint32(tensor))
			}
			return cmp.Or(cmp.Compare(draw(a), draw(b)), cmp.Compare(a, b))
		})
		grown = append(grown, candidates[:grows[g]]...)
	}
	slices.Sort(slots)
	slices.Sort(grown)

	after := t.Clone()
	var c sparse.Change
	for i, slot := range slots {
		if t.NewAt[slot] > 0 && int(t.NewAt[slot]) == u.Number-1 {
			c.Stats.RemovedNew++
		}
		if _, was := holder[grown[i]]; was {
			c.Stats.Returned++
		}
		c.Slots = append(c.Slots, int32(slot))
		after.Rows[slot], after.Cols[slot] = int32(grown[i]/cols), int32(grown[i]%cols)
		after.Born[slot], after.NewAt[slot] = int32(u.Step), int32(u.Number)
		after.Explored[grown[i]/64] |= 1 << (grown[i] % 64)
	}
	naiveNewborns(t, after, scores, slots, u, &c.Stats)
	c.Stats.Pruned, c.Stats.Ablated = len(slots), ablated
	c.Stats.Active, c.Stats.Positions = len(t.Rows), rows*cols
	usedRows, usedCols := map[int32]bool{}, map[int32]bool{}
	for slot := range after.Rows {
		usedRows[after.Rows[slot]] = true
		usedCols[after.Cols[slot]] = true
		c.Stats.MeanAge += float64(u.Step-int64(after.Born[slot])) / float64(len(after.Rows))
	}
	c.Stats.EmptyRows, c.Stats.EmptyCols = rows-len(usedRows), cols-len(usedCols)
	for p := range rows * cols {
		if after.Explored[p/64]>>(p%64)&1 == 1 {
			c.Stats.Explored++
		}
	}
	return after, c
}

// naiveNewborns sets what stats tell of earlier updates, from births: the norms are
// divided in float64 and rounded once, which gives float32's quotient.
func naiveNewborns(before, after *sparse.Topology, scores []float32, pruned []int, u sparse.Update, stats *sparse.Stats) {
	norm := func(slot int) float32 { return scores[slot] }
	for _, slot := range pruned {
		stats.Threshold = max(stats.Threshold, norm(slot))
	}
	by := map[int32]int{} // active blocks by the update that activated them
	for slot := range after.NewAt {
		by[after.NewAt[slot]]++
		if u.Number < 2 || before.NewAt[slot] != int32(u.Number-1) {
			continue
		}
		stats.Newborn++
		if stats.Threshold > 0 {
			r := float32(float64(norm(slot)) / float64(stats.Threshold))
			stats.NewbornNormSum += uint64(math.Floor(math.Min(float64(r), 4096) * (1 << 20)))
		}
	}
	stats.StartAlive = by[0]
	for i, lag := range []int{1, 2, 4, 8} {
		if lag < u.Number {
			stats.Survivors[i] = by[int32(u.Number-lag)]
		}
	}
}

// naiveCounts returns how many blocks each group of positions prunes. Of the blocks
// that can be replaced, in the order of the groups, every (M/K)-th is counted, from a
// place that is drawn: an error that grows by K with each and is paid back by M.
func naiveCounts(groups [][]int, holder map[int]int, protected func(p int) bool, u sparse.Update, tensor int) []int {
	all, movable := 0, make([]int, len(groups))
	for g, group := range groups {
		free := 0
		for _, p := range group {
			if _, active := holder[p]; !active {
				free++
			} else if !protected(p) {
				movable[g]++
			}
		}
		if !u.RegrowPruned && free < movable[g] {
			movable[g] = free
		}
		all += movable[g]
	}
	k := min(int(math.Floor(u.PruneRatio*float64(len(holder)))), all)
	counts := make([]int, len(groups))
	if all == 0 {
		return counts
	}
	debt := int(philox.Key64(u.Seed, 12, 0, uint32(u.Number), uint32(tensor)) % uint64(all))
	for g, n := range movable {
		for range n {
			if debt += k; debt >= all {
				debt -= all
				counts[g]++
			}
		}
	}
	return counts
}

// naiveAblation takes away the counts of rows that are ablated, and returns how many blocks
// each row grows. One row after the other is tried, and what the rows that went leave is
// dealt in rounds, a block to each of the shortest rows.
func naiveAblation(rows [][]int, holder map[int]int, before func(a, b int) int, counts []int, u sparse.Update, tensor int) (grows []int, ablated int) {
	grows = slices.Clone(counts)
	if u.Ablate == 0 {
		return grows, 0
	}
	k := 0
	for _, n := range counts {
		k += n
	}
	small := map[int]bool{}
	for _, p := range slices.SortedFunc(maps.Keys(holder), before)[:k] {
		small[p] = true
	}
	length, salient, room := make([]int, len(rows)), make([]int, len(rows)), make([]int, len(rows))
	all := 0
	for r, row := range rows {
		for _, p := range row {
			if _, active := holder[p]; active {
				length[r]++
				if !small[p] {
					salient[r]++
				}
			}
		}
		if length[r] > 0 {
			room[r] = len(row)
			if !u.RegrowPruned {
				room[r] -= counts[r]
			}
		}
		all += room[r]
	}
	for {
		worst := -1
		for r := range rows {
			if length[r] > 0 && float64(salient[r]) < u.Ablate*float64(length[r]) && (worst < 0 || salient[r] <= salient[worst]) {
				worst = r
			}
		}
		if worst < 0 || all-room[worst] < len(holder) {
			break
		}
		all -= room[worst]
		counts[worst], grows[worst], length[worst], room[worst] = length[worst], 0, 0, 0
		ablated++
	}
	if ablated == 0 {
		return grows, 0
	}
	left := len(holder)
	for _, n := range length {
		left -= n
	}
	for left > 0 {
		var shortest []int
		for r, n := range length {
			if n == room[r] {
				continue // no room, or no row
			}
			if len(shortest) > 0 && n < length[shortest[0]] {
				shortest = nil
			}
			if len(shortest) == 0 || n == length[shortest[0]] {
				shortest = append(shortest, r)
			}
		}
		debt, part := 0, min(left, len(shortest))
		if part < len(shortest) {
			debt = int(philox.Key64(u.Seed, 12, 0, uint32(u.Number), uint32(tensor)) % uint64(len(shortest)))
		}
		for _, r := range shortest {
			if debt += part; debt >= len(shortest) {
				debt -= len(shortest)
				length[r]++
				grows[r]++
				left--
			}
		}
	}
	return grows, ablated
}

// naiveScore is the score of a block by the prune criteria of the package.
func naiveScore(t *sparse.Topology, x sparse.Arrays, slot int, u sparse.Update, tensor int) float32 {
	size := t.Block * t.Block
	w := x.Values[slot*size : (slot+1)*size]
	score := naiveNorm(w, u.Norm)
	if u.Prune == sparse.PruneSaliency {
		products := make([]float32, size)
		for i := range products {
			products[i] = float32(float64(w[i]) * float64(x.M[slot*size+i])) // exact in float64
		}
		score = naiveNorm(products, sparse.L1)
	}
	if u.Ages == nil {
		return score
	}
	factor := float32(1)
	if t.NewAt[slot] == 0 {
		factor = u.Ages.Start[tensor]
	} else {
		for i, from := range u.Ages.From {
			if i == 0 || from <= t.Born[slot] {
				factor = u.Ages.Scale[i]
			}
		}
	}
	return float32(float64(score) * float64(factor))
}

// naiveNorm is BlockNorm written from its definition: each lane gathers its
// elements, and the halving tree is a recursion.
func naiveNorm(w []float32, n sparse.Norm) float32 {
	combine := func(a, b float32) float32 {
		if n == sparse.LInf {
			return max(a, b)
		}
		return a + b
	}
	var tree func(lane, stride int) float32
	tree = func(lane, stride int) float32 {
		if stride < 32 {
			return combine(tree(lane, 2*stride), tree(lane+stride, 2*stride))
		}
		sum := float32(0)
		for i := lane; i < len(w); i += 32 {
			x := float32(math.Abs(float64(w[i])))
			if n == sparse.L2 {
				x = float32(float64(x) * float64(x)) // exact in float64, so rounded once
			}
			sum = combine(sum, x)
		}
		return sum
	}
	return tree(0, 1)
}

// naiveViews lists the slots of each block row by column, and of each block
// column by row, by sorting.
func naiveViews(t *sparse.Topology) (byRow, byCol []int32) {
	for slot := range t.Rows {
		byRow = append(byRow, int32(slot))
		byCol = append(byCol, int32(slot))
	}
	slices.SortFunc(byRow, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.Rows[a], t.Rows[b]), cmp.Compare(t.Cols[a], t.Cols[b]))
	})
	slices.SortFunc(byCol, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.Cols[a], t.Cols[b]), cmp.Compare(t.Rows[a], t.Rows[b]))
	})
	return byRow, byCol
}
