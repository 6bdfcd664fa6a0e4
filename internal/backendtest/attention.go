package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// attnCase is an attention with the lengths of its sequences.
type attnCase struct {
	backend.Attn
	lengths []int32
	scale   float64 // of q and k; a large one makes scores that overflow exp
	drop    dropCase
}

func (c attnCase) String() string {
	return fmt.Sprintf("%dx%d/heads=%dx%d/lengths=%v/scale=%v/%v", c.Batch, c.Seq, c.Heads, c.Head, c.lengths, c.scale, c.drop)
}

func attnCases() []attnCase {
	drops := dropCases()
	var list []attnCase
	for k, c := range []attnCase{
		{Attn: backend.Attn{Batch: 1, Seq: 1, Heads: 1, Head: 4}, lengths: []int32{1}},
		{Attn: backend.Attn{Batch: 3, Seq: 7, Heads: 3, Head: 5}, lengths: []int32{7, 0, 4}},
		{Attn: backend.Attn{Batch: 4, Seq: 33, Heads: 2, Head: 8}, lengths: []int32{1, 33, 32, 17}},
		{Attn: backend.Attn{Batch: 2, Seq: 17, Heads: 1, Head: 32}, lengths: []int32{16, 2}},
		{Attn: backend.Attn{Batch: 1, Seq: 65, Heads: 2, Head: 64}, lengths: []int32{64}},
		{Attn: backend.Attn{Batch: 1, Seq: 130, Heads: 1, Head: 16}, lengths: []int32{129}},
		{Attn: backend.Attn{Batch: 2, Seq: 68, Heads: 1, Head: 64}, lengths: []int32{68, 37}},
		{Attn: backend.Attn{Batch: 2, Seq: 128, Heads: 1, Head: 64}, lengths: []int32{128, 70}},
		{Attn: backend.Attn{Batch: 1, Seq: 36, Heads: 2, Head: 72}, lengths: []int32{36}},
		{Attn: backend.Attn{Batch: 1, Seq: 66, Heads: 1, Head: 128}, lengths: []int32{65}},
		{Attn: backend.Attn{Batch: 2, Seq: 6, Heads: 1, Head: 131}, lengths: []int32{0, 5}},
	} {
		for j, drop := range drops {
			c.drop, c.scale = drop, 1.5
			if (j+k)%4 == 2 {
				c.scale = 15
			}
			list = append(list, c)
		}
	}
	return list
}

// attnData is the input of an attention, with what its exact result needs.
type attnData struct {
	attnCase
	column
	q, k, v []float32
}

func (c attnCase) draw(d *draws) attnData {
	n := c.Batch * c.Seq * c.Heads * c.Head
	return attnData{c, d.column, d.reals(n, c.scale), d.reals(n, c.scale), d.reals(n, 1)}
}

// at returns the index of element 0 of a token and head.
func (a attnData) at(batch, token, head int) int {
	return ((batch*a.Seq+token)*a.Heads + head) * a.Head
}

// queries calls f for each query of each head.
func (c attnCase) queries(f func(batch, head, query, row int)) {
	for batch := range c.Batch {
		for head := range c.Heads {
			for query := range c.Seq {
				f(batch, head, query, (batch*c.Heads+head)*c.Seq+query)
			}
		}
	}
}

// attended is one query's softmax: per key the score, the bound on its error,
// the probability and the factor of dropout.
type attended struct {
	score, err, p, keep []float64
	lse                 float64
	maxErr, span        float64 // largest err; largest less smallest score
}

func (a attnData) attend(batch, head, query, row int) attended {
	keys := int(a.lengths[batch])
	var out attended
	top, least := math.Inf(-1), math.Inf(1)
	for key := range keys {
		s, size := a.dot(a.q, a.at(batch, query, head), a.k, a.at(batch, key, head))
		root := math.Sqrt(float64(a.Head))
		out.score = append(out.score, s/root)
		out.err = append(out.err, a.limit("score", a.Head, size/root))
		out.maxErr = max(out.maxErr, out.err[key])
		top, least = max(top, s/root), min(least, s/root)
		out.keep = append(out.keep, a.drop.keep(row*a.Seq+key))
	}
	sum := 0.0
	for _, s := range out.score {
		sum += math.Exp(s - top)
	}
	out.lse, out.span = top+math.Log(sum), top-least
	for _, s := range out.score {
		out.p = append(out.p, math.Exp(s-out.lse))
	}
	return out
}

// dot returns the product of two head rows and its absolute sum.
func (a attnData) dot(x []float32, i int, y []float32, j int) (sum, size float64) {
	for e := range a.Head {
		term := float64(x[i+e]) * float64(y[j+e])
		sum += term
		size += math.Abs(term)
	}
	return sum, size
}

// inBF16 is the rounding of a probability or score gradient that a backend may
// hand to its matrix instruction in bfloat16.
func (c column) inBF16() float64 {
	if c.bf16 {
		return c.store
	}
	return 0
}

func attentionChecks() []check {
	var list []check
	for _, c := range attnCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			a := c.draw(d)
			n := len(a.q)
			run := func(r *harness) {
				r.b.BeginStep(c.drop.step())
				r.b.Attention(r.output("ctx", n), r.rowOutput("lse", c.Batch*c.Heads*c.Seq),
					r.input("q", a.q), r.input("k", a.k), r.input("v", a.v), r.ints("lengths", c.lengths), c.Attn, c.drop.Dropout)
			}
			return run, func(ref *harness) { boundAttention(ref, a) }
		}})
	}
	return list
}

