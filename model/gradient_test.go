package model_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// TestGradients compares every tensor's gradient with central differences of the
// whole model's loss: some elements of each, and the derivative along a random
// direction, in which every element takes part.
func TestGradients(t *testing.T) {
	for _, c := range []struct {
		method  model.Method
		block   int
		dropout float64
	}{
		{model.Dense, 0, 0}, {model.Dense, 0, 0.3},
		{model.Dynamic, 4, 0}, {model.Static, 8, 0.3}, {model.Dynamic, 8, 0}, {model.Dynamic, 1, 0.3},
	} {
		t.Run(fmt.Sprintf("%s/B=%d/dropout=%g", c.method, c.block, c.dropout), func(t *testing.T) {
			if testing.Short() && (c.method != model.Dynamic || c.dropout > 0) {
				t.Skip("-short: two models side by side are enough to look for races")
			}
			t.Parallel()
			b, m, micro := differentiable(t, c.method, c.block, c.dropout)
			r, err := m.Gradients(micro, c.dropout > 0)
			if err != nil {
				t.Fatal(err)
			}
			grads := make([][]float64, len(m.Params()))
			for i, p := range m.Params() {
				grads[i] = doubles(t, b, p.Grad())
			}
			if n := len(micro); r.Masked != 8*n || r.Pairs != 4*n {
				t.Fatalf("found %d masked and %d pairs, expected %d and %d, whose reciprocals do not round", r.Masked, r.Pairs, 8*n, 4*n)
			}
			for i := range grads {
				if err := checkGradient(b, m, micro, c.dropout > 0, i, grads[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestGradientCheckFindsFaults plants an error of one part in a thousand in one
// element of some gradients.
func TestGradientCheckFindsFaults(t *testing.T) {
	b, m, micro := differentiable(t, model.Dynamic, 4, 0)
	if _, err := m.Gradients(micro, false); err != nil {
		t.Fatal(err)
	}
	grads := make([][]float64, len(m.Params()))
	for i, p := range m.Params() {
		grads[i] = doubles(t, b, p.Grad())
	}
	for _, i := range []int{0, 3, 5, 9, 15, len(grads) - 1} {
		g := grads[i]
		at, most := 0, 0.0
		for j, x := range g {
			if math.Abs(x) > most {
				at, most = j, math.Abs(x)
			}
		}
		g[at] *= 1.001
		if err := checkGradient(b, m, micro, false, i, g); err == nil {
			t.Errorf("%s: a gradient element off by 1e-3 passed", m.Table()[i].Name)
		}
	}
}

// differentiable is a small model with one micro-batch of four, or two with
// dropout, whose masks differ.
func differentiable(t *testing.T, method model.Method, block int, dropout float64) (*reference.Backend, *model.Model, []model.Batch) {
	t.Helper()
	b := reference.New()
	c := smallConfig(method, block)
	c.Dropout = dropout
	m := build(t, b, c, smallOptions)
	randomize(t, b, m)
	micro := []model.Batch{smallBatch(4, 1)}
	if dropout > 0 {
		micro = append(micro, smallBatch(4, 2))
	}
	return b, m, micro
}

// checkGradient compares g, the gradient of parameter i, with differences.
func checkGradient(b *reference.Backend, m *model.Model, micro []model.Batch, train bool, i int, g []float64) error {
	p := m.Params()[i]
	v := make([]float64, p.Values().Len())
	if err := b.ReadDoubles(v, p.Values(), 0); err != nil {
		return err
	}
	s := philox.NewStream(5, philox.TestData, 2, uint32(i))
	for range 2 {
		j := s.IntN(len(v))
		direction := make([]float64, len(v))
		direction[j] = 1
		if err := compareSlope(b, m, micro, train, p, v, direction, g[j], fmt.Sprintf("element %d", j)); err != nil {
			return err
		}
	}
	direction, want := make([]float64, len(v)), 0.0
	for j := range direction {
		direction[j] = 2*s.Float64() - 1
		want += direction[j] * g[j]
	}
	return compareSlope(b, m, micro, train, p, v, direction, want, "random direction")
}

// compareSlope holds the loss's slope at v along a direction against want. The
// fourth-order formula's error at this step is about 1e-12 by truncation and
// 1e-16/1e-3 by rounding of a loss of about 5.
func compareSlope(b *reference.Backend, m *model.Model, micro []model.Batch, train bool, p backend.Param, v, direction []float64, want float64, what string) error {
	norm := 0.0
	for _, d := range direction {
		norm += d * d
	}
	h := 1e-3 / math.Sqrt(norm)
	loss := func(k float64) (float64, error) {
		moved := make([]float64, len(v))
		for j := range v {
			moved[j] = v[j] + k*h*direction[j]
		}
		b.WriteDoubles(p.Values(), 0, moved)
		r, err := m.Gradients(micro, train)
		return r.Loss(), err
	}
	var f [4]float64
	for i, k := range []float64{-2, -1, 1, 2} {
		var err error
		if f[i], err = loss(k); err != nil {
			return err
		}
	}
	b.WriteDoubles(p.Values(), 0, v)
	got := (f[0] - 8*f[1] + 8*f[2] - f[3]) / (12 * h)
	if tol := 1e-8 * (math.Sqrt(norm) + math.Abs(want)); !(math.Abs(got-want) <= tol) {
		return fmt.Errorf("%s, %s: found slope %.12g by differences, gradient %.12g", p.Spec().Name, what, got, want)
	}
	return nil
}

// TestFullBlockSparseEqualsDense: with sparsity 0 every block is active, and the
// block-sparse model must be the dense one in another storage order.
func TestFullBlockSparseEqualsDense(t *testing.T) {
	bd, bs := reference.New(), reference.New()
	c := smallConfig(model.Dynamic, 4)
	c.Sparsity = 0
	full := build(t, bs, c, smallOptions)
	c.Method = model.Dense
	dense := build(t, bd, c, smallOptions)

	micro := []model.Batch{smallBatch(4, 1), smallBatch(3, 2)}
	a := model.StepArgs{LR: 1e-2, Adam: adam()}
	for s := range 3 {
		a.Step = int64(s)
		x, y := step(t, full, a, micro...), step(t, dense, a, micro...)
		if !(math.Abs(x.Loss()-y.Loss()) <= 1e-12) || !(math.Abs(x.GradNorm-y.GradNorm) <= 1e-12) {
			t.Fatalf("step %d: found loss %v and norm %v, expected %v and %v", s, x.Loss(), x.GradNorm, y.Loss(), y.GradNorm)
		}
	}
	for i, p := range full.Params() {
		got, want := densify(t, bs, p), doubles(t, bd, dense.Params()[i].Values())
		for e := range got {
			if !(math.Abs(got[e]-want[e]) <= 1e-12) {
				t.Fatalf("%s: element %d: found %v, expected %v", p.Spec().Name, e, got[e], want[e])
			}
		}
	}
}

// TestPaddingDoesNotMatter: what stands behind a sequence's length changes no
// loss and no gradient.
func TestPaddingDoesNotMatter(t *testing.T) {
	b, m, _ := differentiable(t, model.Dynamic, 4, 0.2)
	batch := smallBatch(4, 1)
	all := func() (float64, [][]float64) {
		r, err := m.Gradients([]model.Batch{batch}, true)
		if err != nil {
			t.Fatal(err)
		}
		var g [][]float64
		for _, p := range m.Params() {
			g = append(g, doubles(t, b, p.Grad()))
		}
		return r.Loss(), g
	}
	loss, grads := all()
	changed := 0
	for i, n := range batch.Lengths {
		for s := int(n); s < smallOptions.SeqLen; s++ {
			at := i*smallOptions.SeqLen + s
			batch.IDs[at] = (batch.IDs[at] + 7) % 40
			batch.Segments[at] ^= 1
			changed++
		}
	}
	if changed == 0 {
		t.Fatal("the batch has no padding")
	}
	loss2, grads2 := all()
	if loss != loss2 {
		t.Errorf("found loss %v, expected %v", loss2, loss)
	}
	for i := range grads {
		for j := range grads[i] {
			if grads[i][j] != grads2[i][j] {
				t.Fatalf("%s: gradient of element %d changed", m.Table()[i].Name, j)
			}
		}
	}
}

// TestKeyBiasHasNoGradient: softmax does not see what is added to all keys, so
// the exact gradient is zero; a wrong attention backward leaves a rest.
func TestKeyBiasHasNoGradient(t *testing.T) {
	b, m, micro := differentiable(t, model.Dense, 0, 0)
	if _, err := m.Gradients(micro, false); err != nil {
		t.Fatal(err)
	}
	for i, p := range m.Params() {
		if strings.HasSuffix(m.Table()[i].Name, "self.key.bias") {
			for j, g := range doubles(t, b, p.Grad()) {
				if !(math.Abs(g) <= 1e-15) {
					t.Errorf("%s[%d]: found gradient %v, expected 0", m.Table()[i].Name, j, g)
				}
			}
		}
	}
}

// siteSpy records where dropout is applied forward and backward.
type siteSpy struct {
	*reference.Backend
	forward, backward []uint16
}

func (s *siteSpy) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	if len(s.forward) == 0 { // the embeddings' is the first forward and the last backward
		s.forward = append(s.forward, d.Site)
	} else {
		s.backward = append(s.backward, d.Site)
	}
	s.Backend.DropoutApply(y, x, n, d)
}

func (s *siteSpy) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	if sub != nil {
		s.forward = append(s.forward, d.Site)
	}
	s.Backend.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, t, d)
}

func (s *siteSpy) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	if dsub != nil {
		s.backward = append(s.backward, d.Site)
	}
	s.Backend.AddNormGrad(dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, d)
}

func (s *siteSpy) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	s.forward = append(s.forward, d.Site)
	s.Backend.Attention(ctx, lse, q, k, v, lengths, a, d)
}

func (s *siteSpy) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	s.backward = append(s.backward, d.Site)
	s.Backend.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, a, d)
}

// TestDropoutSites: the sites are numbered in the order of the forward pass,
// each used once, and the backward pass goes through them in reverse.
func TestDropoutSites(t *testing.T) {
	spy := &siteSpy{Backend: reference.New()}
	c := smallConfig(model.Dense, 0)
	c.Layers, c.Dropout = 3, 0.1
	m := build(t, spy, c, smallOptions)
	if _, err := m.Gradients([]model.Batch{smallBatch(4, 1)}, true); err != nil {
		t.Fatal(err)
	}
	want := []uint16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	slices.Reverse(spy.backward)
	if !slices.Equal(spy.forward, want) || !slices.Equal(spy.backward, want) {
		t.Errorf("found sites %v forward and %v backward (reversed), expected %v", spy.forward, spy.backward, want)
	}
}
