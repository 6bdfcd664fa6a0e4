package sparse

// Grid cuts a tensor into the cells of a snapshot that has at most most of them:
// squares of side x side blocks, rows x cols of them, cut off at the right and at
// the bottom. Side is 1 where that is few enough.
func (s Shape) Grid(most int) (rows, cols, side int) {
	for side = 1; ; side++ {
		rows, cols = (s.BlockRows()+side-1)/side, (s.BlockCols()+side-1)/side
		if rows*cols <= max(most, 1) {
			return rows, cols, side
		}
	}
}

// Cells draws the topology on a Grid, row by row: each cell the share of its
// blocks that is active, from 0 to 255, rounded up so that no active block is lost.
func (t *Topology) Cells(most int) (rows, cols int, cells []byte) {
	rows, cols, side := t.Grid(most)
	active := make([]int, rows*cols)
	for slot := range t.NNZ() {
		active[int(t.Rows[slot])/side*cols+int(t.Cols[slot])/side]++
	}
	cells = make([]byte, rows*cols)
	for i, n := range active {
		high := min(side, t.BlockRows()-i/cols*side)
		wide := min(side, t.BlockCols()-i%cols*side)
		cells[i] = byte((255*n + high*wide - 1) / (high * wide))
	}
	return rows, cols, cells
}
