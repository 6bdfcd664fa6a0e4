package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// texts writes files of documents to a folder and returns their paths.
func texts(t *testing.T, files, documents int) []string {
	t.Helper()
	folder := t.TempDir()
	var paths []string
	for f := range files {
		var text strings.Builder
		for i := range documents {
			fmt.Fprintf(&text, "File %d has the sentence number %d. The dog of %s ran to %s.\n\n", f, i, name(7919*i), name(104729*(i+f)))
		}
		path := filepath.Join(folder, fmt.Sprintf("part%d.txt", f))
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// name makes a name of a number.
func name(i int) string {
	out := []byte("x")
	for ; i > 0; i /= 26 {
		out = append(out, byte('a'+i%26))
	}
	return string(out)
}

// prepare and train choose one vocabulary for one text, and take what a shell makes of *.txt.
func TestPrepareAndTrainChooseOneVocabulary(t *testing.T) {
	dir := t.TempDir()
	paths := texts(t, 3, 300)
	shards, run := filepath.Join(dir, "shards"), filepath.Join(dir, "run")
	done(t, append(append([]string{"prepare", "--corpus"}, paths...), "--quiet", "--out", shards)...)
	done(t, append(append(quick(run, "--corpus"), paths...), "--max-steps", "1", "--updates", "1")...)
	prepared, trained := read(t, shards, "vocab.txt"), read(t, run, "vocab.txt")
	if !bytes.Equal(prepared, trained) {
		t.Errorf("found vocabularies of %d and %d bytes, expected one", len(prepared), len(trained))
	}
	if config, err := train.ReadRunConfig(run); err != nil || !slices.Equal(config.Corpus, paths) {
		t.Errorf("found the texts %q and error %v, expected %q", config.Corpus, err, paths)
	}
}

// A signal while text is read ends every command with the code that the pages name, and leaves
// nothing behind.
func TestSignalWhileTextIsRead(t *testing.T) {
	dir := t.TempDir()
	paths := texts(t, 1, 60)
	trained := filepath.Join(dir, "trained")
	done(t, quick(trained)...)
	file := filepath.Join(dir, "sweep.yaml")
	if err := os.WriteFile(file, []byte("groups:\n  - {name: g, set: {max_steps: 3, updates: 1}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, args := range [][]string{
		quick(out, "--corpus", paths[0]),
		quick(out, "--corpus", paths[0], "--dry-run"),
		{"prepare", "--corpus", paths[0], "--quiet", "--out", out},
		{"eval", "--checkpoint", trained, "--corpus", paths[0]},
		{"sweep", file, "--out", out, "--corpus", paths[0]},
	} {
		ctx, stop := context.WithCancelCause(t.Context())
		stop(exit.Signal{Name: "SIGTERM", Code: exit.SIGTERM})
		var stdout, stderr bytes.Buffer
		code := run(ctx, append([]string{"sparsebert-gpu"}, args...), &stdout, &stderr)
		if code != exit.SIGTERM || !strings.Contains(stderr.String(), "stopped by SIGTERM") {
			t.Errorf("%s: found exit code %d and %q, expected %d", args[0], code, stderr.String(), exit.SIGTERM)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: found the folder %s, expected none", args[0], out)
		}
	}
}

// An export says which positions its run did not train.
func TestExportNamesUntrainedPositions(t *testing.T) {
	run, folder := exported(t)
	if card := string(read(t, folder, "README.md")); !strings.Contains(card, "| trained positions | the first 32 of 512; those beyond are random: give it no longer sequences |") {
		t.Errorf("found the model card %s", card)
	}
	out := done(t, "export", "--checkpoint", run, "--output-dir", filepath.Join(t.TempDir(), "again"))
	if !strings.Contains(out, "the positions beyond 32 were not trained") {
		t.Errorf("found %q", out)
	}
}

// A run that ends near the unigram entropy is called too short to compare, and only such a run.
func TestSummaryOfAShortRun(t *testing.T) {
	for loss, short := range map[float64]bool{5: true, 4.78: true, 4.76: false, 3: false} {
		var out bytes.Buffer
		printSummary(&out, &train.Summary{Eval: train.EvalMetrics{MLMLoss: loss}, UnigramEntropy: 4.871}, false)
		if strings.Contains(out.String(), "too short to compare") != short {
			t.Errorf("a loss of %v: found %q, expected it to be called short: %v", loss, out.String(), short)
		}
	}
}
