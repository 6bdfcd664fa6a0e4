package huggingface

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// sameWeights compares every parameter of a folder with what was written.
func sameWeights(t *testing.T, dir string, c model.Config, allowed float64) {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Config != c {
		t.Errorf("found configuration %+v, expected %+v", s.Config, c)
	}
	if s.Vocab == nil || s.Vocab.SHA256() != vocabulary(t, 7).SHA256() {
		t.Errorf("found another vocabulary than was written")
	}
	table, err := model.Table(tiny(model.Dynamic)) // how the values were made
	if c.Method == model.Dense {
		table, err = model.Table(tiny(model.Dense))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table {
		got, err := s.Dense(row)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := made{t}.Dense(row)
		for i := range want {
			if !(math.Abs(float64(got[i]-want[i])) <= allowed*math.Abs(float64(want[i]))) {
				t.Fatalf("%s[%d]: found %v, expected %v", row.Name, i, got[i], want[i])
			}
		}
	}
}

// dense is the configuration that a folder of dense weights says.
func dense() model.Config {
	c := tiny(model.Dense)
	c.Sparsity, c.BlockSize = 0, 0
	return c
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	sameWeights(t, written(t, model.Dense, FormatHF), dense(), 0)
	sameWeights(t, written(t, model.Dynamic, FormatSparse), tiny(model.Dynamic), 0)
	a, b := written(t, model.Static, FormatSparse), written(t, model.Static, FormatSparse)
	for _, name := range []string{configFile, sparseFile, vocabFile, tokenizerFile, tokenizerConfigFile, specialTokensFile, cardFile} {
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		y, _ := os.ReadFile(filepath.Join(b, name))
		if !slices.Equal(x, y) {
			t.Errorf("%s: found other bytes the second time", name)
		}
	}
	if _, err := os.Stat(filepath.Join(a, weightsFile)); err == nil {
		t.Errorf("found %s in the compact format, which transformers would open", weightsFile)
	}
}

// toHalf rounds toward zero, which is enough for a test.
func toHalf(t *testing.T, f *checkpoint.File, kind checkpoint.DType) {
	for i, x := range f.Tensors {
		values := make([]float32, len(x.Data)/4)
		if _, err := binary.Decode(x.Data, binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		var data []byte
		for _, v := range values {
			bits := math.Float32bits(v)
			half := uint16(bits >> 16)
			if kind == checkpoint.F16 {
				half = uint16(bits>>31<<15 | (bits>>23&0xff-127+15)<<10 | bits>>13&0x3ff)
				if math.Abs(float64(v)) < 0x1p-14 {
					half = uint16(bits>>31<<15 | uint32(math.Abs(float64(v))*0x1p24))
				}
			}
			data = binary.LittleEndian.AppendUint16(data, half)
		}
		f.Tensors[i] = checkpoint.Tensor{Info: checkpoint.Info{Name: x.Name, DType: kind, Shape: x.Shape}, Data: data}
	}
}

func TestOtherFoldersOfTheSameWeights(t *testing.T) {
	for name, change := range map[string]func(dir string){
		"no architectures, no type": func(dir string) {
			edit(t, dir, configFile, map[string]any{"architectures": nil, "model_type": nil, "position_embedding_type": nil})
		},
		"old names": func(dir string) {
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
				for i := range f.Tensors {
					n := &f.Tensors[i].Name
					*n = strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta").Replace(*n)
				}
				f.Tensors = append(f.Tensors, checkpoint.Of("bert.embeddings.position_ids", []int{1, 2}, []int64{0, 1}))
			})
		},
		"names of BertModel": func(dir string) {
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
				for i := range f.Tensors {
					f.Tensors[i].Name = strings.TrimPrefix(f.Tensors[i].Name, "bert.")
				}
			})
		},
		"tied copies": func(dir string) {
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
				for from, to := range map[string]string{wordEmbeddings: decoderWeight, predictionBias: decoderBias} {
					x := *tensor(t, f, from)
					x.Name = to
					f.Tensors = append(f.Tensors, x)
				}
			})
		},
		"the decoder's weight alone": func(dir string) {
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) { tensor(t, f, wordEmbeddings).Name = decoderWeight })
		},
		"the decoder's bias alone": func(dir string) {
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) { tensor(t, f, predictionBias).Name = decoderBias })
		},
		"shards": func(dir string) {
			f := checkpointtest.Read(t, filepath.Join(dir, weightsFile))
			where := map[string]string{}
			for i, name := range []string{"model-1.safetensors", "model-2.safetensors"} {
				part := &checkpoint.File{Tensors: f.Tensors[i*10 : i*10+10]}
				if i == 1 {
					part.Tensors = f.Tensors[10:]
				}
				for _, x := range part.Tensors {
					where[x.Name] = name
				}
				if err := checkpoint.WriteFile(filepath.Join(dir, name), part); err != nil {
					t.Fatal(err)
				}
			}
			os.Remove(filepath.Join(dir, weightsFile))
			text, _ := json.Marshal(map[string]any{"weight_map": where})
			put(t, dir, indexFile, string(text))
		},
		"tokenizer.json alone": func(dir string) { os.Remove(filepath.Join(dir, vocabFile)) },
		"vocab.txt alone": func(dir string) {
			for _, name := range []string{tokenizerFile, tokenizerConfigFile, specialTokensFile} {
				os.Remove(filepath.Join(dir, name))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, model.Dense, FormatHF)
			change(dir)
			sameWeights(t, dir, dense(), 0)
		})
	}
	for kind, allowed := range map[checkpoint.DType]float64{checkpoint.F16: 0x1p-10, checkpoint.BF16: 0x1p-7} {
		t.Run(string(kind), func(t *testing.T) {
			dir := written(t, model.Dense, FormatHF)
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) { toHalf(t, f, kind) })
			sameWeights(t, dir, dense(), allowed)
		})
	}
}

