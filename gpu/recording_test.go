package gpu_test

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// recordingName names one of the recordings of these tests.
type recordingName string

// TestRecordingFollowsMemory: when scratch moves or a parameter is added, what was
// recorded is recorded again.
func TestRecordingFollowsMemory(t *testing.T) {
	const rows, c = 6, 40
	d := &counted{Driver: simdriver.New(simdriver.Options{})}
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	x, stats, list := b.Alloc("x", backend.F32, rows*c), b.Alloc("stats", backend.F32, 3), ints(b, make([]int32, 4*rows))
	more := b.Alloc("more", backend.F32, 4*rows*c)
	work := func() { b.CrossEntropy(stats, x, list, rows, c, backend.MLM, false) }
	run := func(what string, captures, replays int) {
		t.Helper()
		d.captures, d.replays = 0, 0
		b.Zero(stats, 3)
		b.Capabilities().Recorder.Record(recordingName("loss"), work)
		got := make([]float32, 3)
		if err := b.ReadFloats(got, stats, 0); err != nil || math.Abs(float64(got[0])-rows*math.Log(c)) > 1e-3 {
			t.Fatalf("%s: found %v and error %v, expected a loss of %v", what, got, err, rows*math.Log(c))
		}
		if d.captures != captures || d.replays != replays {
			t.Errorf("%s: found %d captures and %d replays, expected %d and %d", what, d.captures, d.replays, captures, replays)
		}
	}
	again := func(what string) {
		t.Helper()
		run(what+": first", 0, 0)
		run(what+": second", 1, 1)
		run(what+": third", 0, 1)
	}
	again("new")
	b.CrossEntropy(stats, more, list, 4*rows, c, backend.MLM, false)
	again("scratch moved")
	topo, err := sparse.StartTopology(sparse.Shape{Out: 8, In: 8, Block: 4}, 2, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.NewParam(backend.ParamSpec{Name: "w", Out: 8, In: 8, Topology: topo})
	again("new parameter")
}

// TestRecordingErrors: what cannot be recorded is an error at once, and errors of
// arguments and of the driver end a capture.
func TestRecordingErrors(t *testing.T) {
	for what, work := range map[string]func(*gpu.Backend, backend.Buffer, backend.Buffer){
		"Sync":        func(b *gpu.Backend, x, i backend.Buffer) { b.Sync() },
		"ReadFloats":  func(b *gpu.Backend, x, i backend.Buffer) { b.ReadFloats(make([]float32, 1), x, 0) },
		"WriteFloats": func(b *gpu.Backend, x, i backend.Buffer) { b.WriteFloats(x, 0, []float32{1}) },
		"WriteInts":   func(b *gpu.Backend, x, i backend.Buffer) { b.WriteInts(i, 0, []int32{1}) },
		"BeginStep":   func(b *gpu.Backend, x, i backend.Buffer) { b.BeginStep(backend.StepScalars{}) },
	} {
		b, _ := newSim(t, backend.F32)
		x, i := b.Alloc("x", backend.F32, 4), b.Alloc("i", backend.I32, 4)
		b.Capabilities().Recorder.Record(recordingName(what), func() { work(b, x, i) })
		fails(t, b, "found it in a recorded sequence")
	}
	b, d := newSim(t, backend.F32)
	x := b.Alloc("x", backend.F32, 4)
	calls := 0
	work := func() {
		if b.Tanh(x, x, 4); calls > 0 {
			b.Tanh(x, x, 5)
		}
		calls++
	}
	b.Capabilities().Recorder.Record(recordingName("once"), work)
	b.Capabilities().Recorder.Record(recordingName("once"), work)
	fails(t, b, "Tanh: y (x): found 4 elements, expected at least 5")
	if err := d.Sync(0); err != nil {
		t.Errorf("the driver after the capture: %v, expected no error", err)
	}
}

// TestStagingDoesNotWait: batches and scalars of many micro-batches go to the
// device without a wait for its work, whatever their size, and arrive.
func TestStagingDoesNotWait(t *testing.T) {
	d := &counted{Driver: simdriver.New(simdriver.Options{})}
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	const n = 9000
	list, x := b.Alloc("list", backend.I32, n), b.Alloc("x", backend.F32, n)
	sums := b.Alloc("sums", backend.F32, 5)
	one := floats(b, backend.F32, slices.Repeat([]float32{1}, n))
	d.syncs = 0
	for i := range 5 {
		b.WriteInts(list, 0, slices.Repeat([]int32{int32(i)}, n-i))
		b.BeginStep(backend.StepScalars{Step: int64(i)})
		b.ScatterAdd(sums, one, list, n-i, 1)
	}
	if d.syncs != 0 || d.waits == 0 {
		t.Errorf("found %d syncs and %d waits for events, expected none and some", d.syncs, d.waits)
	}
	b.WriteInts(list, 0, make([]int32, n)) // and more than a staging buffer holds
	big := b.Alloc("big", backend.I32, 1<<16)
	b.WriteInts(big, 0, slices.Repeat([]int32{1}, 1<<16))
	b.Gather(x, one, list, n, 1)
	got := make([]float32, 5)
	if err := b.ReadFloats(got, sums, 0); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != float32(n-i) {
			t.Errorf("batch %d: found a sum of %v, expected %d", i, v, n-i)
		}
	}
}
