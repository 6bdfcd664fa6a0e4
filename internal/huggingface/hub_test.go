package huggingface

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// hubFolder is a folder as it lies on the hub, with small sizes in place of its own: the
// keys of its files, and the names of its tensors.
type hubFolder struct {
	name            string
	config          string // its sizes are tiny's
	tokenizerConfig string // "": none
	tokenizer       string // tokenizer.json with V for the vocabulary; "": none
	text            bool   // vocab.txt is there
	normalizer      corpus.Normalizer
	rename          []string // pairs, for the names of tensors
}

const (
	hubSizes = `"hidden_size": 8, "intermediate_size": 16, "max_position_embeddings": 9, "num_attention_heads": 2,
		"num_hidden_layers": 1, "type_vocab_size": 2, "vocab_size": 7`
	hubPooler = `"pooler_fc_size": 768, "pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3,
		"pooler_size_per_head": 128, "pooler_type": "first_token_transform", "directionality": "bidi"`
	hubDropout = `"attention_probs_dropout_prob": 0.25, "hidden_dropout_prob": 0.25`
	// As tokenizers of before 0.9 wrote it.
	hubTokenizer = `{"version":"1.0","truncation":{"max_length":512,"strategy":"LongestFirst","stride":0},"padding":null,
		"added_tokens":[{"id":0,"special":true,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
		{"id":1,"special":true,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
		{"id":4,"special":true,"content":"[MASK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],
		"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":LOWER},
		"pre_tokenizer":{"type":"BertPreTokenizer"},
		"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}]},
		"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
		"model":{"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":V}}`
)

// tensorFlow are the names that checkpoints of 2018 were converted with.
var tensorFlow = []string{"LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta"}

var hubFolders = []hubFolder{
	{name: "bert-base-uncased", config: `{"architectures": ["BertForMaskedLM"], "gradient_checkpointing": false, "hidden_act": "gelu", ` + hubDropout + `,
		"initializer_range": 0.02, "layer_norm_eps": 1e-12, "model_type": "bert", "pad_token_id": 0, "position_embedding_type": "absolute",
		"transformers_version": "4.6.0.dev0", "use_cache": true, ` + hubSizes + `}`,
		tokenizerConfig: `{"do_lower_case": true, "model_max_length": 512}`, tokenizer: strings.ReplaceAll(hubTokenizer, "LOWER", "true"), text: true, rename: tensorFlow},
	{name: "bert-base-cased", config: `{"architectures": ["BertForMaskedLM"], "gradient_checkpointing": false, "hidden_act": "gelu", ` + hubDropout + `,
		"initializer_range": 0.02, "layer_norm_eps": 1e-12, "model_type": "bert", "pad_token_id": 0, "position_embedding_type": "absolute", ` + hubSizes + `}`,
		tokenizerConfig: `{"do_lower_case": false, "model_max_length": 512}`, tokenizer: strings.ReplaceAll(hubTokenizer, "LOWER", "false"), text: true,
		normalizer: corpus.CasedNormalizer(), rename: tensorFlow},
	{name: "bert-base-chinese", config: `{"architectures": ["BertForMaskedLM"], "hidden_act": "gelu", ` + hubDropout + `, ` + hubPooler + `,
		"initializer_range": 0.02, "layer_norm_eps": 1e-12, "model_type": "bert", "pad_token_id": 0, ` + hubSizes + `}`,
		tokenizerConfig: `{"do_lower_case": false, "model_max_length": 512}`, tokenizer: strings.ReplaceAll(hubTokenizer, "LOWER", "false"), text: true,
		normalizer: corpus.CasedNormalizer(), rename: tensorFlow},
	{name: "bert-base-multilingual-cased", config: `{"architectures": ["BertForMaskedLM"], "hidden_act": "gelu", ` + hubDropout + `, ` + hubPooler + `,
		"initializer_range": 0.02, "layer_norm_eps": 1e-12, "model_type": "bert", "pad_token_id": 0, "position_embedding_type": "absolute", "use_cache": true, ` + hubSizes + `}`,
		tokenizerConfig: `{"do_lower_case": false, "model_max_length": 512}`, tokenizer: strings.ReplaceAll(hubTokenizer, "LOWER", "false"), text: true,
		normalizer: corpus.CasedNormalizer()},
	{name: "google/bert_uncased_L-4_H-256_A-4", config: `{"hidden_act": "gelu", ` + hubDropout + `, "initializer_range": 0.02, "model_type": "bert", ` + hubSizes + `}`, text: true},
	{name: "prajjwal1/bert-tiny", config: `{"hidden_act": "gelu", ` + hubDropout + `, "initializer_range": 0.02, ` + hubSizes + `}`, text: true},
	{name: "saved by transformers 5", config: `{"architectures": ["BertForPreTraining"], "hidden_act": "gelu", ` + hubDropout + `, "dtype": "float32", "bos_token_id": null,
		"initializer_range": 0.02, "layer_norm_eps": 1e-12, "model_type": "bert", "tie_word_embeddings": true, "is_decoder": false, "add_cross_attention": false, ` + hubSizes + `}`,
		tokenizerConfig: `{"backend": "tokenizers", "cls_token": "[CLS]", "do_lower_case": false, "is_local": true, "strip_accents": true, "tokenize_chinese_chars": false, "tokenizer_class": "BertTokenizer"}`,
		tokenizer:       strings.ReplaceAll(hubTokenizer, "LOWER", "false"), normalizer: corpus.Normalizer{Cased: true, JoinIdeographs: true}},
	{name: "wrapped for several devices", config: `{"hidden_act": "gelu", ` + hubDropout + `, ` + hubSizes + `}`, text: true, rename: []string{"bert.", "module.bert.", "cls.", "module.cls."}},
	{name: "compiled", config: `{"hidden_act": "gelu_python", ` + hubDropout + `, ` + hubSizes + `}`, text: true, rename: []string{"bert.", "_orig_mod.module.bert.", "cls.", "_orig_mod.module.cls."}},
}

