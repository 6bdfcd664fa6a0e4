package huggingface

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Format says how block-sparse weights are written.
type Format string

// The formats.
const (
	FormatHF     Format = "hf"     // dense tensors, with zeros in inactive blocks
	FormatSparse Format = "sparse" // active blocks and where they are
)

// Weights gives the parameters of a model one by one, by the rows of its table.
type Weights interface {
	// Dense returns [Out, In] values, row-major.
	Dense(row model.Tensor) ([]float32, error)
	// Sparse returns a row that is block-sparse.
	Sparse(row model.Tensor) (*sparse.Matrix, error)
}

// Content is what Write puts into a folder.
type Content struct {
	Format  Format
	Config  model.Config
	Vocab   *corpus.Vocab
	Weights Weights
	Facts   Facts // for the model card
}

// Write writes the folder out, which must be new or empty: config.json,
// model.safetensors (in FormatSparse model.block-sparse.safetensors), the files of
// the tokenizer and a model card, README.md. Equal contents give equal bytes.
//
// The folder appears whole or not at all (package atomicdir). One parameter at a
// time is in memory. When ctx ends, nothing is left and its cause is returned.
// Errors: a *atomicdir.Error for a folder that cannot be written, and those of
// Content.Weights.
func Write(ctx context.Context, out string, c Content) error {
	if err := atomicdir.Check(out); err != nil {
		return err
	}
	table, err := model.Table(c.Config)
	if err != nil {
		return err
	}
	if c.Format == FormatSparse && !c.Config.Method.BlockSparse() {
		return fmt.Errorf("%w: format sparse: found a model with dense weights, expected a block-sparse one (--format hf writes it)", model.ErrConfig)
	}
	return atomicdir.Write(ctx, out, func(dir string) error {
		text, err := encodeConfig(c.Config, c.Vocab.Pad(), c.Format)
		if err != nil {
			return err
		}
		for name, text := range map[string][]byte{configFile: text, cardFile: []byte(c.card(table))} {
			err := atomicdir.WriteFile(filepath.Join(dir, name), func(w io.Writer) error {
				_, err := w.Write(text)
				return err
			})
			if err != nil {
				return err
			}
		}
		if err := WriteTokenizer(dir, c.Vocab, c.Config.MaxPositions); err != nil {
			return err
		}
		name, file := weightsFile, c.denseFile(ctx, table)
		if c.Format == FormatSparse {
			name = sparseFile
			if file, err = c.sparseFile(ctx, table); err != nil {
				return err
			}
		}
		return atomicdir.WriteFile(filepath.Join(dir, name), func(w io.Writer) error { return checkpoint.Write(w, file) })
	})
}

// denseFile describes model.safetensors. transformers wants to be told that the
// numbers are as PyTorch lays them out.
func (c Content) denseFile(ctx context.Context, table []model.Tensor) *checkpoint.File {
	f := &checkpoint.File{Metadata: map[string]string{"format": "pt"}}
	for _, row := range table {
		f.Tensors = append(f.Tensors, checkpoint.Lazy(ctx, row.Name, row.Dims(), func() ([]float32, error) { return c.Weights.Dense(row) }))
	}
	return f
}

// sparseFile describes model.block-sparse.safetensors. It reads the topologies,
// which are small, at once.
func (c Content) sparseFile(ctx context.Context, table []model.Tensor) (*checkpoint.File, error) {
	f := &checkpoint.File{Metadata: map[string]string{"format": sparseFormat, "version": fmt.Sprint(sparseVersion), "block_size": fmt.Sprint(c.Config.BlockSize)}}
	for _, row := range table {
		if !row.Sparse {
			f.Tensors = append(f.Tensors, checkpoint.Lazy(ctx, row.Name, row.Dims(), func() ([]float32, error) { return c.Weights.Dense(row) }))
			continue
		}
		m, err := c.Weights.Sparse(row)
		if err != nil {
			return nil, err
		}
		rows, cols := make([]int32, row.NNZ), make([]int32, row.NNZ)
		for i, slot := range m.RowSlot {
			rows[i], cols[i] = m.Rows[slot], m.Cols[slot]
		}
		for _, info := range tensorsOf(row) {
			switch info.Name {
			case row.Name + checkpoint.KeyRows:
				f.Tensors = append(f.Tensors, checkpoint.Of(info.Name, info.Shape, rows))
			case row.Name + checkpoint.KeyCols:
				f.Tensors = append(f.Tensors, checkpoint.Of(info.Name, info.Shape, cols))
			default:
				f.Tensors = append(f.Tensors, checkpoint.Lazy(ctx, info.Name, info.Shape, func() ([]float32, error) { return c.blocks(row) }))
			}
		}
	}
	return f, nil
}

// blocks reads the active blocks of a row in the order of block row and column.
func (c Content) blocks(row model.Tensor) ([]float32, error) {
	m, err := c.Weights.Sparse(row)
	if err != nil {
		return nil, err
	}
	values := make([]float32, 0, len(m.Val))
	for _, slot := range m.RowSlot {
		values = append(values, m.Val[int(slot)*m.BlockSize():(int(slot)+1)*m.BlockSize()]...)
	}
	return values, nil
}
