package drivertest

import (
	_ "embed"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// tensorPTX holds the kernel that takes a tensor map; testdata/tensor.cu says what it does.
//
//go:embed testdata/tensor.ptx
var tensorPTX []byte

// tensorMaps copies a box at the end of a matrix, a part of which is outside, and tries to
// describe matrices that no map can.
func tensorMaps(b *bench) {
	const rows, columns, pitch, boxRows, boxColumns = 11, 70, 80, 8, 64
	matrix := make([]uint16, rows*pitch)
	for i := range matrix {
		matrix[i] = uint16(i + 1)
	}
	p := b.upload(0, "matrix", matrix)
	good := gpu.Matrix{Address: p, Rows: rows, Columns: columns, Pitch: pitch, BoxRows: boxRows}
	if !b.d.Properties().TensorMaps {
		_, err := b.d.EncodeTensorMap(good)
		b.fails("a map on a device without them", err, "encode tensor map")
		b.Skip("this device has no tensor maps")
	}
	for what, change := range map[string]func(m *gpu.Matrix){
		"an address between multiples of 16": func(m *gpu.Matrix) { m.Address += 2 },
		"rows between multiples of 16 bytes": func(m *gpu.Matrix) { m.Pitch = 76 },
		"rows that overlap":                  func(m *gpu.Matrix) { m.Pitch = 64 },
		"no rows":                            func(m *gpu.Matrix) { m.Rows = 0 },
		"no columns":                         func(m *gpu.Matrix) { m.Columns = 0 },
		"a box without rows":                 func(m *gpu.Matrix) { m.BoxRows = 0 },
		"a box of 257 rows":                  func(m *gpu.Matrix) { m.BoxRows = 257 },
	} {
		m := good
		change(&m)
		_, err := b.d.EncodeTensorMap(m)
		b.fails(what, err, "encode tensor map")
	}

	mod, err := b.d.Load("tensor.ptx", tensorPTX)
	b.must(err)
	f, err := b.d.Function(mod, "box")
	b.must(err)
	out := b.alloc(2*boxRows*boxColumns, "out")
	const column, row = 32, 5
	t, err := b.d.EncodeTensorMap(good)
	b.must(err)
	args := append(append([]uint64{uint64(out)}, t[:]...), column, row)
	b.must(b.d.Launch(0, f, x(1), x(128), 0, args))
	expected := make([]uint16, boxRows*boxColumns)
	for r := range boxRows {
		for c := range boxColumns {
			piece := c/8 ^ r // of 16 bytes, exchanged with others of its row
			if row+r < rows && column+c < columns {
				expected[r*boxColumns+piece*8+c%8] = matrix[(row+r)*pitch+column+c]
			}
		}
	}
	want(b, 0, "box", out, expected)
	b.fails("a map with a word too few", b.d.Launch(0, f, x(1), x(128), 0, args[1:]), "launch box")
}