// make writes the folder.
func (h hubFolder) make(t *testing.T) string {
	t.Helper()
	dir := written(t, model.Dense, FormatHF)
	for _, name := range []string{tokenizerFile, tokenizerConfigFile, specialTokensFile, vocabFile, cardFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	v := vocabulary(t, 7)
	put(t, dir, configFile, h.config)
	if h.tokenizerConfig != "" {
		put(t, dir, tokenizerConfigFile, h.tokenizerConfig)
	}
	if h.tokenizer != "" {
		words, err := vocabObject(v)
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, tokenizerFile, strings.Replace(h.tokenizer, ":V}", ":"+string(words)+"}", 1))
	}
	if h.text {
		put(t, dir, vocabFile, strings.Join(v.Tokens(), "\n")+"\n")
	}
	rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
		for i := range f.Tensors {
			for r := 0; r < len(h.rename); r += 2 {
				if n := &f.Tensors[i].Name; strings.HasPrefix(*n, h.rename[r]) || strings.HasSuffix(*n, h.rename[r]) {
					*n = strings.Replace(*n, h.rename[r], h.rename[r+1], 1)
				}
			}
		}
	})
	return dir
}

// Folders as they lie on the hub are read, written and read again.
func TestHubFolders(t *testing.T) {
	for _, h := range hubFolders {
		t.Run(h.name, func(t *testing.T) {
			dir := h.make(t)
			sameWeights(t, dir, dense(), 0)
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.Vocab.Normalizer() != h.normalizer {
				t.Errorf("found text that is %s, expected %s", s.Vocab.Normalizer(), h.normalizer)
			}
			back := filepath.Join(t.TempDir(), "back")
			if err := Write(t.Context(), back, Content{Format: FormatHF, Config: s.Config, Vocab: s.Vocab, Weights: made{t}}); err != nil {
				t.Fatal(err)
			}
			sameWeights(t, back, dense(), 0)
			for _, drop := range []string{"", vocabFile, tokenizerFile} { // what is left says the same
				if drop != "" {
					os.Rename(filepath.Join(back, drop), filepath.Join(back, drop+".away"))
				}
				again, err := Open(back)
				if err != nil {
					t.Fatal(err)
				}
				if got := again.Vocab.Normalizer(); got != h.normalizer || len(again.Notes) > 0 {
					t.Errorf("without %q: found text that is %s and notes %q, expected %s and none", drop, got, again.Notes, h.normalizer)
				}
				again.Close()
				if drop != "" {
					os.Rename(filepath.Join(back, drop+".away"), filepath.Join(back, drop))
				}
			}
		})
	}
}

