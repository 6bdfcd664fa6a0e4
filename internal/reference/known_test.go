package reference_test

import (
	"errors"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Answers that follow from the definitions without the code's formulas.

func TestLayerNormNormalises(t *testing.T) {
	const tokens, h = 5, 8
	b := newBench(t)
	gamma, beta := b.param(1, h, 0, 0), b.param(1, h, 0, 0)
	b.WriteDoubles(gamma.Values(), 0, []float64{1, 1, 1, 1, 1, 1, 1, 1})
	b.Zero(beta.Values(), h)
	residual, sub, y, z := b.fresh(tokens*h), b.fresh(tokens*h), b.fresh(tokens*h), b.fresh(tokens*h)
	mean, rstd := b.rows(tokens), b.rows(tokens)
	b.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, tokens, backend.Dropout{})
	r, s, got := b.read(residual), b.read(sub), b.read(z)
	for i := range r {
		r[i] += s[i]
	}
	b.close("z", got, r, 0)
	ys := b.read(y)
	for row := range tokens {
		sum, squares := 0.0, 0.0
		for _, v := range ys[row*h : (row+1)*h] {
			sum += v
			squares += v * v
		}
		if !(math.Abs(sum) <= 1e-12 && math.Abs(squares-h) <= 1e-9) {
			t.Errorf("row %d: found sum %v and sum of squares %v, expected 0 and %d", row, sum, squares, h)
		}
		// The row comes back from its statistics.
		m, d := b.read(mean)[row], 1/b.read(rstd)[row]
		for j := range h {
			if back := ys[row*h+j]*d + m; !(math.Abs(back-got[row*h+j]) <= 1e-12) {
				t.Errorf("row %d, column %d: found %v from the statistics, expected %v", row, j, back, got[row*h+j])
			}
		}
	}
}

// With equal keys every probability is 1/length, so ctx is the mean of v over
// the keys that count, and lse is the score plus log(length).
func TestAttentionOverEqualKeys(t *testing.T) {
	s := backend.Attn{Batch: 3, Seq: 3, Heads: 1, Head: 2}
	b := newBench(t)
	const n = 18
	q, k, v, ctx := b.fresh(n), b.fresh(n), b.fresh(n), b.fresh(n)
	key := []float64{0.5, -2}
	for token := range n / 2 {
		b.WriteDoubles(k, 2*token, key)
	}
	lse := b.rows(9)
	lengths := []int32{3, 2, 0}
	b.Attention(ctx, lse, q, k, v, b.ints(lengths...), s, backend.Dropout{})
	qs, vs, want := b.read(q), b.read(v), make([]float64, n)
	logs := b.read(lse)
	for batch, length := range lengths {
		for query := range s.Seq {
			row := batch*s.Seq + query
			score := (qs[2*row]*key[0] + qs[2*row+1]*key[1]) / math.Sqrt2
			if l := score + math.Log(float64(length)); !(math.Abs(logs[row]-l) <= 1e-12) && logs[row] != l {
				t.Errorf("lse[%d]: found %v, expected %v", row, logs[row], l)
			}
			for token := range int(length) {
				for e := range 2 {
					want[2*row+e] += vs[2*(batch*s.Seq+token)+e] / float64(length)
				}
			}
		}
	}
	b.close("ctx", b.read(ctx), want, 1e-12)
}

func TestCrossEntropyOfEqualLogits(t *testing.T) {
	b := newBench(t)
	logits, stats := b.Alloc("logits", backend.F64, 3*7), b.rows(3)
	b.CrossEntropy(stats, logits, b.ints(0, 6, -5), 3, 7, backend.MLM, true)
	// Both labeled rows lose log 7; the lowest index wins the tie, so one hits.
	b.close("stats", b.read(stats), []float64{2 * math.Log(7), 2, 1}, 1e-12)
	want := make([]float64, 21)
	for i := range 14 {
		want[i] = 0.5 / 7
	}
	want[0] -= 0.5
	want[7+6] -= 0.5
	b.close("gradient", b.read(logits), want, 1e-15)
}

