package sparse

// Cells draws the topology with at most most cells: rows x cols of them, row by
// row, each the share of its blocks that is active, from 0 to 255, rounded up so
// that no active block is lost. A cell is one block where that is few enough, else a
// square of blocks, cut off at the right and at the bottom.
func (t *Topology) Cells(most int) (rows, cols int, cells []byte) {
	side := 1
	for rows, cols = t.BlockRows(), t.BlockCols(); rows*cols > max(most, 1); side++ {
		rows, cols = (t.BlockRows()+side)/(side+1), (t.BlockCols()+side)/(side+1)
	}
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
