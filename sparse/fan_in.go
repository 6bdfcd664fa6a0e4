package sparse

import (
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// fanIn returns how many of nnzb blocks block row r gets when all rows get the
// same number, the first rows one more where they do not divide.
func (s Shape) fanIn(nnzb, r int) int {
	n := nnzb / s.BlockRows()
	if r < nnzb%s.BlockRows() {
		n++
	}
	return n
}

// share fills s.prunes and s.grows with the number of blocks that the update prunes and
// grows in each group of block rows that does not mix with others: the whole tensor, or
// for GrowFanIn each block row, by rule 6 of the package comment. It returns their sum.
func (s *Scratch) share(t *Topology, u Update, tensor int) int {
	k := uint64(u.pruned(t.NNZ(), t.Positions()))
	if u.Growth != GrowFanIn {
		s.prunes, s.grows = append(s.prunes[:0], k), append(s.grows[:0], k)
		return int(k)
	}
	s.prunes = resize(s.prunes, t.BlockRows())
	all := uint64(0)
	for r := range s.prunes {
		s.prunes[r] = uint64(u.movable(t.rowLen(r), t.BlockCols()))
		all += s.prunes[r]
	}
	k = min(k, all)
	all = max(all, 1) // with 0 every share is 0
	// Positions are below 2^31, so the products fit.
	sum := philox.Key64(u.Seed, philox.FanInRounds, 0, uint32(u.Number), uint32(tensor)) % all
	for r, m := range s.prunes {
		next := sum + m*k
		s.prunes[r] = next/all - sum/all
		sum = next
	}
	s.grows = append(s.grows[:0], s.prunes...)
	return int(k)
}
