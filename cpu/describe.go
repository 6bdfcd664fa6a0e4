package cpu

import (
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// ProductKernel names the way in which the product op ("dsd", "dds", "sdd") of p
// is computed. For records and tables.
func (b *Backend) ProductKernel(op string, p backend.Param, tokens int) string {
	q, ok := p.(*param)
	switch {
	case !ok || q == nil:
		return ""
	case q.topo == nil:
		return b.k.Path.String() + ", dense"
	case q.topo.Block == 1:
		return b.k.Path.String() + ", elements"
	default:
		return b.k.Path.String() + ", blocks"
	}
}

// Floats returns the memory of a float32 buffer of this backend: for programs that
// compute on the same operands by other means. It is an error of the backend,
// and nil, if x is anything else.
func (b *Backend) Floats(x backend.Buffer) []float32 { return b.check("Floats").floats("buffer", x, 0) }

// CopyRate returns the bytes a second, read and written together, of a plain copy
// of n bytes by as many threads as the backend has: the best of a few.
func (b *Backend) CopyRate(n int64) (float64, error) {
	if b.err != nil {
		return 0, b.err
	}
	from, to := make([]float32, n/4), make([]float32, n/4)
	for i := 0; i < len(from); i += 1 << 10 { // every page, or all would be the kernel's one page of zeros
		from[i] = 1
	}
	rate := 0.0
	for range 5 {
		start := time.Now()
		var done sync.WaitGroup
		for i := range b.pool.threads {
			lo, hi := i*len(from)/b.pool.threads, (i+1)*len(from)/b.pool.threads
			done.Go(func() { copy(to[lo:hi], from[lo:hi]) })
		}
		done.Wait()
		rate = max(rate, 2*float64(n)/max(time.Since(start).Seconds(), 1e-9))
	}
	return rate, nil
}
