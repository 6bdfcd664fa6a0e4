package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/faultdriver"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// wholeTests is set where tests that make a selection of many similar cases are to make all of them.
const wholeTests = "TEST_WHOLE"

// taped is a simulated GPU that can play a run again without computing it. The
// host learns of the device by CopyOut alone, so what a recorded run read there is
// all that another run with the same calls needs, and launches need do nothing.
type taped struct {
	gpu.Driver
	tape *[][]byte // what each CopyOut read
	play bool      // else record
	at   int
}

func (d *taped) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	if d.play {
		return nil
	}
	return d.Driver.Launch(s, f, grid, block, shared, args)
}

func (d *taped) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	if d.play {
		return nil
	}
	return d.Driver.LaunchGraph(g, s)
}

// CopyOut goes by the device's memory, since dst may be pinned.
func (d *taped) CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error {
	if !d.play {
		data := make([]byte, len(dst))
		if err := d.Driver.CopyOut(s, data, src); err != nil {
			return err
		}
		*d.tape = append(*d.tape, data)
		return d.Driver.CopyOut(s, dst, src)
	}
	if d.at == len(*d.tape) || len((*d.tape)[d.at]) != len(dst) {
		return fmt.Errorf("copy %d of %d bytes from the device: found another one on the tape", d.at+1, len(dst))
	}
	if err := d.Driver.CopyIn(s, src, (*d.tape)[d.at]); err != nil {
		return err
	}
	d.at++
	return d.Driver.CopyOut(s, dst, src)
}

// leaks notes what is still allocated when the driver is closed.
type leaks struct {
	gpu.Driver
	sim    *simdriver.Driver
	closed int
	left   int
}

func (d *leaks) Close() error {
	d.closed++
	d.left = d.sim.Allocations()
	return d.Driver.Close()
}

// faultyRuns makes the same short run on simulated GPUs that fail.
type faultyRuns struct {
	t     *testing.T
	args  []string
	dir   string
	tape  [][]byte
	calls int               // of the whole run
	ends  map[string][2]int // the first and the last of them from each place in the program
	want  map[string]string // its last checkpoint, by file

	drivers sync.Map // the next driver of a run with so many threads, which tells those at the same time apart
}

// faultyRun is one of them.
type faultyRun struct {
	dir       string
	code      int
	out, said string
	fail      *faultdriver.Driver
	end       *leaks
}

// How the simulator is used: as it is, or with a tape.
const (
	compute = iota
	record
	play
)

// run makes one run in a folder whose driver fails by the plan. No two at the same
// time have the same number of threads.
func (r *faultyRuns) run(dir string, threads, how int, plan faultdriver.Plan, more ...string) *faultyRun {
	sim := simdriver.New(simdriver.Options{Threads: 1})
	x := &faultyRun{dir: filepath.Join(r.dir, dir), end: &leaks{Driver: sim, sim: sim}}
	var inner gpu.Driver = x.end
	if how != compute {
		inner = &taped{Driver: inner, tape: &r.tape, play: how == play}
	}
	if how == record {
		plan.Counted = r.note
	}
	var err error
	if x.fail, err = faultdriver.New(inner, plan); err != nil {
		panic(err)
	}
	r.drivers.Store(threads, x.fail)
	args := slices.Concat([]string{"sparsebert-gpu"}, r.args, []string{"--output-dir", x.dir, "--threads", fmt.Sprint(threads)}, more)
	var out, said bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.code = run(context.Background(), args, &out, &said)
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		panic(fmt.Sprintf("plan %+v: the run hangs", plan)) // with the stacks of all goroutines
	}
	x.out, x.said = out.String(), said.String()
	return x
}

// note enters a call of the driver under the place that it comes from: the method of the
// driver, what called it and what called that.
func (r *faultyRuns) note(call int) {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	var place strings.Builder
	for outside := 0; outside < 3; {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "sparsebert-gpu.(*faultyRuns)") {
			fmt.Fprintf(&place, "%s:%d ", f.Function, f.Line)
			if !strings.Contains(f.Function, "/faultdriver.") {
				outside++
			}
		}
		if !more {
			break
		}
	}
	ends, ok := r.ends[place.String()]
	if !ok {
		ends[0] = call
	}
	ends[1] = call
	r.ends[place.String()] = ends
}

