package huggingface

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// saved converts through transformers, which must have the framework.
const saved = "from transformers import BertForPreTraining as B; B.from_pretrained('.'%s).save_pretrained('.')"

// otherWeights are files of weights that are not read, with the line of Python that
// writes model.safetensors. What a pickle has is copied as it is: to read one means to
// execute it, which PyTorch bounds and this program does not do.
var otherWeights = []struct{ name, what, convert string }{
	{"pytorch_model.bin", "a Python pickle", "import torch, safetensors.torch as s; " +
		"s.save_file({k: v.contiguous().clone() for k, v in torch.load('pytorch_model.bin', map_location='cpu', weights_only=True).items()}, " +
		"'model.safetensors', {'format': 'pt'})"},
	{"pytorch_model.bin.index.json", "Python pickles", fmt.Sprintf(saved, "")},
	{"tf_model.h5", "weights of TensorFlow", fmt.Sprintf(saved, ", from_tf=True")},
	{"flax_model.msgpack", "weights of Flax", fmt.Sprintf(saved, ", from_flax=True")},
	{"model.ckpt.index", "weights of TensorFlow", fmt.Sprintf(saved, ", from_tf=True")},
}

// openFiles opens the files with weights and notes where each tensor is.
func (s *Source) openFiles() error {
	switch {
	case s.Config.Method != model.Dense || isFile(s.Dir, sparseFile):
		return s.openFile(sparseFile, nil)
	case isFile(s.Dir, weightsFile):
		return s.openFile(weightsFile, nil)
	case isFile(s.Dir, indexFile):
		return s.openShards()
	}
	for _, other := range otherWeights {
		if isFile(s.Dir, other.name) {
			return &FormatError{s.Dir, "", fmt.Sprintf("%s (%s)", other.name, other.what),
				weightsFile + ", which this writes, run in that folder: python -c \"" + other.convert + "\""}
		}
	}
	return &FormatError{s.Dir, "", "no " + weightsFile, "one"}
}

// openFile opens one file; only, where it is not nil, says which of its tensors
// count.
func (s *Source) openFile(name string, only func(tensor string) bool) error {
	path := filepath.Join(s.Dir, name)
	switch err := fileformat.CheckFile(path, "weights in safetensors", fileformat.Safetensors); {
	case errors.Is(err, fs.ErrNotExist):
		return &FormatError{s.Dir, "", "no " + name, "one"}
	case err != nil:
		return asFormat(err)
	}
	r, err := checkpoint.Open(path, checkpoint.Limits{})
	if err != nil {
		return err
	}
	s.files = append(s.files, r)
	for _, info := range r.Tensors() {
		if only != nil && !only(info.Name) {
			return &FormatError{path, "tensor " + quote(info.Name), "a tensor that " + indexFile + " does not have here", "those of the index only"}
		}
		to := canonical(info.Name)
		if isBuffer(to) {
			continue
		}
		if _, again := s.at[to]; again {
			return &FormatError{path, "tensor " + quote(info.Name), "a second tensor for " + to, "one"}
		}
		s.at[to] = place{r, info}
	}
	return nil
}

// openShards opens the files that an index names.
func (s *Source) openShards() error {
	path := filepath.Join(s.Dir, indexFile)
	text, err := readFile(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	where, err := parseIndex(path, text)
	if err != nil {
		return err
	}
	for _, file := range slices.Compact(slices.Sorted(maps.Values(where))) {
		if err := s.openFile(file, func(tensor string) bool { return where[tensor] == file }); err != nil {
			return err
		}
	}
	for _, tensor := range slices.Sorted(maps.Keys(where)) {
		if to := canonical(tensor); !isBuffer(to) && s.at[to].file == nil {
			return &FormatError{filepath.Join(s.Dir, where[tensor]), "tensor " + quote(tensor), "no such tensor", "the one that " + indexFile + " has here"}
		}
	}
	return nil
}

// plainFile keeps the names of an index inside its folder.
var plainFile = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$`)

// parseIndex reads the text of a model.safetensors.index.json: the file of each
// tensor.
func parseIndex(file string, text []byte) (map[string]string, error) {
	o, err := parseObject(file, text)
	if err != nil {
		return nil, err
	}
	var where map[string]string
	if err := o.get("weight_map", &where, "an object from tensors to files"); err != nil {
		return nil, err
	}
	if len(where) == 0 {
		return nil, o.fail("weight_map", "an object from tensors to files")
	}
	for _, tensor := range slices.Sorted(maps.Keys(where)) {
		if !plainFile.MatchString(where[tensor]) {
			return nil, &FormatError{file, "weight_map", "the file name " + quote(where[tensor]), "a plain one that ends in .safetensors"}
		}
	}
	return where, nil
}