// pad puts rows of no token behind those of the vocabulary.
func pad(t *testing.T, f *checkpoint.File, rows int) {
	for name, width := range map[string]int{wordEmbeddings: 8, predictionBias: 1} {
		x := tensor(t, f, name)
		x.Data = append(x.Data, make([]byte, 4*width*rows)...)
		for i := range width * rows {
			x.Data[len(x.Data)-4*i-2] = 0xc0 // not a number, where it is read
			x.Data[len(x.Data)-4*i-1] = 0x7f
		}
		x.Shape = slices.Clone(x.Shape)
		x.Shape[0] += rows
	}
}

// Tables are often larger than the vocabulary: the rows behind it are left out, and said.
func TestPaddedTables(t *testing.T) {
	dir := written(t, model.Dense, FormatHF)
	rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
		pad(t, f, 1)
		copied := *tensor(t, f, wordEmbeddings)
		copied.Name = decoderWeight
		f.Tensors = append(f.Tensors, copied)
	})
	edit(t, dir, configFile, map[string]any{"vocab_size": 8})
	sameWeights(t, dir, dense(), 0)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if want := "the vocabulary has 7 tokens and the token embedding 8 rows"; len(s.Notes) != 1 || !strings.Contains(s.Notes[0], want) {
		t.Errorf("found notes %q, expected one that says %q", s.Notes, want)
	}
}

