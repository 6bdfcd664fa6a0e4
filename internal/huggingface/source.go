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
	// Config is the model: dense, but for a folder of FormatSparse.
	Config model.Config
	// Vocab is the folder's vocabulary, nil where it has none.
	Vocab *corpus.Vocab
	// Missing lists the parameters of heads that the folder does not have, in the
	// order of the table: all of a head or none of it.
	Missing []string

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
	if s.Vocab, err = readVocab(dir, s.Config); err != nil {
		return s, err
	}
	if err := s.openFiles(); err != nil {
		return s, err
	}
	return s, s.check()
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
