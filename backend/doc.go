// Package backend holds the contracts between the model and the devices that
// run it: the tensors a device keeps and the operations it can do on them.
//
// # Memory
//
// A [Buffer] is a device array of one dtype. A [Param] is a trainable tensor
// with everything that training needs beside the values: gradient, both Adam
// moments and, when the tensor is block-sparse, the topology. Buffers of one
// backend must not be given to another.
//
// # Execution
//
// Operations are asynchronous in principle: a call may only queue the work, and
// it never waits. Work runs in the order of the calls. Errors stick: after the
// first one, whatever its cause (a shape that does not fit, a device that
// fails), the backend ignores further operations, and Sync returns that error.
// Read waits and returns it too. So a training step checks once, not fifty
// times. A backend is used from one goroutine at a time.
//
// What makes an error, at the latest by the next Sync: a missing buffer or
// parameter where one is needed, one of another backend, a wrong dtype, a buffer
// that is too short (longer is fine: the rest is neither read nor written), a
// parameter of another shape, a negative count, an unknown mode, a dropout rate
// outside [0, 1), and integers on the device that are out of range: ids and
// segments beyond their tables, labels, lengths, row indices. Its one line names
// the operation and says what was found and what was expected. A count of 0 is
// no error.
//
// Per-step scalars (step number, learning rate, loss scales) go to the device
// once a step, through BeginStep, and operations read them from there. That
// way the launches of a step do not depend on the step, and a device may record
// them once and replay them.
//
// # Numbers
//
// Every operation gives the same bits for the same inputs, whatever the number
// of threads: reductions have a fixed order. Between backends results agree to
// the tolerances of package backendtest; topologies agree exactly.
//
// A NaN in an input makes every output element that depends on it NaN: no
// maximum, clamp or comparison may lose it. Inactive blocks, masked keys and
// elements that dropout removes do not count as dependence.
//
// Unless an operation says otherwise, outputs are assigned, not accumulated,
// and no output overlaps an input. Operations marked "in place" allow it.
package backend
