package launch

// leastGathered is the smallest tile of tokens of kernels/include/gather.cuh.
const leastGathered = 8

// reservedShared is what the hardware keeps of each thread block's shared memory.
const reservedShared = 1024

// stationaryShape is a launch of kernels/include/input_stationary.cuh, where rows of
// inputs stay in shared memory, or, with outputs, of output_stationary.cuh, where sums
// stay in registers.
type stationaryShape struct {
	grid, block  Dim3
	tile, shared int
	outputs      bool
	stages       int  // with outputs
	pairs        bool // with outputs: a cluster of two thread blocks shares the weights, as in output_clusters.cuh
}

// plan is the shape as a plan for a kernel.
func (s stationaryShape) plan(op Op, f Family, kernel string) Plan {
	p := Plan{
		Launch: Launch{kernel, s.grid, s.block, s.shared}, Family: f, OutputStationary: s.outputs, Tile: s.tile, Stages: s.stages,
		Pairs: s.pairs, Reads: Reads{X: s.grid.Y, W: s.grid.X},
	}
	if s.pairs {
		p.Kernel, p.Reads.W = kernel+"_sm90a", s.grid.X/2
	}
	if op == DDS {
		p.Reads.X, p.Reads.Y = 0, s.grid.Y
	}
	return p
}

// infix is the part of a kernel's name that says what stays.
func (s stationaryShape) infix() string {
	if s.outputs {
		return "_os"
	}
	return ""
}

// stationary chooses the shape of a product of t tokens with contraction k and n
// outputs of which nnz blocks are active: what is smaller stays, inputs or sums,
// or the other where one does not fit.
func stationary(d Device, t, k, n, block, nnz int) (stationaryShape, bool) {
	inputs, inputsFit := inputStationary(d, t, k, n, 16)
	outputs, outputsFit := outputStationary(d, t, k, n, block, nnz)
	if outputsFit && (k > n || !inputsFit) {
		return outputs, true
	}
	return inputs, inputsFit
}

// inputStationary takes the most tokens whose rows fit shared memory, of 64, 32 and
// 16, or 8 where the kernel's least is that, two thread blocks to a multiprocessor if
// that leaves at least 32 (one loads while the other multiplies). When the tokens do
// not fill the device, the outputs are split.
func inputStationary(d Device, t, k, n, least int) (s stationaryShape, ok bool) {
	row := 2*k + 16
	fits := func(tile, blocks int) bool {
		return tile*row <= d.SharedBytes-reservedShared && blocks*(tile*row+reservedShared) <= d.SharedPerSM
	}
	s.block = Dim3{X: 256}
	switch {
	case fits(64, 2):
		s.tile = 64
	case fits(32, 2):
		s.tile = 32
	case fits(32, 1):
		s.tile, s.block.X = 32, 512
	case fits(16, 1):
		s.tile, s.block.X = 16, 512
	case least <= 8 && fits(8, 1):
		s.tile, s.block.X = 8, 512
	default:
		return s, false
	}
	for s.tile > 16 && d.tokens(t) <= s.tile/2 {
		s.tile /= 2
	}
	s.shared = s.tile * row
	items := n / 16
	s.grid = Dim3{X: ceil(t, s.tile), Y: max(1, min(items, d.Multiprocessors/ceil(d.tokens(t), s.tile)))}
	s.block.X = min(s.block.X, 32*max(4, items/s.grid.Y))
	return s, true
}

// The constants of kernels/include/output_stationary.cuh.
const (
	outputTile    = 64 // tokens, and outputs of a warp
	outputWarps   = 12
	outputStage   = outputTile * (2*outputColumns + 16) // bytes
	outputColumns = 256
	pairRing      = 8192 // bytes of a warp's weights in output_clusters.cuh
)

// outputAhead is how many blocks' weights a warp has in its ring.
func outputAhead(block, stages int) int {
	switch {
	case block == 16:
		return [...]int{2: 4, 3: 12}[stages]
	case block == 32:
		return [...]int{2: 2, 3: 8}[stages]
	}
	return [...]int{2: 2, 3: 4}[stages]
}

// outputStationary takes 64 tokens, and of the outputs as many as twelve warps hold,
// or fewer when the tokens do not fill the device or the lists of active blocks, at
// their longest, do not fit. Before there are fewer, two stages with short rings must
// do in the place of three with long ones. With three, and more tokens than one tile,
// two tiles share the weights where the GPU has clusters.
func outputStationary(d Device, t, k, n, block, nnz int) (s stationaryShape, ok bool) {
	s.outputs = true
	tiles, all := ceil(d.tokens(t), outputTile), ceil(n, outputTile)
	parts := max(ceil(all, outputWarps), min(all, d.Multiprocessors/tiles))
	for ; parts <= all; parts++ {
		warps := ceil(all, parts)
		// A block is in the lists of block/16 warps.
		list := min(nnz, ceil(warps*outputTile, block)*(k/block)) * (block / 16)
		for _, c := range []struct {
			stages, ahead int
			pairs         bool
		}{{3, pairRing / (32 * block), true}, {3, outputAhead(block, 3), false}, {2, outputAhead(block, 2), false}} {
			if c.pairs && (!d.Wgmma || tiles < 2) {
				continue
			}
			s.stages, s.pairs = c.stages, c.pairs
			s.shared = s.stages*outputStage + warps*c.ahead*(32*block+8) + 8*list
			if s.shared <= d.SharedBytes-reservedShared {
				s.block = Dim3{X: 32 * warps}
				s.grid = Dim3{X: ceil(t, outputTile), Y: ceil(all, warps)}
				if s.pairs {
					s.grid.X = ceil(s.grid.X, 2) * 2
				}
				return s, true
			}
		}
	}
	return s, false
}