// Tokens that were added to a vocabulary keep their rows.
func TestAddedTokens(t *testing.T) {
	for name, change := range map[string]func(dir string){
		"tokenizer.json": func(dir string) {
			edit(t, dir, tokenizerFile, map[string]any{"added_tokens": []map[string]any{{"id": 0, "content": "[PAD]"}, {"id": 7, "content": "[NEW]"}}})
		},
		"added_tokens.json": func(dir string) {
			os.Remove(filepath.Join(dir, tokenizerFile))
			put(t, dir, addedTokensFile, `{"[NEW]": 7}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, model.Dense, FormatHF)
			rewrite(t, dir, weightsFile, func(f *checkpoint.File) {
				pad(t, f, 1)
				x := tensor(t, f, wordEmbeddings)
				x.Data = append(x.Data[:len(x.Data)-32:len(x.Data)-32], x.Data[:32]...)
				y := tensor(t, f, predictionBias)
				y.Data = append(y.Data[:len(y.Data)-4:len(y.Data)-4], y.Data[:4]...)
			})
			edit(t, dir, configFile, map[string]any{"vocab_size": 8})
			change(dir)
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if id, ok := s.Vocab.ID("[NEW]"); !ok || id != 7 {
				t.Fatalf("found id %d of the added token, expected 7: %q", id, s.Vocab.Tokens())
			}
			values, err := s.Dense(model.Tensor{Name: wordEmbeddings, Out: 8, In: 8})
			if err != nil || values[56] != values[0] || math.IsNaN(float64(values[57])) {
				t.Errorf("found the row %v and error %v, expected its own", values[max(0, len(values)-8):], err)
			}
		})
	}
}

// Where both files speak of capitals and differ, the one that transformers follows counts.
func TestContradiction(t *testing.T) {
	dir := written(t, model.Dense, FormatHF)
	edit(t, dir, tokenizerConfigFile, map[string]any{"do_lower_case": false})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Vocab.Normalizer() != corpus.CasedNormalizer() || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "cased") {
		t.Errorf("found text that is %s and notes %q, expected the cased one and a note", s.Vocab.Normalizer(), s.Notes)
	}
}

// A class that takes tokenizer.json as it is does not look at what else is said.
func TestClassOfTokenizerFile(t *testing.T) {
	for _, class := range []string{"PreTrainedTokenizerFast", "TokenizersBackend"} {
		dir := written(t, model.Dense, FormatHF)
		edit(t, dir, tokenizerConfigFile, map[string]any{"do_lower_case": false, "tokenizer_class": class})
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if n := s.Vocab.Normalizer(); n != (corpus.Normalizer{}) || len(s.Notes) > 0 {
			t.Errorf("%s: found text that is %s and notes %q, expected tokenizer.json's and none", class, n, s.Notes)
		}
	}
}

// A folder whose text another tokenizer splits has a vocab.txt that would give other ids:
// it is refused, whichever file names the tokenizer.
func TestOtherTokenizers(t *testing.T) {
	for name, c := range map[string]struct {
		config, tokenizerConfig map[string]any
		want                    string // "": it is read
	}{
		"in config.json": {config: map[string]any{"tokenizer_class": "BertJapaneseTokenizer"}, tokenizerConfig: map[string]any{"tokenizer_class": nil},
			want: `config.json: tokenizer_class: found "\"BertJapaneseTokenizer\"", expected BertTokenizer`},
		"in config.json, no tokenizer_config.json": {config: map[string]any{"tokenizer_class": "HerbertTokenizerFast"},
			want: "config.json: tokenizer_class: found"},
		"overruled": {config: map[string]any{"tokenizer_class": "BertJapaneseTokenizer"}},
		"words of MeCab": {tokenizerConfig: map[string]any{"tokenizer_class": nil, "word_tokenizer_type": "mecab"},
			want: `tokenizer_config.json: word_tokenizer_type: found "\"mecab\"", expected "basic"`},
		"characters": {tokenizerConfig: map[string]any{"subword_tokenizer_type": "character"},
			want: `tokenizer_config.json: subword_tokenizer_type: found "\"character\"", expected "wordpiece"`},
		"the same by other words": {tokenizerConfig: map[string]any{"tokenizer_class": nil, "word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece"}},
	} {
		dir := written(t, model.Dense, FormatHF)
		os.Remove(filepath.Join(dir, tokenizerFile))
		edit(t, dir, configFile, c.config)
		edit(t, dir, tokenizerConfigFile, c.tokenizerConfig)
		if strings.Contains(name, "no tokenizer_config.json") {
			os.Remove(filepath.Join(dir, tokenizerConfigFile))
		}
		s, err := Open(dir)
		switch {
		case err == nil:
			s.Close()
			if c.want != "" {
				t.Errorf("%s: read, expected an error with %s", name, c.want)
			}
		case c.want == "" || !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: found %v, expected %q", name, err, c.want)
		}
	}
}

// A key that config.json leaves out has the value of transformers' BertConfig.
func TestKeysLeftOut(t *testing.T) {
	c, err := ParseConfig(configFile, []byte(`{`+hubSizes+`}`))
	if err != nil || c.Dropout != 0.1 {
		t.Errorf("found dropout %v and error %v, expected 0.1", c.Dropout, err)
	}
}

// A byte order mark before JSON is none of its content.
func TestByteOrderMark(t *testing.T) {
	dir := written(t, model.Dense, FormatHF)
	for _, name := range []string{configFile, tokenizerFile, tokenizerConfigFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(text) {
			t.Fatalf("%s is no JSON", name)
		}
		put(t, dir, name, "\ufeff"+string(text))
	}
	sameWeights(t, dir, dense(), 0)
}
