package huggingface

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Dense reads a parameter, by its row of a table for Config's sizes, as [Out, In]
// row-major; where the row is of fewer tokens than the folder has, the first ones.
// It returns nil for one of Missing. A number that is not finite is a FormatError.
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

// readFloats reads a tensor as float32 and returns the first n numbers.
func readFloats(at place, n int) ([]float32, error) {
	all := 1
	for _, d := range at.Shape {
		all *= d
	}
	if all < n {
		return nil, &FormatError{at.file.Path(), "tensor " + quote(at.Name), fmt.Sprintf("shape %v", at.Shape), fmt.Sprintf("at least %d numbers", n)}
	}
	values := make([]float32, all)
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
	values = values[:n:n]
	for i, v := range values {
		if v-v != 0 { // NaN or infinite
			return nil, &FormatError{at.file.Path(), "tensor " + quote(at.Name), fmt.Sprintf("%v at element %d", v, i), "finite numbers"}
		}
	}
	return values, nil
}
