package oracle

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// tinyInput is an input that needs no device: 2 layers of width 8, three
// sequences of length 6, 4 and 0, an unused masked slot, a pair without a label.
func tinyInput(t *testing.T, method model.Method) Input {
	t.Helper()
	c := model.Config{
		VocabSize: 23, Layers: 2, Hidden: 8, Heads: 2, FFN: 12, MaxPositions: 7, TypeVocab: 2,
		Method: method, Sparsity: 0.5, BlockSize: 4,
	}
	table, err := model.Table(c)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Config: c, SeqLen: 6, Weights: map[string][]float64{}, Masks: map[string][]float64{}}
	r := philox.NewStream(5, philox.TestData, 0, 0)
	for _, row := range table {
		n := row.Out * row.In
		in.Weights[row.Name] = widen(draw(row, 5, n))
		if row.Sparse {
			mask := make([]float64, n)
			for i := range mask {
				mask[i] = float64(r.IntN(2))
			}
			in.Masks[row.Name] = mask
		}
	}
	in.Batch = model.Batch{
		Size:         3,
		Lengths:      []int32{6, 4, 0},
		MaskedPos:    []int32{1, 3, 7, 8, -1, -1},
		MaskedLabels: []int32{4, 0, 22, 7, -1, -1},
		NSPLabels:    []int32{1, 0, -1},
	}
	for i := range in.Batch.Size * in.SeqLen {
		in.Batch.IDs = append(in.Batch.IDs, int32(r.IntN(c.VocabSize)))
		in.Batch.Segments = append(in.Batch.Segments, int32(i%in.SeqLen/3))
	}
	return in
}

// lossOnly evaluates the loss without differentiating.
func lossOnly(in Input) (float64, error) {
	n, err := build(in)
	if err != nil {
		return 0, err
	}
	v, err := evaluate(n.g, gorgonia.Nodes{n.loss})
	if err != nil {
		return 0, err
	}
	return v[0].Data().(float64), nil
}

// checkByDifferences compares gradients with central differences of the loss:
// for each tensor a single element and, through a random direction of +-1, all
// elements at once. The loss is about 5 and known to 1e-15, so a step of
// 1e-5 leaves 5e-10 of rounding and 1e-10 times a third derivative.
func checkByDifferences(in Input, grads map[string][]float64) error {
	const step, tolerance = 1e-5, 2e-8
	table, err := model.Table(in.Config)
	if err != nil {
		return err
	}
	for _, row := range table {
		w, g := in.Weights[row.Name], grads[row.Name]
		saved := slices.Clone(w)
		r := philox.NewStream(7, philox.TestData, 1, uint32(row.Index))
		for probe := range 2 {
			direction := make([]float64, len(w))
			if probe == 0 {
				direction[r.IntN(len(w))] = 1
			} else {
				for i := range direction {
					direction[i] = float64(2*r.IntN(2) - 1)
				}
			}
			var ends [2]float64
			var slope float64
			for i, d := range direction {
				slope += d * g[i]
			}
			for end, sign := range []float64{1, -1} {
				for i, d := range direction {
					w[i] = saved[i] + sign*step*d
				}
				if ends[end], err = lossOnly(in); err != nil {
					return err
				}
			}
			copy(w, saved)
			want := (ends[0] - ends[1]) / (2 * step)
			if !(math.Abs(slope-want) <= tolerance*(1+math.Abs(want))) {
				return fmt.Errorf("%s, probe %d: found derivative %g, expected %g by differences", row.Name, probe, slope, want)
			}
		}
	}
	return nil
}

func TestGradientsByFiniteDifferences(t *testing.T) {
	for _, method := range []model.Method{model.Dense, model.Static} {
		t.Run(method.String(), func(t *testing.T) {
			in := tinyInput(t, method)
			res, err := Run(in)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkByDifferences(in, res.Grads); err != nil {
				t.Error(err)
			}
			for name, mask := range in.Masks {
				for i, m := range mask {
					if m == 0 && res.Grads[name][i] != 0 {
						t.Fatalf("%s[%d]: found gradient %g in an inactive block, expected 0", name, i, res.Grads[name][i])
					}
				}
			}

			const planted = "bert.encoder.layer.1.output.dense.bias"
			for i := range res.Grads[planted] {
				res.Grads[planted][i] *= 1.001
			}
			if err := checkByDifferences(in, res.Grads); err == nil || !strings.Contains(err.Error(), planted) {
				t.Errorf("a gradient of %s too large by 1/1000 was not found: %v", planted, err)
			}
		})
	}
}

// With every parameter 0 all logits are 0, so the losses are ln V and ln 2.
func TestLossOfZeroWeights(t *testing.T) {
	in := tinyInput(t, model.Dense)
	for _, w := range in.Weights {
		clear(w)
	}
	res, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"MLM loss", res.MLMLoss, math.Log(23)},
		{"NSP loss", res.NSPLoss, math.Ln2},
		{"loss", res.Loss, math.Log(23) + math.Ln2},
	} {
		if !(math.Abs(c.got-c.want) <= 1e-14) {
			t.Errorf("%s: found %v, expected %v", c.what, c.got, c.want)
		}
	}
}

