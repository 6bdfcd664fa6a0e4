package huggingface

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Source is a folder with the weights of a BERT, read tensor by tensor.
type Source struct {
	Dir string
	// Config is the model: dense, but for a folder of FormatSparse. Its vocabulary is
	// that of Vocab, where there is one; the folder's tables may have more rows.
	Config model.Config
	// Vocab is the folder's vocabulary, nil where it has none.
	Vocab *corpus.Vocab
	// Missing lists the parameters of heads that the folder does not have, in the
	// order of the table: all of a head or none of it.
	Missing []string
	// Notes say, a line each, what of the folder is read in another way than it is there.
	Notes []string

	rows  int // tokens that the folder's tables have rows for
	files []*checkpoint.Reader
	at    map[string]place // by canonical name
}

// place is where a tensor is.
type place struct {
	file *checkpoint.Reader
	checkpoint.Info
}

// Open opens a folder: config.json, the weights in model.safetensors, in the files
// of model.safetensors.index.json or in FormatSparse, and, where they are there,
// vocab.txt or tokenizer.json. The caller closes it.
//
// It wraps ErrFormat, checkpoint.ErrCorrupt or model.ErrConfig for a folder that
// cannot be used, corpus.ErrBadData for a bad vocab.txt; the line says why.
func Open(dir string) (s *Source, err error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		found := "no such folder"
		if err == nil {
			found = "a file"
		} else if !errors.Is(err, fs.ErrNotExist) {
			found = err.Error()
		}
		return nil, &FormatError{dir, "", found, "a folder with " + configFile + " and " + weightsFile + " (nothing is downloaded)"}
	}
	s = &Source{Dir: dir, at: map[string]place{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	text, err := readFile(filepath.Join(dir, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, &FormatError{dir, "", "no " + configFile, "one"}
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if s.Config, err = ParseConfig(filepath.Join(dir, configFile), text); err != nil {
		return s, err
	}
	s.rows = s.Config.VocabSize
	if s.Vocab, s.Notes, err = readVocab(dir); err != nil {
		return s, err
	}
	if err := s.fitVocab(); err != nil {
		return s, err
	}
	if err := s.openFiles(); err != nil {
		return s, err
	}
	return s, s.check()
}

// fitVocab makes the model's vocabulary that of the folder. Tables are often padded:
// their size is a multiple of 8 or 128.
func (s *Source) fitVocab() error {
	if s.Vocab == nil || s.Vocab.Size() == s.rows {
		return nil
	}
	n := s.Vocab.Size()
	if n > s.rows {
		return &FormatError{s.Dir, "", fmt.Sprintf("a vocabulary of %d tokens", n), fmt.Sprintf("at most %d, the vocab_size of %s", s.rows, configFile)}
	}
	s.Config.VocabSize = n
	s.Notes = append(s.Notes, Padding(s.rows, n))
	return nil
}

// Padding says that of a table's rows those behind the n tokens are left out.
func Padding(rows, n int) string {
	return fmt.Sprintf("the vocabulary has %d tokens and the token embedding %d rows: the last %d belong to no token and are left out", n, rows, rows-n)
}

// Close closes the folder's files.
func (s *Source) Close() error {
	var err error
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	s.files = nil
	return err
}

// IsFolder reports whether dir looks like a folder for Open: it has a config.json.
func IsFolder(dir string) bool { return isFile(dir, configFile) }
