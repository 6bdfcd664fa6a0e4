package gpu

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// saliencyScore is the number of sparse.PruneSaliency in kernels/include/topology.cuh,
// where the norms have their own.
const saliencyScore = int32(sparse.LInf) + 1

// scoreNames are the scores by their numbers, as errors name them.
var scoreNames = []string{"l1 norm", "l2 norm", "linf norm", "saliency"}

// growKernels are the numbers of the grow criteria that the kernels know.
var growKernels = map[string]int32{"random": 0, "gradient": 1}

// scoreKernel returns the number of the score by which an update prunes.
func scoreKernel(u sparse.Update) int32 {
	if u.Prune == sparse.PruneSaliency {
		return saliencyScore
	}
	return int32(u.Norm)
}

// criteria returns an error for an update by a criterion that the kernels do not know.
func criteria(u sparse.Update) error {
	if u.Prune > sparse.PruneSaliency {
		return fmt.Errorf("found the prune criterion %s, expected norm or saliency: it has no kernels", u.Prune)
	}
	if name := u.Growth.Criterion().Name; name != "" {
		if _, known := growKernels[name]; !known {
			return fmt.Errorf("found the grow criterion %s, expected random or gradient: it has no kernels", name)
		}
	}
	return nil
}

// ages are sparse.Ages in device memory.
type ages struct {
	at       Ptr
	capacity int64 // bytes
}

// leastAges is room for the ages of two thousand updates: as all updates take it, a plan
// of memory knows of it.
const leastAges = 1 << 14

// writeAges copies the factors of an update, if there are any, to the device, and sets
// their addresses.
func (c operation) writeAges(d *topologyUpdate, a *sparse.Ages) {
	var data []byte
	if a != nil {
		data = slices.Concat(bytesOf(a.From), bytesOf(a.Start), bytesOf(a.Scale))
	}
	b, m := c.b, &c.b.topo.ages
	if n := max(int64(len(data)), leastAges); n > m.capacity {
		m.capacity = max(n, 2*m.capacity)
		p := b.take(c.op, "topology ages", m.capacity)
		if m.at != 0 && c.ok() {
			b.release(c.op, m.at)
		}
		m.at = p
	}
	if a == nil || !c.ok() {
		return
	}
	b.stage(c.op, m.at, data)
	d.births = int32(len(a.From))
	d.from = m.at
	d.startFactors = d.from + Ptr(4*len(a.From))
	d.factors = d.startFactors + Ptr(4*len(a.Start))
}
