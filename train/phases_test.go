package train_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// partialRun is smallRun with method partial.
func partialRun(text, dir string, phases model.Phases, choice sparse.Choice, rest model.Rest) train.Config {
	c := smallRun(text, dir)
	c.Method, c.PartialPhases, c.PartialChoice, c.PartialRest, c.Updates = model.Partial, phases, choice, rest, 4
	return c
}

// Partial runs cut in every phase, and where phases meet, end as the uninterrupted ones.
func TestPartialResumes(t *testing.T) {
	text := smallCorpus(t)
	for _, c := range []struct {
		phases model.Phases
		choice sparse.Choice
		rest   model.Rest
	}{
		{model.PhasesAlways, sparse.ChooseFixed, model.Frozen}, {model.PhasesEarly, sparse.ChooseRandom, model.Frozen}, {model.PhasesLate, sparse.ChooseMagnitude, model.Zero},
		{model.PhasesAlternate, sparse.ChooseMagnitude, model.Zero}, {model.PhasesAlternate, sparse.ChooseRandom, model.Frozen},
	} {
		if testing.Short() && c.phases != model.PhasesEarly && c.rest != model.Zero {
			continue // the race detector sees enough in three
		}
		name := fmt.Sprint(c)
		whole := partialRun(text, filepath.Join(t.TempDir(), "whole"), c.phases, c.choice, c.rest)
		runChild(t, whole, 0, 0)
		want := resultOf(t, whole.OutputDir)
		cuts := []int64{4, 6, 8, 15, 26} // 30 steps: halves meet at 15, of eight phases the first two at 4, the next at 8
		if testing.Short() {
			cuts = cuts[1:2]
		}
		for _, cut := range cuts {
			config := whole
			config.OutputDir = filepath.Join(t.TempDir(), fmt.Sprint(cut))
			runChild(t, config, cut, 7)
			config.Resume, config.Threads = true, 2
			runChild(t, config, 0, 0)
			checkEqual(t, fmt.Sprintf("%s cut after step %d", name, cut), resultOf(t, config.OutputDir), want)
		}
	}
}

// The account of FLOPs follows the phases: by hand, with the paper's formula.
func TestFLOPsOfPhases(t *testing.T) {
	text := smallCorpus(t)
	const sequences, s, w = 4.0, 32.0, 2 * (4*32*32 + 2*32*64)
	scores := 3 * 4 * s * s * 32 * 2
	dense := sequences * (3*2*s*w + scores)
	frozen := sequences * (2*s*w*(2+0.25) + scores)
	zero := sequences * (3*2*s*w*0.25 + scores)
	for _, c := range []struct {
		phases model.Phases
		rest   model.Rest
		want   float64
	}{
		{model.PhasesAlways, model.Frozen, 30 * frozen},
		{model.PhasesAlways, model.Zero, 30 * zero},
		{model.PhasesEarly, model.Frozen, 15*frozen + 15*dense},
		{model.PhasesLate, model.Zero, 15*dense + 15*zero},
		// Phases start at 0, 4, 8, 11, 15, 19, 23, 26: dense 4+3+4+3, a part 4+4+4+4.
		{model.PhasesAlternate, model.Frozen, 14*dense + 16*frozen},
	} {
		got, err := train.RunFLOPs(partialRun(text, "x", c.phases, sparse.ChooseFixed, c.rest))
		if err != nil || !(math.Abs(got-c.want) <= 1e-9*c.want) {
			t.Errorf("%s, %s: found %v (%v), expected %v", c.phases, c.rest, got, err, c.want)
		}
	}
}

func TestPartialUsage(t *testing.T) {
	for want, change := range map[string]func(*train.Config){
		"group_lasso: found 0.5 with method":   func(c *train.Config) { c.GroupLasso = 0.5 },
		"updates: found 16 times two phases":   func(c *train.Config) { c.Updates = 16 },
		"max_steps: ":                          func(c *train.Config) { c.PartialPhases, c.MaxSteps, c.WarmupSteps = model.PhasesEarly, 1, 0 },
		"sparsity: found 1, expected 0":        func(c *train.Config) { c.Sparsity = 1 },
		"block size 64, expected a divisor of": func(c *train.Config) { c.BlockSize = 64 },
	} {
		c := partialRun("text", "x", model.PhasesAlternate, sparse.ChooseFixed, model.Frozen)
		change(&c)
		if _, err := train.RunFLOPs(c); err == nil || !train.IsUsage(err) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found %v, expected a usage error with %q", err, want)
		}
	}
}

// incapable is a device without capabilities.
type incapable struct{ backend.Backend }

func (incapable) Capabilities() backend.Capabilities { return backend.Capabilities{} }

// A device that cannot train a part says so before anything is written.
func TestPartialNeedsADevice(t *testing.T) {
	open := func(_, _ string, threads int) (backend.Backend, error) {
		b, err := cpu.New(cpu.Options{Threads: threads})
		return incapable{b}, err
	}
	dir := filepath.Join(t.TempDir(), "run")
	c := partialRun(smallCorpus(t), dir, model.PhasesAlways, sparse.ChooseFixed, model.Frozen)
	_, err := train.Run(t.Context(), c, open, &observer{})
	_, dry := train.DryRun(t.Context(), c, open)
	for _, err := range []error{err, dry} {
		if err == nil || !train.IsUsage(err) || !strings.Contains(err.Error(), "found partial on device cpu, which cannot train a part") {
			t.Errorf("found %v, expected a usage error", err)
		}
	}
	if found, _ := filepath.Glob(dir); len(found) > 0 {
		t.Errorf("found %s written", dir)
	}
}