// Every half-precision number, by its definition.
func TestHalves(t *testing.T) {
	for bits := range 1 << 16 {
		src := binary.LittleEndian.AppendUint16(nil, uint16(bits))
		var got [1]float32
		widenHalf(got[:], src)
		exponent, fraction := bits>>10&31, float64(bits&1023)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction/1024, -14)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if bits>>15 == 1 {
			want = -want
		}
		if float64(got[0]) != want && !(math.IsNaN(want) && got[0] != got[0]) || math.Signbit(float64(got[0])) != (bits>>15 == 1) && want == want {
			t.Fatalf("%#04x: found %v, expected %v", bits, got[0], want)
		}
		widenBrain(got[:], src)
		if math.Float32bits(got[0]) != uint32(bits)<<16 {
			t.Fatalf("%#04x: found bits %#08x as bfloat16", bits, math.Float32bits(got[0]))
		}
	}
}

func TestMissingHeads(t *testing.T) {
	dir := written(t, model.Dense, FormatHF)
	rewrite(t, dir, weightsFile, func(f *checkpoint.File) { drop(f, "cls.seq_relationship"); drop(f, "bert.pooler") })
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := []string{"bert.pooler.dense.weight", "bert.pooler.dense.bias", "cls.seq_relationship.weight", "cls.seq_relationship.bias"}
	if !slices.Equal(s.Missing, want) {
		t.Errorf("found %v missing, expected %v", s.Missing, want)
	}
	if v, err := s.Dense(model.Tensor{Name: want[0], Out: 8, In: 8}); v != nil || err != nil {
		t.Errorf("a missing tensor gave %v, %v", v, err)
	}
}

