package sparse

// ProductFLOPs returns the floating-point operations of one product (dsd, dds or
// sdd) on nnzb active blocks for t tokens: 2 t nnzb B^2, a multiply and an add
// per active weight and token.
func (s Shape) ProductFLOPs(t, nnzb int) int64 {
	return 2 * int64(t) * int64(nnzb) * int64(s.BlockSize())
}

// TrainingFLOPs returns those of the three products of a training step: forward,
// input gradient and weight gradient.
func (s Shape) TrainingFLOPs(t, nnzb int) int64 { return 3 * s.ProductFLOPs(t, nnzb) }

// Memory is what one weight tensor takes during training, in bytes, values,
// gradient and moments in float32.
type Memory struct {
	Values   int64 // weights
	Gradient int64
	Moments  int64 // both Adam moments
	Indices  int64 // Rows, Cols and both views: what the products read
	History  int64 // Born and NewAt
	Explored int64 // the explored bits
}

// Total returns the sum of the parts in bytes.
func (m Memory) Total() int64 {
	return m.Values + m.Gradient + m.Moments + m.Indices + m.History + m.Explored
}

// SparseMemory returns the bytes of a tensor with nnzb active blocks.
func (s Shape) SparseMemory(nnzb int) Memory {
	n := int64(nnzb)
	m := floats(n * int64(s.BlockSize()))
	m.Indices = 4 * (4*n + int64(s.BlockRows()+1) + int64(s.BlockCols()+1))
	m.History = 4 * 2 * n
	m.Explored = 8 * int64(words(s.Positions()))
	return m
}

// DenseMemory returns the bytes of the same tensor when it is dense.
func (s Shape) DenseMemory() Memory { return floats(int64(s.Out) * int64(s.In)) }

func floats(elements int64) Memory {
	return Memory{Values: 4 * elements, Gradient: 4 * elements, Moments: 8 * elements}
}
