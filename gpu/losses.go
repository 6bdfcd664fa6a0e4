package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// CrossEntropy implements backend.Losses.
func (b *Backend) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	k := b.check("CrossEntropy")
	k.count("rows", rows, 0)
	k.count("classes", c, 1)
	if loss != backend.MLM && loss != backend.NSP {
		k.fail("loss: found %d, expected %d (MLM) or %d (NSP)", loss, backend.MLM, backend.NSP)
	}
	s := k.buffer("stats", stats, backend.F32, 3)
	x, list := k.act("logits", logits, rows*c), k.buffer("labels", labels, backend.I32, rows)
	if !k.ok() || rows == 0 {
		return
	}
	result := ptrFloat2(b.reserve(k.op, &b.scratch, "partial sums", 8*int64(rows)))
	bad := k.slot("labels", lessThan(c))
	if !k.ok() {
		return
	}
	replace := int32(0)
	if grad {
		replace = 1
	}
	// A thread for every 8 logits.
	g, block := Dim3{X: rows}, Dim3{X: min(512, (c+255)/256*32)}
	if b.act == backend.BF16 {
		b.k.crossEntropyBf16(g, block, 0, result, ptrBF16(x.p), ptrI32(list.p), b.scalars(), int32(loss), int32(rows), int32(c), replace, bad)
	} else {
		b.k.crossEntropyF32(g, block, 0, result, ptrF32(x.p), ptrI32(list.p), b.scalars(), int32(loss), int32(rows), int32(c), replace, bad)
	}
	b.k.crossEntropySum(Dim3{X: 1}, Dim3{X: min(1024, (rows+31)/32*32)}, 0, ptrF32(s.p), result, ptrI32(list.p), int32(rows), int32(c))
}
