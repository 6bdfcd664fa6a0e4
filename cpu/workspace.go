package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// workspace is the scratch memory of one thread. Slices grow to the largest
// operation and stay. Arguments of kernels are here so that calls allocate nothing.
type workspace struct {
	// Of products.
	panel     []float32 // tokens in panel layout
	nextPanel []float32 // the panel of task ready-1, if ready is not 0
	ready     int
	overlap   kernel.Overlap
	prefetch  kernel.Overlap // where nothing is to be copied
	result    []float32      // sums before they are finished
	product   kernel.Product

	// Of weight gradients.
	partial    *partialGrad
	larger     largerOperand
	gradBlocks kernel.GradBlocks
	gradTiles  kernel.GradTiles
	each       []int32                                        // 0, 1, 2, ...
	padded     []float32                                      // columns of less than a micro-panel, with zeros behind
	edge       [kernel.PanelWidth * kernel.PanelWidth]float32 // a tile that reaches over the edge

	row     []float32  // a row of logits, or of a dense gradient
	factors []float32  // of dropout
	four    [4]float32 // factors of a group of which only a part is wanted
	attn    attnScratch
	adam    kernel.AdamStep
	memo    adamMemo
}
