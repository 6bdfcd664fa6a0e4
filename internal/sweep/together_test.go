package sweep

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// replicated is the small sweep with replicas that several processes can share.
func replicated(t *testing.T) string {
	t.Helper()
	file := smallSweep(t)
	text := strings.Replace(read(t, file), "batch_size: 2\n", "batch_size: 1\n  gradient_accumulation_steps: 2\n  replicas: 2\n", 1)
	text = strings.Replace(text, "growth: [random, gradient]", "growth: [random]", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// together makes a run by two processes that are goroutines here, and returns what each says of it.
func together(t *testing.T, file, out, name string, watches []*quiet) [2]error {
	t.Helper()
	var errs [2]error
	var both sync.WaitGroup
	for rank, comm := range collective.Local(2, time.Minute) {
		s := newSweep(t, file, out, 1, watches[rank])
		s.With = comm
		both.Go(func() { errs[rank] = s.DoRun(context.Background(), name) })
	}
	both.Wait()
	return errs
}

// Runs that two processes make together come to what one process makes of them, also where a
// learning rate is chosen, and a run that is finished is made by none again.
func TestRunsOfTwoProcesses(t *testing.T) {
	file, alone := replicated(t), filepath.Join(t.TempDir(), "alone")
	if err := newSweep(t, file, alone, 1, &quiet{}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	names := []string{}
	for _, r := range newSweep(t, file, out, 1, &quiet{}).Runs {
		names = append(names, r.Name)
	}
	if errs := together(t, file, out, "dense-seed1", []*quiet{{}, {}}); errs[0] == nil || !train.IsUsage(errs[0]) || errs[1] != nil || !strings.Contains(errs[0].Error(), "learning rate not chosen yet") {
		t.Errorf("a run that waits: found %v, expected a usage error of rank 0", errs)
	}
	for _, name := range names {
		watches := []*quiet{{}, {}}
		if errs := together(t, file, out, name, watches); errs[0] != nil || errs[1] != nil {
			t.Fatalf("%s: found %v", name, errs)
		}
		if !slices.Equal(watches[0].made, []string{name}) || len(watches[1].made) != 0 || watches[1].steps != 0 {
			t.Errorf("%s: found %v made by rank 0 and %v by rank 1, expected it of rank 0 alone", name, watches[0].made, watches[1].made)
		}
	}
	if got, want := read(t, out, ResultsName), read(t, alone, ResultsName); got != want {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
	again := []*quiet{{}, {}}
	if errs := together(t, file, out, names[0], again); errs[0] != nil || errs[1] != nil || again[0].steps != 0 {
		t.Errorf("a second time: found %v and %d steps, expected none", errs, again[0].steps)
	}
}

// What several processes cannot make is said by all before anything is written; a run that diverges
// is a result, and none of the others fails.
func TestFaultsOfTwoProcesses(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	for rank, err := range together(t, smallSweep(t), out, "dynamic-s0.5-random", []*quiet{{}, {}}) {
		if !train.IsUsage(err) || !strings.Contains(err.Error(), "replicas: found none for 2 processes") {
			t.Errorf("rank %d: found %v, expected a usage error on replicas", rank, err)
		}
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("found %s written", out)
	}
	file := replicated(t)
	text := strings.Replace(read(t, file), "learning_rate: 0.005", "learning_rate: 1000, weight_decay: 1000", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if errs := together(t, file, out, "dynamic-s0.5-random", []*quiet{{}, {}}); errs[0] != nil || errs[1] != nil {
		t.Errorf("found %v, expected a run that diverges and no error", errs)
	}
	if found := read(t, out, ResultsName); !strings.Contains(found, `"status":"diverged"`) {
		t.Errorf("found %s, expected a run that diverged", found)
	}
}
