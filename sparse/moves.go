package sparse

// Moves returns how many blocks the update prunes, and grows, in a tensor of nnzb active
// blocks that has its start: where rows are constrained, that of FanInTopology. With
// Ablate the update prunes as many at least, as a row that is ablated loses all its
// blocks. Blocks of the start are not protected; once there are newborns, an update with
// Protect may prune fewer.
func (u Update) Moves(shape Shape, nnzb int) int {
	if !u.Growth.Balanced() {
		return int(min(u.wanted(nnzb), uint64(u.movable(nnzb, shape.Positions()))))
	}
	step, groups := u.Growth.groups(shape)
	movable := 0
	for g := range groups {
		from, to, active := g*step, min((g+1)*step, shape.BlockRows()), 0
		for r := from; r < to; r++ {
			active += shape.fanIn(nnzb, r)
		}
		movable += u.movable(active, (to-from)*shape.BlockCols())
	}
	return int(min(u.wanted(nnzb), uint64(movable)))
}
