package sweep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Preview is what a sweep would take.
type Preview struct {
	Runs     int
	Finished int     // by an earlier process
	Steps    int64   // optimizer steps of the runs that are left, from their start
	FLOPs    float64 // of these, the paper's count
	// Memory is what the model of the largest run takes, in bytes.
	Memory        int64
	MemoryOf      string
	Jobs          int   // runs at a time
	MemoryOfJobs  int64 // of that many of the largest
	CheckpointSum int64 // bytes of one checkpoint of every run
	// Warnings say what could not be checked, and what is not fair, a line each.
	Warnings     []string
	PlanWarnings []PlanWarning
}

// PlanWarning is what the plans of runs that are left warn of: train.Plan.Warnings.
type PlanWarning struct {
	Text string
	Run  string // the first that it is about
	Runs int
}

// warn notes what the plan of a run warns of.
func (p *Preview) warn(r *Run, c train.Config) error {
	texts, err := train.Warnings(c)
	for _, text := range texts {
		i := slices.IndexFunc(p.PlanWarnings, func(w PlanWarning) bool { return w.Text == text })
		if i < 0 {
			i = len(p.PlanWarnings)
			p.PlanWarnings = append(p.PlanWarnings, PlanWarning{Text: text, Run: r.Name})
		}
		p.PlanWarnings[i].Runs++
	}
	return err
}

// warnText notes what a plan warns of beyond what a run's settings tell: its text.
func (p *Preview) warnText(r *Run, plan *train.Plan) {
	for _, text := range plan.Warnings {
		if !slices.ContainsFunc(p.PlanWarnings, func(w PlanWarning) bool { return w.Text == text }) {
			p.PlanWarnings = append(p.PlanWarnings, PlanWarning{Text: text, Run: r.Name, Runs: 1})
		}
	}
}

// warnTune says where rates are chosen on what is reported.
func (s *Sweep) warnTune() []string {
	for _, r := range s.Runs {
		if r.Waits() && len(r.Config.Test) == 0 {
			return []string{"tune: no test text given: learning rates are chosen on the validation text that is reported, though with a seed of their own; --test names a text for the final figure"}
		}
	}
	return nil
}

// Check makes every check that can be made before the first run, and writes
// nothing: each run's configuration, the folder, the runs that are there, and for
// each text that runs read one of the runs as `train --dry-run` checks it.
// Errors for which train.IsUsage is true name the run.
func (s *Sweep) Check(ctx context.Context) (*Preview, error) {
	if err := s.checkFolder(); err != nil {
		return nil, err
	}
	var err error
	if s.results, err = readResults(s.path(ResultsName)); err != nil {
		return nil, err
	}
	s.again = map[string]bool{}
	for name, found := range s.results {
		s.again[name] = found.Status == Failed
	}
	configs, err := s.checkRuns(s.config)
	if err != nil {
		return nil, err
	}
	if err := s.checkFit(configs); err != nil {
		return nil, err
	}
	p := &Preview{Runs: len(s.Runs)}
	data := map[string]bool{}
	texts := texts{}
	var largest *Run
	var memory []int64 // of the runs that are left
	for _, r := range s.Runs {
		c := configs[r]
		l, err := train.EstimateCost(c)
		if err != nil {
			return nil, ofRun(r, err)
		}
		if l.MemoryBytes > p.Memory {
			p.Memory, p.MemoryOf = l.MemoryBytes, r.Name
			if r.ready() {
				largest = r
			}
		}
		p.CheckpointSum += 3 * 4 * l.Stored // values and two moments
		if found := s.results[r.Name]; found != nil {
			p.Finished++
			if same, err := samePaths(found, c); same || err != nil {
				if err != nil {
					return nil, ofRun(r, err)
				}
				continue
			}
		} else {
			memory = append(memory, l.MemoryBytes)
			p.Steps += c.MaxSteps
			flops, err := train.RunFLOPs(c)
			if err != nil {
				return nil, ofRun(r, err)
			}
			p.FLOPs += flops
			if err := p.warn(r, c); err != nil {
				return nil, ofRun(r, err)
			}
		}
		key, err := json.Marshal([]any{c.Corpus, c.Valid, c.Test, c.Vocab, c.VocabSize, c.SeqLen, c.MLMProbability, c.Precision, c.InitFrom, c.InitHeads})
		if err != nil {
			return nil, err
		}
		if data[string(key)] || !r.ready() || s.busy(r) { // a waiting one reads what its candidates read
			continue
		}
		d, err := s.dryRun(ctx, r, c)
		if errors.Is(err, checkpoint.ErrInUse) && s.busy(r) {
			continue // whoever is at it has checked it
		}
		if err != nil {
			return nil, err
		}
		data[string(key)] = true
		texts[textOf(c)] = d.Plan.Text.Fingerprint
		p.warnText(r, d.Plan)
	}
	if p.Warnings, err = s.checkTexts(configs, texts); err != nil {
		return nil, err
	}
	p.Warnings = append(p.Warnings, s.warnTune()...)
	slices.SortFunc(memory, func(a, b int64) int { return cmp.Compare(b, a) })
	memory = memory[:min(len(memory), max(1, s.Jobs))]
	p.Jobs = len(memory)
	for _, bytes := range memory {
		p.MemoryOfJobs += bytes
	}
	if largest == nil || s.results[largest.Name] != nil || s.Launch != nil || s.busy(largest) {
		return p, nil
	}
	d, err := s.dryRun(ctx, largest, configs[largest])
	if errors.Is(err, checkpoint.ErrInUse) && s.busy(largest) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return p, d.FitsHost(memory)
}

