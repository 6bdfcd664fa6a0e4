package sparse

import (
	"cmp"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// ablate does rule 7 of the package comment for an update whose rows prune s.prunes
// blocks each, sum of them k. It changes s.prunes and s.grows, and returns the number of
// rows that lose all their blocks. s.norms holds the prune keys.
func (s *Scratch) ablate(t *Topology, u Update, k, tensor int) int {
	if u.Ablate == 0 || k == 0 {
		return 0
	}
	s.room = resize(s.room, t.BlockRows())
	slack := -int64(t.NNZ())
	for r := range s.room {
		s.room[r] = uint64(t.BlockCols())
		if !u.RegrowPruned {
			s.room[r] -= s.prunes[r]
		}
		if t.rowLen(r) > 0 {
			slack += int64(s.room[r])
		}
	}

	// The rows that may go, the least salient first.
	type row struct{ r, salient int }
	var rows []row
	threshold, _ := s.smallest(s.prunable(t, u, t.RowSlot), k)
	for r := range t.BlockRows() {
		n, salient := t.rowLen(r), 0
		for _, slot := range t.RowSlot[t.RowPtr[r]:t.RowPtr[r+1]] {
			if s.norms[slot] > threshold || u.protects(t.NewAt[slot]) {
				salient++
			}
		}
		if float64(salient) < u.Ablate*float64(n) {
			rows = append(rows, row{r, salient})
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.salient, b.salient), cmp.Compare(b.r, a.r))
	})
	freed := uint64(0)
	for i, row := range rows {
		if slack -= int64(s.room[row.r]); slack < 0 {
			rows = rows[:i] // what this row has would not fit into those that stay
			break
		}
		freed += uint64(t.rowLen(row.r))
	}
	for _, row := range rows {
		s.prunes[row.r], s.grows[row.r], s.room[row.r] = uint64(t.rowLen(row.r)), 0, 0
	}
	if len(rows) > 0 {
		s.fill(t, u, freed, tensor)
	}
	return len(rows)
}

// fill adds so many blocks to s.grows, so that the shortest rows grow until all have the
// same number. Row r has room for s.room[r] blocks; rows that have none stay so.
func (s *Scratch) fill(t *Topology, u Update, blocks uint64, tensor int) {
	// missing returns how many blocks row r lacks of level.
	missing := func(r int, level uint64) uint64 {
		n := uint64(t.rowLen(r))
		if to := min(level, s.room[r]); n > 0 && n < to {
			return to - n
		}
		return 0
	}
	level, most := uint64(0), uint64(t.BlockCols())
	for level < most {
		middle, sum := (level+most+1)/2, uint64(0)
		for r := range t.BlockRows() {
			sum += missing(r, middle)
		}
		if sum <= blocks {
			level = middle
		} else {
			most = middle - 1
		}
	}
	short := uint64(0) // rows that would have one more at the next level
	for r := range t.BlockRows() {
		n := missing(r, level)
		s.grows[r] += n
		blocks -= n
		short += missing(r, level+1) - n
	}
	short = max(short, 1) // with 0 nothing is left
	sum := philox.Key64(u.Seed, philox.FanInRounds, 0, uint32(u.Number), uint32(tensor)) % short
	for r := range t.BlockRows() {
		if missing(r, level+1) == missing(r, level) {
			continue
		}
		next := sum + blocks
		s.grows[r] += next/short - sum/short
		sum = next
	}
}

// rowLen returns the number of active blocks of block row r.
func (t *Topology) rowLen(r int) int { return int(t.RowPtr[r+1] - t.RowPtr[r]) }
