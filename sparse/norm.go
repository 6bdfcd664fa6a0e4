package sparse

import (
	"fmt"
	"math"
)

// Norm is the block norm by which blocks are pruned.
type Norm uint8

// The block norms (paper, figure 7). L1 is the default.
const (
	L1 Norm = iota
	L2
	LInf
)

// lanes is the number of partial sums of a norm: one warp of a GPU.
const lanes = 32

// BlockNorm returns the norm of the elements of one block, in float32 and in an
// order that is part of the update contract:
//
//	lane l = 0..31, from +0, takes the elements l, l+32, l+64, ... in that order:
//	    L1    s[l] = s[l] + |w|
//	    L2    s[l] = s[l] + w*w    (w*w rounded to float32 first: no fused multiply-add)
//	    LInf  s[l] = max(s[l], |w|)
//	for off = 16, 8, 4, 2, 1:
//	    s[l] = s[l] + s[l+off]  or  max(s[l], s[l+off])   for l < off
//	the norm is s[0]
//
// The L2 norm is the sum of squares: its root would order blocks the same way.
// NaN spreads: max compares bit patterns, in which NaN is above infinity. A
// norm is never negative, so norms and their bit patterns are in the same order.
func BlockNorm(w []float32, n Norm) float32 {
	var s [lanes]float32
	switch n {
	case L2:
		for i, x := range w {
			s[i%lanes] += float32(x * x) // the conversion forbids fusing
		}
	case LInf:
		for i, x := range w {
			s[i%lanes] = maxBits(s[i%lanes], abs(x))
		}
	default:
		for i, x := range w {
			s[i%lanes] += abs(x)
		}
	}
	for off := lanes / 2; off > 0; off /= 2 {
		for l := range off {
			if n == LInf {
				s[l] = maxBits(s[l], s[l+off])
			} else {
				s[l] += s[l+off]
			}
		}
	}
	return s[0]
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// maxBits returns the larger of two numbers without sign, NaN if there is one.
func maxBits(a, b float32) float32 {
	return math.Float32frombits(max(math.Float32bits(a), math.Float32bits(b)))
}

// finite reports whether x is neither NaN nor infinite.
func finite(x float32) bool { return math.Float32bits(x)>>23&0xff != 0xff }

// denseNorms returns the norm of every block of a dense tensor, [Out][In]
// row-major, by position. The error wraps ErrNotFinite.
func (s Shape) denseNorms(dense []float32, n Norm) ([]float32, error) {
	norms := make([]float32, s.Positions())
	block := make([]float32, s.BlockSize())
	for p := range norms {
		r, c := p/s.BlockCols(), p%s.BlockCols()
		for i := range s.Block {
			copy(block[i*s.Block:(i+1)*s.Block], dense[(r*s.Block+i)*s.In+c*s.Block:])
		}
		norms[p] = BlockNorm(block, n)
		if !finite(norms[p]) {
			return nil, fmt.Errorf("%w: block row %d, column %d: found the %s norm %v", ErrNotFinite, r, c, n, norms[p])
		}
	}
	return norms, nil
}
