package train_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// exploringRun has 30 topology updates.
func exploringRun(t *testing.T, text, device string) train.Config {
	c := smallRun(text, filepath.Join(t.TempDir(), device))
	c.Layers, c.Hidden, c.Heads, c.FFN, c.VocabSize, c.Dropout = 1, 16, 1, 32, 60, 0
	c.BlockSize, c.Sparsity, c.Updates, c.MaxSteps, c.PruneRatio = 4, 0.6, 31, 62, 0.6
	c.SeqLen, c.LoggingSteps, c.EvalSteps, c.EvalBatches, c.FinalBatches = 16, 31, 0, 1, 1
	c.LearningRate, c.WarmupSteps = 0.05, 0 // newborns come to differ
	c.Device, c.SaveTopology = device, true
	return c
}

// counted is what saved topologies tell of one update, of one tensor or of all.
type counted struct {
	active, positions, newborn, removedNew, pruned, start, age int
	survivors, grown                                           [4]int
}

func (c *counted) add(o counted) {
	c.active += o.active
	c.positions += o.positions
	c.newborn += o.newborn
	c.removedNew += o.removedNew
	c.pruned += o.pruned
	c.start += o.start
	for i := range c.survivors {
		c.survivors[i] += o.survivors[i]
		c.grown[i] += o.grown[i]
	}
}

// count counts from the files up to that of an update, of one tensor.
func count(files []savedTopology, update int, tensor string) (c counted) {
	before, now := files[update-1].births(tensor), files[update].births(tensor)
	shape := files[update][tensor+".shape"]
	c.active, c.positions = len(now), shape[0]*shape[1]/(shape[2]*shape[2])
	last, step := files[update-1]["step"][0], files[update]["step"][0]
	for place, born := range before {
		newborn := update > 1 && born == last
		if newborn {
			c.newborn++
		}
		if now[place] != born || !has(now, place) { // it may be back at once, born again
			c.pruned++
			if newborn {
				c.removedNew++
			}
		}
	}
	for _, born := range now {
		c.age += step - born
		if born == 0 {
			c.start++
		}
	}
	for i, lag := range []int{1, 2, 4, 8} {
		if update-lag < 1 {
			continue
		}
		then := files[update-lag]["step"][0]
		for _, born := range files[update-lag].births(tensor) {
			if born == then {
				c.grown[i]++
			}
		}
		for _, born := range now {
			if born == then {
				c.survivors[i]++
			}
		}
	}
	return c
}

func has(m map[[2]int]int, place [2]int) bool {
	_, ok := m[place]
	return ok
}

// compare compares a record's numbers with what was counted.
func (c counted) compare(t *testing.T, what string, r metrics.Record) {
	t.Helper()
	got := map[string]float64{}
	for key, v := range metrics.Numbers(r) {
		got[key] = v
	}
	want := map[string]float64{
		"pruned": float64(c.pruned), "active": float64(c.active), "positions": float64(c.positions),
		"newborn_share": ratio(c.newborn, c.active), "removed_new_ratio": ratio(c.removedNew, c.pruned),
		"removed_new_dense": ratio(c.removedNew, c.positions), "start_share": ratio(c.start, c.active),
	}
	for i, key := range []string{"survival_1", "survival_2", "survival_4", "survival_8"} {
		want[key] = ratio(c.survivors[i], c.grown[i])
	}
	for key, w := range want {
		g, ok := got[key]
		if math.IsNaN(w) {
			if ok {
				t.Errorf("%s: %s: found %v, expected none", what, key, g)
			}
			continue
		}
		if !ok || !(math.Abs(g-w) <= 1e-12*math.Abs(w)) {
			t.Errorf("%s: %s: found %v (%v), expected %v", what, key, g, ok, w)
		}
	}
}

// ratio is NaN of nothing.
func ratio(part, whole int) float64 { return float64(part) / float64(whole) }

