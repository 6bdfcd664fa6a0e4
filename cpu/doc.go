// Package cpu is the device that runs on the processor: float32, several threads, inner loops
// in plain Go or in assembly for AVX2 and AVX-512.
//
// # Use
//
// [New] starts a device. It implements backend.Backend, so a model runs on it, and its
// operations can be called by themselves:
//
//	dev, err := cpu.New(cpu.Options{Threads: 4})
//	if err != nil {
//		return err
//	}
//	defer dev.Close()
//
//	w := dev.NewParam(backend.ParamSpec{Name: "w", Out: 2, In: 3})
//	x, y := dev.Alloc("x", backend.F32, 3), dev.Alloc("y", backend.F32, 2)
//	dev.WriteFloats(w.Values(), 0, []float32{1, 2, 3, 4, 5, 6})
//	dev.WriteFloats(x, 0, []float32{1, 0, -1})
//	dev.DSD(y, nil, x, w, nil, 1) // y = x W^T for one token
//	return dev.Sync()             // the first error of all calls
//
// [Options] are the number of threads and the instruction [Path]. Their zero values are as many
// threads as GOMAXPROCS allows and the fastest path of the machine.
//
// # Determinism
//
// One task computes each output element in a fixed order. Where a sum spans tasks, their
// partial sums are added in task order. So the number of threads, and which thread does which
// task, change nothing. Instruction paths change the last bits. On all but [Portable]
// subnormals count as zeros, except in the norms of topology updates.
//
// # The products
//
// A product with a weight (tiles.go) takes panels of 24 tokens, as package kernel describes
// them. For a row of blocks, or a column of them in the input gradient, all active blocks
// pass through the same registers. Meanwhile the next panel is copied. Results too large to be
// found in a cache later are written with non-temporal stores. A dense weight is packed into
// micro-panels of 16 columns. Blocks of 8, 4 and 1 are too small for vectors of columns: there
// vectors run along the tokens (lanes.go).
//
// A weight gradient (weightgrad.go) takes chunks of tokens, of which the smaller operand fits
// the L2 cache, and passes the larger operand micro-panel by micro-panel:
//
//	            smaller operand, packed once a chunk
//	            +------+------+------+------+
//	larger      | tile |      | tile |      |   the blocks of one row meet
//	operand  -> +------+------+------+------+   one micro-panel of the larger operand;
//	            |      | tile |      | tile |   beside them the next group is packed
//	            +------+------+------+------+
//
// The bias gradient is added up from the packed micro-panels (biasgrad.go). Of many tokens there
// are two split-K partials, so that two threads pack each activation once between them
// (splitk.go).
//
// # Memory
//
// Scratch memory belongs to threads, grows to the largest operation and stays: a step allocates
// nothing. It is small beside the buffers and not part of MemoryBytes: panels, the scores of one
// attention head, the packed copy of one weight, and a partial of a gradient. Large buffers lie
// on huge pages, not all at the same offset in them (buffer.go).
package cpu
