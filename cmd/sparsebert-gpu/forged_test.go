package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// Names in the checkpoint of the test's model.
const (
	weightsFile   = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	queryWeight   = "bert.encoder.layer.0.attention.self.query.weight"
	queryBias     = "bert.encoder.layer.0.attention.self.query.bias"
)

// forgery is a checkpoint taken apart, to be changed and put together again
// with checksums that are right.
type forgery struct {
	t     *testing.T
	files map[string]*checkpoint.File
	state map[string]any
	raw   func(dir string) // done last, to the finished folder; may be nil
}

// tensor returns a tensor's place in a file.
func (f *forgery) tensor(file, name string) *checkpoint.Tensor {
	f.t.Helper()
	i := f.index(file, name)
	return &f.files[file].Tensors[i]
}

func (f *forgery) index(file, name string) int {
	f.t.Helper()
	i := slices.IndexFunc(f.files[file].Tensors, func(t checkpoint.Tensor) bool { return t.Name == name })
	if i < 0 {
		f.t.Fatalf("no tensor %s in %s", name, file)
	}
	return i
}

// drop removes tensors.
func (f *forgery) drop(file string, names ...string) {
	f.t.Helper()
	for _, name := range names {
		i := f.index(file, name)
		f.files[file].Tensors = slices.Delete(f.files[file].Tensors, i, i+1)
	}
}

// set changes one 32-bit value of a tensor.
func (f *forgery) set(file, name string, i int, value int32) {
	f.t.Helper()
	data := slices.Clone(f.tensor(file, name).Data)
	binary.LittleEndian.PutUint32(data[4*i:], uint32(value))
	f.tensor(file, name).Data = data
}

// get reads one 32-bit value of a tensor.
func (f *forgery) get(file, name string, i int) int32 {
	f.t.Helper()
	return int32(binary.LittleEndian.Uint32(f.tensor(file, name).Data[4*i:]))
}

