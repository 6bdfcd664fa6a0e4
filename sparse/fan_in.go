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
// grows in each group of block rows that exchange blocks, by rule 3 of the package
// comment. It returns their sum.
func (s *Scratch) share(t *Topology, u Update, tensor int) int {
	step, groups := u.Growth.groups(t.Shape)
	s.prunes = resize(s.prunes, groups)
	all := uint64(0)
	for g := range s.prunes {
		from, to := g*step, min((g+1)*step, t.BlockRows())
		active := int(t.RowPtr[to] - t.RowPtr[from])
		prunable := active
		if u.Protect > 0 {
			for _, slot := range t.RowSlot[t.RowPtr[from]:t.RowPtr[to]] {
				if u.protects(t.NewAt[slot]) {
					prunable--
				}
			}
		}
		s.prunes[g] = uint64(min(prunable, u.movable(active, (to-from)*t.BlockCols())))
		all += s.prunes[g]
	}
	k := min(u.wanted(t.NNZ()), all)
	all = max(all, 1) // with 0 every share is 0
	// Positions are below 2^31, so the products fit.
	sum := philox.Key64(u.Seed, philox.FanInRounds, 0, uint32(u.Number), uint32(tensor)) % all
	for g, m := range s.prunes {
		next := sum + m*k
		s.prunes[g] = next/all - sum/all
		sum = next
	}
	s.grows = append(s.grows[:0], s.prunes...)
	return int(k)
}
