package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// CrossEntropy implements backend.Losses.
func (b *device) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	k := b.begin("CrossEntropy")
	k.limit("rows", rows)
	k.limit("classes", c)
	s, x, list := own(stats), own(logits), own(labels)
	if !k.ok() || rows == 0 {
		return
	}
	result := ptrFloat2(b.reserve(k.op, &b.scratch, "partial sums", 8*int64(rows)))
	bad := k.slot("labels", lessThan(c))
	if !k.ok() {
		return
	}
	args := crossEntropyArgs{
		result: result, logits: ptrAct(x.p), labels: ptrI32(list.p), step: b.scalars(), loss: int32(loss), rows: int32(rows), c: int32(c), pitch: x.rowPitch(c), bad: bad,
	}
	if grad {
		args.grad = 1
	}
	// A thread for every 8 logits.
	b.k.crossEntropy(config{grid: Dim3{X: rows}, block: Dim3{X: min(512, (c+255)/256*32)}}, args)
	b.k.crossEntropySum(config{grid: Dim3{X: 1}, block: Dim3{X: min(1024, (rows+31)/32*32)}}, crossEntropySumArgs{
		stats: ptrF32(s.p), result: result, labels: ptrI32(list.p), rows: int32(rows), c: int32(c),
	})
}
