package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// oneByOne is what backend.SharedInput means, by the products of one weight. A
// backend without it is checked with this.
type oneByOne struct{ backend.Products }

func (o oneByOne) DSDShared(y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
	for i := range w {
		o.DSD(y[i], nil, x, w[i], b[i], t)
	}
}

func (o oneByOne) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	for i := range w {
		o.DDS(dx, dy[i], w[i], t, backend.Accumulate, nil)
	}
}

func (o oneByOne) SDDShared(w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	for i := range w {
		o.SDD(w[i], b[i], dy[i], x, t)
	}
}

func sharedOf(b backend.Backend) backend.SharedInput {
	if s := b.Capabilities().SharedInput; s != nil {
		return s
	}
	return oneByOne{b}
}

// sharedCase is several weights of one shape. Those after the first have `more`
// blocks more.
type sharedCase struct {
	productCase
	weights, more int
	bias          bool
}

func (c sharedCase) String() string {
	return fmt.Sprintf("%d of %v/more=%d/bias=%v", c.weights, c.productCase, c.more, c.bias)
}

// sharedCases are three weights of every kind, and other numbers of them; wider one
// way and the other; token counts around the tiles and enough for several ranges.
func sharedCases() []sharedCase {
	var list []sharedCase
	for _, s := range []struct{ block, rows, cols, nnzb, tokens int }{
		{0, 24, 40, 0, 17}, {1, 9, 12, 40, 17}, {4, 6, 5, 11, 33}, {8, 4, 3, 7, 17},
		{16, 4, 4, 16, 1}, {16, 3, 7, 1, 17}, {16, 9, 2, 7, 64}, {16, 4, 4, 6, 129}, {16, 17, 18, 31, 65},
		{32, 3, 3, 9, 17}, {32, 3, 5, 5, 130}, {64, 2, 2, 1, 1}, {64, 2, 2, 4, 33}, {64, 1, 5, 3, 64},
	} {
		size := max(1, s.block)
		list = append(list, sharedCase{productCase{s.rows * size, s.cols * size, s.block, s.nnzb, s.tokens}, 3, 0, len(list)%2 == 0})
	}
	plain := productCase{48, 48, 16, 3, 33}
	return append(list, sharedCase{plain, 1, 0, true}, sharedCase{plain, 2, 0, true}, sharedCase{plain, 4, 0, false}, sharedCase{plain, 3, 2, true})
}

// sharedData is the operands of a case.
type sharedData struct {
	w, b   []paramData
	x, old []float32
	dy     [][]float32
}

func (c sharedCase) draw(d *draws) (data sharedData) {
	for i := range c.weights {
		one := c.productCase
		if i > 0 {
			one.nnzb += c.more
		}
		w := one.weight(d)
		w.spec.Name = fmt.Sprintf("w%d", i)
		data.w, data.b = append(data.w, w), append(data.b, d.dense(fmt.Sprintf("b%d", i), 1, c.out, 1))
		data.dy = append(data.dy, d.reals(c.tokens*c.out, 1))
	}
	data.x, data.old = d.reals(c.tokens*c.in, 1), d.reals(c.tokens*c.in, 3)
	return data
}

// params makes the weights and biases on the harness's backend.
func (c sharedCase) params(r *harness, data sharedData, changes ...string) (w, b []backend.Param) {
	for i := range data.w {
		w = append(w, r.param(data.w[i], changes...))
		if c.bias {
			b = append(b, r.param(data.b[i], changes...))
		} else {
			b = append(b, nil)
		}
	}
	return w, b
}

func sharedChecks() []check {
	var list []check
	for _, c := range sharedCases() {
		list = append(list, c.forward(), c.backward(), c.gradients())
		if c.weights == 3 && c.block >= 16 {
			list = append(list, c.sameBits())
		}
	}
	return list
}

// forward is DSDShared.
func (c sharedCase) forward() check {
	return check{name: fmt.Sprintf("DSDShared/%v", c), prepare: func(d *draws) (script, bounds) {
		data := c.draw(d)
		limit := func(ref *harness) {
			for i, w := range data.w {
				size, terms := absProduct(data.x, w.full(w.values), c.tokens, c.in, c.out, false)
				y := ref.value(fmt.Sprintf("y%d", i))
				ref.allow(fmt.Sprintf("y%d", i), func(k int) float64 {
					return d.limit("product", terms[k]+1, size[k]+math.Abs(float64(data.b[i].values[k%c.out]))) + d.stored(y[k])
				})
			}
		}
		return c.forwardScript(data, sharedOf), limit
	}}
}

