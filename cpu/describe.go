package cpu

import (
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// ProductKernel implements backend.Profile: the path, and whether the weight is dense or has
// blocks or single elements.
func (b *device) ProductKernel(op string, p backend.Param, tokens int) string {
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

// Floats returns the memory of a float32 buffer of this device, not a copy: for programs that
// compute on the same operands by other means. It is nil if x is anything else.
func (b *Backend) Floats(x backend.Buffer) []float32 {
	if own, ok := x.(*buffer); ok && own.Owner() == backend.Device(b.device) {
		return own.f
	}
	return nil
}

// Threads implements backend.Profile.
func (b *device) Threads() int { return b.pool.threads }

// CopyRate implements backend.Profile: the best rate of five copies by all threads.
func (b *device) CopyRate(n int64) (float64, error) {
	if err := b.err; err != nil {
		return 0, err
	}
	from, to := make([]float32, n/4), make([]float32, n/4)
	for i := 0; i < len(from); i += 1 << 10 { // every page, or all would be the kernel's one page of zeros
		from[i] = 1
	}
	rate := 0.0
	for range 5 {
		start := time.Now()
		var done sync.WaitGroup
		threads := b.pool.threads
		for i := range threads {
			lo, hi := i*len(from)/threads, (i+1)*len(from)/threads
			done.Go(func() { copy(to[lo:hi], from[lo:hi]) })
		}
		done.Wait()
		rate = max(rate, 2*float64(n)/max(time.Since(start).Seconds(), 1e-9))
	}
	return rate, nil
}