// dryRun checks one run against its data and device. The device of a job is another machine's.
func (s *Sweep) dryRun(ctx context.Context, r *Run, c train.Config) (*train.Dry, error) {
	open := s.Open
	if s.Launch != nil {
		open = nil
	}
	d, err := train.DryRun(ctx, c, open)
	if err == nil && d.Device != nil {
		err = d.Device.Err()
	}
	return d, ofRun(r, err)
}

// checkRuns checks with config each run's configuration, and that it goes on with
// what is in its folder. It keeps the results of runs that need not be made again.
func (s *Sweep) checkRuns(config func(*Run) (train.Config, error)) (map[*Run]train.Config, error) {
	kept := map[string]*Result{}
	configs := map[*Run]train.Config{}
	check := func(r *Run) error {
		c, err := config(r)
		if err != nil && s.busy(r) {
			c, err = s.settings(r), nil // whoever is at it was changing its folder
		}
		if err != nil {
			return ofRun(r, err)
		}
		configs[r] = c
		if found := s.results[r.Name]; found != nil && found.Status != Failed && c.Resume {
			found.Group, found.Role = r.Group, r.role() // it may have been another's before
			kept[r.Name] = found
		}
		return nil
	}
	for _, r := range s.Runs {
		if r.Waits() {
			continue
		}
		if err := check(r); err != nil {
			return nil, err
		}
	}
	all := s.results
	s.results = kept
	s.choose()
	s.results = all
	for _, r := range s.Runs {
		if !r.Waits() {
			continue
		}
		if !r.ready() { // the rate is open, the rest can be checked
			configs[r] = s.settings(r)
			continue
		}
		if err := check(r); err != nil {
			return nil, err
		}
	}
	s.results = kept
	return configs, nil
}

// ofRun names the run that an error is about, keeping nil.
func ofRun(r *Run, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("run %s: %w", r.Name, err)
}

// checkFolder says whether the sweep may use its folder: it is new, empty or a
// sweep's.
func (s *Sweep) checkFolder() error {
	entries, err := os.ReadDir(s.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usage.Errorf("out: found %v, expected a folder", err)
	}
	other := ""
	for _, e := range entries {
		switch {
		case e.Name() == fileName || e.Name() == RunsName:
			return nil
		case !strings.HasPrefix(e.Name(), "."):
			other = e.Name()
		}
	}
	if other != "" {
		return usage.Errorf("out: found %s not empty (%s, ...) and no %s in it, expected a new or empty folder, or that of a sweep", s.Out, other, fileName)
	}
	return nil
}
