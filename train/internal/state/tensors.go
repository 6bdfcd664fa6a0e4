// Package state says which tensors a training run's checkpoint holds, and moves them
// between a model and the checkpoint's files.
//
// One table describes them: [Infos] and [Bytes] list it, [Files] writes by it, and
// [Reader] and [Restore] read by it. docs/formats.md describes the files.
package state

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The files of a checkpoint. Evaluation needs the first alone.
const (
	ModelFile     = "model.safetensors"
	OptimizerFile = "optimizer.safetensors"
)

// Floats are the numbers of a parameter.
type Floats uint8

// The numbers of a parameter: its values and Adam's moments.
const (
	Values Floats = iota
	FirstMoment
	SecondMoment
)

// tensor is one row of the table: a tensor that a checkpoint holds of each parameter
// of a kind.
type tensor struct {
	file string
	key  string // behind the parameter's name
	of   kind
	// list is what the tensor holds of the topology, or of the part that is trained;
	// nil: floats.
	list   func(*sparse.Topology) list
	bits   bool // a list of bits, one a position; else of one int32 an active block
	floats Floats
}

// kind says of which parameters there is a tensor, and whether it is of their
// topology or of the part of them that is trained.
type kind uint8

const (
	every       kind = iota
	dense            // not block-sparse
	blockSparse      // of its topology, if a list
	partial          // of its trained part
)

// list is a slice of a topology, of one type or the other.
type list struct {
	ints []int32
	bits []uint64
}

// table has the tensors of a parameter in the order in which they stand in their
// file.
var table = []tensor{
	{file: ModelFile, key: checkpoint.KeyRows, of: blockSparse, list: rows},
	{file: ModelFile, key: checkpoint.KeyCols, of: blockSparse, list: cols},
	{file: ModelFile, key: checkpoint.KeyBlocks, of: blockSparse, floats: Values},
	{file: ModelFile, key: "", of: dense, floats: Values},
	{file: OptimizerFile, key: ".born", of: blockSparse, list: born},
	{file: OptimizerFile, key: ".new_at", of: blockSparse, list: newAt},
	{file: OptimizerFile, key: ".explored", of: blockSparse, list: explored, bits: true},
	{file: OptimizerFile, key: checkpoint.KeyRows, of: partial, list: rows},
	{file: OptimizerFile, key: checkpoint.KeyCols, of: partial, list: cols},
	{file: OptimizerFile, key: ".m", of: every, floats: FirstMoment},
	{file: OptimizerFile, key: ".v", of: every, floats: SecondMoment},
}

func rows(t *sparse.Topology) list     { return list{ints: t.Rows} }
func cols(t *sparse.Topology) list     { return list{ints: t.Cols} }
func born(t *sparse.Topology) list     { return list{ints: t.Born} }
func newAt(t *sparse.Topology) list    { return list{ints: t.NewAt} }
func explored(t *sparse.Topology) list { return list{bits: t.Explored} }

// has tells whether a checkpoint holds the tensor of a parameter.
func (t tensor) has(row model.Tensor) bool {
	switch t.of {
	case dense:
		return !row.Sparse
	case blockSparse:
		return row.Sparse
	case partial:
		return row.Partial
	}
	return true
}

// info describes the tensor of a parameter.
func (t tensor) info(row model.Tensor) checkpoint.Info {
	info := checkpoint.Info{Name: row.Name + t.key, DType: checkpoint.F32, Shape: row.Dims()}
	switch {
	case t.list == nil && row.Sparse:
		info.Shape = []int{row.NNZ, row.Block, row.Block}
	case t.list == nil:
	case t.bits:
		info.DType, info.Shape = checkpoint.U64, []int{(row.Shape().Positions() + 63) / 64}
	default:
		info.DType, info.Shape = checkpoint.I32, []int{row.NNZ}
	}
	return info
}

// Infos lists what one of a checkpoint's files holds for the parameters of a model.
func Infos(file string, params []model.Tensor) []checkpoint.Info {
	var out []checkpoint.Info
	for _, row := range params {
		for _, t := range table {
			if t.file == file && t.has(row) {
				out = append(out, t.info(row))
			}
		}
	}
	return out
}

// Bytes returns the size of a checkpoint's tensors.
func Bytes(params []model.Tensor) (int64, error) {
	total := int64(0)
	for _, file := range []string{ModelFile, OptimizerFile} {
		for _, info := range Infos(file, params) {
			n, err := info.Bytes()
			if err != nil {
				return 0, fmt.Errorf("size of %s: %w", info.Name, err)
			}
			total += n
		}
	}
	return total, nil
}
