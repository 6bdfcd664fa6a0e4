package simdriver

import (
	"encoding/binary"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// boxColumns is the width of a box of bfloat16: 128 bytes.
const boxColumns = 64

// EncodeTensorMap makes a tensor map in the simulator's own encoding. Devices before
// compute capability 9.0 have none.
func (d *Driver) EncodeTensorMap(m gpu.Matrix) (t gpu.TensorMap, err error) {
	err = d.call("encode tensor map", "", false, func() error {
		if !d.Properties().TensorMaps {
			return fmt.Errorf("found compute capability %d.0, expected 9.0 or newer", d.opt.Major)
		}
		if m.Rows < 1 || m.Columns < 1 || m.Pitch < m.Columns {
			return fmt.Errorf("found %d rows of %d in %d elements, expected at least one of each, and no row longer than its pitch", m.Rows, m.Columns, m.Pitch)
		}
		raw, err := ptxsim.TensorMap{
			Type: ptxsim.TensorBF16, Address: ptxsim.Ptr(m.Address), Dims: []uint64{uint64(m.Columns), uint64(m.Rows)},
			Strides: []uint64{2 * uint64(m.Pitch)}, Box: []int{boxColumns, m.BoxRows}, Swizzle: ptxsim.Swizzle128,
		}.Encode()
		for i := range t {
			if err == nil {
				t[i] = binary.LittleEndian.Uint64(raw[8*i:])
			}
		}
		return err
	})
	return t, err
}
