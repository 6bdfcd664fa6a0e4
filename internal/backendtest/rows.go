package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// embedCase is a batch of sequences and a hidden size. The last sequence may be
// cut short: the number of tokens need not be a multiple of seq.
type embedCase struct{ tokens, seq, h int }

func (c embedCase) String() string { return fmt.Sprintf("T=%d/S=%d/H=%d", c.tokens, c.seq, c.h) }

func embedCases() []embedCase {
	return []embedCase{{1, 1, 3}, {3, 3, 8}, {7, 5, 40}, {33, 11, 33}, {66, 33, 16}, {130, 65, 128}, {130, 7, 40}}
}

// embedTables is a small vocabulary, so that most rows repeat, more positions
// than the sequence has, and two segments.
type embedTables struct{ word, pos, typ paramData }

func (c embedCase) draw(d *draws) (tables embedTables, ids, segments []int32) {
	tables = embedTables{d.dense("word", 19, c.h, 1), d.dense("pos", c.seq+2, c.h, 1), d.dense("typ", 2, c.h, 1)}
	return tables, d.ids(c.tokens, 0, 19), d.ids(c.tokens, 0, 2)
}

func embedChecks() []check {
	var list []check
	for _, c := range embedCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			tables, ids, segments := c.draw(d)
			run := func(r *harness) {
				r.b.Embed(r.output("z", c.tokens*c.h), r.ints("ids", ids), r.ints("segments", segments),
					r.param(tables.word), r.param(tables.pos), r.param(tables.typ), c.tokens, c.seq)
			}
			return run, func(ref *harness) {
				z := ref.value("z")
				ref.allow("z", func(i int) float64 {
					t, j := i/c.h, i%c.h
					size := math.Abs(float64(tables.word.values[int(ids[t])*c.h+j])) +
						math.Abs(float64(tables.pos.values[t%c.seq*c.h+j])) +
						math.Abs(float64(tables.typ.values[int(segments[t])*c.h+j]))
					return d.limit("sum", 3, size) + d.stored(z[i])
				})
			}
		}})
	}
	return list
}

func embedGradChecks() []check {
	var list []check
	for _, c := range embedCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			tables, ids, segments := c.draw(d)
			dz := d.reals(c.tokens*c.h, 1)
			run := func(r *harness) {
				word, pos, typ := r.param(tables.word, "grad"), r.param(tables.pos, "grad"), r.param(tables.typ, "grad")
				r.b.EmbedGrad(word, pos, typ, r.input("dz", dz), r.ints("ids", ids), r.ints("segments", segments), c.tokens, c.seq)
			}
			return run, func(ref *harness) {
				for _, table := range []struct {
					p   paramData
					row func(t int) int
				}{
					{tables.word, func(t int) int { return int(ids[t]) }},
					{tables.pos, func(t int) int { return t % c.seq }},
					{tables.typ, func(t int) int { return int(segments[t]) }},
				} {
					sums := newSums(table.p.grad)
					for i, v := range dz {
						sums.add(table.row(i/c.h)*c.h+i%c.h, v)
					}
					ref.allow(table.p.spec.Name+".grad", func(i int) float64 {
						return d.limit("sum", sums.terms[i], sums.size[i])
					})
				}
			}
		}})
	}
	return list
}

// sums holds, for elements that are added to, the absolute sum and the number of
// terms; neither counts where nothing was added.
type sums struct {
	start []float32
	size  []float64
	terms []int
}

func newSums(start []float32) sums {
	return sums{start, make([]float64, len(start)), make([]int, len(start))}
}

func (s sums) add(i int, v float32) {
	if s.terms[i] == 0 {
		s.size[i] = math.Abs(float64(s.start[i]))
		s.terms[i] = 1
	}
	s.size[i] += math.Abs(float64(v))
	s.terms[i]++
}

// moveCase is a selection of rows.
type moveCase struct{ n, rows, h int }

func (c moveCase) String() string { return fmt.Sprintf("n=%d/rows=%d/h=%d", c.n, c.rows, c.h) }

func moveCases() []moveCase {
	return []moveCase{{1, 1, 1}, {3, 2, 40}, {7, 11, 33}, {33, 5, 8}, {20, 130, 128}, {130, 30, 7}}
}

// index draws row numbers with repeats; about every fourth is negative.
func (c moveCase) index(d *draws) []int32 {
	x := d.ids(c.n, -(c.rows+2)/3, c.rows)
	if c.n > 2 {
		x[1] = -1 << 31
		x[2] = int32(c.rows - 1)
	}
	return x
}

func gatherChecks() []check {
	var list []check
	for _, c := range moveCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			src, index := d.reals(c.rows*c.h, 1), c.index(d)
			return func(r *harness) {
				r.b.Gather(r.output("dst", c.n*c.h), r.input("src", src), r.ints("index", index), c.n, c.h)
			}, nil
		}})
	}
	return list
}

func scatterAddChecks() []check {
	var list []check
	for _, c := range moveCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			dst, src, index := d.reals(c.rows*c.h, 1), d.reals(c.n*c.h, 1), c.index(d)
			run := func(r *harness) {
				r.b.ScatterAdd(r.inout("dst", dst), r.input("src", src), r.ints("index", index), c.n, c.h)
			}
			return run, func(ref *harness) {
				sums := newSums(dst)
				for i, v := range src {
					if row := int(index[i/c.h]); row >= 0 {
						sums.add(row*c.h+i%c.h, v)
					}
				}
				// The sum itself lives in the activation dtype: every addition rounds to it.
				ref.allow("dst", func(i int) float64 { return float64(sums.terms[i]) * d.stored(sums.size[i]) })
			}
		}})
	}
	return list
}

func zeroChecks() []check {
	var list []check
	for _, n := range []int{0, 1, 3, 33, 1030} {
		list = append(list, check{name: fmt.Sprintf("n=%d", n), prepare: func(d *draws) (script, bounds) {
			x, table := d.reals(n, 1), d.reals(2, 1)
			ones := make([]int32, n)
			for i := range ones {
				ones[i] = 1
			}
			return func(r *harness) {
				act, row, index := r.inout("activations", x), r.rowInout("row", x), r.ints("index", ones)
				for _, b := range []backend.Buffer{act, row, index} {
					r.b.Zero(b, n)
				}
				// The zeroed indices show as copies of row 0.
				r.b.Gather(r.output("gathered", n), r.input("table", table), index, n, 1)
			}, nil
		}})
	}
	return list
}
