package huggingface

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
)

// readVocab reads the folder's vocabulary with its normalizer, nil where it has none,
// and refuses a tokenizer that does other than this program's. notes say what differs
// and is no reason to refuse it.
func readVocab(dir string) (v *corpus.Vocab, notes []string, err error) {
	var said tokenizerWords
	err = ifThere(dir, tokenizerConfigFile, func(path string, text []byte) error {
		said, err = parseTokenizerConfig(path, text)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if said.class == "" { // then config.json may name it
		err = ifThere(dir, configFile, func(path string, text []byte) error {
			o, err := parseObject(path, text)
			if err != nil {
				return err
			}
			said.class, err = classOf(o)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	var fast *Tokenizer
	err = ifThere(dir, tokenizerFile, func(path string, text []byte) error {
		fast, err = ParseTokenizer(path, text)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	v, err = vocabFromText(dir)
	switch {
	case err != nil:
		return nil, nil, err
	case fast == nil && v == nil:
		return nil, nil, nil
	case fast == nil:
		return v.WithNormalizer(said.over(normalizerKeys{})), nil, nil
	case v != nil && !sameTokens(v, fast.Vocab):
		return nil, nil, &FormatError{filepath.Join(dir, vocabFile), "", "other tokens than " + tokenizerFile, "the same"}
	}
	if slices.Contains(ofFile, said.class) {
		said.normalizerKeys = normalizerKeys{} // which such a class leaves alone
	}
	v = fast.Vocab.WithNormalizer(said.over(fast.keys))
	if n := fast.Vocab.Normalizer(); v.Normalizer() != n {
		notes = append(notes, fmt.Sprintf("%s says that text is %s and %s that it is %s: read as the latter, as transformers does",
			tokenizerFile, n, tokenizerConfigFile, v.Normalizer()))
	}
	return v, append(notes, fast.Notes...), nil
}

// ifThere hands over the text of a file of the folder, where it has one.
func ifThere(dir, name string, use func(path string, text []byte) error) error {
	path := filepath.Join(dir, name)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return use(path, text)
}

// vocabFromText reads vocab.txt, nil where there is none, with the tokens of
// added_tokens.json behind it.
func vocabFromText(dir string) (*corpus.Vocab, error) {
	if !isFile(dir, vocabFile) {
		return nil, nil
	}
	v, err := corpus.LoadVocab(filepath.Join(dir, vocabFile))
	if err != nil {
		return nil, err
	}
	err = ifThere(dir, addedTokensFile, func(path string, text []byte) error {
		o, err := parseObject(path, text)
		if err != nil {
			return err
		}
		added := map[string]int{}
		for token := range o.values {
			id := -1
			if err := o.get(token, &id, "an id"); err != nil {
				return err
			}
			added[token] = id
		}
		tokens, err := appendAdded(path, v.Tokens(), added)
		if err != nil {
			return err
		}
		v, err = corpus.NewVocab(tokens)
		return err
	})
	return v, err
}

// appendAdded puts tokens that were added to a vocabulary behind its own. One that the
// vocabulary has is left alone.
func appendAdded(file string, tokens []string, added map[string]int) ([]string, error) {
	own := len(tokens)
	byID := slices.SortedFunc(maps.Keys(added), func(a, b string) int { return added[a] - added[b] })
	for _, token := range byID {
		switch id := added[token]; {
		case id >= 0 && id < own && tokens[id] == token:
		case id == len(tokens) && token != "":
			tokens = append(tokens, token)
		default:
			return nil, &FormatError{file, "added token " + quote(token), fmt.Sprintf("id %d", id), fmt.Sprintf("its place in the vocabulary, or %d", len(tokens))}
		}
	}
	return tokens, nil
}

// sameTokens compares vocab.txt with tokenizer.json, whose library drops white space at
// the end of a line and keeps the tokens that were added.
func sameTokens(text, fast *corpus.Vocab) bool {
	a, b := text.Tokens(), fast.Tokens()
	return len(a) <= len(b) && slices.EqualFunc(a, b[:len(a)], func(x, y string) bool {
		return x == y || strings.TrimSpace(x) == y
	})
}
