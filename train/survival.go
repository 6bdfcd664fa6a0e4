package train

import (
	"slices"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// grown holds how many blocks the last updates grew in each tensor, the latest last: what
// the blocks that are left of them are compared with. It is part of a checkpoint.
type grown [][]int

// survival is, for each of sparse.Lags, the fraction of the blocks that an update grew
// which are still active; nil: there was no such update, or it grew none.
type survival [len(sparse.Lags)]*float64

// survival returns that of survivors, counted after one more update than g has; tensor
// -1 is all of them.
func (g grown) survival(survivors [len(sparse.Lags)]int, tensor int) (s survival) {
	for i, lag := range sparse.Lags {
		if lag > len(g) {
			continue
		}
		n := 0
		for k, of := range g[len(g)-lag] {
			if tensor == -1 || tensor == k {
				n += of
			}
		}
		if n > 0 {
			s[i] = new(float64(survivors[i]) / float64(n))
		}
	}
	return s
}

// write hands the values to the fields of a record.
func (s survival) write(to ...**float64) {
	for i, field := range to {
		*field = s[i]
	}
}

// with returns g after another update.
func (g grown) with(stats []sparse.Stats) grown {
	moved := make([]int, len(stats))
	for i, s := range stats {
		moved[i] = s.Pruned // as many grow
	}
	return g.and(moved)
}

// and returns g with the numbers of blocks that grew last.
func (g grown) and(moved []int) grown {
	const keep = 8 // the largest lag
	return append(slices.Clone(g[max(0, len(g)-keep+1):]), moved)
}
