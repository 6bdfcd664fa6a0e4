package train_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// recordsOf runs a configuration and returns what it wrote.
func recordsOf(t *testing.T, c train.Config) []metrics.Record {
	t.Helper()
	if _, err := train.Run(context.Background(), c, openCPU, &observer{}); err != nil {
		t.Fatal(err)
	}
	records, err := metrics.Read(filepath.Join(c.OutputDir, metrics.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// The records of tensors are the parts of the topology record before them, the
// snapshots show the active blocks, and the times are those of the run.
func TestDetails(t *testing.T) {
	c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	var updates, tensors, snapshots, logged, costs int
	var mean, sum metrics.Topology
	n, seconds := 0.0, 0.0
	check := func() {
		if n == 0 {
			return
		}
		same := math.Abs(sum.ExploredDOF/n-mean.ExploredDOF) <= 1e-12 && math.Abs(sum.Turnover/n-mean.Turnover) <= 1e-12 && math.Abs(sum.MeanAge/n-mean.MeanAge) <= 1e-9
		if n != 12 || !same || sum.Pruned != mean.Pruned || sum.EmptyRows != mean.EmptyRows || sum.EmptyCols != mean.EmptyCols {
			t.Errorf("step %d: the %v tensors sum up to %+v, the record says %+v", mean.Step, n, sum, mean)
		}
		n, sum = 0, metrics.Topology{}
	}
	for _, r := range recordsOf(t, c) {
		switch r := r.(type) {
		case *metrics.Topology:
			check()
			updates++
			mean = *r
		case *metrics.Tensor:
			tensors++
			n++
			if r.Step != mean.Step {
				t.Errorf("a tensor record of step %d after an update of step %d", r.Step, mean.Step)
			}
			sum.ExploredDOF += r.ExploredDOF
			sum.Turnover += r.Turnover
			sum.MeanAge += r.MeanAge
			sum.Pruned += r.Pruned
			sum.EmptyRows += r.EmptyRows
			sum.EmptyCols += r.EmptyCols
		case *metrics.Snapshot:
			snapshots++
			active := 0
			for _, cell := range r.Cells {
				if cell == 255 {
					active++
				} else if cell != 0 {
					t.Errorf("step %d: found a cell of %d, expected 0 or 255 where a cell is a block", r.Step, cell)
				}
			}
			if r.Rows != 4 || r.Cols != 4 || active != 4 { // 32 x 32 in blocks of 8, s = 0.75
				t.Errorf("step %d: found %d x %d cells, %d active, expected 4 x 4, 4", r.Step, r.Rows, r.Cols, active)
			}
		case *metrics.Train:
			logged++
		case *metrics.Cost:
			costs++
			parts := r.DataSeconds + r.StepSeconds + r.UpdateSeconds + r.EvalSeconds + r.SaveSeconds
			if !(parts > 0 && parts <= r.Seconds) || r.StepSeconds+r.UpdateSeconds <= 0 || r.DeviceBytes <= 0 || r.HostBytes < 0 {
				t.Errorf("step %d: %+v: the parts make %v s", r.Step, r, parts)
			}
			seconds += r.Seconds
		}
	}
	check()
	// Logs every 4 of 30 steps and at the end, evaluations every 7: 28 has both.
	if updates != 7 || tensors != 7*12 || snapshots != 8 || logged != 8 || costs != 8+4-1 || !(seconds > 0) {
		t.Errorf("found %d updates, %d tensor records, %d snapshots, %d log lines, %d costs of %v s, expected 7, 84, 8, 8, 11", updates, tensors, snapshots, logged, costs, seconds)
	}
}

// A static model has one snapshot, a dense one none.
func TestSnapshotsByMethod(t *testing.T) {
	text := smallCorpus(t)
	for method, want := range map[model.Method]int{model.Static: 1, model.Dense: 0} {
		c := smallRun(text, filepath.Join(t.TempDir(), method.String()))
		c.Method, c.MaxSteps, c.Updates = method, 2, 0
		got := 0
		for _, r := range recordsOf(t, c) {
			if _, ok := r.(*metrics.Snapshot); ok {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: found %d snapshots, expected %d", method, got, want)
		}
	}
}
