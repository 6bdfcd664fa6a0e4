package traffic_test

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// unshared hides SharedInput of a backend, and all that a meter does not know.
type unshared struct{ backend.Backend }

func (s unshared) Capabilities() backend.Capabilities {
	have := s.Backend.Capabilities()
	return backend.Capabilities{KeepsDropout: have.KeepsDropout, Valueless: have.Valueless}
}

// count returns the calls of a step of c on an H200; separate hides
// backend.SharedInput.
func count(t *testing.T, c model.Config, o model.Options, separate bool) (calls []traffic.Call) {
	t.Helper()
	var device backend.Backend = traffic.NewNull(backend.BF16)
	if separate {
		device = unshared{device}
	}
	m, err := model.New(traffic.NewMeter(device, traffic.H200(backend.BF16), func(c traffic.Call, run func()) {
		calls = append(calls, c)
		run()
	}), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Step(model.StepArgs{}, []model.Batch{batch(c, o)}); err != nil {
		t.Fatal(err)
	}
	return calls
}

// baseLayers is BERT-Base with few layers, and a batch beyond L2.
func baseLayers(layers int) (model.Config, model.Options) {
	c, err := model.Preset("base")
	if err != nil {
		panic(err)
	}
	c.Layers = layers
	return c, model.Options{MicroBatch: 32, SeqLen: 128, MaxMasked: 19, Seed: 1}
}

// What sharing saves is what the list of fusions says of it, and fewer partial
// gradients beside.
func TestSharingSaves(t *testing.T) {
	c, o := baseLayers(2)
	apart, together := count(t, c, o, true), count(t, c, o, false)
	rates := traffic.Rates{Bandwidth: 1, Peak: 1e30}
	a, b := traffic.Sum(rates.Rows(apart)), traffic.Sum(rates.Rows(together))
	saved, partial := a.Read+a.Write-b.Read-b.Write, a.Scratch-b.Scratch
	var promised int64
	for _, f := range traffic.Fusions(apart) {
		if strings.HasPrefix(f.Name, "q, k, v") {
			promised = f.Saved
		}
	}
	th := int64(2 * 32 * 128 * 768) // of an activation
	if want := 2 * 8 * th; promised != want {
		t.Errorf("found %d bytes promised, expected %d: 8 activations a layer", promised, want)
	}
	if saved != promised || partial <= 0 {
		t.Errorf("found %d bytes saved and %d of partial gradients, expected %d and some", saved, partial, promised)
	}
	for _, f := range traffic.Fusions(together) {
		if strings.HasPrefix(f.Name, "q, k, v") {
			t.Errorf("found %d bytes left to save of what is built", f.Saved)
		}
	}
}

// Every layer moves the same, and the names of its calls do not say which it is.
func TestLayersAddUp(t *testing.T) {
	sum := func(layers int) traffic.Row {
		c, o := baseLayers(layers)
		return traffic.Sum(traffic.Rates{Bandwidth: 1, Peak: 1e30}.Rows(count(t, c, o, false)))
	}
	one, two, three := sum(1), sum(2), sum(3)
	if d := (three.Memory() - two.Memory()) - (two.Memory() - one.Memory()); d < -64 || d > 64 { // chunks of the optimizer's tables
		t.Errorf("found %d, %d and %d bytes of one, two and three layers, expected equal differences", one.Memory(), two.Memory(), three.Memory())
	}
	if three.FLOPs-two.FLOPs != two.FLOPs-one.FLOPs || three.Calls-two.Calls != two.Calls-one.Calls {
		t.Errorf("found %+v, %+v and %+v", one, two, three)
	}
	c, o := baseLayers(3)
	for _, r := range (traffic.Rates{Bandwidth: 1, Peak: 1}).Rows(count(t, c, o, false)) {
		if strings.Contains(r.Tensor, "layer.") || strings.HasSuffix(r.Tensor, ".weight") {
			t.Errorf("found the tensor %q", r.Tensor)
		}
	}
}

// The floor of a call is that of its slower part.
func TestRates(t *testing.T) {
	c := traffic.Call{Op: "DSD", FLOPs: 600, Operands: []traffic.Operand{{Name: "x", Kind: traffic.Read, Bytes: 100}, {Name: "y", Kind: traffic.Write, Bytes: 50},
		{Name: "partial", Kind: traffic.Scratch, Bytes: 50}, {Name: "x", Kind: traffic.Again, Bytes: 1000}}}
	for peak, want := range map[float64]float64{100: 6, 1000: 2} {
		if got := (traffic.Rates{Bandwidth: 100, Peak: peak}).Seconds(c); got != want {
			t.Errorf("at %v operations a second: found %v s, expected %v", peak, got, want)
		}
	}
	r := traffic.Rates{Bandwidth: 100, Peak: 1000}
	rows := r.Rows([]traffic.Call{c, {Op: "Zero"}, c})
	if len(rows) != 2 || rows[0].Calls != 2 || rows[0].Memory() != 400 || rows[0].Again != 2000 || rows[0].Floor != 4 || r.Total([]traffic.Call{c, c}) != 4 {
		t.Errorf("found %+v", rows)
	}
}
