// Package simdriver runs the GPU backend without a GPU: it implements gpu.Driver
// with the PTX simulator of package ptxsim, for tests and for machines without
// a GPU.
//
// Every call does its work before it returns. What a GPU leaves undefined is an
// error here where it can be: undefined values that decide something, races, accesses
// out of bounds or after Free. A copy between the device and pinned memory is
// finished by Sync, or by Wait for a later event, as on a GPU: until then the
// destination of a CopyOut holds other bytes, Sync reports a source of a CopyIn
// that was changed too soon, and a second copy with the same bytes is an error
// unless both read them.
//
// While a stream is captured only Launch, Copy, Memset, Follow, EndCapture, Close and
// the calls without an error go through; an error of any call spoils the
// capture, and EndCapture fails. A graph holds arguments and addresses, not contents.
//
// The work of a graph with branches is done one after the other: in the order of the calls,
// or with Options.Seed in a random one that the graph allows. With Options.BlockRaces work of
// two branches that nothing orders may not touch the same bytes, if one of them writes.
package simdriver
