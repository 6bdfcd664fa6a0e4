package bench_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// smallStep is a step of a moment.
func smallStep() bench.Step {
	return bench.Step{
		Config: model.Config{
			VocabSize: 40, Layers: 2, Hidden: 32, Heads: 2, FFN: 64, MaxPositions: 16, TypeVocab: 2, Dropout: 0.1,
			Method: model.Dynamic, Sparsity: 0.5, BlockSize: 16,
		},
		Options: model.Options{MicroBatch: 3, SeqLen: 16, MaxMasked: 2, Seed: 1},
	}
}

// The calls of a step are those of the model, with the operands' sizes.
func TestCountStep(t *testing.T) {
	s := smallStep()
	calls, err := bench.CountStep(s, traffic.H200(backend.BF16))
	if err != nil {
		t.Fatal(err)
	}
	step, updates := traffic.Split(calls)
	if len(updates) != 1 || updates[0].Op != "UpdateTopology" {
		t.Errorf("found updates %v, expected one", updates)
	}
	found := map[string]int{}
	for _, c := range step {
		found[c.Op]++
		if c.Op == "AddNorm" && c.Tensor == "output.LayerNorm" {
			if got, want := c.Operand("y", traffic.Write), int64(2*3*16*32); got != want {
				t.Errorf("AddNorm: found y of %d bytes, expected %d", got, want)
			}
		}
	}
	for op, want := range map[string]int{"Attention": 2, "AttentionGrad": 2, "AddNorm": 6, "AdamW": 1, "CrossEntropy": 2, "EmbedGrad": 1} {
		if found[op] != want {
			t.Errorf("found %d calls of %s, expected %d", found[op], op, want)
		}
	}
	rates := traffic.Rates{Bandwidth: 1e12, Peak: 1e15}
	all := traffic.Sum(rates.Rows(step))
	if all.Calls != len(step) || !(all.Floor > 0) || all.Floor < float64(all.Memory())/1e12*(1-1e-9) {
		t.Errorf("found %+v of %d calls", all, len(step))
	}
	s.Options.SeqLen = 17
	if _, err := bench.CountStep(s, traffic.H200(backend.BF16)); !errors.Is(err, model.ErrConfig) {
		t.Errorf("a sequence too long: found error %v", err)
	}
}

// closing is a device that counts how often it is opened and closed.
type closing struct {
	backend.Backend
	open *int
}

func (c closing) Close() error {
	*c.open--
	return c.Backend.Close()
}

func TestRunStep(t *testing.T) {
	open := 0
	device := func() (backend.Backend, error) {
		b, err := cpu.New(cpu.Options{Threads: 1})
		open++
		return closing{b, &open}, err
	}
	r, err := bench.RunStep(context.Background(), device, smallStep(), nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	if open != 0 {
		t.Errorf("found %d devices open, expected none", open)
	}
	if !(r.SecondsMin > 0 && r.SecondsMin <= r.SecondsMedian && r.SecondsMedian <= r.SecondsMax) || r.Repeats != 3 {
		t.Errorf("found %+v", r)
	}
	if !near(r.TokensPerSecond, 3*16/r.SecondsMedian) || !(r.UsefulGFLOPs > 0) || r.BytesFloor != 0 || r.FloorFraction != nil {
		t.Errorf("found %+v", r)
	}
	calls, seconds := 0, 0.0
	for _, o := range r.Ops {
		calls += o.Calls
		seconds += o.Seconds
		if !(o.Seconds > 0) {
			t.Errorf("%s %s: found no time", o.Op, o.Tensor)
		}
	}
	counted, err := bench.CountStep(smallStep(), traffic.H200(backend.F32))
	if err != nil {
		t.Fatal(err)
	}
	if separate := len(counted) + 6*smallStep().Config.Layers; calls != len(counted) && calls != separate {
		t.Errorf("found %d calls, expected %d, or %d where nothing is shared", calls, len(counted), separate)
	}
}

// lapped is a null device with a clock of its own: every operation takes 2 us.
type lapped struct {
	traffic.Null
	marks int
	fails error
}

func (l *lapped) Capabilities() backend.Capabilities {
	have := l.Null.Capabilities()
	have.Clock, have.Profile = l, l
	return have
}

func (l *lapped) Timer() (func(func()) (time.Duration, error), error) { return nil, l.fails }

func (l *lapped) Lap() error { l.marks++; return l.fails }

func (l *lapped) Laps() ([]time.Duration, error) {
	times := make([]time.Duration, l.marks-1)
	for i := range times {
		times[i] = 2 * time.Microsecond
	}
	l.marks = 0
	return times, nil
}

func (l *lapped) ProductKernel(string, backend.Param, int) string { return "" }

func (l *lapped) Threads() int { return 0 }

func (l *lapped) CopyRate(int64) (float64, error) { return 1e9, nil }

func TestRunStepByTheDevicesClock(t *testing.T) {
	machine := traffic.H200(backend.BF16)
	var fails error
	device := func() (backend.Backend, error) {
		return &lapped{Null: traffic.NewNull(backend.BF16), fails: fails}, nil
	}
	r, err := bench.RunStep(context.Background(), device, smallStep(), &machine, 2)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := bench.CountStep(smallStep(), machine)
	if err != nil {
		t.Fatal(err)
	}
	seconds := 0.0
	for _, o := range r.Ops {
		seconds += o.Seconds
	}
	if !near(seconds, 2e-6*float64(len(calls))) {
		t.Errorf("found %v s of %d operations, expected 2 us each", seconds, len(calls))
	}
	step, _ := traffic.Split(calls)
	rows := traffic.Rates{Bandwidth: 1, Peak: 1}.Rows(step)
	if want := traffic.Sum(rows).Memory(); r.BytesFloor != want || !near(*r.FloorFraction, float64(want)/1e9/r.SecondsMedian) || *r.CopyGB != 1 {
		t.Errorf("found floor %d and fraction %v, expected %d of a copy at 1 GB/s", r.BytesFloor, *r.FloorFraction, want)
	}
	fails = errors.New("no more events")
	if _, err := bench.RunStep(context.Background(), device, smallStep(), &machine, 2); !errors.Is(err, fails) {
		t.Errorf("a clock that fails: found error %v", err)
	}
}

func TestRunStepEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("stop")
	cancel(stop)
	device := func() (backend.Backend, error) { return traffic.NewNull(backend.F32), nil }
	if _, err := bench.RunStep(ctx, device, smallStep(), nil, 2); !errors.Is(err, stop) {
		t.Errorf("found error %v, expected %v", err, stop)
	}
	broken := errors.New("no device")
	if _, err := bench.RunStep(context.Background(), func() (backend.Backend, error) { return nil, broken }, smallStep(), nil, 2); !errors.Is(err, broken) {
		t.Errorf("found error %v, expected %v", err, broken)
	}
	s := smallStep()
	s.Options.MaxMasked = 99
	if _, err := bench.RunStep(context.Background(), device, s, nil, 2); !errors.Is(err, model.ErrConfig) {
		t.Errorf("found error %v, expected a bad configuration", err)
	}
}