// selection returns the calls that are made to fail: the first and the last one of each place
// that is not in seen, the first and the last ones of the run, and one in twenty of the others.
func (r *faultyRuns) selection(seen map[string]bool) []int {
	chosen := map[int]bool{}
	for place, ends := range r.ends {
		if !seen[place] {
			chosen[ends[0]], chosen[ends[1]] = true, true
			seen[place] = true
		}
	}
	draw := rand.New(rand.NewPCG(1, 0))
	for n := 1; n <= r.calls; n++ {
		if draw.IntN(20) == 0 || n <= 5 || n > r.calls-5 || os.Getenv(wholeTests) != "" {
			chosen[n] = true
		}
	}
	return slices.Sorted(maps.Keys(chosen))
}

// checkpoints returns the steps of the run's checkpoints. All that is in their
// folder must be whole.
func (x *faultyRun) checkpoints() ([]string, error) {
	dir := filepath.Join(x.dir, checkpoint.FolderName)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, err := checkpoint.Load(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	_, skipped, err := checkpoint.Latest(dir)
	if len(skipped) > 0 || len(names) > 0 && err != nil {
		return nil, fmt.Errorf("looking for the newest checkpoint: skipped %v, error %v", skipped, err)
	}
	return names, nil
}

// last returns the hashes of the files of the last checkpoint.
func (x *faultyRun) last(t *testing.T) map[string]string {
	t.Helper()
	c, err := checkpoint.Load(filepath.Join(x.dir, checkpoint.FolderName, "step-2"))
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	for name, f := range c.Files {
		hashes[name] = f.SHA256
	}
	return hashes
}

// newFaultyRuns records a whole run and plays it.
func newFaultyRuns(t *testing.T, precision, growth string) *faultyRuns {
	in := newInputs(t)
	r := &faultyRuns{t: t, dir: t.TempDir(), ends: map[string][2]int{}, args: []string{
		"train", "--device", "sim", "--precision", precision, "--quiet",
		"--corpus", in.file("good.txt", goodText[:40*32]), "--valid", in.file("valid.txt", strings.ReplaceAll(goodText[:2*32], "ran", "sat")), "--vocab-size", "30",
		"--layers", "1", "--hidden", "32", "--heads", "1", "--ffn", "32", "--block-size", "16", "--sparsity", "0.25", "--prune-ratio", "1", "--growth", growth,
		"--seq-len", "8", "--batch-size", "2", "--max-steps", "2", "--updates", "2", "--save-steps", "1",
	}}
	before := devices.Simulator
	t.Cleanup(func() { devices.Simulator = before })
	devices.Simulator = func(o simdriver.Options) gpu.Driver {
		d, _ := r.drivers.Load(o.Threads)
		return d.(gpu.Driver)
	}
	whole, played := r.run("whole", 1, record, faultdriver.Plan{}), r.run("played", 1, play, faultdriver.Plan{})
	r.calls, r.want = whole.fail.Calls(), whole.last(t)
	for _, x := range []*faultyRun{whole, played} {
		names, err := x.checkpoints()
		if x.code != exit.Done || x.said != "" || err != nil || len(names) != 2 || x.fail.Calls() != r.calls || !maps.Equal(x.last(t), r.want) || x.end.left != 0 {
			t.Fatalf("nothing fails: exit code %d, %d calls of %d, checkpoints %v (%v), %d allocations left: %s", x.code, x.fail.Calls(), r.calls, names, err, x.end.left, x.said)
		}
	}
	return r
}

// check makes a run whose n-th call fails and returns it.
func (r *faultyRuns) check(n, threads, how int) *faultyRun {
	x := r.run(fmt.Sprintf("%d-%d", n, how), threads, how, faultdriver.Plan{At: n})
	if err := errors.Join(x.named(n), x.closed(0)); err != nil {
		r.t.Errorf("call %d of %d: %v", n, r.calls, err)
	}
	return x
}

// named checks that the run failed with one line that names the n-th call.
func (x *faultyRun) named(n int) error {
	line := regexp.MustCompile(fmt.Sprintf(`^sparsebert-gpu: [^\n]*\b(%s)\b[^\n]*: counted call %d: failure on purpose\n$`, strings.Join(faultdriver.Ops(), "|"), n))
	if x.code != exit.Failed || x.out != "" || !line.MatchString(x.said) {
		return fmt.Errorf("found exit code %d, output %q and %q, expected %d and one line that names the call", x.code, x.out, x.said, exit.Failed)
	}
	return nil
}

// closed checks what the run left: so many allocations on the device at most, and
// whole checkpoints.
func (x *faultyRun) closed(most int) error {
	_, err := x.checkpoints()
	if x.end.closed != 1 || x.end.left > most {
		err = errors.Join(err, fmt.Errorf("found %d allocations when the driver was closed, %d times, expected %d and once", x.end.left, x.end.closed, most))
	}
	return err
}

// A driver that fails at any one call of a run ends it with one line that names
// the call, exit code 1, everything given back, and checkpoints that are whole,
// from which the run goes on to the end of the uninterrupted one. By default selection says which
// calls fail: of those that one place makes for each tensor or step a few are enough.
func TestDriverFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the race detector sees the same goroutines in TestTrainOnTheSimulator")
	}
	seen := map[string]bool{} // places, over both runs
	for _, c := range []struct{ precision, growth string }{{"fp32", "gradient"}, {"bf16", "random"}} {
		t.Run(c.precision, func(t *testing.T) {
			r := newFaultyRuns(t, c.precision, c.growth)
			selection := r.selection(seen)
			numbers := make(chan int)
			var workers sync.WaitGroup
			for threads := range 4 { // a run waits for the disk most of the time
				workers.Go(func() {
					for n := range numbers {
						if err := os.RemoveAll(r.check(n, threads+1, play).dir); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for _, n := range selection {
				numbers <- n
			}
			close(numbers)
			workers.Wait()

			// The same without the tape, and on from what is left. The call may be
			// another one than with it: a batch goes to the device ahead of time if it
			// is made by then.
			computed, resumed := 0, 0
			for n := r.calls; n > 0; n -= 1 + r.calls/6 {
				x := r.check(n, 1, compute)
				computed++
				if _, err := os.Stat(filepath.Join(x.dir, "config.yaml")); err != nil {
					continue
				}
				resumed++
				if z := r.run(filepath.Base(x.dir), 1, compute, faultdriver.Plan{}, "--resume"); z.code != exit.Done || !maps.Equal(z.last(t), r.want) {
					t.Errorf("call %d: resumed: exit code %d, expected %d and the checkpoint of the uninterrupted run: %s", n, z.code, exit.Done, z.said)
				}
			}
			t.Logf("%d of %d calls failed, from %d places (%s=1: all), %d also without the tape; %d resumed", len(selection), r.calls, len(r.ends), wholeTests, computed, resumed)
		})
	}
}

// Memory, graphs or the driver itself that cannot be given back are an error while
// the run needs that; once it is done they change nothing.
func TestDriverFaultsAtTheEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: see TestDriverFaults")
	}
	r := newFaultyRuns(t, "fp32", "random")
	for _, op := range []string{"Free", "FreePinned", "FreeGraph", "Close"} {
		done, failed := 0, 0
		for n := 1; ; n += 1 + n/10 {
			x := r.run(fmt.Sprint(op, n), 1, play, faultdriver.Plan{Op: op, At: n})
			if !x.fail.Failed() {
				break
			}
			err := x.closed(1)
			switch {
			case x.code == exit.Done && maps.Equal(x.last(t), r.want):
				done++
			default:
				err = errors.Join(err, x.named(n))
				failed++
			}
			if err != nil {
				t.Errorf("%s %d: %v", op, n, err)
			}
		}
		t.Logf("%s: %d runs ended well, %d with the error", op, done, failed)
	}
}
