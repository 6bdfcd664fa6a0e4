package huggingface

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// Tokenizer is what a tokenizer.json says.
type Tokenizer struct {
	Vocab *corpus.Vocab // with the normalizer
	Notes []string      // what transformers does besides

	keys normalizerKeys
}

// ParseTokenizer reads the text of a tokenizer.json; file stands in errors. It is a
// FormatError, or wraps corpus.ErrBadData, if it is not a BERT's WordPiece, or its ids
// are not 0 to V-1. Files of before tokenizers 0.9 do not name the type of their model.
func ParseTokenizer(file string, text []byte) (*Tokenizer, error) {
	o, err := parseObject(file, text)
	if err != nil {
		return nil, err
	}
	normalizer, err := ofType(o, "normalizer", "BertNormalizer")
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{}
	if t.keys, err = readKeys(normalizer, "lowercase", "handle_chinese_chars"); err != nil {
		return nil, err
	}
	if _, err := ofType(o, "pre_tokenizer", "BertPreTokenizer"); err != nil {
		return nil, err
	}
	tokens, err := parseModel(o)
	if err != nil {
		return nil, err
	}
	if tokens, t.Notes, err = parseAdded(o, tokens); err != nil {
		return nil, err
	}
	v, err := corpus.NewVocab(tokens)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t.Vocab = v.WithNormalizer(t.keys.over(normalizerKeys{}))
	return t, nil
}

// LoadVocab reads a vocabulary from a vocab.txt or from a tokenizer.json, which is told by
// its content. own: the file says itself how text is normalized. Errors are those of
// corpus.LoadVocab and ParseTokenizer.
func LoadVocab(path string) (v *corpus.Vocab, own bool, err error) {
	f, err := fileformat.Open(path, "a vocabulary file")
	if err != nil {
		v, err = corpus.LoadVocab(path) // which says so in its own words
		return v, false, err
	}
	defer f.Close() // it is read once: it may be a pipe
	if !bytes.HasPrefix(bytes.TrimSpace(f.Head), []byte("{")) {
		v, err = corpus.ParseVocab(path, f)
		return v, false, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil || len(text) > maxJSON {
		if text, err = readFile(path); err != nil { // which says so in its own words
			return nil, false, err
		}
	}
	t, err := ParseTokenizer(path, text)
	if err != nil {
		return nil, false, err
	}
	return t.Vocab, true, nil
}

// parseModel reads the tokens of the model.
func parseModel(o object) ([]string, error) {
	m, ok, err := o.object("model")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, o.fail("model", `one of type "WordPiece"`)
	}
	kind, prefix, unknown, longest := "WordPiece", continuation, "[UNK]", maxWordCharacters
	for _, v := range []struct {
		key   string
		value any
		ok    func() bool
		want  string
	}{
		{"type", &kind, func() bool { return kind == "WordPiece" }, `"WordPiece"`},
		{"continuing_subword_prefix", &prefix, func() bool { return prefix == continuation }, quote(continuation)},
		{"unk_token", &unknown, func() bool { return unknown == "[UNK]" }, `"[UNK]"`},
		{"max_input_chars_per_word", &longest, func() bool { return longest == maxWordCharacters }, fmt.Sprint(maxWordCharacters)},
	} {
		if err := m.get(v.key, v.value, v.want); err != nil {
			return nil, err
		}
		if !v.ok() {
			return nil, m.fail(v.key, v.want)
		}
	}
	var ids map[string]int
	if err := m.get("vocab", &ids, "an object from tokens to ids"); err != nil {
		return nil, err
	}
	tokens := make([]string, len(ids))
	for token, id := range ids {
		if id < 0 || id >= len(tokens) || tokens[id] != "" {
			return nil, &FormatError{o.file, "model.vocab", fmt.Sprintf("id %d of token %s", id, quote(token)), fmt.Sprintf("each of 0 to %d once", len(tokens)-1)}
		}
		tokens[id] = token
	}
	return tokens, nil
}

// parseAdded reads added_tokens: tokens that are cut out of text before all else. They
// are tokens here, and only the special ones are cut out.
func parseAdded(o object, tokens []string) ([]string, []string, error) {
	var list []addedToken
	if err := o.get("added_tokens", &list, "a list of tokens with id and content"); err != nil {
		return nil, nil, err
	}
	added := map[string]int{}
	var others []string
	for _, a := range list {
		added[a.Content] = int(a.ID)
		if !isSpecial(a.Content) {
			others = append(others, quote(a.Content))
		}
	}
	tokens, err := appendAdded(o.file, tokens, added)
	if err != nil || len(others) == 0 {
		return tokens, nil, err
	}
	slices.Sort(others)
	shown := strings.Join(others[:min(len(others), 3)], ", ")
	if len(others) > 3 {
		shown += ", ..."
	}
	return tokens, []string{fmt.Sprintf("%s: added_tokens: %d besides the special ones (%s): transformers cuts them out of text; here they are tokens that text is not searched for",
		tokenizerFile, len(others), shown)}, nil
}

// isSpecial reports whether a token is one of BERT's special ones.
func isSpecial(token string) bool {
	for _, special := range specialNames {
		if token == special {
			return true
		}
	}
	return false
}

// ofType returns the object under a key, which must be of a type.
func ofType(o object, key, want string) (object, error) {
	inner, ok, err := o.object(key)
	if err != nil {
		return inner, err
	}
	if !ok {
		return inner, o.fail(key, "one of type "+quote(want))
	}
	var kind string
	if err := inner.get("type", &kind, quote(want)); err != nil {
		return inner, err
	}
	if kind != want {
		return inner, inner.fail("type", quote(want))
	}
	return inner, nil
}
