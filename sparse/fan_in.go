package sparse

import "github.com/sparsebert/sparsebert-gpu/internal/philox"

// fanIn returns how many of nnzb blocks block row r gets when all rows get the
// same number, the first rows one more where they do not divide.
func (s Shape) fanIn(nnzb, r int) int {
	n := nnzb / s.BlockRows()
	if r < nnzb%s.BlockRows() {
		n++
	}
	return n
}

// share fills s.counts with the number of blocks that the update prunes in each
// group of block rows that does not mix with others: the whole tensor, or for
// GrowFanIn each block row, by rule 6 of the package comment.
func (s *Scratch) share(t *Topology, u Update, tensor int) {
	k := uint64(u.pruned(t.NNZ(), t.Positions()))
	if u.Growth != GrowFanIn {
		s.counts = append(s.counts[:0], k)
		return
	}
	s.counts = resize(s.counts, t.BlockRows())
	all := uint64(0)
	for r := range s.counts {
		s.counts[r] = uint64(u.movable(int(t.RowPtr[r+1]-t.RowPtr[r]), t.BlockCols()))
		all += s.counts[r]
	}
	k = min(k, all)
	all = max(all, 1) // with 0 every share is 0
	// Positions are below 2^31, so the products fit.
	sum := philox.Key64(u.Seed, philox.FanInRounds, 0, uint32(u.Number), uint32(tensor)) % all
	for r, m := range s.counts {
		next := sum + m*k
		s.counts[r] = next/all - sum/all
		sum = next
	}
}
