// Package backend is the contract between a model and the devices that run it: the tensors
// that a device keeps and the operations it does on them. A model written against [Backend]
// runs on the CPU (package cpu), on a GPU or its simulator (package gpu), and on the float64
// loops that all of them are measured against.
//
// In the formulas T is the number of tokens, O x I a weight's shape [out, in], H the hidden
// size, B the block size, and nnzb the number of active blocks of a tensor. All matrices are
// row-major.
//
// # Buffers
//
// A [Buffer] is a device array of one dtype. Activations are token-major, [T, n]: a row of n
// numbers for each token, and the tokens of a sequence follow one another.
//
//	                      n columns
//	sequence 0, token 0 [ x x x x x x ]   element (t, j) is at t*n + j
//	            token 1 [ x x x x x x ]
//	            ...
//	sequence 1, token 0 [ x x x x x x ]
//
// They have the dtype [Backend.Activation]. Row statistics, losses and norms are float32; ids,
// labels and lengths are int32.
//
//	b, err := cpu.New(cpu.Options{})
//	x := b.Alloc("x", b.Activation(), tokens*in) // zeros
//	b.WriteFloats(x, 0, values)
//	err = b.ReadFloats(values, x, 0) // waits for what was queued before
//
// # Parameters
//
// A [Param] is a trainable tensor with all that training needs: values, gradient and both Adam
// moments, in four buffers of one layout. A dense tensor is [O, I]. A block-sparse one keeps
// only its active blocks, [nnzb][B][B], in the order of their slots; package sparse says more.
//
//	topology of an 8 x 12 weight, B = 4       Values, and Grad, M, V alike
//	    [ .   s0  .  ]                        [ s0: 16 numbers | s1: 16 | s2: 16 ]
//	    [ s1  .   s2 ]
//
//	element (o, i) of the block in slot s is at s*B*B + (o mod B)*B + i mod B
//
//	w := b.NewParam(backend.ParamSpec{Name: "w", Out: 8, In: 12, Topology: topology})
//	b.WriteFloats(w.Values(), 0, values)
//	b.Refresh([]backend.Param{w}) // after values or topology were written from outside
//
// Buffers and parameters belong to the backend that made them, and to no other.
//
// # Products
//
// The three products of a weight are named by density, the output first: [Products.DSD] is the
// forward pass, [Products.DDS] the gradient of its input, [Products.SDD] that of the weight.
// Only active blocks cost anything.
//
//	b.DSD(y, nil, x, w, bias, tokens)                  // y = x W^T + b
//	b.DDS(dx, dy, w, tokens, backend.Accumulate, nil)  // dx += dy W
//	b.SDD(w, bias, dy, x, tokens)                      // w.Grad += dy^T x, on active blocks
//
// [Layers] has what lies between the products, [Losses] the ends of the heads.
//
// # A training step
//
// Numbers that change from step to step go to the device once a step, through BeginStep.
// Operations read them there, so the calls of a step do not depend on the step and a device may
// record and repeat them ([Recorder]).
//
//	b.BeginStep(backend.StepScalars{Seed: 1, Step: step, Train: true, LR: lr, MLMScale: scale})
//	b.ZeroGrad(params)
//	// forward and backward
//	b.GradNorm(norm, params)
//	b.AdamW(params, norm, adam)
//	b.UpdateTopology(params, update) // now and then
//	err := b.Sync()
//
// # Order and errors
//
// A call may only queue the work, and it never waits but where it says so. Work runs in the
// order of the calls. A backend is used from one goroutine at a time.
//
// Errors stick. After the first one, whatever its cause, the backend ignores further operations,
// and Sync and reads return that error. So a training step checks once, not fifty times. These
// are errors, at the latest at the next Sync:
//
//   - a buffer or parameter that is missing where one is needed, or of another backend;
//   - a buffer of another dtype, or too short. A longer one is fine: the rest is neither read
//     nor written;
//   - a parameter of another shape, or block-sparse where a dense one is needed, or dense where
//     a block-sparse one is;
//   - one buffer in two places where an operation must keep them apart, a parameter twice in a
//     list that is changed;
//   - a negative count, an unknown mode, a dropout rate outside [0, 1), a range beyond a buffer,
//     a topology that breaks its rules. A count of 0 is no error;
//   - integers on the device that are out of range: ids and segments beyond their tables,
//     labels, lengths, row indices; a block that is born after the step; a weight or score that
//     is not finite in a topology update;
//   - a failure of the device.
//
// The one line of an error names device, operation and argument, and says what was found and
// what was expected:
//
//	cpu: DSD: x (embeddings): found 4096 elements, expected at least 8192
//
// # Aliasing
//
// Unless an operation says otherwise, outputs are assigned, not accumulated, and an output is
// neither an input nor another output. Operations marked "in place" allow it.
//
// # Numbers
//
// Every operation gives the same bits for the same inputs, whatever the number of threads:
// reductions have a fixed order. Between devices results agree to the tolerances of the
// conformance suite (internal/backendtest); topologies agree exactly.
//
// A NaN in an input makes every output element that depends on it NaN: no maximum, clamp or
// comparison may lose it. Inactive blocks, masked keys and elements that dropout removes do not
// count as dependence.
//
// # What a device may have besides
//
// [Capabilities] lists it, and is the only way to ask.
//
//	if s := b.Capabilities().SharedInput; s != nil {
//		s.DSDShared(y, x, weights, biases, tokens) // query, key and value in one pass over x
//	}
//
// # Writing a device
//
// A [Device] computes, and trusts its arguments. [New] puts the check of arguments before it:
// one set of rules and messages for all devices, which costs a fraction of a microsecond a call
// and no memory.
//
//	type Backend struct {
//		backend.Backend // checked
//		device *device  // what only this device has
//	}
//
//	func New() *Backend {
//		d := &device{}
//		return &Backend{backend.New(d), d}
//	}
package backend
