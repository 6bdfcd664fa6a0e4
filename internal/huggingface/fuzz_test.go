package huggingface

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// checkError fails unless a refusal is of a known kind and one line.
func checkError(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrFormat) && !errors.Is(err, model.ErrConfig) && !errors.Is(err, corpus.ErrBadData) {
		t.Fatalf("found an error of no kind: %v", err)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x00") {
		t.Fatalf("found %q, expected one line", err)
	}
}

// seed adds the text of a file that Write wrote, whole, cut and with a byte changed.
func seed(f *testing.F, add func(text []byte), method model.Method, format Format, name string) {
	f.Helper()
	dir := filepath.Join(f.TempDir(), "folder")
	tokens, err := corpus.NewVocab([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b"})
	if err != nil {
		f.Fatal(err)
	}
	if err := Write(f.Context(), dir, Content{Format: format, Config: tiny(method), Vocab: tokens, Weights: made{nil}}); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		f.Fatal(err)
	}
	add(text)
	add(text[:len(text)/2])
	for i := 0; i < len(text); i += len(text)/40 + 1 {
		changed := append([]byte(nil), text...)
		changed[i] ^= 0x13
		add(changed)
	}
}

// What is read is a model that has a table, and it is read the same when it is
// written again.
func FuzzConfig(f *testing.F) {
	add := func(text []byte) { f.Add(text) }
	seed(f, add, model.Dense, FormatHF, configFile)
	seed(f, add, model.Dynamic, FormatSparse, configFile)
	for _, text := range []string{"", "null", "{}", "[]", `{"vocab_size": 1e99}`, `{"sparsebert": null}`, `{"sparsebert": 1}`, `{"hidden_size": "\n"}`, "{\"a\": 1}\xff"} {
		add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig("config.json", text)
		if err != nil {
			checkError(t, err)
			return
		}
		format := FormatHF
		if c.Method != model.Dense {
			format = FormatSparse
		}
		again, err := encodeConfig(c, 0, format)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := ParseConfig("config.json", again); err != nil || d != c {
			t.Fatalf("found %+v and error %v, expected %+v", d, err, c)
		}
	})
}

func FuzzTokenizer(f *testing.F) {
	seed(f, func(text []byte) { f.Add(text) }, model.Dense, FormatHF, tokenizerFile)
	f.Add([]byte(strings.Replace(strings.ReplaceAll(hubTokenizer, "LOWER", "false"), ":V}", `:{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4}}`, 1)))
	for _, text := range []string{"{}", `{"normalizer": null, "model": {}}`, `{"model": {"type": "WordPiece", "vocab": {"a": 7}}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := ParseTokenizer("tokenizer.json", text)
		if err != nil {
			checkError(t, err)
			return
		}
		v := read.Vocab
		for id, token := range v.Tokens() {
			if got, ok := v.ID(token); !ok || got != int32(id) {
				t.Fatalf("found token %q as %d, expected %d", token, got, id)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	for _, text := range []string{`{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}`, `{"weight_map": {"a": "/x.safetensors"}}`, `{"weight_map": []}`, "{}", ""} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		where, err := parseIndex(indexFile, text)
		if err != nil {
			checkError(t, err)
			return
		}
		for tensor, file := range where {
			if filepath.Base(file) != file || !strings.HasSuffix(file, ".safetensors") {
				t.Fatalf("found the file %q for %q, expected a plain name", file, tensor)
			}
		}
	})
}

func FuzzTokenizerConfig(f *testing.F) {
	seed(f, func(text []byte) { f.Add(text) }, model.Dense, FormatHF, tokenizerConfigFile)
	f.Add([]byte(`{"do_lower_case": false}`))
	f.Add([]byte(`{"strip_accents": "no"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := parseTokenizerConfig(tokenizerConfigFile, text); err != nil {
			checkError(t, err)
		}
	})
}
