package huggingface

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"unicode/utf8"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// The files of a folder.
const (
	configFile          = "config.json"
	weightsFile         = "model.safetensors"
	indexFile           = "model.safetensors.index.json"
	sparseFile          = "model.block-sparse.safetensors"
	vocabFile           = "vocab.txt"
	tokenizerFile       = "tokenizer.json"
	tokenizerConfigFile = "tokenizer_config.json"
	specialTokensFile   = "special_tokens_map.json"
	addedTokensFile     = "added_tokens.json"
	cardFile            = "README.md"
)

// maxJSON bounds a JSON file: tokenizer.json of a large vocabulary has a few MB.
const maxJSON = 64 << 20

// readFile reads a file of the folder that is text and not too large. What is not, or
// stands for a file that was not downloaded, is a FormatError.
func readFile(path string) ([]byte, error) {
	text, err := fileformat.ReadFile(path, "a JSON file", maxJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return text, asFormat(err)
}

// asFormat makes an error about a file as a whole one of this package.
func asFormat(err error) error {
	if e, ok := errors.AsType[*fileformat.Error](err); ok {
		return &FormatError{e.Path, "", e.Found, e.Expected}
	}
	return err
}

// object is a JSON object whose values are not read yet. Its keys are compared
// letter by letter, as transformers does.
type object struct {
	file, where string
	values      map[string]json.RawMessage
}

// parseObject reads one JSON object; file stands in errors.
func parseObject(file string, text []byte) (object, error) {
	o := object{file: file}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // which editors put there
	if !utf8.Valid(text) {
		return o, &FormatError{file, "", "bytes that are not UTF-8", "JSON text"}
	}
	if err := json.Unmarshal(text, &o.values); err != nil || o.values == nil {
		return o, &FormatError{file, "", "no JSON object", "one JSON object"}
	}
	return o, nil
}

// at names a key in an error.
func (o object) at(key string) string {
	if o.where == "" {
		return key
	}
	return o.where + "." + key
}

func (o object) fail(key, expected string) error {
	found := string(bytes.TrimSpace(o.values[key]))
	if len(found) > 80 {
		found = found[:80] + "..."
	}
	if found = strconv.QuoteToASCII(found); found == `""` {
		found = "no such key"
	}
	return &FormatError{o.file, o.at(key), found, expected}
}

// has reports whether a key is there and not null.
func (o object) has(key string) bool {
	v, ok := o.values[key]
	return ok && string(bytes.TrimSpace(v)) != "null"
}

// get decodes a key into v; one that is missing or null leaves v as it is.
func (o object) get(key string, v any, expected string) error {
	if !o.has(key) {
		return nil
	}
	if err := json.Unmarshal(o.values[key], v); err != nil {
		return o.fail(key, expected)
	}
	return nil
}

// object returns the object under a key, with ok false where there is none.
func (o object) object(key string) (inner object, ok bool, err error) {
	if !o.has(key) {
		return inner, false, nil
	}
	inner = object{file: o.file, where: o.at(key)}
	if json.Unmarshal(o.values[key], &inner.values) != nil {
		return inner, false, o.fail(key, "an object")
	}
	return inner, true, nil
}

// encode writes JSON with two blanks of indentation and a final line feed. Equal
// values give equal bytes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding JSON: %w", err)
	}
	return b.Bytes(), nil
}

// isFile reports whether path is a regular file.
func isFile(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular()
}
