package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// names expands a file and returns its runs' names with their roles.
func names(t *testing.T, text string) []string {
	t.Helper()
	f, err := Parse("f", "/folder", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	runs, err := f.Runs(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range runs {
		name := r.Name
		if r.Waits() {
			name += " waits"
		}
		out = append(out, name)
	}
	return out
}

func TestRunsAreCrossedInOrder(t *testing.T) {
	got := names(t, `
description: two groups
defaults: {max_steps: 10, seed: 7}
groups:
  - name: a
    cross: {model: [mini, tiny], sparsity: [0.5, 9e-1], updates: [4, 8]}
  - name: b
    set: {method: dense}
`)
	want := "a-mini-s0.5-n4 a-mini-s0.5-n8 a-mini-s0.9-n4 a-mini-s0.9-n8 a-tiny-s0.5-n4 a-tiny-s0.5-n8 a-tiny-s0.9-n4 a-tiny-s0.9-n8 b"
	if strings.Join(got, " ") != want {
		t.Errorf("found %s, expected %s", strings.Join(got, " "), want)
	}
}

// The first value of every list that the rate is not chosen for makes the choice, with a seed that
// no run of the grid has; all of these wait for it.
func TestWhoTriesLearningRates(t *testing.T) {
	const head = "groups:\n  - name: g\n    cross: {seed: [1, 2], sparsity: [0.5, 0.9], updates: [4, 8]}\n"
	for _, c := range []struct{ tune, want string }{
		{"    tune: {learning_rate: [0.1, 0.2], per: [sparsity]}\n",
			"g-seed3-s0.5-n4-lr0.1, g-seed3-s0.5-n4-lr0.2, g-seed1-s0.5-n4 waits, g-seed1-s0.5-n8 waits, g-seed3-s0.9-n4-lr0.1, g-seed3-s0.9-n4-lr0.2, g-seed1-s0.9-n4 waits, g-seed1-s0.9-n8 waits, " +
				"g-seed2-s0.5-n4 waits, g-seed2-s0.5-n8 waits, g-seed2-s0.9-n4 waits, g-seed2-s0.9-n8 waits"},
		{"    tune: {learning_rate: [0.1], seed: 7}\n",
			"g-seed7-s0.5-n4-lr0.1, g-seed1-s0.5-n4 waits, g-seed7-s0.5-n8-lr0.1, g-seed1-s0.5-n8 waits, g-seed7-s0.9-n4-lr0.1, g-seed1-s0.9-n4 waits, g-seed7-s0.9-n8-lr0.1, g-seed1-s0.9-n8 waits, " +
				"g-seed2-s0.5-n4 waits, g-seed2-s0.5-n8 waits, g-seed2-s0.9-n4 waits, g-seed2-s0.9-n8 waits"},
		{"    tune: {learning_rate: [0.1], per: []}\n",
			"g-seed3-s0.5-n4-lr0.1, g-seed1-s0.5-n4 waits, g-seed1-s0.5-n8 waits, g-seed1-s0.9-n4 waits, g-seed1-s0.9-n8 waits, " +
				"g-seed2-s0.5-n4 waits, g-seed2-s0.5-n8 waits, g-seed2-s0.9-n4 waits, g-seed2-s0.9-n8 waits"},
	} {
		if got := strings.Join(names(t, head+c.tune), ", "); got != c.want {
			t.Errorf("%s: found\n%s, expected\n%s", c.tune, got, c.want)
		}
	}
}

// Own settings are over the defaults, picked values over both; paths start from
// the file.
func TestWhatARunGets(t *testing.T) {
	f, err := Parse("f", "/folder", []byte("defaults: {seed: 7, batch_size: 3, corpus: [a.txt, /b]}\ngroups:\n- {name: g, set: {batch_size: 5}, cross: {seed: [9]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	runs, err := f.Runs(func(c *train.Config) { c.Threads = 2 })
	if err != nil {
		t.Fatal(err)
	}
	c := runs[0].Config
	if c.Seed != 9 || c.BatchSize != 5 || c.Threads != 2 || fmt.Sprint(c.Corpus) != "[/folder/a.txt /b]" {
		t.Errorf("found seed %d, batch %d, threads %d, corpus %v", c.Seed, c.BatchSize, c.Threads, c.Corpus)
	}
}

func TestBadFiles(t *testing.T) {
	const group = "groups:\n- name: g\n"
	for text, want := range map[string]string{
		"":                            "f:1: no groups given",
		"groups: []":                  "f:1: groups: found an empty list",
		"groups: 3":                   `f:1: groups: found "3", expected a list`,
		"a: 1\n":                      `f:1: found unknown key "a"`,
		"groups:\n- name: g\ngroups:": `f:3: found key "groups" again, first on line 1`,
		"groups:\n- 3\n":              `f:2: groups: found "3", expected a mapping`,
		"groups:\n- set: {}\n":        "f:2: no name given for a group",
		"groups:\n- name: A b\n":      `f:2: name: found "A b"`,
		"groups:\n- name: 3\n":        `f:2: name: found "3", expected text`,
		group + "- name: g\n":         `f:3: name: found "g" again, first in the group on line 2`,
		group + "  size: 3\n":         `f:3: found unknown key "size"`,
		group + "  name: h\n":         `f:3: found key "name" again, first on line 2`,
		group + "  set:\n    sparsity: 0.5\n    sparsity: 0.6\n":                         `f:5: found key "sparsity" again, first on line 4`,
		group + "  set:\n    sparsty: 0.5\n":                                             `f:4: found unknown key "sparsty"`,
		group + "  set:\n    max_steps: 2.5\n":                                           `f:4: max_steps: found "2.5", expected a whole number`,
		group + "  set:\n    max_steps: 0\n":                                             "f:4: max_steps: found 0, expected 1 to",
		group + "  set:\n    device: cpu\n":                                              "f:4: found key device",
		group + "  set:\n    model: huge\n":                                              `f:4: model: found "huge", expected one of tiny, mini`,
		group + "  cross:\n    seed: 3\n":                                                `f:4: seed: found "3", expected a list`,
		group + "  cross:\n    sed: 3\n":                                                 `f:4: found unknown key "sed"`,
		group + "  cross:\n    seed: []\n":                                               "f:4: seed: found an empty list",
		group + "  cross:\n    seed:\n    - 1\n    - x\n":                                `f:6: seed: found "x", expected a whole number`,
		group + "  cross:\n    learning_rate:\n    - 0.001\n    - 1e-3\n":                "f:6: learning_rate: found 0.001 again",
		group + "  cross:\n    corpus: [[a], [b]]\n":                                     "f:4: corpus: found a list of lists",
		group + "  cross: {seed: [1]}\n  set: {seed: 2}\n":                               "f:3: cross: found key seed, which set has on line 4",
		group + "  tune: {}\n":                                                           "f:3: tune: no learning_rate given",
		group + "  tune: {seed: [1]}\n":                                                  `f:3: seed: found`,
		group + "  tune: {warmup: [1]}\n":                                                `f:3: tune: found unknown key "warmup"`,
		group + "  tune: {learning_rate: [0.1], seed: 1}\n":                              "f:3: tune: seed: found 1, which runs of the group have",
		group + "  cross: {seed: [4, 5]}\n  tune: {learning_rate: [0.1], seed: 5}\n":     "f:4: tune: seed: found 5, which runs of the group have",
		group + "  cross: {seed: [4]}\n  tune: {learning_rate: [0.1], per: [seed]}\n":    "f:4: tune: per: found seed",
		group + "  tune: {learning_rate: [0.1]}\n  set: {learning_rate: 1}\n":            "f:3: tune: found a learning_rate on line 4 besides",
		group + "  tune: {learning_rate: [0.1]}\n  cross: {learning_rate: [1]}\n":        "f:3: tune: found a learning_rate on line 4 besides",
		group + "  tune: {learning_rate: [0.1], per: [model]}\n":                         `f:3: tune: per: found "model"`,
		group + "fit: {groups: [h]}\n":                                                   `f:3: fit: groups: found "h"`,
		group + "fit: {}\n":                                                              "f:3: fit: no groups given",
		group + "fit: {group: [g]}\n":                                                    `f:3: fit: found unknown key "group"`,
		"groups:\n- name: &x g\n":                                                        "f:2: name: found",
		"groups: \x00":                                                                   "f:1: found binary data",
		"a: 1\n---\nb: 1\n":                                                              "f:3: found a second document",
		group + "  set: {sparsity: .5, model:\n":                                         "f:",
		"description: [a]\n" + group:                                                     "f:1: description: found a list, expected text",
		"defaults: {epochs: -1}\n" + group:                                               "f:1: epochs: found -1",
		group + "  cross: {mlm_probability: [0.1, 0.2], vocab: [a/b, a b]}\n  tune: 1\n": `f:4: tune: found "1", expected a mapping`,
	} {
		_, err := Parse("f", "/folder", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, train.ErrUsage) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q:\nfound %v,\nexpected one line that is ErrUsage and begins with %s", text, err, want)
		}
	}
}

func TestTooManyRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	list := "[1"
	for i := 2; i <= 101; i++ {
		list += fmt.Sprintf(", %d", i)
	}
	f, err := Parse("f", "/", []byte("groups:\n- name: g\n  cross: {seed: "+list+"], updates: "+list+"]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Runs(nil); err == nil || !strings.Contains(err.Error(), "more than 10000 runs") || !errors.Is(err, train.ErrUsage) {
		t.Errorf("found %v, expected a usage error", err)
	}
}

// Two ways to one name would put two runs into one folder.
func TestNamesThatMeet(t *testing.T) {
	f, err := Parse("f", "/", []byte("groups:\n- {name: g-n4}\n- {name: g, cross: {updates: [4]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Runs(nil); err == nil || !strings.Contains(err.Error(), "second run g-n4") {
		t.Errorf("found %v, expected a usage error", err)
	}
}

// Values of one list that a file's name cannot tell apart get names that do.
func TestNamesOfValuesThatLookAlike(t *testing.T) {
	found := names(t, "groups:\n- {name: g, cross: {init_from: [p/b, p_b, q, Q, 日, 本]}}\n")
	seen := map[string]bool{}
	for _, name := range found {
		if seen[strings.ToLower(name)] || strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r > 127 }) {
			t.Errorf("found %s in %v, expected names of plain letters, each once", name, found)
		}
		seen[strings.ToLower(name)] = true
	}
	again := names(t, "groups:\n- {name: g, cross: {init_from: [r, p_b, p/b]}}\n")
	if again[0] != "g-init-from=r" || again[1] != found[1] || again[2] != found[0] {
		t.Errorf("found %v and %v, expected a name to depend on what it must be told from alone", found, again)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, train.ErrUsage) {
		t.Errorf("found %v, expected ErrUsage", err)
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "expected a sweep's file of at most") {
		t.Errorf("found %v, expected a line on the size", err)
	}
}

// Whatever a file says, reading it ends in runs or in one line that is ErrUsage.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../experiments/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("found %d experiments (%v), expected some", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("groups:\n- name: g\n  cross: {seed: [1, 2]}\n  tune: {learning_rate: [1e-3, 2e-3], per: []}\nfit: {groups: [g]}\n"))
	f.Add([]byte("groups:\n- &a\n  name: g\n- *a\n"))
	f.Add([]byte("groups: {name: g}\ndefaults: !!map {}\n"))
	f.Add([]byte("groups:\n- name: |\n    g\n  set:\n    <<: {seed: 1}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f", "/folder", data)
		var runs []*Run
		if err == nil {
			runs, err = file.Runs(nil)
		}
		if err != nil {
			if !errors.Is(err, train.ErrUsage) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: found %v, expected one line that is ErrUsage", data, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, r := range runs {
			if seen[r.Name] || r.Name != filepath.Base(r.Name) || r.Name == "." || r.Name == ".." {
				t.Errorf("%q: found the name %q, expected a folder of its own", data, r.Name)
			}
			seen[r.Name] = true
			if r.Waits() && len(r.choice.candidates) == 0 {
				t.Errorf("%q: run %s waits for nobody", data, r.Name)
			}
		}
	})
}

// A long list costs no more for each of its values than a short one: a sweep may have 10,000 runs.
func TestLongListIsRead(t *testing.T) {
	read := func(n int) float64 {
		var seeds strings.Builder
		for i := range n {
			fmt.Fprintf(&seeds, "%d, ", i+1)
		}
		text := []byte("groups:\n- name: a\n  cross: {seed: [" + strings.TrimSuffix(seeds.String(), ", ") + "]}\n")
		return testing.AllocsPerRun(1, func() {
			f, err := Parse("f", "/folder", text)
			if err != nil {
				t.Fatal(err)
			}
			if runs, err := f.Runs(nil); err != nil || len(runs) != n {
				t.Fatalf("found %d runs and error %v, expected %d", len(runs), err, n)
			}
		})
	}
	if short, long := read(20), read(400); !(long < 2*20*short) {
		t.Errorf("found %.0f allocations for 20 values and %.0f for 400, expected about 20 times as many", short, long)
	}
}
