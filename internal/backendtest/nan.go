package backendtest

import (
	"errors"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// A training run stops on the first NaN in its loss or gradients, so no
// operation may lose one: a comparison that is false for NaN, or a clamp, turns
// a broken model into a plausible one. nanChecks put one NaN into an input. The
// outputs that the reference makes NaN must be NaN, and no others.
func nanChecks() []check {
	var list []check
	for _, c := range nanCases() {
		list = append(list, check{name: c.name, whole: func(b, _ backend.Backend) error {
			d := newDraws(c.name, b.Activation())
			s := c.prepare(d)
			want, got := newHarness(reference.New()), newHarness(b)
			if err := errors.Join(want.play(s), got.play(s)); err != nil {
				return err
			}
			spread := 0
			for k, t := range got.tensors {
				if !t.changes {
					continue
				}
				for i := range t.n {
					isNaN, must := t.bits[i] != t.bits[i], math.IsNaN(want.tensors[k].exact[i])
					if isNaN != must {
						return fmt.Errorf("%s[%d]: found %v, expected NaN: %v", t.name, i, t.bits[i], must)
					}
					if must {
						spread++
					}
				}
			}
			if spread == 0 {
				return errors.New("no output is NaN, so nothing is tested")
			}
			return nil
		}})
	}
	return list
}

// nanCase draws data with one NaN in it.
type nanCase struct {
	name    string
	prepare func(d *draws) script
}

func nanCases() []nanCase {
	const t, h = 5, 40
	poisoned := func(d *draws, n, at int) []float32 {
		x := d.reals(n, 1)
		x[at] = float32(math.NaN())
		return x
	}
	var list []nanCase
	for _, block := range []int{0, 1, 4, 8, 16, 32, 64} {
		size := max(1, block)
		c := productCase{out: 2 * size, in: 3 * size, block: block, nnzb: 4, tokens: t}
		if block == 0 {
			c.out, c.in = 9, 21
		}
		list = append(list,
			nanCase{fmt.Sprintf("DSD/B=%d", block), func(d *draws) script {
				w, x := c.weight(d), poisoned(d, t*c.in, 2*c.in+1)
				return func(r *harness) {
					r.b.DSD(r.output("y", t*c.out), r.output("pre", t*c.out), r.input("x", x), r.param(w), nil, t)
				}
			}},
			nanCase{fmt.Sprintf("DDS/B=%d", block), func(d *draws) script {
				w, dy, pre := c.weight(d), d.reals(t*c.out, 1), poisoned(d, t*c.in, 3*c.in-1)
				return func(r *harness) {
					r.b.DDS(r.output("dx", t*c.in), r.input("dy", dy), r.param(w), t, backend.TimesGELU, r.input("pre", pre))
				}
			}},
			nanCase{fmt.Sprintf("SDD/B=%d", block), func(d *draws) script {
				w, b, dy, x := c.weight(d), d.dense("b", 1, c.out, 1), poisoned(d, t*c.out, 3*c.out), d.reals(t*c.in, 1)
				return func(r *harness) {
					r.b.SDD(r.param(w, "grad"), r.param(b, "grad"), r.input("dy", dy), r.input("x", x), t)
				}
			}})
	}
	attn := backend.Attn{Batch: 2, Seq: 9, Heads: 2, Head: 4}
	n := attn.Batch * attn.Seq * attn.Heads * attn.Head
	for _, name := range []string{"q", "k", "v"} {
		list = append(list, nanCase{"Attention/" + name, func(d *draws) script {
			x := map[string][]float32{"q": d.reals(n, 1), "k": d.reals(n, 1), "v": d.reals(n, 1)}
			x[name][17] = float32(math.NaN())
			return func(r *harness) {
				r.b.Attention(r.output("ctx", n), r.rowOutput("lse", attn.Batch*attn.Heads*attn.Seq), r.input("q", x["q"]),
					r.input("k", x["k"]), r.input("v", x["v"]), r.ints("lengths", []int32{7, 9}), attn, backend.Dropout{})
			}
		}})
	}
	return append(list,
		nanCase{"AttentionGrad", func(d *draws) script {
			x := [5][]float32{poisoned(d, n, 30), d.reals(n, 1), d.reals(n, 1), d.reals(n, 1), d.reals(n, 1)}
			lse := d.uniform(attn.Batch*attn.Heads*attn.Seq, 1)
			return func(r *harness) {
				r.b.AttentionGrad(r.output("dq", n), r.output("dk", n), r.output("dv", n), r.input("dctx", x[0]), r.input("q", x[1]),
					r.input("k", x[2]), r.input("v", x[3]), r.input("ctx", x[4]), r.rowInput("lse", lse), r.ints("lengths", []int32{7, 9}),
					attn, backend.Dropout{})
			}
		}},
		nanCase{"AddNorm", func(d *draws) script {
			x, gamma, beta := poisoned(d, t*h, h+3), d.dense("gamma", 1, h, 1), d.dense("beta", 1, h, 1)
			return func(r *harness) {
				r.b.AddNorm(r.output("y", t*h), r.output("z", t*h), r.rowOutput("mean", t), r.rowOutput("rstd", t), r.input("x", x), nil,
					r.param(gamma), r.param(beta), t, backend.Dropout{})
			}
		}},
		nanCase{"AddNormGrad", func(d *draws) script {
			dy, z, gamma, beta := poisoned(d, t*h, h+3), d.reals(t*h, 1), d.dense("gamma", 1, h, 1), d.dense("beta", 1, h, 1)
			mean, rstd := rowStatistics(z, h)
			return func(r *harness) {
				r.b.AddNormGrad(r.output("dresidual", t*h), r.output("dsub", t*h), r.input("dy", dy), r.input("z", z),
					r.rowInput("mean", mean), r.rowInput("rstd", rstd), r.param(gamma, "grad"), r.param(beta, "grad"), t, backend.Dropout{})
			}
		}},
		nanCase{"Tanh", func(d *draws) script {
			x := poisoned(d, h, 33)
			return func(r *harness) { r.b.Tanh(r.output("y", h), r.input("x", x), h) }
		}},
		nanCase{"GELUGrad", func(d *draws) script {
			dy, pre := d.reals(h, 1), poisoned(d, h, 38)
			return func(r *harness) { r.b.GELUGrad(r.output("dx", h), r.input("dy", dy), r.input("pre", pre), h) }
		}},
		nanCase{"CrossEntropy", func(d *draws) script {
			logits := poisoned(d, t*h, 2*h+7)
			return func(r *harness) {
				r.b.CrossEntropy(r.rowInout("stats", []float32{0, 0, 0}), r.inout("logits", logits), r.ints("labels", []int32{1, -1, 3, 4, 39}),
					t, h, backend.MLM, true)
			}
		}},
		nanCase{"BlockGradL1", func(d *draws) script {
			w, dy, x := d.sparse("w", sparse.Shape{Out: 16, In: 24, Block: 8}, 2, 1), poisoned(d, t*16, 9), d.reals(t*24, 1)
			return func(r *harness) {
				p := r.param(w)
				r.b.BlockGradL1(p, r.input("dy", dy), r.input("x", x), t)
				r.tensors = append(r.tensors, &tensor{name: "scores", buf: r.b.GrowScores(p), n: 6, changes: true, written: make([]float32, 6)})
			}
		}},
	)
}
