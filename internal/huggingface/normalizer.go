package huggingface

import (
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
)

// normalizerKeys are what a file says of a BertNormalizer; nil: nothing.
type normalizerKeys struct{ lower, strip, ideographs *bool }

// over returns the normalizer of the keys, those of below where they say nothing, and
// BERT's own where neither does. Accents go where capitals go, unless it is said.
func (k normalizerKeys) over(below normalizerKeys) corpus.Normalizer {
	first := func(given ...*bool) *bool {
		i := slices.IndexFunc(given, func(b *bool) bool { return b != nil })
		if i < 0 {
			return nil
		}
		return given[i]
	}
	yes := true
	lower := first(k.lower, below.lower, &yes)
	strip := first(k.strip, below.strip, lower)
	return corpus.Normalizer{Cased: !*lower, KeepAccents: !*strip, JoinIdeographs: !*first(k.ideographs, below.ideographs, &yes)}
}

// readKeys reads them from an object, whose names for them differ.
func readKeys(o object, lower, ideographs string) (k normalizerKeys, err error) {
	for _, key := range []struct {
		name string
		to   **bool
	}{{lower, &k.lower}, {"strip_accents", &k.strip}, {ideographs, &k.ideographs}} {
		if err := o.get(key.name, key.to, "true or false"); err != nil {
			return k, err
		}
	}
	clean := true
	if err := o.get("clean_text", &clean, "true or false"); err != nil {
		return k, err
	}
	if !clean {
		return k, o.fail("clean_text", "true (controls are dropped here)")
	}
	return k, nil
}

// tokenizerClasses are those that do what BertTokenizer does, or leave it to
// tokenizer.json, as those of ofFile do.
var (
	tokenizerClasses = []string{tokenizerClass, "DistilBertTokenizer", "ElectraTokenizer", "PreTrainedTokenizer", "TokenizersBackend"}
	ofFile           = tokenizerClasses[3:]
)

// tokenizerWords are what tokenizer_config.json says.
type tokenizerWords struct {
	normalizerKeys
	class string // without "Fast"; "": it names none
}

// parseTokenizerConfig reads the text of a tokenizer_config.json.
func parseTokenizerConfig(file string, text []byte) (w tokenizerWords, err error) {
	o, err := parseObject(file, text)
	if err != nil {
		return w, err
	}
	if w.class, err = classOf(o); err != nil {
		return w, err
	}
	// BertJapaneseTokenizer's keys: vocab.txt is a WordPiece's there too, but of words that
	// another splitter makes.
	for _, key := range []struct{ name, want string }{{"word_tokenizer_type", "basic"}, {"subword_tokenizer_type", "wordpiece"}} {
		kind := key.want
		if err := o.get(key.name, &kind, quote(key.want)); err != nil {
			return w, err
		}
		if kind != key.want {
			return w, o.fail(key.name, quote(key.want)+" (no other tokenizer can be read)")
		}
	}
	w.normalizerKeys, err = readKeys(o, "do_lower_case", "tokenize_chinese_chars")
	return w, err
}

// classOf returns the tokenizer's class that a file names, without "Fast", "" where it
// names none. One that splits text in another way is a FormatError.
func classOf(o object) (string, error) {
	const key = "tokenizer_class"
	if !o.has(key) {
		return "", nil
	}
	var class string
	if err := o.get(key, &class, "the name of a class"); err != nil {
		return "", err
	}
	class = strings.TrimSuffix(class, "Fast")
	if !slices.Contains(tokenizerClasses, class) {
		return "", o.fail(key, tokenizerClass+" (no other tokenizer can be read)")
	}
	return class, nil
}