// reseal writes a trainer.json again, changed, with the checksum that its bytes
// now have.
func reseal(t *testing.T, dir, old, new string) {
	t.Helper()
	path := filepath.Join(dir, checkpoint.ManifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const seal = ",\n  \"sha256\": \""
	covered := text[:bytes.LastIndex(text, []byte(seal))]
	if !bytes.Contains(covered, []byte(old)) {
		t.Fatalf("no %s in %s", old, covered[:min(len(covered), 300)])
	}
	covered = bytes.Replace(covered, []byte(old), []byte(new), 1)
	sum := sha256.Sum256(covered)
	text = []byte(string(covered) + seal + hex.EncodeToString(sum[:]) + "\"\n}\n")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// rewrite changes a file of a checkpoint, and what trainer.json says of it.
func rewrite(t *testing.T, dir, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := change(slices.Clone(before))
	if err := os.WriteFile(path, after, 0o644); err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Fatalf("%s went from %d to %d bytes, expected the same", name, len(before), len(after))
	}
	was, is := sha256.Sum256(before), sha256.Sum256(after)
	reseal(t, dir, hex.EncodeToString(was[:]), hex.EncodeToString(is[:]))
}

// header changes the header of a tensor file, keeping its length.
func header(old, new string) func([]byte) []byte {
	return func(file []byte) []byte {
		n := 8 + binary.LittleEndian.Uint64(file)
		text := strings.TrimRight(string(file[8:n]), " ")
		text = strings.Replace(text, old, new, 1)
		return append(append(file[:8:8], text+strings.Repeat(" ", int(n)-8-len(text))...), file[n:]...)
	}
}

// A checkpoint whose checksums are right and whose content is not is refused in
// one line that names the file and the place.
func TestForgedCheckpoint(t *testing.T) {
	skipShort(t)
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	dir := in.none("run")
	if code, _, errs := invoke(quick(dir, "--corpus", text, "--vocab-size", "30")...); code != exit.Done {
		t.Fatal(errs)
	}
	folder := filepath.Join(dir, checkpoint.FolderName)
	good, _, err := checkpoint.Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	// read takes the good checkpoint apart.
	read := func(t *testing.T) *forgery {
		f := &forgery{t: t, files: map[string]*checkpoint.File{}}
		for name := range good.Files {
			file := checkpointtest.Read(t, filepath.Join(in.dir, "good", name))
			f.files[name] = file
		}
		if err := json.Unmarshal(good.State, &f.state); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if err := os.Rename(good.Path, in.none("good")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*forgery)
		says   []string
		// evaluates: eval does not read what is wrong
		evaluates bool
	}{
		{name: "nothing changed"},
		{name: "missing weight", change: func(f *forgery) { f.drop(weightsFile, queryBias) }, says: []string{weightsFile, queryBias}},
		{name: "extra weight", change: func(f *forgery) {
			f.files[weightsFile].Tensors = append(f.files[weightsFile].Tensors, checkpoint.Of("more", []int{1}, []float32{0}))
		}, says: []string{weightsFile, `"more"`}},
		{name: "another shape", change: func(f *forgery) { f.tensor(weightsFile, queryBias).Shape = []int{2, 16} }, says: []string{weightsFile, queryBias, "[2 16]"}},
		{name: "another type", change: func(f *forgery) { f.tensor(weightsFile, queryBias).DType = checkpoint.I32 }, says: []string{weightsFile, queryBias, "I32"}},
		{name: "without topology", change: func(f *forgery) { f.drop(weightsFile, queryWeight+".rows", queryWeight+".cols") }, says: []string{weightsFile, queryWeight + ".rows"}},
		{name: "block row out of range", change: func(f *forgery) { f.set(weightsFile, queryWeight+".rows", 2, 4) }, says: []string{weightsFile, queryWeight, "4"}},
		{name: "negative block column", change: func(f *forgery) { f.set(weightsFile, queryWeight+".cols", 2, -1) }, says: []string{weightsFile, queryWeight, "-1"}},
		{name: "block given twice", change: func(f *forgery) {
			for _, key := range []string{".rows", ".cols"} {
				f.set(weightsFile, queryWeight+key, 1, f.get(weightsFile, queryWeight+key, 0))
			}
		}, says: []string{weightsFile, queryWeight}},
		{name: "missing moment", change: func(f *forgery) { f.drop(optimizerFile, queryWeight+".m") }, says: []string{optimizerFile, queryWeight + ".m"}, evaluates: true},
		{name: "active block not explored", change: func(f *forgery) {
			f.tensor(optimizerFile, queryWeight+".explored").Data = make([]byte, 8)
		}, says: []string{optimizerFile, queryWeight}, evaluates: true},
		{name: "newer version", change: func(f *forgery) {
			f.raw = func(dir string) { reseal(f.t, dir, `"version": 1`, `"version": 2`) }
		}, says: []string{"trainer.json", "version", "found 2"}},
		{name: "unknown field", change: func(f *forgery) {
			f.raw = func(dir string) { reseal(f.t, dir, `"version": 1`, `"version": 1, "x": 2`) }
		}, says: []string{"trainer.json", "x"}},
		{name: "another step", change: func(f *forgery) {
			f.raw = func(dir string) { reseal(f.t, dir, `"step": 6`, `"step": 7`) }
		}, says: []string{"trainer.json", "step", "7"}},
		{name: "state of another kind", change: func(f *forgery) { f.state["window"] = "open" }, says: []string{"trainer.json", "state"}},
		{name: "vocabulary of another size", change: func(f *forgery) { f.state["vocab"] = f.state["vocab"].([]any)[:29] }, says: []string{"trainer.json", "29", "30"}},
		{name: "token twice", change: func(f *forgery) { v := f.state["vocab"].([]any); v[7] = v[6] }, says: []string{"trainer.json", "again"}},
		{name: "impossible model", change: func(f *forgery) { f.state["model"].(map[string]any)["num_attention_heads"] = 3 }, says: []string{"trainer.json", "heads", "3"}},
		{name: "overlapping tensors", change: func(f *forgery) {
			f.raw = func(dir string) {
				rewrite(f.t, dir, weightsFile, func(file []byte) []byte { return header(`"data_offsets":[0,`, `"data_offsets":[4,`)(file) })
			}
		}, says: []string{weightsFile, "tensor"}},
		{name: "header longer than the file", change: func(f *forgery) {
			f.raw = func(dir string) {
				rewrite(f.t, dir, weightsFile, func(file []byte) []byte { file[6] = 1; return file })
			}
		}, says: []string{weightsFile, "header length"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := read(t)
			f.t = t
			if c.change != nil {
				c.change(f)
			}
			path, err := checkpoint.Save(folder, good.Step, f.files, f.state, good.ConfigSHA256)
			if err != nil {
				t.Fatal(err)
			}
			if f.raw != nil {
				f.raw(path)
			}
			before := tree(t, dir)
			for _, args := range [][]string{{"inspect", "--checkpoint", dir}, {"train", "--resume", "--quiet", "--output-dir", dir}, {"eval", "--checkpoint", dir}} {
				if c.change == nil || c.evaluates && args[0] == "eval" {
					if code, _, errs := invoke(args...); code != exit.Done {
						t.Errorf("%s: exit code %d: %s", args[0], code, errs)
					}
					continue
				}
				line := badInput{args: args, says: c.says}.check(t)
				if !strings.Contains(line, path) {
					t.Errorf("%s: found %q, expected the path of the file", args[0], line)
				}
				if after := tree(t, dir); !slices.Equal(before, after) {
					t.Errorf("%s: the run folder went from %v to %v", args[0], before, after)
				}
			}
		})
	}
}
