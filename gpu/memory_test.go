package gpu_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/faultdriver"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// closing looks at a simulated driver's memory when it is closed.
type closing struct {
	*simdriver.Driver
	t *testing.T
}

func (d closing) Close() error {
	if n := d.Allocations(); n != 0 {
		d.t.Errorf("found %d allocations when the driver was closed, expected none", n)
	}
	return d.Driver.Close()
}

// use builds a model, trains it for a step with a topology update and evaluates it,
// going on after every error, and returns the errors. built is called in between.
func use(b backend.Backend, c bert, built func()) []error {
	m, err := model.New(b, c.config(), bertOptions)
	errs := []error{err}
	note := func(err error) { errs = append(errs, err) }
	if err != nil {
		// The model is lost, the backend can still be called.
		topo, err := sparse.StartTopology(sparse.Shape{Out: 48, In: 48, Block: c.block}, 4, 1, 0)
		if err != nil {
			panic(err)
		}
		w, x := b.NewParam(backend.ParamSpec{Name: "w", Out: 48, In: 48, Topology: topo}), b.Alloc("x", b.Activation(), 48)
		b.GrowScores(w)
		b.BeginStep(backend.StepScalars{})
		b.DSD(x, nil, x, w, nil, 1)
		b.AdamW([]backend.Param{w}, x, backend.AdamConfig{})
		b.UpdateTopology([]backend.Param{w}, sparse.Update{Number: 1})
		note(b.ReadFloats(make([]float32, 48), x, 0))
		_, err = b.Topology(w)
		note(err)
		_, err = b.UpdateStats([]backend.Param{w})
		note(err)
		note(b.Sync())
		return errs
	}
	built()
	_, err = m.Step(c.args(bertPhase-1), bertBatch(0))
	note(err)
	_, err = m.Eval(bertBatch(0)[0])
	note(err)
	_, err = m.Topologies()
	note(err)
	note(b.Sync())
	return errs
}

// Whichever allocation fails, by the driver's word or by itself: that error
// sticks, nothing panics, and everything is given back.
func TestOutOfMemory(t *testing.T) {
	for _, c := range []bert{{backend.F32, 16, sparse.GrowGradient, sparse.L1}, {backend.BF16, 4, sparse.GrowRandom, sparse.L1}} {
		sim := simdriver.New(simdriver.Options{})
		faulty, err := faultdriver.New(closing{sim, t}, faultdriver.Plan{Op: "Alloc"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := gpu.New(faulty, gpu.Options{Activation: c.act})
		if err != nil {
			t.Fatal(err)
		}
		first := 0
		if err := errors.Join(use(b, c, func() { first = faulty.Calls() })...); err != nil {
			t.Fatal(err)
		}
		calls := faulty.Calls()
		free, total, err := sim.Memory()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}

		ran := 0
		for n := 1; n <= calls; n++ {
			if n > 60 && n < first && n%10 > 0 {
				continue // a tensor's allocations are like another's
			}
			ran++
			c.runOut(t, simdriver.Options{}, faultdriver.Plan{Op: "Alloc", At: n, Sticky: n%2 == 0}, "Alloc", "failure on purpose")
		}
		t.Logf("%v: %d of %d allocations failed, %d of them after the model was built", c, ran, calls, calls-first)
		for part := range int64(8) {
			c.runOut(t, simdriver.Options{MemoryBytes: max(1, part*(total-free-1)/7)}, faultdriver.Plan{}, "allocate ", "bytes are free")
		}
	}
}

// runOut uses a driver with too little memory.
func (c bert) runOut(t *testing.T, o simdriver.Options, plan faultdriver.Plan, says ...string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if _, ok := errors.AsType[*gpu.Error](err); !ok || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v, %+v: found error %v, expected one line from the driver", o, plan, err)
		}
		for _, word := range says {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%+v, %+v: found error %v, expected it to say %q", o, plan, err, word)
			}
		}
	}
	d, err := faultdriver.New(closing{simdriver.New(o), t}, plan)
	if err != nil {
		t.Fatal(err)
	}
	b, err := gpu.New(d, gpu.Options{Activation: c.act})
	if err != nil {
		check(err)
		return
	}
	failed := false
	for _, err := range use(b, c, func() {}) {
		if failed = failed || err != nil; !failed {
			continue
		}
		check(err)
		if err != nil && !strings.HasSuffix(err.Error(), b.Sync().Error()) {
			t.Errorf("%+v, %+v: found error %v, expected the first to stick: %v", o, plan, err, b.Sync())
		}
	}
	if !failed {
		t.Errorf("%+v, %+v: found no error", o, plan)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