// boundAttention turns the errors of the scores into relative errors of the
// probabilities, and sums them over the keys.
func boundAttention(ref *harness, a attnData) {
	ctx := ref.value("ctx")
	ectx, elses := make([]float64, len(ctx)), make([]float64, len(ref.value("lse")))
	a.queries(func(batch, head, query, row int) {
		s := a.attend(batch, head, query, row)
		keys := len(s.p)
		if keys > 0 {
			elses[row] = s.maxErr + a.limit("log sum exp", keys, 1) + float32Unit*(s.span+2*math.Abs(s.lse))
		}
		out := a.at(batch, query, head)
		for key, p := range s.p {
			rel := math.Expm1(s.err[key] + s.maxErr + a.limit("softmax", keys, 1) + 3*float32Unit*s.span)
			rel += a.limit("product", keys, 1) + a.limit("dropout", 0, 1) + a.inBF16()
			for e := range a.Head {
				ectx[out+e] += p * s.keep[key] * math.Abs(float64(a.v[a.at(batch, key, head)+e])) * rel
			}
		}
	})
	ref.allow("ctx", func(i int) float64 { return ectx[i] + a.stored(ctx[i]) })
	ref.allow("lse", func(i int) float64 { return elses[i] })
}

func attentionGradChecks() []check {
	var list []check
	for _, c := range attnCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			a := c.draw(d)
			n := len(a.q)
			dctx, ctx := d.reals(n, 1), make([]float32, n)
			lse := make([]float32, c.Batch*c.Heads*c.Seq)
			c.queries(func(batch, head, query, row int) {
				s := a.attend(batch, head, query, row)
				lse[row] = float32(s.lse)
				for e := range c.Head {
					sum := 0.0
					for key, p := range s.p {
						sum += p * s.keep[key] * float64(a.v[a.at(batch, key, head)+e])
					}
					ctx[a.at(batch, query, head)+e] = float32(sum)
				}
			})
			d.rounded(ctx)
			run := func(r *harness) {
				r.b.BeginStep(c.drop.step())
				r.b.AttentionGrad(r.output("dq", n), r.output("dk", n), r.output("dv", n), r.input("dctx", dctx),
					r.input("q", a.q), r.input("k", a.k), r.input("v", a.v), r.input("ctx", ctx),
					r.rowInput("lse", lse), r.ints("lengths", c.lengths), c.Attn, c.drop.Dropout)
			}
			return run, func(ref *harness) { boundAttentionGrad(ref, a, dctx, ctx, lse) }
		}})
	}
	return list
}

// boundAttentionGrad carries the errors of the probabilities, of dp = dctx . v
// and of delta = ctx . dctx through ds = p (dp - delta) into the three sums.
func boundAttentionGrad(ref *harness, a attnData, dctx, ctx, lse []float32) {
	n := len(a.q)
	edq, edk, edv := make([]float64, n), make([]float64, n), make([]float64, n)
	scale := 1 / math.Sqrt(float64(a.Head))
	a.queries(func(batch, head, query, row int) {
		s := a.attend(batch, head, query, row)
		keys, at := len(s.p), a.at(batch, query, head)
		delta, size := a.dot(ctx, at, dctx, at)
		// A backend may as well sum p dp, or use its own, unrounded ctx.
		edelta := a.limit("score", a.Head, size) + a.store*size
		rel, dp, edp := make([]float64, keys), make([]float64, keys), make([]float64, keys)
		for key, p := range s.p {
			rel[key] = math.Expm1(s.err[key] + s.maxErr + a.limit("softmax", keys, 1) +
				float32Unit*(3*s.span+2*math.Abs(float64(lse[row]))))
			sum, size := a.dot(dctx, at, a.v, a.at(batch, key, head))
			dp[key] = s.keep[key] * sum
			edp[key] = s.keep[key] * a.limit("score", a.Head, size)
			edelta += p * (edp[key] + math.Abs(dp[key])*(rel[key]+a.limit("sum", keys, 1)))
		}
		for key, p := range s.p {
			to := a.at(batch, key, head)
			ds := math.Abs(p * (dp[key] - delta))
			eds := p*(edp[key]+edelta) + ds*(rel[key]+a.limit("score gradient", 0, 1)+a.inBF16()) +
				p*a.limit("score gradient", 0, math.Abs(dp[key])+math.Abs(delta))
			pk := p * s.keep[key]
			ep := rel[key] + a.limit("product", a.Seq, 1) + a.limit("dropout", 0, 1) + a.inBF16()
			for e := range a.Head {
				edq[at+e] += scale * math.Abs(float64(a.k[to+e])) * (eds + a.limit("score", keys, ds))
				edk[to+e] += scale * math.Abs(float64(a.q[at+e])) * (eds + a.limit("score", a.Seq, ds))
				edv[to+e] += pk * math.Abs(float64(dctx[at+e])) * ep
			}
		}
	})
	for name, limit := range map[string][]float64{"dq": edq, "dk": edk, "dv": edv} {
		exact := ref.value(name)
		ref.allow(name, func(i int) float64 { return limit[i] + a.stored(exact[i]) })
	}
}
