package model

import (
	"math"
	"runtime"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// initStd is the default of Config.InitStd: what is left of the normal that is cut at two
// standard deviations has 0.88 of it.
const initStd = 0.02

// initStd is InitStd, its default for 0.
func (c Config) initStd() float64 {
	if c.InitStd == 0 {
		return initStd
	}
	return c.InitStd
}

// initialChunk is the number of values that are made at a time.
const initialChunk = 1 << 20

// InitialValues returns the first values of a dense parameter, [Out, In] row-major:
// what New gives it under the same seed.
func InitialValues(t Tensor, c Config, seed uint64) []float32 {
	values := make([]float32, t.Elements())
	if t.Start != StartZero {
		fill(values, 0, drawer(t, c, seed))
	}
	return values
}

// initialize writes a parameter's first values.
func initialize(b backend.Backend, p backend.Param, t Tensor, topo *sparse.Topology, c Config, seed uint64) {
	if t.Start == StartZero || b.Capabilities().Valueless {
		return // NewParam zeroes, or drawing takes most of the time and nothing is kept
	}
	draw := drawer(t, c, seed)
	n := t.Stored()
	buf := make([]float32, min(n, initialChunk))
	for off := 0; off < n; off += len(buf) {
		chunk := buf[:min(len(buf), n-off)]
		fill(chunk, off, func(i int) float32 { return draw(denseIndex(topo, t.In, i)) })
		b.WriteFloats(p.Values(), off, chunk)
	}
}

// fill sets dst[i] = value(off+i) on all processors.
func fill(dst []float32, off int, value func(i int) float32) {
	workers := min(runtime.GOMAXPROCS(0), len(dst)/4096+1)
	var wg sync.WaitGroup
	for w := range workers {
		lo, hi := len(dst)*w/workers, len(dst)*(w+1)/workers
		wg.Go(func() {
			for i := lo; i < hi; i++ {
				dst[i] = value(off + i)
			}
		})
	}
	wg.Wait()
}

// denseIndex returns the row-major index in the dense tensor of stored element i.
func denseIndex(topo *sparse.Topology, in, i int) int {
	if topo == nil {
		return i
	}
	size := topo.BlockSize()
	slot, e := i/size, i%size
	row := int(topo.Rows[slot])*topo.Block + e/topo.Block
	col := int(topo.Cols[slot])*topo.Block + e%topo.Block
	return row*in + col
}

// drawer returns the function from an element's index in the dense tensor to its
// first value. A block-sparse tensor draws by the same index, so an element
// starts with the same value in whatever topology it is active. Element e has
// the word w = word e%4 of philox.At(seed, philox.Init, e/4, 0, index), taken to
// u = (w + 1/2) 2^-32 in (0, 1); both distributions are inverted there.
func drawer(t Tensor, c Config, seed uint64) func(e int) float32 {
	if t.Start == StartOne {
		return func(int) float32 { return 1 }
	}
	quantile := truncatedNormal(c.initStd())
	if t.Start == StartWeight && c.Init == Glorot {
		limit := math.Sqrt(6 / float64(t.Out+t.In))
		quantile = func(u float64) float64 { return limit * (2*u - 1) }
	}
	scale := 1.0
	if c.InitRescale {
		scale = t.rescale()
	}
	index := uint32(t.Index)
	return func(e int) float32 {
		w := philox.At(seed, philox.Init, uint32(e/4), 0, index)[e%4]
		return float32(scale * quantile((float64(w)+0.5)*0x1p-32))
	}
}

// StartVariance returns the variance of the distribution of a weight's first values: that
// of a normal that is cut at two standard deviations, or limit^2/3 of a uniform one, times
// the square of the factor of rescaling. It is 0 for a tensor that starts with a constant.
func StartVariance(t Tensor, c Config) float64 {
	variance := 0.0
	switch {
	case t.Start == StartZero || t.Start == StartOne:
		return 0
	case t.Start == StartWeight && c.Init == Glorot:
		variance = 6 / float64(t.Out+t.In) / 3
	default:
		// 1 - 4 phi(2) / (2 Phi(2) - 1) of its square is left of the cut normal's.
		phi := math.Exp(-2) / math.Sqrt(2*math.Pi)
		std := c.initStd()
		variance = std * std * (1 - 4*phi/erfSqrt2)
	}
	if c.InitRescale {
		variance *= t.rescale() * t.rescale()
	}
	return variance
}

// truncatedNormal returns the quantile function of a normal of standard deviation sigma
// cut at +-2 sigma: sigma sqrt(2) erfinv((2u - 1) erf(sqrt 2)).
func truncatedNormal(sigma float64) func(u float64) float64 {
	wide := sigma * math.Sqrt2
	if sigma == initStd {
		wide = initStd * math.Sqrt2 // a constant is rounded once: the bits of every run by default
	}
	return func(u float64) float64 { return wide * math.Erfinv((2*u-1)*erfSqrt2) }
}

var erfSqrt2 = math.Erf(math.Sqrt2)
