package state

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Source is where a checkpoint's tensors come from. i counts the parameters of the
// model's table.
type Source interface {
	// Topology returns that of a block-sparse parameter.
	Topology(i int) (*sparse.Topology, error)
	// Part returns the blocks that are trained of a partial parameter.
	Part(i int) *sparse.Topology
	// Floats returns the tensor that info describes. It may read the numbers when it
	// is written.
	Floats(i int, which Floats, info checkpoint.Info) checkpoint.Tensor
}

// Files describes the files of a checkpoint of a model with the given parameters, by
// their names.
func Files(params []model.Tensor, from Source) (map[string]*checkpoint.File, error) {
	files := map[string]*checkpoint.File{ModelFile: {}, OptimizerFile: {}}
	for i, row := range params {
		var topo *sparse.Topology
		if row.Sparse {
			var err error
			if topo, err = from.Topology(i); err != nil {
				return nil, fmt.Errorf("read topology of %s: %w", row.Name, err)
			}
		}
		for _, t := range table {
			if !t.has(row) {
				continue
			}
			info := t.info(row)
			var out checkpoint.Tensor
			switch {
			case t.list == nil:
				out = from.Floats(i, t.floats, info)
			case t.of == partial:
				out = t.list(from.Part(i)).tensor(info)
			default:
				out = t.list(topo).tensor(info)
			}
			files[t.file].Tensors = append(files[t.file].Tensors, out)
		}
	}
	return files, nil
}

// tensor makes a checkpoint's tensor of a list.
func (l list) tensor(info checkpoint.Info) checkpoint.Tensor {
	if info.DType == checkpoint.U64 {
		return checkpoint.Of(info.Name, info.Shape, l.bits)
	}
	return checkpoint.Of(info.Name, info.Shape, l.ints)
}

// Model is the Source of a model's whole state on its device. The numbers are read
// when the files are written: the model must not step before. Where processes have parts
// of the moments (model.Model.Sharded), rank 0 writes the files while all others call
// [Send].
func Model(m *model.Model) *OnDevice { return &OnDevice{Model: m} }

// OnDevice is the Source that [Model] returns.
type OnDevice struct {
	*model.Model
	sent, skip int // pieces of moments that are exchanged, and that are not to be again
}

// Topology implements Source.
func (d *OnDevice) Topology(i int) (*sparse.Topology, error) {
	return d.Backend().Topology(d.Params()[i])
}

// Floats implements Source.
func (d *OnDevice) Floats(i int, which Floats, info checkpoint.Info) checkpoint.Tensor {
	if bounds := d.MomentBounds(i); bounds != nil && which != Values {
		return d.gathered(info, buffer(d.Params()[i], which), bounds)
	}
	return stream(info, d.Backend(), buffer(d.Params()[i], which))
}

// buffer is where a device keeps numbers of a parameter.
func buffer(p backend.Param, which Floats) backend.Buffer {
	switch which {
	case FirstMoment:
		return p.M()
	case SecondMoment:
		return p.V()
	default:
		return p.Values()
	}
}

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
func stream(info checkpoint.Info, b backend.Backend, buf backend.Buffer) checkpoint.Tensor {
	return checkpoint.Tensor{Info: info, Stream: func(w io.Writer) error {
		win := windows.Get().(*hostWindow)
		defer windows.Put(win)
		values, bytes := win.values, win.bytes
		for off := 0; off < buf.Len(); off += len(values) {
			values = values[:min(len(values), buf.Len()-off)]
			if err := b.ReadFloats(values, buf, off); err != nil {
				return fmt.Errorf("read %s from the device: %w", info.Name, err)
			}
			n, err := binary.Encode(bytes, binary.LittleEndian, values)
			if err != nil {
				return fmt.Errorf("encode %s: %w", info.Name, err)
			}
			if _, err := w.Write(bytes[:n]); err != nil {
				return err
			}
		}
		return nil
	}}
}