// What a run of 30 updates says of its exploration is what an independent count from its
// saved topologies says, for each tensor and for all, on the CPU and on the GPU's kernels.
func TestExplorationByAnIndependentCount(t *testing.T) {
	text := smallCorpus(t)
	for _, device := range []string{"cpu", "sim"} {
		t.Run(device, func(t *testing.T) {
			if device == "sim" && testing.Short() {
				t.Skip("-short: the CPU has the same statistics")
			}
			c := exploringRun(t, text, device)
			trained(t, c, 0)
			files := readTopologies(t, c.OutputDir)
			if len(files) != 31 {
				t.Fatalf("found %d files, expected those of the start and of 30 updates", len(files))
			}
			records, err := metrics.Read(filepath.Join(c.OutputDir, metrics.FileName))
			if err != nil {
				t.Fatal(err)
			}
			updates, tensors, newborns := 0, 0, 0
			for _, r := range records {
				switch r := r.(type) {
				case *metrics.Topology:
					updates++
					if f := files[updates]; f["update"][0] != int(r.Update) || f["step"][0] != int(r.Step) {
						t.Fatalf("found update %d of step %d in the file, expected %d of %d", f["update"][0], f["step"][0], r.Update, r.Step)
					}
					var all counted
					for _, name := range files[updates].tensors() {
						all.add(count(files, updates, name))
					}
					all.compare(t, "all", r)
					newborns += all.newborn
					if n := r.NewbornNorm; (n != nil) != (all.newborn > 0 && all.pruned > 0) || n != nil && !(*n > 0) {
						t.Errorf("update %d: found the newborn norm %v of %d newborns where %d were pruned", updates, n, all.newborn, all.pruned)
					}
				case *metrics.Tensor:
					tensors++
					one := count(files, updates, r.Tensor)
					one.compare(t, r.Tensor, r)
					if want := ratio(one.age, one.active); !(math.Abs(r.MeanAge-want) <= 1e-9*want) {
						t.Errorf("%s: found the mean age %v, expected %v", r.Tensor, r.MeanAge, want)
					}
				}
			}
			if updates != 30 || tensors != 30*6 || newborns == 0 {
				t.Errorf("found %d topology and %d tensor records, %d newborns, expected 30 and 180, and some", updates, tensors, newborns)
			}
		})
	}
}

// A run that is cut and resumed has the files of the uninterrupted one, and none of steps
// that were done again.
func TestSavedTopologiesOfAResumedRun(t *testing.T) {
	text := smallCorpus(t)
	whole := exploringRun(t, text, "cpu")
	trained(t, whole, 0)
	cut := whole
	cut.OutputDir, cut.SaveSteps = filepath.Join(t.TempDir(), "cut"), 9
	trained(t, cut, 17)
	cut.Resume = true
	trained(t, cut, 0)
	want, got := readTopologies(t, whole.OutputDir), readTopologies(t, cut.OutputDir)
	if len(got) != len(want) {
		t.Fatalf("found %d files, expected %d", len(got), len(want))
	}
	for i := range want {
		for _, name := range want[i].tensors() {
			w, g := want[i].births(name), got[i].births(name)
			for place, born := range w {
				if g[place] != born || len(g) != len(w) {
					t.Fatalf("file %d, %s: found other blocks than in the uninterrupted run", i, name)
				}
			}
		}
	}
}

// Where all files are more than the limit, those of the start, of the last update and of
// some between are kept, and a warning says so.
func TestTopologyLimit(t *testing.T) {
	c := exploringRun(t, smallCorpus(t), "cpu")
	c.Hidden, c.Heads, c.FFN, c.BlockSize, c.Sparsity = 128, 2, 256, 1, 0.5 // 131072 weights
	c.MaxSteps, c.Updates, c.TopologyLimit = 9, 9, 2
	plan, err := train.NewPlan(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = "save_topology: a file may take 1 MiB; within topology_limit 2 MiB every 4th of the 8 updates has one"
	if len(plan.Warnings) != 1 || plan.Warnings[0] != want {
		t.Errorf("found the warnings %q, expected %q", plan.Warnings, want)
	}
	trained(t, c, 0)
	files := readTopologies(t, c.OutputDir)
	if len(files) != 3 || files[0]["step"][0] != 0 || files[1]["update"][0] != 4 || files[2]["update"][0] != 8 {
		t.Errorf("found %d files, expected those of the start and of updates 4 and 8", len(files))
	}
}

// A dry run accounts for the files of topologies and for the best checkpoint.
func TestDiskOfTopologiesAndTheBest(t *testing.T) {
	c := exploringRun(t, smallCorpus(t), "cpu")
	c.SaveTopology = false
	without, err := train.DryRun(t.Context(), c, openDevice)
	if err != nil {
		t.Fatal(err)
	}
	c.SaveTopology, c.SaveBest, c.EvalSteps = true, true, 31
	with, err := train.DryRun(t.Context(), c, openDevice)
	if err != nil {
		t.Fatal(err)
	}
	trained(t, c, 0)
	var took int64
	for _, pattern := range []string{"topology/*", "best/*/*.safetensors"} {
		files, err := filepath.Glob(filepath.Join(c.OutputDir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: found no file (%v)", pattern, err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			took += info.Size()
		}
	}
	if more := with.DiskBytes - without.DiskBytes; took > more {
		t.Errorf("found %d bytes more in the dry run, expected at least the %d that they took", more, took)
	}
}
