package huggingface

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// check compares the tensors with the table.
func (s *Source) check() error {
	stored := s.Config
	stored.VocabSize = s.rows
	table, err := model.Table(stored)
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
	for copied, original := range map[string]string{decoderBias: predictionBias, decoderWeight: wordEmbeddings} {
		if at, ok := s.at[copied]; ok && s.at[original].file == nil { // of two that are one, files have one
			s.at[original] = at
			delete(s.at, copied)
		}
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
