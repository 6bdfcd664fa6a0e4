package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// workspace is the scratch memory of one thread. Slices grow to the largest
// operation and stay.
type workspace struct {
	panel      []float32 // tokens in panel layout
	ahead      []float32 // the panel of task ready-1 of a product, if ready is not 0
	ready      int
	copying    kernel.Overlap
	asking     kernel.Overlap                                 // where nothing is to be copied
	result     []float32                                      // sums of a product before they are finished
	edge       [kernel.PanelWidth * kernel.PanelWidth]float32 // a tile of a gradient that reaches over the edge
	tile       kernel.Product                                 // the arguments of a product's kernel
	half       *gradHalf                                      // of a weight gradient
	wide       wideSide                                       // of it
	gradBlocks kernel.GradBlocks                              // the arguments of its kernels
	gradTiles  kernel.GradTiles
	each       []int32    // 0, 1, 2, ...
	row        []float32  // a row of logits or of a LayerNorm's input
	factors    []float32  // of dropout
	four       [4]float32 // factors of a group of which only a part is wanted
	attn       attnSpace
	adam       kernel.AdamStep
	memo       adamMemo
}
