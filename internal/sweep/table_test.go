package sweep

import (
	"bytes"
	"testing"
)

func TestTables(t *testing.T) {
	loss := func(x float64) *float64 { return &x }
	for _, c := range []struct {
		name  string
		write func(w *bytes.Buffer) error
		want  string
	}{
		{"preview", func(w *bytes.Buffer) error {
			p := &Preview{Runs: 4, Finished: 1, Steps: 300, FLOPs: 1.5e12, Memory: 3 << 20, MemoryOf: "g-a", CheckpointSum: 1 << 19}
			return p.Write(w)
		}, "4 runs, 1 finished; those left: 300 steps, 1.5e+12 FLOPs by the paper's count\n" +
			"memory of the largest run: 3.0 MiB (g-a)\ndisk: 0.5 MiB for one checkpoint of every run\n"},
		{"preview of runs at a time", func(w *bytes.Buffer) error {
			p := &Preview{Runs: 4, Memory: 3 << 20, MemoryOf: "g-a", Jobs: 2, MemoryOfJobs: 5 << 20}
			return p.Write(w)
		}, "4 runs, 0 finished; those left: 0 steps, 0 FLOPs by the paper's count\n" +
			"memory of the largest run: 3.0 MiB (g-a)\ndisk: 0.0 MiB for one checkpoint of every run\nmemory of 2 runs at a time: 5.0 MiB\n"},
		{"standings", func(w *bytes.Buffer) error {
			return WriteStandings(w, []Standing{
				{Run: &Run{Name: "g-long-name"}, State: Done, Done: 6, Steps: 6, MLMLoss: loss(2.25)},
				{Run: &Run{Name: "g-b"}, State: ToDo},
			})
		}, "RUN          STATE  STEPS  MLM LOSS\ng-long-name  done   6/6    2.2500\ng-b          to do  0      \n"},
		{"groups", func(w *bytes.Buffer) error {
			return writeGroups(w, []string{"g", "h"}, []*Result{
				{Name: "g-a", Group: "g", Status: Done, MLMLoss: loss(3)},
				{Name: "h-a", Group: "h", Status: Diverged},
				{Name: "g-b", Group: "g", Status: Done, MLMLoss: loss(2.5)},
				{Name: "g-c", Group: "g", Status: Failed},
			})
		}, "GROUP  DONE  DIVERGED  FAILED  BEST MLM LOSS  RUN\ng      2     0         1       2.5000         g-b\nh      0     1         0                      \n"},
	} {
		var out bytes.Buffer
		if err := c.write(&out); err != nil || out.String() != c.want {
			t.Errorf("%s: found %q and error %v, expected %q", c.name, out.String(), err, c.want)
		}
	}
}
