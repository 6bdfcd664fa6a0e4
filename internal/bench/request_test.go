package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// lists are the values given for flags, one text a flag.
func lists(pairs ...string) map[string][]string {
	l := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		l[pairs[i]] = append(l[pairs[i]], pairs[i+1])
	}
	return l
}

// describe names a plan's cases.
func (p *Plan) describe() (all []string) {
	for _, c := range p.cases {
		all = append(all, fmt.Sprintf("%s %d %v %d %dx%d", c.Op, c.Block, c.Sparsity, c.Tokens, c.In, c.Out))
	}
	for _, s := range p.steps {
		all = append(all, fmt.Sprintf("%d layers, %d x %d, %v", s.Config.Layers, s.Options.MicroBatch, s.Options.SeqLen, s.Config.Method))
	}
	for _, s := range p.setups {
		all = append(all, fmt.Sprintf("%s %s %d", s.Device, s.Precision, s.Threads))
	}
	return all
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name    string
		request Request
		want    []string
	}{
		{"defaults of the cpu", Request{Device: "cpu"},
			[]string{"dsd 16 0.9 4096 768x3072", "dds 16 0.9 4096 768x3072", "sdd 16 0.9 4096 768x3072", "cpu fp32 0"}},
		{"defaults of the simulator", Request{Device: "sim", Lists: lists("op", "dds")}, []string{"dds 16 0.9 256 768x3072", "sim bf16 0"}},
		{"every combination, the product fastest", Request{Device: "sim", Lists: lists("op", "dsd,sdd", "block", "4", "block", " 8 ", "precision", "bf16,fp32", "shape", "64x32", "tokens", "8")},
			[]string{"dsd 4 0.9 8 64x32", "sdd 4 0.9 8 64x32", "dsd 8 0.9 8 64x32", "sdd 8 0.9 8 64x32", "sim bf16 0", "sim fp32 0"}},
		{"shapes of a model", Request{Device: "cpu", Lists: lists("op", "dsd", "shape", "tiny,64x32", "threads", "2")},
			[]string{"dsd 16 0.9 4096 128x128", "dsd 16 0.9 4096 128x512", "dsd 16 0.9 4096 512x128", "dsd 16 0.9 4096 64x32", "cpu fp32 2"}},
		{"a step of the cpu", Request{Device: "cpu", Step: true, VocabSize: 64, Bandwidth: 1, Peak: 1}, []string{"2 layers, 16 x 128, dynamic", "cpu fp32 0"}},
		{"steps", Request{Device: "sim", Step: true, VocabSize: 64, Bandwidth: 1, Peak: 1, Lists: lists("model", "mini", "sparsity", "0,0.5", "batch-size", "2,4", "seq-len", "16")},
			[]string{"4 layers, 2 x 16, dense", "4 layers, 2 x 16, dynamic", "4 layers, 4 x 16, dense", "4 layers, 4 x 16, dynamic", "sim bf16 0"}},
		{"a model by its sizes", Request{Device: "cpu", Step: true, VocabSize: 64, Bandwidth: 1, Peak: 1, Lists: lists("model", "3x48x2", "block", "1", "batch-size", "2", "seq-len", "16")},
			[]string{"3 layers, 2 x 16, dynamic", "cpu fp32 0"}},
	} {
		p, err := c.request.Plan()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := p.describe(); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %q, expected %q", c.name, got, c.want)
		}
	}
	p, err := Request{Device: "cpu", Crossover: true, Lists: lists("op", "dsd")}.Plan()
	if err != nil || len(p.cases) != 6 || p.cases[0].Sparsity != 0.5 || p.cases[5].Sparsity != 0.95 {
		t.Errorf("crossover: found cases %v and error %v, expected sparsities from 0.5 to 0.95", p.cases, err)
	}
}

func TestPlanOfBadRequests(t *testing.T) {
	step := Request{Device: "sim", Step: true, VocabSize: 64, Bandwidth: 1, Peak: 1}
	with := func(r Request, pairs ...string) Request { r.Lists = lists(pairs...); return r }
	for _, c := range []struct {
		request Request
		says    string
	}{
		{Request{Device: "abacus"}, `device: found "abacus"`},
		{with(Request{Device: "cpu"}, "block", "16,x"), `bench: --block: found "x", expected a whole number`},
		{with(Request{Device: "cpu"}, "sparsity", "most"), `bench: --sparsity: found "most", expected a number`},
		{with(Request{Device: "cpu"}, "shape", "64x64x64"), `bench: --shape: found "64x64x64", expected INxOUT`},
		{with(Request{Device: "cpu"}, "op", ""), `bench: --op: found ""`},
		{with(Request{Device: "cpu"}, "tokens", "0"), "bench: --tokens: found 0"},
		{with(Request{Device: "cpu"}, "precision", "bf16"), `bench: --precision: found "bf16", expected fp32`},
		{with(Request{Device: "sim"}, "precision", "fp8"), `bench: --precision: found "fp8"`},
		{with(Request{Device: "cpu"}, "threads", "-1"), `bench: --threads: found "-1", expected 0 to`},
		{with(Request{Device: "cpu"}, "model", "tiny"), "bench: --model: found it without --step"},
		{Request{Device: "cpu", Given: []string{"vocab-size"}}, "bench: --vocab-size: found it without --step"},
		{with(step, "op", "dsd"), "bench: --op: found it with --step"},
		{Request{Device: "cpu", Step: true, Bandwidth: 1, Peak: 1, Given: []string{"dense"}}, "bench: --dense: found it with --step"},
		{Request{Device: "sim", Step: true, VocabSize: 64, Peak: 1}, "bench: --bandwidth: found 0, expected above 0"},
		{with(step, "model", "huge"), `"huge"`},
		{with(step, "model", "2x0x2"), `--model: found "2x0x2", expected a model's name`},
		{with(step, "model", "2x64x3"), "hidden 64: found heads 3"},
		{with(step, "batch-size", "0"), "batch_size: found 0"},
		{Request{Device: "sim", Crossover: true}, "bench: --crossover: found it with the device sim"},
		{Request{Device: "cpu", Crossover: true, NoDense: true}, "bench: --crossover: found it with --dense=false"},
	} {
		p, err := c.request.Plan()
		if p != nil || !usage.Is(err) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: found error %v, expected %q", c.request, err, c.says)
		}
	}
}

