package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Attention gives ctx = dropout(softmax(q k^T / sqrt(Head))) v for each sequence
// and head, and lse, the log sum exp of each query's scaled scores.
func (d *device) Attention(ctx, lse, q, k, v, lengths backend.Buffer, s backend.Attn, drop backend.Dropout) {
	length, ok := d.integers("Attention", "lengths", lengths, s.Batch, 0, s.Seq)
	if !ok {
		return
	}
	cs, qs, ks, vs, ls := reals(ctx), reals(q), reals(k), reals(v), reals(lse)
	scores := make([]float64, s.Seq)
	for batch := range s.Batch {
		keys := int(length[batch])
		for head := range s.Heads {
			for query := range s.Seq {
				row := (batch*s.Heads+head)*s.Seq + query
				out := headRow(cs, s, batch, query, head)
				clear(out)
				scaledScores(scores[:keys], qs, ks, s, batch, query, head)
				ls[row] = logSumExp(scores[:keys])
				for key := range keys {
					p := math.Exp(scores[key]-ls[row]) * d.keep(drop, row*s.Seq+key)
					for j, x := range headRow(vs, s, batch, key, head) {
						out[j] += p * x
					}
				}
			}
		}
	}
}

// AttentionGrad is the backward of Attention. With p the probabilities, r the
// factors of dropout and delta = ctx . dctx of a query:
//
//	dp = r (dctx . v),  ds = p (dp - delta)
//	dq = sum over keys ds k / sqrt(Head),  dk = sum over queries ds q / sqrt(Head)
//	dv = sum over queries p r dctx
func (d *device) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, s backend.Attn, drop backend.Dropout) {
	length, ok := d.integers("AttentionGrad", "lengths", lengths, s.Batch, 0, s.Seq)
	if !ok {
		return
	}
	n := s.Batch * s.Seq * s.Heads * s.Head
	dqs, dks, dvs := reals(dq), reals(dk), reals(dv)
	dcs, cs, qs, ks, vs, ls := reals(dctx), reals(ctx), reals(q), reals(k), reals(v), reals(lse)
	clear(dqs[:n])
	clear(dks[:n])
	clear(dvs[:n])
	scores := make([]float64, s.Seq)
	scale := 1 / math.Sqrt(float64(s.Head))
	for batch := range s.Batch {
		keys := int(length[batch])
		for head := range s.Heads {
			for query := range s.Seq {
				row := (batch*s.Heads+head)*s.Seq + query
				dout := headRow(dcs, s, batch, query, head)
				qrow, dqrow := headRow(qs, s, batch, query, head), headRow(dqs, s, batch, query, head)
				delta := dot(headRow(cs, s, batch, query, head), dout)
				scaledScores(scores[:keys], qs, ks, s, batch, query, head)
				for key := range keys {
					p := math.Exp(scores[key] - ls[row])
					keep := d.keep(drop, row*s.Seq+key)
					krow, dkrow := headRow(ks, s, batch, key, head), headRow(dks, s, batch, key, head)
					vrow, dvrow := headRow(vs, s, batch, key, head), headRow(dvs, s, batch, key, head)
					ds := p * (keep*dot(dout, vrow) - delta)
					for j := range s.Head {
						dqrow[j] += ds * krow[j] * scale
						dkrow[j] += ds * qrow[j] * scale
						dvrow[j] += p * keep * dout[j]
					}
				}
			}
		}
	}
}

// headRow returns the Head elements of one token and head of x [Batch*Seq, Heads*Head].
func headRow(x []float64, s backend.Attn, batch, token, head int) []float64 {
	from := ((batch*s.Seq+token)*s.Heads + head) * s.Head
	return x[from : from+s.Head]
}

// scaledScores gives dst[key] = q . k[key] / sqrt(Head).
func scaledScores(dst, q, k []float64, s backend.Attn, batch, query, head int) {
	for key := range dst {
		dst[key] = dot(headRow(q, s, batch, query, head), headRow(k, s, batch, key, head)) / math.Sqrt(float64(s.Head))
	}
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// logSumExp is log of the sum of exp(x), -Inf for no x. The maximum is taken
// out first, so that nothing overflows.
func logSumExp(x []float64) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