func TestBadFolders(t *testing.T) {
	weights := func(change func(f *checkpoint.File)) func(string) {
		return func(dir string) { rewrite(t, dir, weightsFile, change) }
	}
	config := func(key string, value any) func(string) {
		return func(dir string) { edit(t, dir, configFile, map[string]any{key: value}) }
	}
	pickled := func(dir string) {
		os.Remove(filepath.Join(dir, weightsFile))
		put(t, dir, "pytorch_model.bin", "x")
	}
	for _, c := range []struct {
		name   string
		change func(dir string)
		says   []string
	}{
		{"no folder", func(dir string) { os.RemoveAll(dir) }, []string{"no such folder", "nothing is downloaded"}},
		{"no config", func(dir string) { os.Remove(filepath.Join(dir, configFile)) }, []string{"no config.json"}},
		{"config no JSON", func(dir string) { put(t, dir, configFile, "[1]") }, []string{configFile, "no JSON object"}},
		{"another architecture", config("model_type", "roberta"), []string{"model_type", "roberta", `"bert"`}},
		{"another class", config("architectures", []string{"BertForQuestionAnswering"}), []string{"BertForQuestionAnswering", "BertForMaskedLM"}},
		{"a decoder", config("is_decoder", true), []string{"is_decoder", "true", "false"}},
		{"another activation", config("hidden_act", "gelu_new"), []string{"hidden_act", "gelu_new", "error function"}},
		{"relative positions", config("position_embedding_type", "relative_key"), []string{"relative_key", "absolute"}},
		{"another epsilon", config("layer_norm_eps", 1e-5), []string{"layer_norm_eps", "0.00001", "1e-12"}},
		{"untied", config("tie_word_embeddings", false), []string{"tie_word_embeddings"}},
		{"pruned heads", config("pruned_heads", map[string]any{"0": []int{1}}), []string{"pruned_heads"}},
		{"no size", config("hidden_size", nil), []string{"hidden_size", "no such key"}},
		{"no number", config("num_hidden_layers", "two"), []string{"num_hidden_layers", "two", "whole number"}},
		{"heads", config("num_attention_heads", 3), []string{"heads 3", "divisor"}},
		{"other size", config("intermediate_size", 12), []string{"intermediate.dense", "[16 8]", "[12 8]"}},
		{"more layers", config("num_hidden_layers", 2), []string{"layer.1.", "no such tensor"}},
		{"fewer segments", config("type_vocab_size", 1), []string{"token_type_embeddings", "[2 8]", "[1 8]"}},
		{"another size of vocabulary", config("vocab_size", 8), []string{"word_embeddings", "[7 8]", "[8 8]"}},
		{"a smaller table", config("vocab_size", 6), []string{"7 tokens", "at most 6", "vocab_size"}},
		{"pickle", pickled, []string{"pytorch_model.bin", "pickle", "model.safetensors", `python -c "import torch, safetensors.torch`}},
		{"a pointer to weights", func(dir string) {
			put(t, dir, weightsFile, "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("0", 64)+"\nsize 440449768\n")
		}, []string{weightsFile, "Git LFS pointer", "git lfs pull"}},
		{"a page for a configuration", func(dir string) { put(t, dir, configFile, "<!DOCTYPE html><html></html>") }, []string{configFile, "HTML"}},
		{"no weights", func(dir string) { os.Remove(filepath.Join(dir, weightsFile)) }, []string{"no model.safetensors"}},
		{"cut weights", func(dir string) { os.Truncate(filepath.Join(dir, weightsFile), 5000) }, []string{weightsFile}},
		{"no tensor", weights(func(f *checkpoint.File) { drop(f, "bert.encoder.layer.0.output.dense.bias") }), []string{"output.dense.bias", "no such tensor"}},
		{"half a head", weights(func(f *checkpoint.File) { drop(f, "cls.predictions.bias") }), []string{"mlm head", "1 of its 5", "cls.predictions.bias"}},
		{"a tensor more", weights(func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Of("classifier.weight", []int{1}, []float32{1}))
		}), []string{"classifier.weight", "unexpected"}},
		{"two names of one", weights(func(f *checkpoint.File) {
			x := *tensor(t, f, "bert.pooler.dense.bias")
			x.Name = "pooler.dense.bias"
			f.Tensors = append(f.Tensors, x)
		}), []string{"pooler.dense.bias", "second"}},
		{"double precision", weights(func(f *checkpoint.File) {
			*tensor(t, f, "bert.pooler.dense.bias") = checkpoint.Of("bert.pooler.dense.bias", []int{8}, make([]float64, 8))
		}), []string{"pooler.dense.bias", "F64", "BF16"}},
		{"an own decoder", weights(func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Of(decoderWeight, []int{7, 8}, make([]float32, 56)))
		}), []string{"decoder.weight", "tied"}},
		{"controls kept", func(dir string) { edit(t, dir, tokenizerFile, map[string]any{"normalizer.clean_text": false}) }, []string{"clean_text", "true"}},
		{"another class of tokenizer", func(dir string) {
			edit(t, dir, tokenizerConfigFile, map[string]any{"tokenizer_class": "BertJapaneseTokenizer"})
		}, []string{"tokenizer_class", "BertJapaneseTokenizer"}},
		{"another splitter", func(dir string) { edit(t, dir, tokenizerFile, map[string]any{"pre_tokenizer.type": "Whitespace"}) }, []string{"Whitespace", "BertPreTokenizer"}},
		{"an added token out of place", func(dir string) {
			edit(t, dir, tokenizerFile, map[string]any{"added_tokens": []map[string]any{{"id": 9, "content": "[NEW]"}}})
		}, []string{"[NEW]", "id 9", "or 7"}},
		{"another normalizer", func(dir string) { edit(t, dir, tokenizerFile, map[string]any{"normalizer.type": "NFC"}) }, []string{"NFC", "BertNormalizer"}},
		{"another tokenizer", func(dir string) { edit(t, dir, tokenizerFile, map[string]any{"model.type": "BPE"}) }, []string{"BPE", "WordPiece"}},
		{"other words", func(dir string) { put(t, dir, vocabFile, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nx\ny\n") }, []string{"other tokens"}},
		{"an id twice", func(dir string) {
			edit(t, dir, tokenizerFile, map[string]any{"model.vocab": map[string]int{"[PAD]": 0, "a": 0}})
		}, []string{"model.vocab", "id 0"}},
		{"index out of the folder", func(dir string) {
			os.Remove(filepath.Join(dir, weightsFile))
			put(t, dir, indexFile, `{"weight_map": {"a": "../x.safetensors"}}`)
		}, []string{"../x.safetensors", "plain"}},
		{"index without its file", func(dir string) {
			os.Remove(filepath.Join(dir, weightsFile))
			put(t, dir, indexFile, `{"weight_map": {"a": "x.safetensors"}}`)
		}, []string{"no x.safetensors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := written(t, model.Dense, FormatHF)
			c.change(dir)
			s, err := Open(dir)
			if err == nil {
				s.Close()
				t.Fatal("found a folder that opens, expected an error")
			}
			if !errors.Is(err, ErrFormat) && !errors.Is(err, checkpoint.ErrCorrupt) && !errors.Is(err, model.ErrConfig) && !errors.Is(err, corpus.ErrBadData) {
				t.Errorf("found an error of no kind: %v", err)
			}
			for _, word := range append(c.says, "found", "expected") {
				if !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
					t.Errorf("found %q, expected one line that names %s", err, word)
				}
			}
		})
	}
}

