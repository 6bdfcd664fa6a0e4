package backend

import "github.com/sparsebert/sparsebert-gpu/sparse"

// Restricter is what a backend may have besides: dense tensors of which only some
// blocks are trained for a while. The products know nothing of it: all elements
// take part in the forward pass and hand gradients back.
type Restricter interface {
	Backend
	// Restrict trains only the active blocks of t, which has the shape of the dense
	// parameter p, until the next call. GradNorm then first sets the gradient to zero
	// everywhere else, so that the norm is that of what is trained, and AdamW
	// changes neither values nor moments there. The age of all elements stays
	// Step+1. nil: all of p is trained again. The topology is copied; it is scratch
	// for MemoryBytes.
	Restrict(p Param, t *sparse.Topology)
	// KeepOnly sets values and both moments of the dense parameter p to zero outside
	// the active blocks of t.
	KeepOnly(p Param, t *sparse.Topology)
}
