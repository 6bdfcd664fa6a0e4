// Package history keeps where the active blocks of a run were after each topology update:
// a file for each, which numpy reads as it is.
package history

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// FolderName is the folder of the files in a run folder.
const FolderName = "topology"

// Tensor is one weight and where its blocks are.
type Tensor struct {
	Name     string
	Topology *sparse.Topology
}

// Point is a moment in a run.
type Point struct {
	Step   int64 // finished optimizer steps
	Update int64 // topology updates before, 0 at the start
}

// fileName is that of a step, of as many digits for all, so that names sort as steps do.
func fileName(step int64) string { return fmt.Sprintf("step-%010d.npz", step) }

// Write writes the file of a point into the folder dir. It appears whole.
//
// It is a ZIP archive of NumPy arrays, deflated: step and update, one number each; and for
// each tensor NAME.shape, its outputs, inputs and block size, and NAME.rows, NAME.cols and
// NAME.ages, a number for each active block, by block row, then block column. Ages are in
// steps. Rows and columns have two bytes each where the tensor allows it, else four, as ages.
func Write(dir string, p Point, tensors []Tensor) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the topology of step %d: %w", p.Step, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(filepath.Join(dir, fileName(p.Step)), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	archive := zip.NewWriter(f)
	put := func(name string, a array) {
		if err == nil {
			err = a.write(archive, name)
		}
	}
	put("step", ints(p.Step))
	put("update", ints(p.Update))
	for _, t := range tensors {
		s := t.Topology.Shape
		put(t.Name+".shape", ints(int64(s.Out), int64(s.In), int64(s.Block)))
		rows, cols, ages := blocks(t.Topology, p.Step)
		put(t.Name+".rows", indices(rows, s.BlockRows()))
		put(t.Name+".cols", indices(cols, s.BlockCols()))
		put(t.Name+".ages", indices(ages, math.MaxInt32))
	}
	if err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// blocks lists the active blocks of a topology, by position.
func blocks(t *sparse.Topology, step int64) (rows, cols, ages []int32) {
	for _, slot := range t.RowSlot {
		rows = append(rows, t.Rows[slot])
		cols = append(cols, t.Cols[slot])
		ages = append(ages, int32(step)-t.Born[slot])
	}
	return rows, cols, ages
}

// array is a NumPy array of one dimension.
type array struct {
	dtype string // as NumPy writes it
	n     int
	data  []byte
}

// ints are int64.
func ints(values ...int64) array {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return array{"<i8", len(values), data}
}

// indices are numbers from 0 below an end, in two bytes each where they fit.
func indices(values []int32, end int) array {
	a := array{"<i4", len(values), nil}
	if end <= math.MaxUint16+1 {
		a.dtype = "<u2"
	}
	for _, v := range values {
		if a.dtype == "<u2" {
			a.data = binary.LittleEndian.AppendUint16(a.data, uint16(v))
		} else {
			a.data = binary.LittleEndian.AppendUint32(a.data, uint32(v))
		}
	}
	return a
}

// write adds the array to an archive, as version 1.0 of the format NPY.
func (a array) write(to *zip.Writer, name string) error {
	w, err := to.Create(name + ".npy")
	if err != nil {
		return err
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", a.dtype, a.n)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n" // the data begin at a multiple of 64
	if _, err := fmt.Fprintf(w, "\x93NUMPY\x01\x00%s%s", binary.LittleEndian.AppendUint16(nil, uint16(len(head))), head); err != nil {
		return err
	}
	_, err = w.Write(a.data)
	return err
}

// arrayBytes is more than an array takes beside its data, name included twice.
const arrayBytes = 1024

// Bytes is the most that a file of tensors takes, whose shapes and active blocks are given
// in turn. Deflated data are never much larger than the data.
func Bytes(shapes []sparse.Shape, nnz []int) int64 {
	n := int64(2 * arrayBytes)
	for i, s := range shapes {
		block := int64(4) // the age
		for _, end := range []int{s.BlockRows(), s.BlockCols()} {
			block += 2
			if end > math.MaxUint16+1 {
				block += 2
			}
		}
		data := block * int64(nnz[i])
		n += 4*arrayBytes + data + data/1000
	}
	return n
}

// Cut removes the files of dir of steps above the last one that is done. Other files stay.
func Cut(dir string, done int64) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return fmt.Errorf("cut the topologies: %w", err)
	}
	for _, e := range entries {
		var step int64
		if _, err := fmt.Sscanf(e.Name(), "step-%d.npz", &step); err != nil || fileName(step) != e.Name() || step <= done {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cut the topologies: %w", err)
		}
	}
	return nil
}
