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

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// done runs a command that must succeed and returns what it prints.
func done(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := invoke(args...)
	if code != exit.Done {
		t.Fatalf("%v: exit code %d: %s", args, code, errs)
	}
	return out
}

// read returns a file's content.
func read(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// exported trains for a moment and exports; it returns both folders.
func exported(t *testing.T, more ...string) (run, folder string) {
	t.Helper()
	dir := t.TempDir()
	run, folder = filepath.Join(dir, "run"), filepath.Join(dir, "folder")
	done(t, quick(run, more...)...)
	done(t, "export", "--checkpoint", run, "--output-dir", folder)
	return run, folder
}

func TestExportImportExport(t *testing.T) {
	for _, method := range []string{"dense", "static", "dynamic"} {
		t.Run(method, func(t *testing.T) {
			run, folder := exported(t, "--method", method)
			want := read(t, folder, "model.safetensors")
			card := string(read(t, folder, "README.md"))
			for _, fact := range []string{"| steps | 6 |", "demo corpus", "MLM loss", "FLOPs"} {
				if !strings.Contains(card, fact) {
					t.Errorf("the model card lacks %q: %s", fact, card)
				}
			}
			again := func(name, from string, more ...string) {
				imported, out := filepath.Join(t.TempDir(), "imported"), filepath.Join(t.TempDir(), "out")
				done(t, append([]string{"import", "--from", from, "--out", imported}, more...)...)
				done(t, "export", "--checkpoint", imported, "--out", out)
				if !bytes.Equal(read(t, out, "model.safetensors"), want) {
					t.Errorf("%s: found other weights after export, import, export", name)
				}
			}
			again("dense", folder)
			again("from the checkpoint", run)
			if method == "dense" {
				return
			}
			again("pruned to what is there", folder, "--sparsity", "0.5", "--block-size", "8")
			compact := filepath.Join(t.TempDir(), "compact")
			done(t, "export", "--checkpoint", run, "--output-dir", compact, "--format", "sparse")
			again("by the compact format", compact)
		})
	}
}

// A run that starts from weights and hardly moves ends with the same weights, from
// whatever method they come.
func TestInitFrom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestTrainEvalInspect does not start")
	}
	dense, folder := exported(t, "--method", "dense")
	static, _ := exported(t, "--method", "static", "--sparsity", "0.75", "--block-size", "16")
	for _, from := range []struct{ name, path, run string }{{"a Hugging Face folder", folder, dense}, {"a dense run", dense, dense}, {"a static run", static, static}} {
		source, err := train.OpenWeights(from.run)
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		still := []string{"--init-from", from.path, "--learning-rate", "1e-12", "--weight-decay", "0", "--max-steps", "1", "--layers", "0", "--hidden", "0", "--heads", "0", "--ffn", "0", "--updates", "1"}
		for _, method := range []string{"dense", "static"} {
			run := weightsOf(t, func(dir string) { done(t, quick(dir, append(still, "--method", method)...)...) })
			if run.Config.Hidden != 32 || run.Model.Layers != 1 || run.Config.Model != "tiny" {
				t.Errorf("%s from %s: found model %s of %d layers, hidden %d, expected those of %s", method, from.name, run.Config.Model, run.Model.Layers, run.Config.Hidden, from.path)
			}
			for i, row := range run.Table {
				want, err := source.Dense(source.Table[i])
				if err != nil {
					t.Fatal(err)
				}
				if row.Sparse { // of which the largest blocks are left
					want = largestBlocks(t, row, want)
				}
				got, err := run.Dense(row)
				if err != nil {
					t.Fatal(err)
				}
				for k := range want {
					if d := got[k] - want[k]; !(max(d, -d) <= 1e-9) {
						t.Fatalf("%s from %s: %s[%d]: found %v, expected %v", method, from.name, row.Name, k, got[k], want[k])
					}
				}
			}
		}
	}
}

// largestBlocks returns a parameter with the blocks of the largest norm alone.
func largestBlocks(t *testing.T, row model.Tensor, dense []float32) []float32 {
	t.Helper()
	topo, err := sparse.NormTopology(sparse.NormSpec{Shape: row.Shape(), NNZ: row.NNZ, Norm: sparse.L1, Seed: 1, Tensor: row.Index}, dense)
	if err != nil {
		t.Fatal(err)
	}
	m, err := sparse.FromDense(topo, dense)
	if err != nil {
		t.Fatal(err)
	}
	return m.Dense()
}

