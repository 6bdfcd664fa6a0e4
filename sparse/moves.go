package sparse

// Moves returns how many blocks the update prunes, and grows, in a tensor of nnzb active
// blocks. For GrowFanIn the rows are those of FanInTopology; with Ablate the update prunes
// as many at least, as a row that is ablated loses all its blocks.
func (u Update) Moves(shape Shape, nnzb int) int {
	k := u.pruned(nnzb, shape.Positions())
	if u.Growth != GrowFanIn {
		return k
	}
	movable := 0
	for r := range shape.BlockRows() {
		movable += u.movable(shape.fanIn(nnzb, r), shape.BlockCols())
	}
	return min(k, movable)
}
