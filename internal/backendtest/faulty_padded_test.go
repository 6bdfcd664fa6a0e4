package backendtest

import "github.com/sparsebert/sparsebert-gpu/backend"

// rowsFaults take the rows of a buffer to be further apart, or nearer, than they are.
func rowsFaults() []fault {
	shifted := func(b backend.Backend, x backend.Buffer, rows, columns int) {
		edit(b, x, func(v []float32) {
			for r := 1; r < rows; r++ {
				copy(v[r*columns:(r+1)*columns], v[min(r*columns+r, (rows-1)*columns):])
			}
		})
	}
	return []fault{
		{"Rows", "rows of y nearer", func(b backend.Backend) backend.Backend {
			return dsdFault{b, func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
				b.DSD(y, pre, x, w, bias, t)
				shifted(b, y, t, w.Spec().Out)
			}}
		}},
		{"Rows", "rows of dy nearer", func(b backend.Backend) backend.Backend {
			return ddsFault{b, func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
				own := b.Alloc("dy", b.Activation(), dy.Len())
				b.WriteFloats(own, 0, floats(b, dy))
				shifted(b, own, t, w.Spec().Out)
				b.DDS(dx, own, w, t, mode, pre)
			}}
		}},
		{"Rows", "the gradient of the last token left out", func(b backend.Backend) backend.Backend {
			return sddFault{b, func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int) {
				b.SDD(w, bias, dy, x, t-1)
			}}
		}},
	}
}
