package backend

// Products are the three products of a weight W [O, I], block-sparse or dense.
// Inactive blocks cost nothing and count as zero.
type Products interface {
	// DSD is the forward product, y = x W^T + b, named after its transposed
	// form Y^T = W X^T. x is [T, I], y is [T, O], b a dense Param [1, O] or nil.
	// With pre not nil also pre = x W^T + b and y = gelu(pre), where
	// gelu(a) = a/2 (1 + erf(a/sqrt 2)); pre is [T, O].
	DSD(y, pre, x Buffer, w, b Param, t int)
	// DDS is the input gradient, r = dy W: dy is [T, O], dx is [T, I]. mode says
	// what happens to r; pre [T, I] is read for TimesGELU only. dx may be pre.
	DDS(dx, dy Buffer, w Param, t int, mode DDSMode, pre Buffer)
	// SDD is the weight gradient on the active blocks, w.Grad += dy^T x, and
	// b.Grad += column sums of dy where b is not nil. dy is [T, O], x is [T, I].
	SDD(w, b Param, dy, x Buffer, t int)
}

// DDSMode says what DDS does with its result.
type DDSMode uint8

// The modes of DDS.
const (
	Assign     DDSMode = iota // dx = r
	Accumulate                // dx += r
	TimesGELU                 // dx = r * gelu'(pre)
)