// run carries out a request.
func (r Request) run(t *testing.T, tables *bytes.Buffer) any {
	t.Helper()
	p, err := r.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var results any
	if tables == nil {
		results, err = p.Run(t.Context(), device.Opener{}, nil)
	} else {
		results, err = p.Run(t.Context(), device.Opener{}, tables)
	}
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// small are lists of one product of a moment.
func small() map[string][]string {
	return lists("op", "dsd", "shape", "32x32", "tokens", "16", "threads", "1", "sparsity", "0.5")
}

// What Run returns goes with the request, and without tables nothing is written.
func TestRunProducts(t *testing.T) {
	timed, ok := Request{Device: "cpu", Repeats: 1, NoDense: true, Lists: small()}.run(t, nil).([]Result)
	if !ok || len(timed) != 1 || timed[0].Device != "cpu" || timed[0].Dense != nil || !(timed[0].SecondsMedian > 0) {
		t.Errorf("cpu: found %+v", timed)
	}
	var table bytes.Buffer
	counted, ok := Request{Device: "sim", Repeats: 1, Lists: small()}.run(t, &table).([]Counted)
	if !ok || len(counted) != 1 || !(counted[0].Total.WarpInstructions > 0) || !strings.Contains(table.String(), "COUNTS OF A SIMULATION, NO TIMES") {
		t.Errorf("sim: found %+v and %q", counted, table.String())
	}
	table.Reset()
	crossed, ok := Request{Device: "cpu", Repeats: 1, Crossover: true, Lists: small()}.run(t, &table).([]Crossover)
	if !ok || len(crossed) != 1 || len(crossed[0].Points) != 1 || !strings.Contains(table.String(), "straight line") || strings.Contains(table.String(), "useful") {
		t.Errorf("crossover: found %+v and %q", crossed, table.String())
	}
}

func TestRunSteps(t *testing.T) {
	var table bytes.Buffer
	request := Request{Device: "sim", Step: true, VocabSize: 64, Bandwidth: 4800, Peak: 989, Lists: lists("model", "tiny", "batch-size", "2", "seq-len", "16", "sparsity", "0,0.75")}
	text, err := json.Marshal(request.run(t, &table))
	if err != nil {
		t.Fatal(err)
	}
	var steps []CountedStep
	if err := json.Unmarshal(text, &steps); err != nil || len(steps) != 2 {
		t.Fatalf("found %d steps and error %v, expected 2", len(steps), err)
	}
	dense, sparse := steps[0], steps[1]
	if dense.Block != 0 || dense.Total != dense.Dense || sparse.Block != 16 || sparse.Dense != dense.Total || !(sparse.Total.Memory() < dense.Total.Memory()) {
		t.Errorf("found %+v and %+v, expected the dense step beside the sparse one", dense, sparse)
	}
	if got := strings.Count(table.String(), "NOTHING IS RUN OR TIMED"); got != 2 {
		t.Errorf("found %d tables, expected 2: %s", got, table.String())
	}
}

// A context that ends ends the measurement, with its cause.
func TestRunIsStopped(t *testing.T) {
	request := Request{Device: "cpu", Repeats: 100000, Lists: small()}
	p, err := request.Plan()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	time.AfterFunc(50*time.Millisecond, func() { stop(stopped) })
	if results, err := p.Run(ctx, device.Opener{}, nil); results != nil || !errors.Is(err, stopped) {
		t.Errorf("found %v and error %v, expected the cause", results, err)
	}
}

// A step is slow where memory is: floors go with the rates that are assumed.
func TestFloorsGoWithTheRates(t *testing.T) {
	floor := func(bandwidth float64) float64 {
		r := Request{Device: "sim", Step: true, VocabSize: 64, Bandwidth: bandwidth, Peak: 1e6, Lists: lists("model", "tiny", "batch-size", "2", "seq-len", "16")}
		p, err := r.Plan()
		if err != nil {
			t.Fatal(err)
		}
		step, err := p.countStep(p.setups[0], p.steps[0])
		if err != nil {
			t.Fatal(err)
		}
		return step.Total.Floor
	}
	if d := floor(1000)/floor(2000) - 2; !(max(d, -d) < 1e-9) {
		t.Errorf("found a ratio of floors that is off by %g, expected 2", d)
	}
}
