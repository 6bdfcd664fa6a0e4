package huggingface

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
)

// What corpus.Tokenizer has for constants, in the words of tokenizer.json.
const (
	continuation      = "##"
	maxWordCharacters = 100
	tokenizerClass    = "BertTokenizer"
)

// specialNames are the names under which transformers knows the special tokens,
// with the tokens.
var specialNames = map[string]string{
	"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]",
}

// addedToken is a token that is cut out of the text before anything else.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// WriteTokenizer writes vocab.txt, tokenizer.json, tokenizer_config.json and
// special_tokens_map.json into a folder: a BertTokenizerFast that gives the ids of
// corpus.Tokenizer. maxLength is the longest sequence of the model.
func WriteTokenizer(dir string, v *corpus.Vocab, maxLength int) error {
	err := atomicdir.WriteFile(filepath.Join(dir, vocabFile), func(w io.Writer) error {
		_, err := v.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	fast, err := fastTokenizer(v)
	if err != nil {
		return err
	}
	config := map[string]any{
		"clean_up_tokenization_spaces": true, "do_lower_case": !v.Normalizer().Cased, "model_max_length": maxLength,
		"strip_accents": stripAccents(v), "tokenize_chinese_chars": !v.Normalizer().JoinIdeographs, "tokenizer_class": tokenizerClass,
	}
	for name, token := range specialNames {
		config[name] = token
	}
	for name, value := range map[string]any{tokenizerFile: fast, tokenizerConfigFile: config, specialTokensFile: specialNames} {
		if err := writeJSON(filepath.Join(dir, name), value); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON writes a value as encode gives it.
func writeJSON(path string, value any) error {
	text, err := encode(value)
	if err != nil {
		return err
	}
	return atomicdir.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// fastTokenizer is the content of tokenizer.json. Maps are encoded in the order of
// their keys, so equal vocabularies give equal bytes.
func fastTokenizer(v *corpus.Vocab) (any, error) {
	var added []addedToken
	for id, token := range v.Tokens() {
		for _, special := range specialNames {
			if token == special {
				added = append(added, addedToken{ID: int32(id), Content: token, Special: true})
			}
		}
	}
	words, err := vocabObject(v)
	if err != nil {
		return nil, err
	}
	piece := func(kind, id string, segment int) any {
		return map[string]any{kind: map[string]any{"id": id, "type_id": segment}}
	}
	token := func(text string, id int32) any {
		return map[string]any{"id": text, "ids": []int32{id}, "tokens": []string{text}}
	}
	cls, sep := "[CLS]", "[SEP]"
	single := []any{piece("SpecialToken", cls, 0), piece("Sequence", "A", 0), piece("SpecialToken", sep, 0)}
	pair := append(single[:3:3], piece("Sequence", "B", 1), piece("SpecialToken", sep, 1))
	return map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": map[string]any{
			"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": !v.Normalizer().JoinIdeographs,
			"strip_accents": stripAccents(v), "lowercase": !v.Normalizer().Cased,
		},
		"pre_tokenizer": map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{
			"type": "TemplateProcessing", "single": single, "pair": pair,
			"special_tokens": map[string]any{cls: token(cls, v.Cls()), sep: token(sep, v.Sep())},
		},
		"decoder": map[string]any{"type": "WordPiece", "prefix": continuation, "cleanup": true},
		"model": map[string]any{
			"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": continuation,
			"max_input_chars_per_word": maxWordCharacters, "vocab": words,
		},
	}, nil
}

// stripAccents is what both files say of accents: null where they go with the capitals.
func stripAccents(v *corpus.Vocab) any {
	if n := v.Normalizer(); n.KeepAccents != n.Cased {
		return !n.KeepAccents
	}
	return nil
}

// vocabObject is the vocabulary as a JSON object in the order of ids, as a person
// would look for them.
func vocabObject(v *corpus.Vocab) (json.RawMessage, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for id, token := range v.Tokens() {
		if id > 0 {
			b.WriteByte(',')
		}
		text, err := json.Marshal(token)
		if err != nil {
			return nil, fmt.Errorf("encoding token %d: %w", id, err)
		}
		fmt.Fprintf(&b, "%s:%d", text, id)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
