package backend

// SharedInput is what a backend may have besides: the products of several weights
// that share the other side's tensor, in one pass over it. The query, key and
// value of an attention read the same x, and their input gradients add up to
// one dx. All lists have one entry for each weight, at least one, and all weights
// have the same shape; entries of b may be nil. Where a backend cannot share, it does
// one product after the other, as does a caller whose backend has no SharedInput.
type SharedInput interface {
	// DSDShared is y[i] = x w[i]^T + b[i], with the bits of one DSD each.
	DSDShared(y []Buffer, x Buffer, w, b []Param, t int)
	// DDSShared is dx += sum over i of dy[i] w[i]. The sum may be rounded to the
	// dtype of activations after each weight, or only once.
	DDSShared(dx Buffer, dy []Buffer, w []Param, t int)
	// SDDShared is w[i].Grad += dy[i]^T x and b[i].Grad += column sums of dy[i].
	SDDShared(w, b []Param, dy []Buffer, x Buffer, t int)
}
