package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// reshape gives a folder's tensor other rows, the first ones of those it has, and then zeros.
func reshape(t *testing.T, folder, name string, rows int) {
	t.Helper()
	path := filepath.Join(folder, "model.safetensors")
	f := checkpointtest.Read(t, path)
	for i := range f.Tensors {
		if x := &f.Tensors[i]; x.Name == name {
			row := len(x.Data) / x.Shape[0]
			x.Data = append(x.Data, make([]byte, row*rows)...)[:row*rows]
			x.Shape = append([]int{rows}, x.Shape[1:]...)
		}
	}
	if err := checkpoint.WriteFile(path, f); err != nil {
		t.Fatal(err)
	}
}

// editJSON changes keys of a JSON file.
func editJSON(t *testing.T, path string, values map[string]any) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(read(t, path), &all); err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		all[key] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// What is imported can be trained: weights that no run can have are refused at once.
func TestImportRefuses(t *testing.T) {
	_, folder := exported(t, "--method", "dense")
	for name, c := range map[string]struct {
		key, tensor string
		rows        int
		says        string
	}{
		"one segment":   {"type_vocab_size", "bert.embeddings.token_type_embeddings.weight", 1, "type_vocab_size 1"},
		"few positions": {"max_position_embeddings", "bert.embeddings.position_embeddings.weight", 5, "seq_len: found 5"},
	} {
		other := t.TempDir()
		if err := os.CopyFS(other, os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
		reshape(t, other, c.tensor, c.rows)
		editJSON(t, filepath.Join(other, "config.json"), map[string]any{c.key: c.rows})
		out := filepath.Join(t.TempDir(), "out")
		code, _, errs := invoke("import", "--from", other, "--out", out)
		if code != exit.Usage || !strings.Contains(errs, c.says) {
			t.Errorf("%s: found exit code %d and %q, expected %d and %q", name, code, errs, exit.Usage, c.says)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: found a checkpoint, expected none", name)
		}
		if code, _, errs := invoke(quick(filepath.Join(t.TempDir(), "run"), "--init-from", other, "--layers", "0", "--hidden", "0", "--heads", "0", "--ffn", "0")...); code != exit.Usage {
			t.Errorf("%s: train: found exit code %d and %q, expected %d", name, code, errs, exit.Usage)
		}
	}
}

// A folder with a padded table and a cased tokenizer is imported, evaluated, trained on and
// written back as what it is.
func TestCasedFolder(t *testing.T) {
	_, folder := exported(t, "--method", "dense")
	for _, name := range []string{"tokenizer_config.json", "vocab.txt", "tokenizer.json"} {
		if name == "tokenizer_config.json" {
			editJSON(t, filepath.Join(folder, name), map[string]any{"do_lower_case": false})
		} else if name == "tokenizer.json" {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := strings.Count(string(read(t, folder, "vocab.txt")), "\n")
	padded := (n + 8) / 8 * 8
	reshape(t, folder, "bert.embeddings.word_embeddings.weight", padded)
	reshape(t, folder, "cls.predictions.bias", padded)
	editJSON(t, filepath.Join(folder, "config.json"), map[string]any{"vocab_size": padded})

	imported, out := filepath.Join(t.TempDir(), "imported"), filepath.Join(t.TempDir(), "out")
	code, _, errs := invoke("import", "--from", folder, "--out", imported)
	if code != exit.Done || !strings.Contains(errs, "belong to no token") {
		t.Fatalf("found exit code %d and %q, expected a word about the rows of no token", code, errs)
	}
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	done(t, "eval", "--checkpoint", imported, "--corpus", text, "--device", "cpu")
	run := in.none("run")
	done(t, quick(run, "--init-from", imported, "--corpus", text, "--layers", "0", "--hidden", "0", "--heads", "0", "--ffn", "0")...)
	done(t, "export", "--checkpoint", run, "--out", out)
	var written struct {
		Lower bool `json:"do_lower_case"`
	}
	if err := json.Unmarshal(read(t, out, "tokenizer_config.json"), &written); err != nil || written.Lower {
		t.Errorf("found %+v and error %v, expected do_lower_case false", written, err)
	}
	if !strings.Contains(string(read(t, out, "tokenizer.json")), `"lowercase": false`) {
		t.Error("found no \"lowercase\": false in tokenizer.json")
	}
}

// Weights with one segment type are of use without next sentence prediction: they are
// imported, evaluated, trained on and exported.
func TestOneSegment(t *testing.T) {
	_, folder := exported(t, "--method", "dense")
	reshape(t, folder, "bert.embeddings.token_type_embeddings.weight", 1)
	editJSON(t, filepath.Join(folder, "config.json"), map[string]any{"type_vocab_size": 1})
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	imported, run, out := in.none("imported"), in.none("run"), in.none("out")
	done(t, "import", "--from", folder, "--out", imported, "--no-nsp")
	said := done(t, "eval", "--checkpoint", imported, "--corpus", text, "--device", "cpu")
	if strings.Contains(said, "next sentence") || !strings.Contains(said, "masked tokens") {
		t.Errorf("found %q, expected masked tokens alone", said)
	}
	said = done(t, "eval", "--checkpoint", imported, "--corpus", text, "--device", "cpu", "--json")
	if !strings.Contains(said, `"nsp_loss": null`) || !strings.Contains(said, `"nsp_accuracy": null`) {
		t.Errorf("found %q, expected null for what is not there", said)
	}
	summary := done(t, quick(run, "--init-from", folder, "--no-nsp", "--corpus", text, "--layers", "0", "--hidden", "0", "--heads", "0", "--ffn", "0")...)
	if strings.Contains(summary, "next sentence") {
		t.Errorf("found %q, expected masked tokens alone", summary)
	}
	done(t, "inspect", "--checkpoint", run)
	done(t, "report", run, "--out", in.none("report"))
	done(t, "export", "--checkpoint", run, "--out", out)
	if config := string(read(t, out, "config.json")); !strings.Contains(config, `"BertForMaskedLM"`) || !strings.Contains(config, `"type_vocab_size": 1`) {
		t.Errorf("found %q, expected BertForMaskedLM with one segment type", config)
	}
	if card := string(read(t, out, "README.md")); !strings.Contains(card, "BertForMaskedLM") || strings.Contains(card, "NSP") {
		t.Errorf("found the model card %q, expected nothing of NSP", card)
	}
}

// A vocabulary is read from a tokenizer.json too, which says itself that it is cased.
func TestVocabFromTokenizer(t *testing.T) {
	_, folder := exported(t, "--method", "dense")
	tokenizer := filepath.Join(folder, "tokenizer.json")
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	run := in.none("run")
	done(t, quick(run, "--corpus", text, "--vocab", tokenizer)...)
	if want, got := read(t, folder, "vocab.txt"), read(t, run, "vocab.txt"); string(want) != string(got) {
		t.Errorf("found another vocabulary than that of %s", tokenizer)
	}
	done(t, "eval", "--checkpoint", run, "--vocab", tokenizer, "--device", "cpu")

	editJSON(t, tokenizer, map[string]any{"normalizer": map[string]any{"type": "BertNormalizer", "lowercase": false}})
	shards := in.none("shards")
	done(t, "prepare", "--corpus", text, "--vocab", tokenizer, "--out", shards)
	if index := string(read(t, shards, "index.json")); !strings.Contains(index, `"cased": true`) {
		t.Errorf("found %q, expected shards of cased text", index)
	}
	for says, args := range map[string][]string{
		"BertNormalizer":  {"--vocab", in.file("other.json", `{"model": {"type": "BPE"}}`)},
		"Git LFS pointer": {"--vocab", in.file("lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")},
		"tokens without":  {"--vocab", in.file("words", "a\nb\n")},
	} {
		for _, command := range [][]string{{"prepare", "--out", in.none("out")}, {"train", "--dry-run"}} {
			code, _, errs := invoke(append(append(command, "--corpus", text), args...)...)
			if code != exit.Usage || !strings.Contains(errs, says) {
				t.Errorf("%v: found exit code %d and %q, expected %d and %q", command, code, errs, exit.Usage, says)
			}
		}
	}
}
