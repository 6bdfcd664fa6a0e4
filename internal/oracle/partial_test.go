package oracle_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// naive trains BERT with a mask on the gradients of automatic differentiation,
// element by element in float64.
type naive struct {
	in      oracle.Input
	table   []model.Tensor
	m, v    map[string][]float64
	trained map[string][]bool // nil: all
	adam    backend.AdamConfig
}

// blockOf returns the position of element k's block.
func blockOf(t model.Tensor, k int) int {
	return k/t.In/t.Block*(t.In/t.Block) + k%t.In/t.Block
}

// enter begins a phase by its definition.
func (n *naive) enter(p model.Phase) error {
	n.trained = map[string][]bool{}
	for _, t := range n.table {
		if !t.Partial || p.Whole {
			continue
		}
		w := n.in.Weights[t.Name]
		norms := make([]float64, t.Shape().Positions())
		for k, x := range w {
			norms[blockOf(t, k)] += math.Abs(x)
		}
		order := make([]int, len(norms))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return -cmp.Compare(norms[a], norms[b]) })
		kept := make([]bool, len(norms))
		for _, b := range order[:t.NNZ] {
			kept[b] = true
		}
		if p.Choice != sparse.ChooseMagnitude {
			topo, err := p.Choice.Choose(sparse.ChoiceSpec{Shape: t.Shape(), NNZ: t.NNZ, Norm: p.Norm, Seed: seed, Number: p.Number, Tensor: t.Index}, nil)
			if err != nil {
				return err
			}
			clear(kept)
			for slot := range topo.NNZ() {
				kept[topo.Position(slot)] = true
			}
		}
		mask := make([]bool, len(w))
		for k := range mask {
			mask[k] = kept[blockOf(t, k)]
			if !mask[k] && n.in.Config.Rest == model.Zero {
				w[k], n.m[t.Name][k], n.v[t.Name][k] = 0, 0, 0
			}
		}
		n.trained[t.Name] = mask
	}
	return nil
}

// step is AdamW by its formula on what is trained.
func (n *naive) step(number int, lr float64) (oracle.Result, float64, error) {
	r, err := oracle.Run(n.in)
	if err != nil {
		return r, 0, err
	}
	squares := 0.0
	for _, t := range n.table {
		for k, g := range r.Grads[t.Name] {
			if mask := n.trained[t.Name]; mask == nil || mask[k] {
				squares += g * g
			}
		}
	}
	norm := math.Sqrt(squares)
	clip := min(1, float64(n.adam.MaxGradNorm)/norm)
	b1, b2 := float64(n.adam.Beta1), float64(n.adam.Beta2)
	c1, c2 := 1-math.Pow(b1, float64(number+1)), 1-math.Pow(b2, float64(number+1))
	for _, t := range n.table {
		w, m, v := n.in.Weights[t.Name], n.m[t.Name], n.v[t.Name]
		for k, g := range r.Grads[t.Name] {
			if mask := n.trained[t.Name]; mask != nil && !mask[k] {
				continue
			}
			g *= clip
			m[k] = b1*m[k] + (1-b1)*g
			v[k] = b2*v[k] + (1-b2)*g*g
			d := m[k] / c1 / (math.Sqrt(v[k]/c2) + float64(n.adam.Eps))
			if t.Decay {
				d += float64(n.adam.WeightDecay) * w[k]
			}
			w[k] -= lr * d
		}
	}
	return r, norm, nil
}

// A model trained in part, through phases of every kind, is what masked training
// on automatic differentiation makes of it.
func TestPartialTraining(t *testing.T) {
	phases := map[int]model.Phase{ // by the step before which they begin
		0: {Number: 1}, 2: {Whole: true}, 4: {Choice: sparse.ChooseMagnitude, Number: 2},
		6: {Whole: true}, 7: {Choice: sparse.ChooseRandom, Number: 3}, 9: {Whole: true},
	}
	for name, open := range map[string]func() (backend.Backend, float64){
		"reference": func() (backend.Backend, float64) { return reference.New(), 1e-9 },
		"cpu": func() (backend.Backend, float64) {
			b, err := cpu.New(cpu.Options{Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			return b, 2e-4
		},
	} {
		for _, rest := range []model.Rest{model.Frozen, model.Zero} {
			for _, block := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s/%s/B=%d", name, rest, block), func(t *testing.T) {
					b, tolerance := open()
					defer b.Close()
					comparePartial(t, b, rest, block, phases, tolerance)
				})
			}
		}
	}
}

