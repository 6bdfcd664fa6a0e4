package checkpoint

// Keys of the tensors that a block-sparse parameter NAME is kept in. A dense one
// is NAME itself; a block-sparse one cannot be read without all three.
const (
	KeyBlocks = ".blocks" // F32 [nnzb, B, B], the values of each active block
	KeyRows   = ".rows"   // I32 [nnzb], block row of each
	KeyCols   = ".cols"   // I32 [nnzb], block column of each
)
