package launch

import "github.com/sparsebert/sparsebert-gpu/backend"

// The constants of kernels/include/outer.cuh and outer_pairs.cuh.
const (
	outerThreads = 384
	outerTiles   = 192 // tiles of 16 x 16 of a thread block
	outerStages  = 4
	outerStatic  = 8 << 10  // shared memory of the tables, at most
	mostPairs    = 336      // pairs of blocks of 8 of a thread block
	outerGiven   = 96 << 10 // shared memory in which a cluster's thread blocks give each other half of their sums
)

// gradient is Product for SDD.
func gradient(d Device, family Family, w Weight, t int) Plan {
	n := w.values()
	if family == Plain {
		return Plan{
			Launch: plain(SDD, backend.F32, n), Splits: 1, Reads: Reads{X: 1, Y: 1},
			BiasSums: Launch{Kernel: "column_sums_f32", Grid: Grid(w.Out, 256, 1<<20), Block: Dim3{X: 256}},
		}
	}
	var s outerShape
	ok := family == Fragments
	switch {
	case ok:
		s = outer(d, t, w, 1)
	case family == Gathered && w.Block == 8:
		s, ok = outerPairs(d, t, w)
	}
	switch {
	case ok:
	case wide(d, w):
		return wideGradient(d, w, t).reduced(d, w)
	default:
		return denseGradient(d, w, t).reduced(d, w)
	}
	p := Plan{
		Launch: Launch{s.kernel(blocks(SDD, "", w.Block)), s.grid(), Dim3{X: outerThreads}, s.shared}, Family: family,
		Swapped: w.xLarger(), Splits: s.splits, Pairs: s.pairs, Reads: s.reads(w),
	}
	return p.reduced(d, w)
}

// reduced adds the launch that adds up partial results.
func (p Plan) reduced(d Device, w Weight) Plan {
	if p.Splits > 1 {
		p.Reduce = reduction(d, "sdd_reduce", w, 1)
	}
	return p
}

// reduction adds up the partial results of so many weights and their biases.
func reduction(d Device, kernel string, w Weight, weights int) Launch {
	const threads, each = 256, 4 // elements of a thread
	return Launch{Kernel: kernel, Grid: Grid(weights*(w.values()+w.Out), threads*each, 16*d.Multiprocessors), Block: Dim3{X: threads}}
}

// xLarger says whether x is the larger operand of a weight gradient.
func (w Weight) xLarger() bool { return w.In > w.Out }

// outerShape is a launch of outer.cuh or outer_pairs.cuh.
type outerShape struct {
	groups int // thread blocks along the active blocks
	splits int // ranges of tokens
	shared int
	pairs  bool // a cluster of two thread blocks has two ranges
}

// kernel is the name of a kernel, or of its variant for pairs.
func (s outerShape) kernel(name string) string {
	if s.pairs {
		return name + "_sm90a"
	}
	return name
}

// paired lets neighboring ranges add up their sums on chip where the GPU has clusters, there are
// two ranges or more, and what they give each other has room beside so many bytes.
func (s outerShape) paired(d Device, t, sums int) outerShape {
	whole := d
	whole.Ranges = 0
	n := splits(whole, s.groups, t) / 2 * 2
	if !d.Wgmma || n < 2 || sums+outerGiven > d.SharedBytes-outerStatic {
		return s
	}
	s.pairs, s.splits, s.shared = true, max(2, d.limited(n, d.Ranges)/2*2), max(s.shared, sums+outerGiven)
	return s
}

func (s outerShape) grid() Dim3 { return Dim3{X: s.groups, Y: s.splits} }

// reads: thread blocks along the active blocks read what they need of the larger
// operand, which is about once in all, and most of the smaller.
func (s outerShape) reads(w Weight) Reads {
	if w.xLarger() {
		return Reads{X: 1, Y: s.groups}
	}
	return Reads{X: s.groups, Y: 1}
}

// outer takes as few thread blocks along the active blocks of so many alike weights
// as the registers allow, so that x and dy are read by few of them, and as many ranges
// of tokens as fill the device.
func outer(d Device, t int, w Weight, weights int) outerShape {
	side, room, nnzb := w.Block/16, d.SharedBytes-outerStatic, weights*w.NNZB
	for groups := ceil(nnzb*side*side, outerTiles); ; groups++ {
		// One stage of the worst case, in which all rows and columns differ, must fit.
		per := ceil(nnzb, groups)
		rows, cols := min(per, weights*w.Out/w.Block), min(per, w.In/w.Block)
		stage, sums := 16*((rows+cols)*2*w.Block+16), columnSums(max(rows, cols), w.Block)
		if stage+sums <= room || per <= 1 {
			return outerShape{groups: groups, splits: splits(d, groups, t), shared: min(sums+outerStages*stage, room)}.paired(d, t, sums)
		}
	}
}

// outerPairs is outer for blocks of 8, in pairs. It fails when a stage of all
// columns of both sides does not fit shared memory, or a thread block would have no
// pair.
func outerPairs(d Device, t int, w Weight) (s outerShape, ok bool) {
	pairs := w.NNZB/2 + max(w.Out, w.In)/8
	groups := ceil(pairs, mostPairs)
	per := ceil(pairs, groups)
	stage, sums := 16*(2*(w.Out+w.In)+16), columnSums(w.Out/8, 8)
	room := d.SharedBytes - reservedShared - outerStatic
	if sums+stage > room || (groups-1)*per >= pairs {
		return s, false
	}
	return outerShape{groups: groups, splits: splits(d, groups, t), shared: min(sums+outerStages*stage, room)}, true
}

// splits is as many ranges of at least 64 tokens as fill the device beside so many
// thread blocks.
func splits(d Device, groups, t int) int {
	return d.limited(max(1, min(d.Multiprocessors/groups, ceil(d.tokens(t), 64))), d.Ranges)
}

// columnSums is the bytes of the column sums of so many block rows.
func columnSums(rows, block int) int { return ceil(rows*block*4, 128) * 128 }
