package launch

// The constants of kernels/include/dense_wgmma.cuh.
const (
	wideRows    = 128
	wideColumns = 256
	wideDepth   = 64
	wideThreads = 288
	wideShared  = 4*3*128*wideDepth*2 + 1024 + 64
	wideAlign   = 8 // elements: rows that tensor maps can name begin at 16 bytes
)

// wide says whether the products of a weight run on the kernels for compute capability 9.0.
func wide(d Device, w Weight) bool {
	return d.Wgmma && w.In%wideAlign == 0 && (w.Out%wideAlign == 0 || w.Rows) && d.SharedBytes >= wideShared
}

// wideGrid is a grid over the tiles of an m x n result: pairs of tiles along m, and tiles along n.
func wideGrid(m, n int) (grid Dim3, pairs, across int) {
	pairs, across = ceil(m, 2*wideRows), ceil(n, wideColumns)
	return Dim3{X: 2 * pairs * across, Y: 1}, pairs, across
}

// wideDense is DSD or DDS of t tokens: every tile of 256 outputs reads the tokens, and every pair of tiles of
// tokens the weight.
func wideDense(d Device, op Op, w Weight, t int) Plan {
	_, n := w.contraction(op)
	grid, pairs, across := wideGrid(t, n)
	p := Plan{
		Launch: Launch{op.String() + "_dense_sm90a", grid, Dim3{X: wideThreads}, wideShared}, Family: Dense, TensorMaps: true,
		Reads: Reads{X: across, W: pairs},
	}
	if op != DDS {
		return p
	}
	p.Reads.X, p.Reads.Y = 0, across
	if w.Block > 0 { // its kernel does sums that are NaN again, and needs them whole
		return p
	}
	// The decoder has tens of thousands of outputs to add up and, with few tokens, few tiles.
	tiles, _, _ := wideGrid(d.tokens(t), n)
	if p.Grid.Y = wideSplits(d, wideSum{tiles.X, w.Out, n * d.tokens(t)}); p.Grid.Y > 1 {
		p.Splits = p.Grid.Y
		p.Reduce = Launch{Kernel: "dds_reduce", Grid: Grid(n*t/4, 256, 4*d.Multiprocessors), Block: Dim3{X: 256}}
	}
	return p
}

// wideGradient is SDD.
func wideGradient(d Device, w Weight, t int) Plan {
	grid, pairs, across := wideGrid(w.Out, w.In)
	grid.Y = d.limited(wideSplits(d, wideSum{grid.X, d.tokens(t), w.values()}), d.Ranges)
	return Plan{
		Launch: Launch{"sdd_dense_sm90a", grid, Dim3{X: wideThreads}, wideShared}, Family: Dense, TensorMaps: true,
		Splits: grid.Y, Reads: Reads{X: pairs, Y: across},
	}
}

// wideSum is a contraction: so many tiles of sums over depth, of which results are kept.
type wideSum struct{ tiles, depth, results int }

// wideSplits chooses into how many ranges a contraction is split: what takes least time, of the rounds that
// the multiprocessors make with a thread block each, and of writing and reading the partial results.
func wideSplits(d Device, s wideSum) int {
	const (
		flops = 7e6 // of a multiprocessor in a microsecond
		bytes = 4e6 // of memory in a microsecond
		extra = 3   // microseconds of a kernel that adds up
	)
	most := max(1, min(32, s.depth/(4*wideDepth)))
	tile := 2 * wideRows * wideColumns * float64(s.depth) / flops
	best, least := 1, 0.0
	for n := 1; n <= most; n++ {
		time := float64(ceil(s.tiles*n, d.Multiprocessors)) * tile / float64(n)
		if n > 1 {
			time += extra + float64(n)*8*float64(s.results)/bytes
		}
		if least == 0 || time < least {
			best, least = n, time
		}
	}
	return best
}
