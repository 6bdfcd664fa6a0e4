package train

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The files of a checkpoint.
const (
	modelFile     = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
)

// Tensor keys of one parameter NAME in the optimizer's file; those of the model's
// are checkpoint.KeyBlocks and its neighbors. The blocks of a part that is trained
// stand in the optimizer's file, under checkpoint.KeyRows and KeyCols.
const (
	keyM        = ".m"        // optimizer: F32, first Adam moment
	keyV        = ".v"        // optimizer: F32, second Adam moment
	keyBorn     = ".born"     // optimizer: I32 [nnzb], sparse.Topology.Born
	keyNewAt    = ".new_at"   // optimizer: I32 [nnzb], sparse.Topology.NewAt
	keyExplored = ".explored" // optimizer: U64 [words], sparse.Topology.Explored
)

// streamElements is how much of a device buffer is on the host at a time.
const streamElements = 1 << 16

// windows are the buffers of streams: a model has hundreds of tensors, and what each
// leaves behind would add up before the collector comes.
var windows = sync.Pool{New: func() any {
	return &hostWindow{make([]float32, streamElements), make([]byte, 4*streamElements)}
}}

type hostWindow struct {
	values []float32
	bytes  []byte
}

// stream makes a tensor that reads its device buffer only while it is written,
// so that no second copy of the model need fit into the host's memory.
func stream(name string, shape []int, b backend.Backend, buf backend.Buffer) checkpoint.Tensor {
	return checkpoint.Tensor{
		Info: checkpoint.Info{Name: name, DType: checkpoint.F32, Shape: shape},
		Stream: func(w io.Writer) error {
			win := windows.Get().(*hostWindow)
			defer windows.Put(win)
			values, bytes := win.values, win.bytes
			for off := 0; off < buf.Len(); off += len(values) {
				values = values[:min(len(values), buf.Len()-off)]
				if err := b.ReadFloats(values, buf, off); err != nil {
					return fmt.Errorf("read %s from the device: %w", name, err)
				}
				n, err := binary.Encode(bytes, binary.LittleEndian, values)
				if err != nil {
					return fmt.Errorf("encode %s: %w", name, err)
				}
				if _, err := w.Write(bytes[:n]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// snapshot describes a model's whole state on its device. The values are read
// when the files are written: the model must not step before.
func snapshot(m *model.Model) (weights, optimizer *checkpoint.File, err error) {
	b := m.Backend()
	weights, optimizer = &checkpoint.File{}, &checkpoint.File{}
	for i, p := range m.Params() {
		row := m.Table()[i]
		topo, err := b.Topology(p)
		if err != nil {
			return nil, nil, fmt.Errorf("read topology of %s: %w", row.Name, err)
		}
		name, shape := row.Name, row.Dims()
		if topo != nil {
			name, shape = row.Name+checkpoint.KeyBlocks, []int{row.NNZ, row.Block, row.Block}
			addTopology(weights, optimizer, row, topo)
		}
		if row.Partial {
			part, n := m.Part(i), []int{row.NNZ}
			optimizer.Tensors = append(optimizer.Tensors, checkpoint.Of(row.Name+checkpoint.KeyRows, n, part.Rows), checkpoint.Of(row.Name+checkpoint.KeyCols, n, part.Cols))
		}
		for _, part := range []struct {
			file *checkpoint.File
			name string
			buf  backend.Buffer
		}{{weights, name, p.Values()}, {optimizer, row.Name + keyM, p.M()}, {optimizer, row.Name + keyV, p.V()}} {
			part.file.Tensors = append(part.file.Tensors, stream(part.name, shape, b, part.buf))
		}
	}
	return weights, optimizer, nil
}

// addTopology adds the tensors of a parameter's topology.
func addTopology(weights, optimizer *checkpoint.File, row model.Tensor, topo *sparse.Topology) {
	n := []int{row.NNZ}
	weights.Tensors = append(weights.Tensors,
		checkpoint.Of(row.Name+checkpoint.KeyRows, n, topo.Rows), checkpoint.Of(row.Name+checkpoint.KeyCols, n, topo.Cols))
	optimizer.Tensors = append(optimizer.Tensors,
		checkpoint.Of(row.Name+keyBorn, n, topo.Born), checkpoint.Of(row.Name+keyNewAt, n, topo.NewAt),
		checkpoint.Of(row.Name+keyExplored, []int{len(topo.Explored)}, topo.Explored))
}

// tensorInfos lists what the two files of a checkpoint hold for a parameter
// table.
func tensorInfos(table []model.Tensor) (weights, optimizer []checkpoint.Info) {
	for _, row := range table {
		name, shape := row.Name, row.Dims()
		if row.Sparse {
			name, shape = row.Name+checkpoint.KeyBlocks, []int{row.NNZ, row.Block, row.Block}
			n := []int{row.NNZ}
			weights = append(weights,
				checkpoint.Info{Name: row.Name + checkpoint.KeyRows, DType: checkpoint.I32, Shape: n},
				checkpoint.Info{Name: row.Name + checkpoint.KeyCols, DType: checkpoint.I32, Shape: n})
			optimizer = append(optimizer,
				checkpoint.Info{Name: row.Name + keyBorn, DType: checkpoint.I32, Shape: n},
				checkpoint.Info{Name: row.Name + keyNewAt, DType: checkpoint.I32, Shape: n},
				checkpoint.Info{Name: row.Name + keyExplored, DType: checkpoint.U64, Shape: []int{(row.Shape().Positions() + 63) / 64}})
		}
		if row.Partial {
			n := []int{row.NNZ}
			optimizer = append(optimizer,
				checkpoint.Info{Name: row.Name + checkpoint.KeyRows, DType: checkpoint.I32, Shape: n},
				checkpoint.Info{Name: row.Name + checkpoint.KeyCols, DType: checkpoint.I32, Shape: n})
		}
		weights = append(weights, checkpoint.Info{Name: name, DType: checkpoint.F32, Shape: shape})
		optimizer = append(optimizer,
			checkpoint.Info{Name: row.Name + keyM, DType: checkpoint.F32, Shape: shape},
			checkpoint.Info{Name: row.Name + keyV, DType: checkpoint.F32, Shape: shape})
	}
	return weights, optimizer
}

// CheckpointBytes returns the size of a checkpoint's tensors.
func CheckpointBytes(table []model.Tensor) (int64, error) {
	total := int64(0)
	weights, optimizer := tensorInfos(table)
	for _, info := range slices.Concat(weights, optimizer) {
		n, err := info.Bytes()
		if err != nil {
			return 0, fmt.Errorf("size of %s: %w", info.Name, err)
		}
		total += n
	}
	return total, nil
}

// restore puts a checkpoint into a model built for the same configuration. Only
// the weights and where they are, unless training is to go on. Errors about the
// checkpoint are checkpoint.ErrCorrupt; the model is unusable after one.
func restore(m *model.Model, c *checkpoint.Checkpoint, training bool) error {
	wantWeights, wantOptimizer := tensorInfos(m.Table())
	w, err := openFile(c, modelFile, wantWeights)
	if err != nil {
		return err
	}
	defer w.Close()
	var o *checkpoint.Reader
	if training {
		if o, err = openFile(c, optimizerFile, wantOptimizer); err != nil {
			return err
		}
		defer o.Close()
	}
	for i, p := range m.Params() {
		row := m.Table()[i]
		if err := restoreParam(m.Backend(), p, row, w, o); err != nil {
			return err
		}
		if row.Partial && o != nil {
			part, err := readBlocks(row, o)
			if err != nil {
				return err
			}
			if err := m.SetPart(i, part); err != nil {
				return err
			}
		}
	}
	return ready(m.Backend(), m.Params(), "restore the checkpoint")
}

// openFile opens one of a checkpoint's files and checks that it has exactly the
// tensors wanted.
func openFile(c *checkpoint.Checkpoint, name string, want []checkpoint.Info) (*checkpoint.Reader, error) {
	r, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	if err := r.Require(want); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// restoreParam restores one parameter; o is nil where only the weights matter.
func restoreParam(b backend.Backend, p backend.Param, row model.Tensor, w, o *checkpoint.Reader) error {
	name := row.Name
	if row.Sparse {
		name += checkpoint.KeyBlocks
		topo, err := readTopology(row, w, o)
		if err != nil {
			return err
		}
		b.SetTopology(p, topo)
	}
	values := make([]float32, row.Stored())
	if err := checkpoint.ReadInto(w, name, values); err != nil {
		return err
	}
	b.WriteFloats(p.Values(), 0, values)
	if o == nil {
		return nil
	}
	if err := checkpoint.ReadInto(o, row.Name+keyM, values); err != nil {
		return err
	}
	b.WriteFloats(p.M(), 0, values)
	if err := checkpoint.ReadInto(o, row.Name+keyV, values); err != nil {
		return err
	}
	b.WriteFloats(p.V(), 0, values)
	return nil
}

// readTopology reads one parameter's topology and checks it.
func readTopology(row model.Tensor, w, o *checkpoint.Reader) (*sparse.Topology, error) {
	t, err := readBlocks(row, w)
	if err != nil || o == nil {
		return t, err
	}
	if err := errors.Join(
		checkpoint.ReadInto(o, row.Name+keyBorn, t.Born),
		checkpoint.ReadInto(o, row.Name+keyNewAt, t.NewAt),
		checkpoint.ReadInto(o, row.Name+keyExplored, t.Explored),
	); err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("%s: topology of %s: %w: %w", o.Path(), row.Name, err, checkpoint.ErrCorrupt)
	}
	return t, nil
}

// readBlocks reads the blocks of a topology from one of a checkpoint's files.
func readBlocks(row model.Tensor, r *checkpoint.Reader) (*sparse.Topology, error) {
	rows, cols := make([]int32, row.NNZ), make([]int32, row.NNZ)
	if err := errors.Join(checkpoint.ReadInto(r, row.Name+checkpoint.KeyRows, rows), checkpoint.ReadInto(r, row.Name+checkpoint.KeyCols, cols)); err != nil {
		return nil, err
	}
	t, err := sparse.NewTopology(row.Shape(), rows, cols)
	if err != nil {
		return nil, fmt.Errorf("%s: topology of %s: %w: %w", r.Path(), row.Name, err, checkpoint.ErrCorrupt)
	}
	return t, nil
}