func TestNumbersThatAreNotFinite(t *testing.T) {
	dir := written(t, model.Dense, FormatHF)
	rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
		binary.LittleEndian.PutUint32(tensor(t, f, "bert.pooler.dense.bias").Data[12:], math.Float32bits(float32(math.Inf(1))))
	})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Dense(model.Tensor{Name: "bert.pooler.dense.bias", Out: 1, In: 8, Vector: true}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "element 3") {
		t.Errorf("found error %v, expected one about element 3", err)
	}
}

func TestDamagedCompactFolders(t *testing.T) {
	const name = "bert.encoder.layer.0.output.dense.weight"
	for _, c := range []struct {
		what   string
		change func(f *checkpoint.File)
		says   string
	}{
		{"no columns", func(f *checkpoint.File) { drop(f, name+checkpoint.KeyCols) }, "cols"},
		{"a block twice", func(f *checkpoint.File) {
			for _, key := range []string{checkpoint.KeyRows, checkpoint.KeyCols} {
				clear(tensor(t, f, name+key).Data)
			}
		}, "topology"},
		{"a block outside", func(f *checkpoint.File) { tensor(t, f, name+checkpoint.KeyRows).Data[2] = 9 }, "topology"},
	} {
		dir := written(t, model.Dynamic, FormatSparse)
		rewrite(t, dir, sparseFile, c.change)
		s, err := Open(dir)
		if err == nil {
			table, _ := model.Table(s.Config)
			for _, row := range table {
				if row.Name == name {
					_, err = s.Sparse(row)
				}
			}
			s.Close()
		}
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: found error %v, expected one about %s", c.what, err, c.says)
		}
	}
}
