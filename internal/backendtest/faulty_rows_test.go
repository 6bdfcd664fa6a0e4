package backendtest

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

type (
	gatherFault struct {
		backend.Backend
		f func(b backend.Backend, dst, src, index backend.Buffer, n, h int)
	}
	scatterFault struct {
		backend.Backend
		f func(b backend.Backend, dst, src, index backend.Buffer, n, h int)
	}
	zeroFault struct {
		backend.Backend
		more int
	}
	tanhFault     struct{ backend.Backend }
	tanhGradFault struct{ backend.Backend }
	geluGradFault struct{ backend.Backend }
	lossFault     struct {
		backend.Backend
		f func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool)
	}
)

func (f gatherFault) Gather(dst, src, index backend.Buffer, n, h int) {
	f.f(f.Backend, dst, src, index, n, h)
}

func (f scatterFault) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	f.f(f.Backend, dst, src, index, n, h)
}

func (f zeroFault) Zero(b backend.Buffer, n int) { f.Backend.Zero(b, n+f.more) }

// Tanh is x (27 + x^2)/(27 + 9 x^2), a popular shortcut.
func (f tanhFault) Tanh(y, x backend.Buffer, n int) {
	xs := floats(f.Backend, x)
	edit(f.Backend, y, func(v []float32) {
		for i := range n {
			v[i] = xs[i] * (27 + xs[i]*xs[i]) / (27 + 9*xs[i]*xs[i])
		}
	})
}

// TanhGrad takes y for the input of tanh.
func (f tanhGradFault) TanhGrad(dx, dy, y backend.Buffer, n int) {
	th := f.Alloc("tanh", f.Activation(), n)
	f.Tanh(th, y, n)
	f.Backend.TanhGrad(dx, dy, th, n)
}

// GELUGrad is the slope of the tanh approximation of GELU.
func (f geluGradFault) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	ups, as := floats(f.Backend, dy), floats(f.Backend, pre)
	edit(f.Backend, dx, func(v []float32) {
		for i := range n {
			a := float64(as[i])
			c := math.Sqrt(2 / math.Pi)
			th := math.Tanh(c * (a + 0.044715*a*a*a))
			v[i] = ups[i] * float32(0.5*(1+th)+0.5*a*(1-th*th)*c*(1+3*0.044715*a*a))
		}
	})
}

func (f lossFault) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	f.f(f.Backend, stats, logits, labels, rows, c, loss, grad)
}

func rowFaults() []fault {
	loss := func(name string, f func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool)) fault {
		return fault{"CrossEntropy", name, func(b backend.Backend) backend.Backend { return lossFault{b, f} }}
	}
	lossStat := func(name string, i int, by float32) fault {
		return loss(name, func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
			b.CrossEntropy(stats, logits, labels, rows, c, l, grad)
			edit(b, stats, func(v []float32) { v[i] += by })
		})
	}
	return []fault{
		{"Gather", "drops the last row", func(b backend.Backend) backend.Backend {
			return gatherFault{b, func(b backend.Backend, dst, src, index backend.Buffer, n, h int) { b.Gather(dst, src, index, n-1, h) }}
		}},
		{"Gather", "keeps what was there for negative indices", func(b backend.Backend) backend.Backend {
			return gatherFault{b, func(b backend.Backend, dst, src, index backend.Buffer, n, h int) {
				old := floats(b, dst)
				b.Gather(dst, src, index, n, h)
				edit(b, dst, func(v []float32) {
					for i := range n * h {
						if v[i] == 0 {
							v[i] = old[i]
						}
					}
				})
			}}
		}},
		{"ScatterAdd", "assigns", func(b backend.Backend) backend.Backend {
			return scatterFault{b, func(b backend.Backend, dst, src, index backend.Buffer, n, h int) {
				old := floats(b, dst)
				b.ScatterAdd(dst, src, index, n, h)
				edit(b, dst, func(v []float32) {
					for i := range v {
						if v[i] != old[i] {
							v[i] -= old[i]
						}
					}
				})
			}}
		}},
		{"ScatterAdd", "drops the last row", func(b backend.Backend) backend.Backend {
			return scatterFault{b, func(b backend.Backend, dst, src, index backend.Buffer, n, h int) {
				b.ScatterAdd(dst, src, index, n-1, h)
			}}
		}},
		{"Zero", "one element short", func(b backend.Backend) backend.Backend { return zeroFault{b, -1} }},
		{"Zero", "one element too many", func(b backend.Backend) backend.Backend { return zeroFault{b, 1} }},
		{"Tanh", "a rational shortcut", func(b backend.Backend) backend.Backend { return tanhFault{b} }},
		{"TanhGrad", "from the input of tanh", func(b backend.Backend) backend.Backend { return tanhGradFault{b} }},
		{"GELUGrad", "of the tanh approximation", func(b backend.Backend) backend.Backend { return geluGradFault{b} }},
		loss("the other scale", func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
			b.CrossEntropy(stats, logits, labels, rows, c, backend.MLM, grad)
		}),
		loss("assigns", func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
			b.Zero(stats, 3)
			b.CrossEntropy(stats, logits, labels, rows, c, l, grad)
		}),
		loss("always replaces the logits", func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, _ bool) {
			b.CrossEntropy(stats, logits, labels, rows, c, l, true)
		}),
		loss("drops the last row", func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
			b.CrossEntropy(stats, logits, labels, rows-1, c, l, grad)
		}),
		loss("leaves ignored rows", func(b backend.Backend, stats, logits, labels backend.Buffer, rows, c int, l backend.Loss, grad bool) {
			old := floats(b, logits)
			b.CrossEntropy(stats, logits, labels, rows, c, l, grad)
			edit(b, logits, func(v []float32) {
				for i := range rows * c {
					if v[i] == 0 {
						v[i] = old[i]
					}
				}
			})
		}),
		lossStat("counts a row more", 1, 1),
		lossStat("counts a hit less", 2, -1),
		lossStat("a loss off by 1e-3", 0, 1e-3),
	}
}
