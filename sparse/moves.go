package sparse

// Moves returns how many blocks the update prunes, and grows, in a tensor of nnzb active
// blocks. For GrowFanIn the rows are those of FanInTopology.
func (u Update) Moves(shape Shape, nnzb int) int {
	if u.Growth != GrowFanIn {
		return u.pruned(nnzb, shape.Positions())
	}
	n := 0
	for r := range shape.BlockRows() {
		n += u.pruned(shape.fanIn(nnzb, r), shape.BlockCols())
	}
	return n
}
