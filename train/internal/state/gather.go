package state

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Send hands a process's parts of the moments to rank 0, which writes the files of a
// checkpoint meanwhile.
func Send(m *model.Model) error {
	files, err := Files(m.Table(), Model(m))
	if err != nil {
		return err
	}
	// The same calls in the same order as where the file is written.
	return checkpoint.Write(io.Discard, files[OptimizerFile])
}

// Finish takes from the other processes what they still have to send when the files, of
// which d is the source, could not be written to their end.
func (d *OnDevice) Finish(files map[string]*checkpoint.File) error {
	if !d.Sharded() {
		return nil
	}
	d.skip, d.sent = d.sent, 0
	return checkpoint.Write(io.Discard, files[OptimizerFile])
}

// gathered makes a tensor whose parts, by bounds, the processes of a model have in buf. It
// is written by all of them at a time, and what rank 0 writes is the tensor. A process
// holds streamElements of it at a time.
func (d *OnDevice) gathered(info checkpoint.Info, buf backend.Buffer, bounds []int) checkpoint.Tensor {
	return checkpoint.Tensor{Info: info, Stream: func(w io.Writer) error {
		win := windows.Get().(*hostWindow)
		defer windows.Put(win)
		group := d.Options().Group
		for rank := range group.Size() {
			for lo := bounds[rank]; lo < bounds[rank+1]; lo += streamElements {
				values := win.values[:min(streamElements, bounds[rank+1]-lo)]
				if rank == group.Rank() {
					if err := d.Backend().ReadFloats(values, buf, lo-bounds[rank]); err != nil {
						return fmt.Errorf("read %s from the device: %w", info.Name, err)
					}
				}
				if d.sent++; d.sent > d.skip {
					if err := toFirst(group, rank, values); err != nil {
						return fmt.Errorf("gather %s: %w", info.Name, err)
					}
				}
				n, err := binary.Encode(win.bytes, binary.LittleEndian, values)
				if err != nil {
					return fmt.Errorf("encode %s: %w", info.Name, err)
				}
				if _, err := w.Write(win.bytes[:n]); err != nil {
					return err
				}
			}
		}
		return nil
	}}
}

// toFirst brings values of a rank to rank 0.
func toFirst(group model.Communicator, rank int, values []float32) error {
	if rank == 0 {
		return nil
	}
	send, recv := make([][]byte, group.Size()), make([][]byte, group.Size())
	switch group.Rank() {
	case rank:
		send[0] = collective.Bytes(values)
	case 0:
		recv[rank] = collective.Bytes(values)
	}
	return group.AllToAll(send, recv)
}
