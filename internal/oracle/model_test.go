package oracle_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
)

const seed = 3

// A variant is one of the models that every backend must agree on.
type variant struct {
	method model.Method
	block  int
}

func variants() []variant {
	v := []variant{{model.Dense, 0}}
	for _, block := range []int{1, 4, 8, 16, 32, 64} {
		v = append(v, variant{model.Dynamic, block})
	}
	return v
}

func (v variant) String() string {
	if v.method == model.Dense {
		return "dense"
	}
	return fmt.Sprintf("B=%d", v.block)
}

// Weights that a case is run with.
type weights bool

const (
	asInitialized weights = false // small, with biases of 0 and scales of 1
	randomized    weights = true  // oracle.Randomize
)

func (w weights) String() string {
	if w == randomized {
		return "randomized"
	}
	return "as initialized"
}

// solve runs a case on a backend and in the oracle.
func solve(t *testing.T, b backend.Backend, c oracle.Case, w weights) (*model.Model, model.StepResult, oracle.Result) {
	t.Helper()
	m, err := model.New(b, c.Config, model.Options{
		MicroBatch: c.Batch.Size, SeqLen: c.SeqLen, MaxMasked: c.MaxMasked, Seed: seed,
	})
	if err != nil {
		t.Fatal(err)
	}
	if w == randomized {
		if err := oracle.Randomize(m, seed); err != nil {
			t.Fatal(err)
		}
	}
	in, err := oracle.InputOf(m, c.Batch)
	if err != nil {
		t.Fatal(err)
	}
	want, err := oracle.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Gradients([]model.Batch{c.Batch}, false)
	if err != nil {
		t.Fatal(err)
	}
	return m, got, want
}

// checkLosses compares the two mean losses, relative.
func checkLosses(t *testing.T, got model.StepResult, want oracle.Result, tolerance float64) {
	t.Helper()
	for _, l := range []struct {
		what      string
		got, want float64
	}{{"MLM loss", got.MLMLoss, want.MLMLoss}, {"NSP loss", got.NSPLoss, want.NSPLoss}} {
		if !(math.Abs(l.got-l.want) <= tolerance*l.want) {
			t.Errorf("%s: found %.10f, expected %.10f", l.what, l.got, l.want)
		}
	}
}

// checkGradients compares tensor by tensor and logs the largest error.
func checkGradients(t *testing.T, diffs []oracle.Difference, tolerance float64) {
	t.Helper()
	var worst oracle.Difference
	for _, d := range diffs {
		if !(d.RelativeError <= tolerance) {
			t.Errorf("%s: found relative error %.3g, expected at most %g (worst element %d: %g for %g, norm %g)",
				d.Name, d.RelativeError, tolerance, d.Index, d.Got, d.Want, d.Norm)
		}
		if !(d.RelativeError <= worst.RelativeError) {
			worst = d
		}
	}
	t.Logf("largest relative error %.2g, in %s", worst.RelativeError, worst.Name)
}

// doubles is oracle.Gradients without its rounding to float32.
func doubles(t *testing.T, m *model.Model, b *reference.Backend) map[string][]float64 {
	t.Helper()
	grads, err := oracle.GradientsBy(m, func(i int, dst []float64) error { return b.ReadDoubles(dst, m.Params()[i].Grad(), 0) })
	if err != nil {
		t.Fatal(err)
	}
	return grads
}

// everyCase runs test for each variant and both kinds of weights.
func everyCase(t *testing.T, test func(t *testing.T, c oracle.Case, w weights)) {
	for _, v := range variants() {
		for _, w := range []weights{asInitialized, randomized} {
			t.Run(fmt.Sprintf("%v, %v", v, w), func(t *testing.T) {
				test(t, oracle.SmallCase(v.method, v.block, seed), w)
			})
		}
	}
}

// Both sides compute in float64, so nothing but rounding may differ.
func TestReferenceAgreesWithOracle(t *testing.T) {
	everyCase(t, func(t *testing.T, c oracle.Case, w weights) {
		b := reference.New()
		defer b.Close()
		m, got, want := solve(t, b, c, w)
		checkLosses(t, got, want, 1e-12)
		diffs, err := oracle.Compare(m.Config(), want.Grads, doubles(t, m, b))
		if err != nil {
			t.Fatal(err)
		}
		checkGradients(t, diffs, 1e-12)
	})
}