// weightsOf opens the weights of the run folder that work makes.
func weightsOf(t *testing.T, work func(dir string)) *train.Weights {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	work(dir)
	w, err := train.OpenWeights(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// The folder that a run started from may go: its checkpoints have all they need.
func TestResumeWithoutTheOrigin(t *testing.T) {
	_, folder := exported(t)
	run := filepath.Join(t.TempDir(), "run")
	flags := []string{"--init-from", folder, "--method", "dense", "--save-steps", "3"}
	done(t, quick(run, flags...)...)
	want := read(t, run, "checkpoints", "step-6", "model.safetensors")
	if err := os.RemoveAll(filepath.Join(run, "checkpoints", "step-6")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	done(t, "train", "--resume", "--quiet", "--output-dir", run)
	if !bytes.Equal(read(t, run, "checkpoints", "step-6", "model.safetensors"), want) {
		t.Error("found other weights after the resume than in the uninterrupted run")
	}
}

// Weights of which a part was trained are dense ones to everyone else; a run
// trains a part of weights that come from elsewhere.
func TestPartialOutAndIn(t *testing.T) {
	partial := []string{"--method", "partial", "--partial-phases", "late", "--partial-rest", "zero", "--partial-choice", "magnitude"}
	run, folder := exported(t, partial...)
	w, err := train.OpenWeights(run)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	card := string(read(t, folder, "README.md"))
	for _, fact := range []string{"| method | partial, the rest zero |", fmt.Sprintf("forward and backward | %.4g |", w.Summary.Train.FLOPs)} {
		if !strings.Contains(card, fact) {
			t.Errorf("the model card lacks %q: %s", fact, card)
		}
	}
	for _, from := range []string{folder, run} {
		imported := weightsOf(t, func(dir string) { done(t, "import", "--from", from, "--out", dir) })
		if imported.Model.Method != model.Dense {
			t.Errorf("import of %s: found method %s, expected dense", from, imported.Model.Method)
		}
		for i, row := range imported.Table {
			want, err := w.Dense(w.Table[i])
			if err != nil {
				t.Fatal(err)
			}
			if got, err := imported.Dense(row); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s of %s: found other weights, error %v", row.Name, from, err)
			}
		}
		again := weightsOf(t, func(dir string) { done(t, quick(dir, append(partial, "--init-from", from)...)...) })
		if again.Model.Method != model.Partial {
			t.Errorf("start from %s: found method %s, expected partial", from, again.Model.Method)
		}
		// The warm-up's first step is of a rate near 0: the loss is that of the weights.
		if first, before := again.Summary.FirstLoss, w.Summary.FirstLoss; !(first < before) {
			t.Errorf("start from %s: found a first loss of %v, expected less than %v of random weights", from, first, before)
		}
	}
	badInput{args: []string{"export", "--checkpoint", run, "--out", "@", "--format", "sparse"}, says: []string{"dense weights", "--format hf"}}.check(t)
	for _, from := range []string{folder, run} {
		badInput{args: []string{"import", "--from", from, "--out", "@", "--method", "partial"}, says: []string{"method", "partial", "train --init-from"}}.check(t)
	}
}

func TestHeadsThatAreMissing(t *testing.T) {
	_, folder := exported(t, "--method", "dense")
	path := filepath.Join(folder, "model.safetensors")
	f := checkpointtest.Read(t, path)
	left := f.Tensors[:0]
	for _, x := range f.Tensors {
		if !strings.HasPrefix(x.Name, "cls.seq_relationship") {
			left = append(left, x)
		}
	}
	f.Tensors = left
	if err := checkpoint.WriteFile(path, f); err != nil {
		t.Fatal(err)
	}
	badInput{args: []string{"import", "--from", folder, "--out", "@"}, says: []string{"cls.seq_relationship.weight and 1 more", "--init-heads"}}.check(t)
	badInput{args: quick("@", "--init-from", folder), says: []string{"cls.seq_relationship.weight", "--init-heads"}}.check(t)
	w := weightsOf(t, func(dir string) { done(t, "import", "--from", folder, "--out", dir, "--init-heads") })
	for _, row := range w.Table {
		if row.Name == "cls.seq_relationship.weight" {
			v, err := w.Dense(row)
			if err != nil || v[0] == 0 || v[0] == v[1] {
				t.Errorf("found %v and error %v, expected random numbers", v[:2], err)
			}
		}
	}
	done(t, quick(filepath.Join(t.TempDir(), "run"), "--init-from", folder, "--init-heads", "--method", "dense")...)
}

func TestBadExportImport(t *testing.T) {
	skipShort(t)
	in := newInputs(t)
	run, folder := exported(t)
	dense, _ := exported(t, "--method", "dense")
	full := in.folder("full")
	in.file("full/x", "")
	text := in.file("good.txt", goodText)
	from := func(more ...string) []string {
		return append([]string{"import", "--from", folder, "--out", "@"}, more...)
	}
	start := func(more ...string) []string {
		return append([]string{"train", "--init-from", folder, "--out", "@", "--method", "dense"}, more...)
	}
	for _, bad := range []badInput{
		{"no checkpoint", []string{"export", "--out", "@"}, []string{"--checkpoint"}},
		{"no output", []string{"export", "--checkpoint", run}, []string{"--output-dir"}},
		{"no such checkpoint", []string{"export", "--checkpoint", in.none("gone"), "--out", "@"}, []string{"gone"}},
		{"no such format", []string{"export", "--checkpoint", run, "--out", "@", "--format", "onnx"}, []string{"--format", "onnx", "sparse"}},
		{"compact, of a dense model", []string{"export", "--checkpoint", dense, "--out", "@", "--format", "sparse"}, []string{"dense", "--format hf"}},
		{"not empty", []string{"export", "--checkpoint", run, "--out", full}, []string{"full", "holds x"}},
		{"a file", []string{"export", "--checkpoint", run, "--out", text}, []string{"good.txt", "no folder"}},
		{"import without a folder", []string{"import", "--out", "@"}, []string{"--from"}},
		{"import of nothing", []string{"import", "--from", in.none("gone"), "--out", "@"}, []string{"gone"}},
		{"import of a name", []string{"import", "--from", "bert-base-uncased", "--out", "@"}, []string{"bert-base-uncased", "config.json"}},
		{"import into a full folder", []string{"import", "--from", folder, "--out", full}, []string{"full", "holds x"}},
		{"import with no sparsity", from("--sparsity", "1"), []string{"sparsity", "1"}},
		{"import with blocks that do not fit", from("--sparsity", "0.5", "--block-size", "64"), []string{"block size 64"}},
		{"import with another vocabulary", from("--vocab", in.file("v.txt", goodVocab)), []string{"6", "1024"}},
		{"heads of nothing", quick("@", "--init-heads"), []string{"init_heads", "init_from"}},
		{"another size", start("--hidden", "64"), []string{"hidden", "64", "32"}},
		{"another model", start("--model", "base"), []string{"base", "layers", "12"}},
		{"longer than its positions", start("--seq-len", "1000"), []string{"seq_len", "1000", "512"}},
		{"text of another vocabulary", start("--corpus", text, "--vocab", in.none("v.txt")), []string{"init_from", "vocabulary"}},
		{"start from nothing", quick("@", "--init-from", in.none("gone")), []string{"gone"}},
		{"evaluation without text", []string{"eval", "--checkpoint", importedFrom(t, text)}, []string{"corpus", "demo"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}

// importedFrom trains on a text and returns an import of the export.
func importedFrom(t *testing.T, text string) string {
	t.Helper()
	_, folder := exported(t, "--corpus", text, "--vocab-size", "30")
	imported := filepath.Join(t.TempDir(), "imported")
	done(t, "import", "--from", folder, "--out", imported)
	if out := done(t, "eval", "--checkpoint", imported, "--corpus", text); !strings.Contains(out, "masked tokens") {
		t.Errorf("found %q, expected an evaluation", out)
	}
	return imported
}

// A signal leaves nothing behind.
func TestStoppedExport(t *testing.T) {
	run1, folder := exported(t)
	parent := t.TempDir()
	ctx, stop := context.WithCancelCause(t.Context())
	stop(exit.Signal{Name: "SIGINT", Code: exit.SIGINT})
	for _, args := range [][]string{
		{"export", "--checkpoint", run1, "--out", filepath.Join(parent, "out")},
		{"export", "--checkpoint", run1, "--out", filepath.Join(parent, "out"), "--format", "sparse"},
		{"import", "--from", folder, "--out", filepath.Join(parent, "out")},
	} {
		var out, errs bytes.Buffer
		if code := run(ctx, append([]string{"sparsebert-gpu"}, args...), &out, &errs); code != exit.SIGINT {
			t.Errorf("%v: exit code %d, expected %d: %s", args, code, exit.SIGINT, errs.String())
		}
		if left := tree(t, parent); len(left) > 1 {
			t.Errorf("%v: something was left: %v", args, left)
		}
	}
}