// The first step of Adam moves a weight by LR against the sign of its gradient,
// whatever the gradient, up to epsilon; a newborn block does so at any step.
func TestAdamFirstStep(t *testing.T) {
	b := newBench(t) // step 3
	top, err := sparse.StartTopology(sparse.Shape{Out: 8, In: 8, Block: 4}, 2, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	top.Born[1], top.NewAt[1] = 3, 1
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: 8, In: 8, Decay: false, Topology: top})
	grads := b.uniform(32)
	b.WriteDoubles(w.Grad(), 0, grads)
	norm := b.rows(1)
	b.GradNorm(norm, []backend.Param{w})
	b.AdamW([]backend.Param{w}, norm, backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-12})
	// m = 0.1 g and v = 0.001 g^2 in exact arithmetic of the float32 constants.
	b1, b2 := float64(float32(0.9)), float64(float32(0.999))
	old := (1 - b1) / (1 - math.Pow(b1, 4)) / math.Sqrt((1-b2)/(1-math.Pow(b2, 4)))
	want := make([]float64, 32)
	for i, g := range grads {
		want[i] = -math.Copysign(float64(float32(0.1)), g)
		if i < 16 {
			want[i] *= old
		}
	}
	b.close("values", b.read(w.Values()), want, 1e-9)
}

func TestGroupLassoShrinksABlockByALength(t *testing.T) {
	b := newBench(t)
	w := b.param(4, 4, 4, 1)
	before := b.read(w.Values())
	b.ZeroGrad([]backend.Param{w})
	b.AdamW([]backend.Param{w}, b.rows(1), backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, GroupLasso: 2, GroupLassoStd: 0.5})
	length := 0.0
	for _, v := range before {
		length += v * v
	}
	// lambda sqrt(16) wstd LR = 0.4, taken off in the direction of the block.
	for i, v := range before {
		before[i] = v - float64(float32(0.1))*2*4*0.5*v/math.Sqrt(length+1e-6)
	}
	b.close("values", b.read(w.Values()), before, 1e-12)
}

func TestUpdateTopologyClearsNewbornBlocksOnly(t *testing.T) {
	b := newBench(t)
	w := b.param(16, 24, 4, 11)
	for _, x := range []backend.Buffer{w.M(), w.V()} {
		b.WriteDoubles(x, 0, b.uniform(x.Len()))
	}
	before, err := b.Topology(w)
	if err != nil {
		t.Fatal(err)
	}
	fields := []backend.Buffer{w.Values(), w.M(), w.V()}
	old := [][]float64{b.read(fields[0]), b.read(fields[1]), b.read(fields[2])}
	b.UpdateTopology([]backend.Param{w}, sparse.Update{Seed: 1, Number: 1, Step: 9, PruneRatio: 0.5})
	after, err := b.Topology(w)
	if err != nil {
		t.Fatal(err)
	}
	newborn := 0
	for slot := range after.NNZ() {
		born := after.Position(slot) != before.Position(slot)
		if born != (after.Born[slot] == 9) {
			t.Fatalf("slot %d: moved is %v, Born is %d", slot, born, after.Born[slot])
		}
		if born {
			newborn++
		}
		for k, x := range fields {
			v := b.read(x)[slot*16 : (slot+1)*16]
			want := old[k][slot*16 : (slot+1)*16]
			if born {
				want = make([]float64, 16)
			}
			b.close("block", v, want, 0)
		}
	}
	if newborn != 5 {
		t.Errorf("found %d newborn blocks, expected floor(0.5*11) = 5", newborn)
	}
}

// The growth scores are the block sums of the absolute dense gradient.
func TestBlockGradL1(t *testing.T) {
	const tokens, outs, ins, block = 5, 8, 12, 4
	b := newBench(t)
	w := b.param(outs, ins, block, 1)
	full := b.param(outs, ins, 0, 0)
	dy, x := b.fresh(tokens*outs), b.fresh(tokens*ins)
	b.ZeroGrad([]backend.Param{full})
	b.SDD(full, nil, dy, x, tokens)
	want := make([]float64, outs/block*(ins/block))
	for k, g := range b.read(full.Grad()) {
		want[k/ins/block*(ins/block)+k%ins/block] += math.Abs(g)
	}
	b.BlockGradL1(w, dy, x, tokens)
	b.close("scores", b.read(b.GrowScores(w)), want, 1e-12)
}

func TestClosedBackendSaysSo(t *testing.T) {
	b := reference.New()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Zero(b.Alloc("x", backend.F64, 3), 3)
	if err := b.Sync(); !errors.Is(err, reference.ErrClosed) {
		t.Errorf("found the error %v, expected ErrClosed", err)
	}
}