// float32 against float64: 1e-5 is 168 roundings of 2^-24.
func TestCPUAgreesWithOracle(t *testing.T) {
	everyCase(t, func(t *testing.T, c oracle.Case, w weights) {
		b, err := cpu.New(cpu.Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		m, got, want := solve(t, b, c, w)
		checkLosses(t, got, want, 1e-6)
		grads, err := oracle.Gradients(m)
		if err != nil {
			t.Fatal(err)
		}
		diffs, err := oracle.Compare(m.Config(), want.Grads, grads)
		if err != nil {
			t.Fatal(err)
		}
		checkGradients(t, diffs, 1e-5)
	})
}

// Without next sentence prediction, on the reference, the CPU and the simulated GPU: the
// loss is that of the masked tokens alone, and no gradient comes from elsewhere.
func TestMaskedTokensAlone(t *testing.T) {
	for name, device := range map[string]struct {
		open func() (backend.Backend, error)
		loss float64
		grad float64
	}{
		"reference": {func() (backend.Backend, error) { return reference.New(), nil }, 1e-6, 1e-6}, // read as float32
		"cpu":       {func() (backend.Backend, error) { return cpu.New(cpu.Options{}) }, 1e-6, 1e-5},
		"sim": {func() (backend.Backend, error) {
			return gpu.New(simdriver.New(simdriver.Options{}), gpu.Options{Activation: backend.F32})
		}, 1e-6, 1e-5},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := device.open()
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			c := oracle.SmallCase(model.Dynamic, 16, seed)
			c.Config.NoNSP = true
			m, got, want := solve(t, b, c, randomized)
			checkLosses(t, got, want, device.loss)
			if got.NSPLoss != 0 || got.Pairs != 0 || got.Loss() != got.MLMLoss || len(m.Table()) != len(want.Grads) {
				t.Errorf("found %+v and %d parameters, expected no pair and %d", got, len(m.Table()), len(want.Grads))
			}
			for _, row := range m.Table() {
				if row.Part == model.Pooler || row.Part == model.NSPHead {
					t.Errorf("found the parameter %s, expected none of next sentence prediction", row.Name)
				}
			}
			grads, err := oracle.Gradients(m)
			if err != nil {
				t.Fatal(err)
			}
			diffs, err := oracle.Compare(m.Config(), want.Grads, grads)
			if err != nil {
				t.Fatal(err)
			}
			checkGradients(t, diffs, device.grad)
			sums, err := m.Eval(c.Batch)
			if err != nil || sums.Pairs != 0 || !(math.Abs(sums.MLMLossSum/float64(sums.Masked)-want.MLMLoss) <= device.loss*want.MLMLoss) {
				t.Errorf("evaluation: found %+v and error %v, expected a mean loss of %v", sums, err, want.MLMLoss)
			}
		})
	}
}

// Two micro-batches of 2 and 3 sequences are the batch of 5.
func TestMicroBatchesAgreeWithOracle(t *testing.T) {
	b := reference.New()
	defer b.Close()
	c := oracle.SmallCase(model.Dynamic, 8, seed)
	m, _, want := solve(t, b, c, randomized)
	cut := func(from, to int) model.Batch {
		masked := slices.Clone(c.Batch.MaskedPos[from*c.MaxMasked : to*c.MaxMasked])
		for i, p := range masked {
			if p >= 0 {
				masked[i] -= int32(from * c.SeqLen)
			}
		}
		return model.Batch{
			Size:         to - from,
			IDs:          c.Batch.IDs[from*c.SeqLen : to*c.SeqLen],
			Segments:     c.Batch.Segments[from*c.SeqLen : to*c.SeqLen],
			Lengths:      c.Batch.Lengths[from:to],
			MaskedPos:    masked,
			MaskedLabels: c.Batch.MaskedLabels[from*c.MaxMasked : to*c.MaxMasked],
			NSPLabels:    c.Batch.NSPLabels[from:to],
		}
	}
	got, err := m.Gradients([]model.Batch{cut(0, 2), cut(2, 5)}, false)
	if err != nil {
		t.Fatal(err)
	}
	checkLosses(t, got, want, 1e-12)
	diffs, err := oracle.Compare(m.Config(), want.Grads, doubles(t, m, b))
	if err != nil {
		t.Fatal(err)
	}
	checkGradients(t, diffs, 1e-12)
}