func (c sharedCase) forwardScript(data sharedData, how func(b backend.Backend) backend.SharedInput) script {
	return func(r *harness) {
		w, b := c.params(r, data)
		var y []backend.Buffer
		for i := range w {
			y = append(y, r.output(fmt.Sprintf("y%d", i), c.tokens*c.out))
		}
		how(r.b).DSDShared(y, r.input("x", data.x), w, b, c.tokens)
	}
}

// sameBits: DSDShared gives those of one DSD each.
func (c sharedCase) sameBits() check {
	name := fmt.Sprintf("DSDShared/bits/%v", c)
	return check{name: name, whole: func(b, _ backend.Backend) error {
		data := c.draw(newDraws(name, b.Activation()))
		together, apart := newHarness(b), newHarness(b)
		if err := together.play(c.forwardScript(data, sharedOf)); err != nil {
			return err
		}
		if err := apart.play(c.forwardScript(data, func(b backend.Backend) backend.SharedInput { return oneByOne{b} })); err != nil {
			return err
		}
		return together.sameBits(apart)
	}}
}

// backward is DDSShared. What dx is after each weight may be rounded.
func (c sharedCase) backward() check {
	return check{name: fmt.Sprintf("DDSShared/%v", c), prepare: func(d *draws) (script, bounds) {
		data := c.draw(d)
		run := func(r *harness) {
			w, _ := c.params(r, data)
			var dy []backend.Buffer
			for i := range w {
				dy = append(dy, r.input(fmt.Sprintf("dy%d", i), data.dy[i]))
			}
			sharedOf(r.b).DDSShared(r.inout("dx", data.old), dy, w, c.tokens)
		}
		limit := func(ref *harness) {
			total, count := make([]float64, c.tokens*c.in), make([]int, c.tokens*c.in)
			for k, v := range data.old {
				total[k] = math.Abs(float64(v))
			}
			between := make([]float64, len(total)) // roundings of dx between the weights
			for i, w := range data.w {
				size, terms := absProduct(data.dy[i], w.full(w.values), c.tokens, c.out, c.in, true)
				for k := range total {
					if i > 0 {
						between[k] += d.stored(total[k])
					}
					total[k] += size[k]
					count[k] += terms[k] + 1
				}
			}
			dx := ref.value("dx")
			ref.allow("dx", func(k int) float64 { return d.limit("product", count[k], total[k]) + between[k] + d.stored(dx[k]) })
		}
		return run, limit
	}}
}

// gradients is SDDShared.
func (c sharedCase) gradients() check {
	return check{name: fmt.Sprintf("SDDShared/%v", c), prepare: func(d *draws) (script, bounds) {
		data := c.draw(d)
		run := func(r *harness) {
			w, b := c.params(r, data, "grad")
			var dy []backend.Buffer
			for i := range w {
				dy = append(dy, r.input(fmt.Sprintf("dy%d", i), data.dy[i]))
			}
			sharedOf(r.b).SDDShared(w, b, dy, r.input("x", data.x), c.tokens)
		}
		limit := func(ref *harness) {
			for n, w := range data.w {
				ref.allow(w.spec.Name+".grad", func(k int) float64 {
					o, i := w.place(k)
					size := math.Abs(float64(w.grad[k]))
					for t := range c.tokens {
						size += math.Abs(float64(data.dy[n][t*c.out+o]) * float64(data.x[t*c.in+i]))
					}
					return d.limit("product", c.tokens+1, size)
				})
				if c.bias {
					ref.allow(data.b[n].spec.Name+".grad", func(o int) float64 {
						size := math.Abs(float64(data.b[n].grad[o]))
						for t := range c.tokens {
							size += math.Abs(float64(data.dy[n][t*c.out+o]))
						}
						return d.limit("product", c.tokens+1, size)
					})
				}
			}
		}
		return run, limit
	}}
}