// A loss depends on the tokens before the padding, on no token in it, and on no
// value in an inactive block.
func TestWhatTheLossDependsOn(t *testing.T) {
	in := tinyInput(t, model.Static)
	base, err := lossOnly(in)
	if err != nil {
		t.Fatal(err)
	}
	change := func(what string, edit func(in Input), depends bool) {
		t.Helper()
		in := tinyInput(t, model.Static)
		edit(in)
		loss, err := lossOnly(in)
		if err != nil {
			t.Fatal(err)
		}
		if same := math.Abs(loss-base) <= 1e-13; same == depends {
			t.Errorf("%s: found loss %v after %v, expected a change: %v", what, loss, base, depends)
		}
	}
	change("a token of a sequence", func(in Input) { in.Batch.IDs[2] = (in.Batch.IDs[2] + 1) % 23 }, true)
	change("its segment", func(in Input) { in.Batch.Segments[2] = 1 }, true)
	change("a token of the padding", func(in Input) { in.Batch.IDs[10] = (in.Batch.IDs[10] + 1) % 23 }, false)
	change("the length of a sequence", func(in Input) { in.Batch.Lengths[1] = 5 }, true)
	change("inactive values", func(in Input) {
		for name, mask := range in.Masks {
			for i := range mask {
				in.Weights[name][i] += 3 * (1 - mask[i])
			}
		}
	}, false)
	change("active values", func(in Input) {
		for name, mask := range in.Masks {
			for i := range mask {
				in.Weights[name][i] += 0.01 * mask[i]
			}
		}
	}, true)
}

// Without labels there is no loss, and the heads that lost theirs get no gradient.
func TestNoLabels(t *testing.T) {
	in := tinyInput(t, model.Dense)
	for i := range in.Batch.MaskedPos {
		in.Batch.MaskedPos[i], in.Batch.MaskedLabels[i] = -1, -1
	}
	res, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	if res.MLMLoss != 0 || !(res.NSPLoss > 0) {
		t.Errorf("no masked positions: found losses %v and %v, expected 0 and more", res.MLMLoss, res.NSPLoss)
	}
	if n := norm(res.Grads["cls.predictions.transform.dense.weight"]); n != 0 {
		t.Errorf("no masked positions: found a gradient of norm %v in the MLM head, expected 0", n)
	}
	if n := norm(res.Grads["bert.pooler.dense.weight"]); !(n > 0) {
		t.Errorf("no masked positions: found a gradient of norm %v in the pooler, expected more than 0", n)
	}
}

// Large logits must not overflow.
func TestLargeLogits(t *testing.T) {
	in := tinyInput(t, model.Dense)
	for i := range in.Weights["cls.predictions.bias"] {
		in.Weights["cls.predictions.bias"][i] = 2000 * float64(i%3)
	}
	res, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	if !(res.MLMLoss > 100 && res.MLMLoss < 5000) {
		t.Errorf("found MLM loss %v, expected one in the thousands", res.MLMLoss)
	}
	for name, g := range res.Grads {
		if n := norm(g); !(n < math.Inf(1)) {
			t.Errorf("found a gradient of norm %v in %s", n, name)
		}
	}
}

func TestRunsFromSeveralGoroutines(t *testing.T) {
	in := tinyInput(t, model.Static)
	want, err := Run(in)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			got, err := Run(in)
			if err != nil {
				t.Error(err)
				return
			}
			if got.Loss != want.Loss {
				t.Errorf("found loss %v, expected %v", got.Loss, want.Loss)
			}
			for name, g := range want.Grads {
				if !slices.Equal(g, got.Grads[name]) {
					t.Errorf("found another gradient of %s than in the run alone", name)
				}
			}
		})
	}
	wg.Wait()
}

func TestBadInput(t *testing.T) {
	const dense, masked = "bert.pooler.dense.weight", "bert.encoder.layer.0.output.dense.weight"
	for _, c := range []struct {
		edit func(in *Input)
		want string // in the message
	}{
		{func(in *Input) { delete(in.Weights, dense) }, "weights: found no " + dense},
		{func(in *Input) { in.Weights[dense] = in.Weights[dense][1:] }, "found 63, expected 8 x 8"},
		{func(in *Input) { delete(in.Masks, masked) }, "found none for the block-sparse " + masked},
		{func(in *Input) { in.Masks[masked] = nil }, "found 0 elements, expected 8 x 12"},
		{func(in *Input) { in.Masks[masked][5] = 0.5 }, "found 0.5 at element 5"},
		{func(in *Input) { in.SeqLen = 8 }, "found a batch of 3 sequences of 8 tokens"},
		{func(in *Input) { in.Batch.Size = 0 }, "found a batch of 0 sequences"},
		{func(in *Input) { in.Batch.MaskedPos = nil }, "found no slots"},
		{func(in *Input) { in.Batch.IDs[4] = 23 }, "token ids: found 23 at 4, expected 0 to 22"},
		{func(in *Input) { in.Batch.Segments = in.Batch.Segments[1:] }, "segments: found 17, expected 18"},
		{func(in *Input) { in.Batch.Lengths[2] = 7 }, "lengths: found 7 at 2, expected 0 to 6"},
		{func(in *Input) { in.Batch.MaskedPos[0] = 18 }, "masked positions: found 18 at 0, expected -1 to 17"},
		{func(in *Input) { in.Batch.MaskedLabels[0] = -2 }, "masked labels: found -2 at 0, expected -1 to 22"},
		{func(in *Input) { in.Batch.NSPLabels[1] = 2 }, "NSP labels: found 2 at 1, expected -1 to 1"},
	} {
		in := tinyInput(t, model.Static)
		c.edit(&in)
		_, err := Run(in)
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found error %v, expected one line with %q", err, c.want)
		}
	}
	in := tinyInput(t, model.Static)
	in.Config.Heads = 3
	if _, err := Run(in); !errors.Is(err, model.ErrConfig) {
		t.Errorf("found error %v, expected ErrConfig", err)
	}
}
