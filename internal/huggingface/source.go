package huggingface

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
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
	for name, what := range map[string]string{
		"pytorch_model.bin": "a Python pickle", "pytorch_model.bin.index.json": "Python pickles",
		"tf_model.h5": "weights of TensorFlow", "flax_model.msgpack": "weights of Flax", "model.ckpt.index": "weights of TensorFlow",
	} {
		if isFile(s.Dir, name) {
			return &FormatError{s.Dir, "", fmt.Sprintf("%s (%s)", name, what),
				weightsFile + " (load the folder in transformers and save it with save_pretrained, which writes it)"}
		}
	}
	return &FormatError{s.Dir, "", "no " + weightsFile, "one"}
}

// openFile opens one file; only, where it is not nil, says which of its tensors
// count.
func (s *Source) openFile(name string, only func(tensor string) bool) error {
	path := filepath.Join(s.Dir, name)
	r, err := checkpoint.Open(path, checkpoint.Limits{})
	if errors.Is(err, fs.ErrNotExist) {
		return &FormatError{s.Dir, "", "no " + name, "one"}
	}
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

// check compares the tensors with the table.
func (s *Source) check() error {
	table, err := model.Table(s.Config)
	if err != nil {
		return err
	}
	if err := s.checkTies(); err != nil {
		return err
	}
	known := map[string]bool{}
	missing := map[model.Part]int{}
	parts := map[model.Part]int{}
	for _, row := range table {
		parts[row.Part]++
		for _, want := range tensorsOf(row) {
			known[want.Name] = true
			at, ok := s.at[want.Name]
			if !ok && isHead(row.Part) {
				missing[row.Part]++
				s.Missing = append(s.Missing, row.Name)
				continue
			}
			if !ok {
				return &FormatError{s.path(), "tensor " + quote(want.Name), "no such tensor", fmt.Sprintf("one of shape %v", want.Shape)}
			}
			if !slices.Equal(at.Shape, want.Shape) {
				return &FormatError{at.file.Path(), "tensor " + quote(at.Name), fmt.Sprintf("shape %v", at.Shape), fmt.Sprintf("%v as %s says", want.Shape, configFile)}
			}
			if !readable(at.DType, want.DType) {
				return &FormatError{at.file.Path(), "tensor " + quote(at.Name), "element type " + string(at.DType), expectedType(want.DType)}
			}
		}
	}
	for part, n := range missing {
		if n != parts[part] {
			return &FormatError{s.path(), "the " + part.String(), fmt.Sprintf("%d of its %d tensors missing (%s)", n, parts[part], strings.Join(s.Missing, ", ")), "all of them or none"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.at)) {
		if at := s.at[name]; !known[name] {
			return &FormatError{at.file.Path(), "tensor " + quote(at.Name), "an unexpected tensor", "those of " + preTraining + " only"}
		}
	}
	return nil
}

// path names the weights in an error.
func (s *Source) path() string {
	if len(s.files) == 1 {
		return s.files[0].Path()
	}
	return filepath.Join(s.Dir, indexFile)
}

// isHead reports whether a part may be missing from a pre-trained model.
func isHead(p model.Part) bool { return p == model.Pooler || p == model.MLMHead || p == model.NSPHead }

// tensorsOf lists the tensors that a parameter is kept in.
func tensorsOf(row model.Tensor) []checkpoint.Info {
	if !row.Sparse {
		return []checkpoint.Info{{Name: row.Name, DType: checkpoint.F32, Shape: row.Dims()}}
	}
	n := []int{row.NNZ}
	return []checkpoint.Info{
		{Name: row.Name + checkpoint.KeyBlocks, DType: checkpoint.F32, Shape: []int{row.NNZ, row.Block, row.Block}},
		{Name: row.Name + checkpoint.KeyRows, DType: checkpoint.I32, Shape: n},
		{Name: row.Name + checkpoint.KeyCols, DType: checkpoint.I32, Shape: n},
	}
}

// readable reports whether a tensor of a type can be read where want is expected.
func readable(t, want checkpoint.DType) bool {
	return t == want || want == checkpoint.F32 && (t == checkpoint.F16 || t == checkpoint.BF16)
}

func expectedType(want checkpoint.DType) string {
	if want == checkpoint.F32 {
		return "F32, F16 or BF16"
	}
	return string(want)
}

// checkTies takes out of s.at the decoder's tensors, which must be the token
// embedding and the prediction bias again.
func (s *Source) checkTies() error {
	if bias, ok := s.at[decoderBias]; ok && s.at[predictionBias].file == nil {
		s.at[predictionBias] = bias
		delete(s.at, decoderBias)
	}
	for _, tie := range [][2]string{{decoderWeight, wordEmbeddings}, {decoderBias, predictionBias}} {
		copied, ok := s.at[tie[0]]
		if !ok {
			continue
		}
		delete(s.at, tie[0])
		original, ok := s.at[tie[1]]
		if !ok {
			continue // check says that it is missing
		}
		same := slices.Equal(copied.Shape, original.Shape) && copied.DType == original.DType
		if same {
			var err error
			if same, err = equalData(copied, original); err != nil {
				return err
			}
		}
		if !same {
			return &FormatError{copied.file.Path(), "tensor " + quote(copied.Name), "another than " + original.Name, "the same (they are tied here)"}
		}
	}
	return nil
}

// equalData compares the bytes of two tensors.
func equalData(a, b place) (bool, error) {
	x, err := a.file.Read(a.Name)
	if err != nil {
		return false, err
	}
	y, err := b.file.Read(b.Name)
	return slices.Equal(x.Data, y.Data), err
}

// Dense reads a parameter, by its row of a table for Config's sizes, as [Out, In]
// row-major. It returns nil for one of Missing. A number that is not finite is a
// FormatError.
func (s *Source) Dense(row model.Tensor) ([]float32, error) {
	if _, ok := s.at[row.Name+checkpoint.KeyBlocks]; ok {
		m, err := s.Sparse(row)
		if err != nil {
			return nil, err
		}
		return m.Dense(), nil
	}
	at, ok := s.at[row.Name]
	if !ok {
		return nil, nil
	}
	return readFloats(at, row.Elements())
}

// Sparse reads a block-sparse parameter of a folder in FormatSparse.
func (s *Source) Sparse(row model.Tensor) (*sparse.Matrix, error) {
	blocks := s.at[row.Name+checkpoint.KeyBlocks]
	nnzb := blocks.Shape[0]
	rows, cols := make([]int32, nnzb), make([]int32, nnzb)
	for name, dst := range map[string][]int32{checkpoint.KeyRows: rows, checkpoint.KeyCols: cols} {
		at := s.at[row.Name+name]
		if err := checkpoint.ReadInto(at.file, at.Name, dst); err != nil {
			return nil, err
		}
	}
	shape := sparse.Shape{Out: row.Out, In: row.In, Block: blocks.Shape[1]}
	t, err := sparse.NewTopology(shape, rows, cols)
	if err != nil {
		return nil, fmt.Errorf("%s: topology of %s: %w: %w", blocks.file.Path(), row.Name, err, ErrFormat)
	}
	values, err := readFloats(blocks, nnzb*shape.BlockSize())
	if err != nil {
		return nil, err
	}
	return sparse.NewMatrix(t, values)
}

// readFloats reads n numbers as float32.
func readFloats(at place, n int) ([]float32, error) {
	values := make([]float32, n)
	if at.DType == checkpoint.F32 {
		if err := checkpoint.ReadInto(at.file, at.Name, values); err != nil {
			return nil, err
		}
	} else {
		t, err := at.file.Read(at.Name)
		if err != nil {
			return nil, err
		}
		if at.DType == checkpoint.F16 {
			widenHalf(values, t.Data)
		} else {
			widenBrain(values, t.Data)
		}
	}
	for i, v := range values {
		if v-v != 0 { // NaN or infinite
			return nil, &FormatError{at.file.Path(), "tensor " + quote(at.Name), fmt.Sprintf("%v at element %d", v, i), "finite numbers"}
		}
	}
	return values, nil
}
