package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// kept returns what dropout keeps of rows x columns elements, as bits in the layout of
// backend.Dropout, and other scratch of so many bytes, a multiple of 4. The forward pass
// may have left the bits in d.Kept; else they are drawn behind the other scratch. 0
// where nothing is dropped.
func (c operation) kept(d backend.Dropout, rows, columns int, other int64) (scratch Ptr, bits ptrU32) {
	n := other
	drawn := d.Rate > 0 && d.Kept == nil
	if drawn {
		n += 4 * int64(rows) * int64(backend.KeptWords(columns))
	}
	if n > 0 {
		scratch = c.b.reserve(c.op, &c.b.scratch, "partial sums", n)
	}
	if !c.ok() || d.Rate == 0 {
		return scratch, 0
	}
	if !drawn {
		return scratch, ptrU32(address(d.Kept))
	}
	bits = ptrU32(scratch + Ptr(other))
	words := rows * backend.KeptWords(columns)
	c.b.k.dropoutBits(config{grid: grid(words, 256, 32*c.b.prop.Multiprocessors), block: Dim3{X: 256}}, dropoutBitsArgs{
		kept: bits, step: c.b.scalars(), rate: d.Rate, site: int32(d.Site), rows: int64(rows), columns: int32(columns),
	})
	return scratch, bits
}
