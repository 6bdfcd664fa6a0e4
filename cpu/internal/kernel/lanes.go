package kernel

// Lanes is the number of tokens that SpMV and Lanes4 handle at once. Their vectors run along
// the tokens.
const Lanes = 64

// LanesOf returns the number of tokens for blocks of less than PanelWidth. For 8 outputs the
// registers hold the sums of 48 tokens: those of 64 would be computed in two parts, with more
// instructions for each multiplication and a larger panel.
func LanesOf(block int) int {
	if block == 8 {
		return 48
	}
	return Lanes
}

// lanesGo takes the element of a block for output j and input k at j*sj + k*sk.
func lanesGo(size, sj, sk int) func(dst, x []float32, segs []Seg, w, start []float32) {
	lanes := LanesOf(size)
	return func(dst, x []float32, segs []Seg, w, start []float32) {
		for j := range size {
			d := dst[j*lanes : (j+1)*lanes]
			for l := range d {
				d[l] = start[j]
			}
			for _, s := range segs {
				for k := range size {
					axpyGo(d, w[int(s.B)+j*sj+k*sk], x[int(s.A)+k*lanes:int(s.A)+(k+1)*lanes])
				}
			}
		}
	}
}

func spmvGo(dst, x []float32, idx []int32, val []float32, init float32) {
	dst = dst[:Lanes]
	for l := range dst {
		dst[l] = init
	}
	for j, c := range idx {
		axpyGo(dst, val[j], x[int(c)*Lanes:int(c)*Lanes+Lanes])
	}
}