func comparePartial(t *testing.T, b backend.Backend, rest model.Rest, block int, phases map[int]model.Phase, tolerance float64) {
	c := oracle.SmallCase(model.Partial, block, seed)
	c.Config.Rest, c.Config.Dropout, c.Config.Layers = rest, 0, 1
	m, err := model.New(b, c.Config, model.Options{MicroBatch: c.Batch.Size, SeqLen: c.SeqLen, MaxMasked: c.MaxMasked, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	if err := oracle.Randomize(m, seed); err != nil {
		t.Fatal(err)
	}
	in, err := oracle.InputOf(m, c.Batch)
	if err != nil {
		t.Fatal(err)
	}
	n := &naive{in: in, table: m.Table(), m: map[string][]float64{}, v: map[string][]float64{},
		adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.99, Eps: 1e-3, WeightDecay: 0.1, MaxGradNorm: 1}}
	for name, w := range in.Weights {
		n.m[name], n.v[name] = make([]float64, len(w)), make([]float64, len(w))
	}
	const lr = 0.015625 // exact in float32
	for step := range 11 {
		args := model.StepArgs{Step: int64(step), LR: lr, Adam: n.adam}
		if p, ok := phases[step]; ok {
			args.Phase = &p
			if err := n.enter(p); err != nil {
				t.Fatal(err)
			}
		}
		want, norm, err := n.step(step, lr)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Step(args, []model.Batch{c.Batch})
		if err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(got.Loss() - want.Loss); !(d <= 10*tolerance) {
			t.Errorf("step %d: found loss %v, expected %v", step, got.Loss(), want.Loss)
		}
		if d := math.Abs(got.GradNorm - norm); !(d <= 10*tolerance*norm) {
			t.Errorf("step %d: found norm %v, expected %v", step, got.GradNorm, norm)
		}
		after, err := oracle.InputOf(m, c.Batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range n.table {
			for k, w := range n.in.Weights[row.Name] {
				// InputOf reads float32, exact to half a unit in the last place.
				if d := math.Abs(after.Weights[row.Name][k] - w); !(d <= tolerance+math.Abs(w)*0x1p-24) {
					t.Fatalf("step %d: %s[%d]: found %v, expected %v", step, row.Name, k, after.Weights[row.Name][k], w)
				}
			}
		}
	}
}

// With zeros for the rest and one fixed part, training in part is block-sparse
// training: two ways of computing one thing.
func TestPartialIsStatic(t *testing.T) {
	for _, block := range []int{1, 4, 16} {
		b, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		var end [2]map[string][]float64
		for i, method := range []model.Method{model.Partial, model.Static} {
			c := oracle.SmallCase(method, block, seed)
			c.Config.Rest, c.Config.Dropout = model.Zero, 0
			m, err := model.New(b, c.Config, model.Options{MicroBatch: c.Batch.Size, SeqLen: c.SeqLen, MaxMasked: c.MaxMasked, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			for step := range 8 {
				args := model.StepArgs{Step: int64(step), LR: 0.01, Adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.99, Eps: 1e-3, WeightDecay: 0.1, MaxGradNorm: 1}}
				if step == 0 && method == model.Partial {
					args.Phase = &model.Phase{Number: 1}
				}
				if _, err := m.Step(args, []model.Batch{c.Batch}); err != nil {
					t.Fatal(err)
				}
			}
			in, err := oracle.InputOf(m, c.Batch)
			if err != nil {
				t.Fatal(err)
			}
			end[i] = in.Weights
		}
		zeros := 0
		for name, w := range end[0] {
			for k, x := range w {
				if !(math.Abs(x-end[1][name][k]) <= 1e-5) {
					t.Fatalf("B=%d: %s[%d]: found %v, expected %v as block-sparse", block, name, k, x, end[1][name][k])
				}
				if x == 0 {
					zeros++
				}
			}
		}
		if zeros < 1000 {
			t.Errorf("B=%d: found %d zeros, expected most of the encoder", block, zeros)
		}
	}
}

// incapable is a device without capabilities.
type incapable struct{ backend.Backend }

func (incapable) Capabilities() backend.Capabilities { return backend.Capabilities{} }

// What cannot be done is said, and nothing changes.
func TestPartialRefuses(t *testing.T) {
	b := incapable{reference.New()}
	c := oracle.SmallCase(model.Partial, 8, seed)
	m, err := model.New(b, c.Config, model.Options{MicroBatch: c.Batch.Size, SeqLen: c.SeqLen, MaxMasked: c.MaxMasked, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	args := model.StepArgs{Phase: &model.Phase{Number: 1}}
	if _, err := m.Step(args, []model.Batch{c.Batch}); !errors.Is(err, model.ErrConfig) {
		t.Errorf("found %v, expected ErrConfig on a device that cannot", err)
	}
	if err := model.CanTrain(b, c.Config); !errors.Is(err, model.ErrConfig) {
		t.Errorf("found %v, expected ErrConfig", err)
	}
	dense := oracle.SmallCase(model.Dense, 0, seed)
	m, err = model.New(reference.New(), dense.Config, model.Options{MicroBatch: dense.Batch.Size, SeqLen: dense.SeqLen, MaxMasked: dense.MaxMasked, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Step(args, []model.Batch{dense.Batch}); !errors.Is(err, model.ErrConfig) {
		t.Errorf("found %v, expected ErrConfig for method dense", err)
	}
}
