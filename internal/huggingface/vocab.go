package huggingface

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// readVocab reads the folder's vocabulary, nil where it has none, and refuses a
// tokenizer that does other than this program's.
func readVocab(dir string, c model.Config) (*corpus.Vocab, error) {
	path := filepath.Join(dir, tokenizerConfigFile)
	text, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	default:
		if err := checkTokenizerConfig(path, text); err != nil {
			return nil, err
		}
	}
	var fast *corpus.Vocab
	path = filepath.Join(dir, tokenizerFile)
	text, err = readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	default:
		if fast, err = ParseTokenizer(path, text); err != nil {
			return nil, err
		}
		if err := checkVocab(path, fast, c); err != nil {
			return nil, err
		}
	}
	path = filepath.Join(dir, vocabFile)
	if !isFile(dir, vocabFile) {
		return fast, nil
	}
	v, err := corpus.LoadVocab(path)
	if err != nil {
		return nil, err
	}
	if err := checkVocab(path, v, c); err != nil {
		return nil, err
	}
	if fast != nil && fast.SHA256() != v.SHA256() {
		return nil, &FormatError{path, "", "other tokens than " + tokenizerFile, "the same"}
	}
	return v, nil
}

// The settings of a tokenizer that this program's has, with the value that stands
// for one that is not given: the same in both files.
func uncased(o object, lower string) error {
	for _, key := range []string{lower, "strip_accents", "tokenize_chinese_chars", "handle_chinese_chars", "clean_text"} {
		on := true
		if err := o.get(key, &on, "true or false"); err != nil {
			return err
		}
		if !on {
			return o.fail(key, "true (only uncased tokenizers can be read)")
		}
	}
	return nil
}

// checkTokenizerConfig reads the text of a tokenizer_config.json.
func checkTokenizerConfig(file string, text []byte) error {
	o, err := parseObject(file, text)
	if err != nil {
		return err
	}
	return uncased(o, "do_lower_case")
}

// ParseTokenizer reads the vocabulary out of the text of a tokenizer.json; file
// stands in errors. It is a FormatError, or wraps corpus.ErrBadData, if it is not
// an uncased BERT's WordPiece, or its ids are not 0 to V-1.
func ParseTokenizer(file string, text []byte) (*corpus.Vocab, error) {
	o, err := parseObject(file, text)
	if err != nil {
		return nil, err
	}
	normalizer, ok, err := o.object("normalizer")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, o.fail("normalizer", `one of type "BertNormalizer"`)
	}
	if err := ofType(normalizer, "BertNormalizer"); err != nil {
		return nil, err
	}
	if err := uncased(normalizer, "lowercase"); err != nil {
		return nil, err
	}
	m, ok, err := o.object("model")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, o.fail("model", `one of type "WordPiece"`)
	}
	if err := ofType(m, "WordPiece"); err != nil {
		return nil, err
	}
	prefix, longest := continuation, maxWordCharacters
	if err := m.get("continuing_subword_prefix", &prefix, "text"); err != nil {
		return nil, err
	}
	if prefix != continuation {
		return nil, m.fail("continuing_subword_prefix", quote(continuation))
	}
	if err := m.get("max_input_chars_per_word", &longest, "a whole number"); err != nil {
		return nil, err
	}
	if longest != maxWordCharacters {
		return nil, m.fail("max_input_chars_per_word", fmt.Sprint(maxWordCharacters))
	}
	var ids map[string]int
	if err := m.get("vocab", &ids, "an object from tokens to ids"); err != nil {
		return nil, err
	}
	tokens := make([]string, len(ids))
	for token, id := range ids {
		if id < 0 || id >= len(tokens) || tokens[id] != "" {
			return nil, &FormatError{file, "model.vocab", fmt.Sprintf("id %d of token %s", id, quote(token)), fmt.Sprintf("each of 0 to %d once", len(tokens)-1)}
		}
		tokens[id] = token
	}
	v, err := corpus.NewVocab(tokens)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

// ofType checks an object's type.
func ofType(o object, want string) error {
	var kind string
	if err := o.get("type", &kind, quote(want)); err != nil {
		return err
	}
	if kind != want {
		return o.fail("type", quote(want))
	}
	return nil
}
