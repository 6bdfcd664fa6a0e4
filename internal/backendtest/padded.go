package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

func noRows(b backend.Backend) string {
	if b.Capabilities().Rows == nil {
		return "it lays out no rows"
	}
	return ""
}

// rowsCases are dense weights whose outputs have no width, some, or all that is aligned, and more
// than one tile.
func rowsCases() []productCase {
	var list []productCase
	for _, s := range []struct{ out, in, tokens int }{
		{1, 8, 3}, {7, 24, 17}, {40, 83, 33}, {64, 16, 5}, {65, 40, 129}, {150, 64, 130}, {522, 48, 65}, {314, 128, 257},
	} {
		list = append(list, productCase{s.out, s.in, 0, 0, s.tokens})
	}
	return list
}

// rowsChecks are the operations that take a backend.RowBuffer, each with one.
func rowsChecks() []check {
	var list []check
	for k, c := range rowsCases() {
		bias := k%2 == 0
		for _, r := range []struct {
			op      string
			prepare func(d *draws) (script, bounds)
		}{
			{"DSD", func(d *draws) (script, bounds) { return c.forwardRows(d, bias) }},
			{"DDS", c.backwardRows},
			{"SDD", func(d *draws) (script, bounds) { return c.gradientRows(d, bias) }},
		} {
			list = append(list, check{name: fmt.Sprintf("%s/%v/bias=%v", r.op, c, bias), prepare: r.prepare})
		}
	}
	for _, c := range lossCases() {
		if c.loss != backend.MLM {
			continue
		}
		list = append(list, check{name: "CrossEntropy/" + c.String(), prepare: func(d *draws) (script, bounds) {
			logits, labels := c.draw(d)
			stats := []float32{d.uniform(1, 5)[0], 3, 2}
			run := func(r *harness) {
				x := r.rows("logits", logits, c.classes, guard, c.grad)
				r.b.CrossEntropy(r.rowInout("stats", stats), x, r.ints("labels", labels), c.rows, c.classes, c.loss, c.grad)
			}
			return run, func(ref *harness) { boundCrossEntropy(ref, d.column, c, logits, labels, stats) }
		}})
	}
	return list
}

// forwardRows is y = x W^T + b with y in rows.
func (c productCase) forwardRows(d *draws, bias bool) (script, bounds) {
	w, b, x := c.weight(d), d.dense("b", 1, c.out, 1), d.reals(c.tokens*c.in, 1)
	run := func(r *harness) {
		weight, vec := r.param(w), r.param(b)
		if !bias {
			vec = nil
		}
		r.b.DSD(r.rows("y", nans(c.tokens*c.out), c.out, guard, true), nil, r.input("x", x), weight, vec, c.tokens)
	}
	return run, func(ref *harness) {
		size, terms := absProduct(x, w.full(w.values), c.tokens, c.in, c.out, false)
		y := ref.value("y")
		ref.allow("y", func(i int) float64 {
			if bias {
				return d.limit("product", terms[i]+1, size[i]+math.Abs(float64(b.values[i%c.out]))) + d.stored(y[i])
			}
			return d.limit("product", terms[i], size[i]) + d.stored(y[i])
		})
	}
}

// backwardRows is dx = dy W with dy in rows.
func (c productCase) backwardRows(d *draws) (script, bounds) {
	w, dy := c.weight(d), d.reals(c.tokens*c.out, 1)
	run := func(r *harness) {
		dys := r.rows("dy", dy, c.out, float32(math.NaN()), false)
		r.b.DDS(r.output("dx", c.tokens*c.in), dys, r.param(w), c.tokens, backend.Assign, nil)
	}
	return run, func(ref *harness) {
		size, terms := absProduct(dy, w.full(w.values), c.tokens, c.out, c.in, true)
		dx := ref.value("dx")
		ref.allow("dx", func(i int) float64 { return d.limit("product", terms[i], size[i]) + d.stored(dx[i]) })
	}
}

// gradientRows is W.grad += dy^T x and b.grad += column sums of dy, with dy in rows.
func (c productCase) gradientRows(d *draws, bias bool) (script, bounds) {
	w, b := c.weight(d), d.dense("b", 1, c.out, 1)
	dy, x := d.reals(c.tokens*c.out, 1), d.reals(c.tokens*c.in, 1)
	run := func(r *harness) {
		weight := r.param(w, "grad")
		var vec backend.Param
		if bias {
			vec = r.param(b, "grad")
		}
		r.b.SDD(weight, vec, r.rows("dy", dy, c.out, float32(math.NaN()), false), r.input("x", x), c.tokens)
	}
	return run, func(ref *harness) { c.allowGradient(ref, d, w, b, dy, x, bias) }
}
