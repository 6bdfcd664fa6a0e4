package train_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// told is an observer that keeps what it is warned of.
type told struct {
	train.NopObserver
	lines []string
}

func (o *told) Warned(text string)                       { o.lines = append(o.lines, text) }
func (o *told) Started(p *train.Plan, _ string, _ int64) { o.lines = append(o.lines, p.Warnings...) }
func (o *told) about(words string) bool                  { return slices.ContainsFunc(o.lines, saying(words)) }
func saying(words string) func(line string) bool {
	return func(line string) bool { return strings.Contains(line, words) }
}
func replaced(t *testing.T, path string, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(pairs...).Replace(string(text))
	if changed == string(text) {
		t.Fatalf("%s: found none of %q in %s", path, pairs, text)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A run that is made from another's config.yaml has its bits, or says why it may not: another text
// under the same name is an error, one that was named, another program or other instructions a warning.
func TestConfigOfARunPinsIt(t *testing.T) {
	folder := t.TempDir()
	write := func(name, word string) string {
		var text strings.Builder
		for i := range 60 {
			fmt.Fprintf(&text, "The %s number %d sat. The dog ran away.\n\n", word, i)
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.VocabSize, c.SeqLen, c.BatchSize, c.Threads = 1, 32, 2, 64, 8, 60, 16, 2, 1
	c.MaxSteps, c.Updates, c.Device, c.Corpus, c.OutputDir = 4, 2, "cpu", []string{write("text.txt", "cat")}, filepath.Join(folder, "run")
	want, err := train.Run(t.Context(), c, openCPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.OutputDir, train.ConfigName)
	runs := 0
	again := func(change func(c *train.Config)) (*train.Summary, *told, error) {
		runs++
		c := train.DefaultConfig()
		if err := train.ReadConfigFile(file, &c); err != nil {
			t.Fatal(err)
		}
		c.OutputDir = filepath.Join(folder, fmt.Sprint("again", runs))
		if change != nil {
			change(&c)
		}
		watch := &told{}
		s, err := train.Run(t.Context(), c, openCPU, watch)
		return s, watch, err
	}
	got, watch, err := again(nil)
	if err != nil || got.Eval != want.Eval || got.Train.Loss != want.Train.Loss || watch.about("config: ") {
		t.Fatalf("found %+v, error %v and %q, expected the same run and nothing said", got, err, watch.lines)
	}

	write("text.txt", "cow")
	if _, _, err = again(nil); !train.IsUsage(err) || !strings.Contains(err.Error(), "config: found another vocabulary than the run in "+c.OutputDir+" had") {
		t.Errorf("another text: found %v", err)
	}
	if _, err := train.DryRun(t.Context(), func() train.Config {
		c := train.DefaultConfig()
		if err := train.ReadConfigFile(file, &c); err != nil {
			t.Fatal(err)
		}
		c.OutputDir = filepath.Join(folder, "dry")
		return c
	}(), openCPU); !train.IsUsage(err) {
		t.Errorf("a dry run with another text: found %v", err)
	}
	_, watch, err = again(func(c *train.Config) { c.Corpus = []string{write("other.txt", "cow")} })
	if err != nil || !watch.about("the run is not that of "+c.OutputDir+" again: it has another vocabulary") {
		t.Errorf("a text that was named: found error %v and %q", err, watch.lines)
	}

	write("text.txt", "cat")
	environment := filepath.Join(c.OutputDir, train.EnvironmentName)
	replaced(t, environment, `"version": "`, `"version": "9.`, "instructions ", "instructions abacus, once ")
	_, watch, err = again(nil)
	if err != nil || !watch.about("was made by version 9.") || !watch.about("was made with the instructions abacus, this one is with") || !watch.about("--cpu-path abacus forces them") {
		t.Errorf("another program and processor: found error %v and %q", err, watch.lines)
	}
	if err := os.Remove(filepath.Join(c.OutputDir, train.TextName)); err != nil { // as in a folder of an older version
		t.Fatal(err)
	}
	if _, watch, err = again(nil); err != nil || watch.about("config: ") {
		t.Errorf("an older folder: found error %v and %q", err, watch.lines)
	}
}
