package launch

// The constants of kernels/include/dense.cuh.
const (
	denseTile    = 128
	denseDepth   = 32
	denseThreads = 128
	denseShared  = denseTile * (denseTile + 8) * 4
)

// dense is DSD or DDS with n outputs of t tokens as a dense product: every tile of
// 128 x 128 outputs reads the rows of both factors.
func dense(op Op, n, t int) Plan {
	s := stationaryShape{grid: Dim3{X: ceil(t, denseTile), Y: ceil(n, denseTile)}, block: Dim3{X: denseThreads}, shared: denseShared}
	p := s.plan(op, Dense, op.String()+"_dense")
	p.Grid = Dim3{X: s.grid.Y, Y: s.grid.X}
	return p
}

// denseGradient is SDD as a dense product.
func denseGradient(d Device, w Weight, t int) Plan {
	x, y := ceil(w.In, denseTile), ceil(w.Out, denseTile)
	n := denseSplits(d, x*y, t)
	return Plan{
		Launch: Launch{"sdd_dense", Dim3{X: x, Y: y, Z: n}, Dim3{X: denseThreads}, denseShared}, Family: Dense,
		Splits: n, Reads: Reads{X: y, Y: x},
	}
}

// denseSplits chooses into how many ranges the tokens of a weight gradient of so
// many tiles are split: as few as keep nearly all multiprocessors, with two thread
// blocks each, busy to the end. Every range costs a partial result.
func denseSplits(d Device, tiles, t int) int {
	slots, most := 2*d.Multiprocessors, max(1, min(16, d.tokens(t)/(8*denseDepth)))
	best, least := 1, 0.0
	for n := 1; n <= most; n++ {
		rounds := ceil(tiles*n, slots)
		// Time in units of one range's worth of a thread block, per token.
		if time := float64(rounds) / float64(n); least == 0 || time < 0.95*least {
			best, least = n, time
		}
	}
	return d.limited(best, d.Ranges)
}
