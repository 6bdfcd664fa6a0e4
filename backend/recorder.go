package backend

// Recorder is a Backend that can keep a sequence of operations and do it again
// as one. Others run it each time.
type Recorder interface {
	// Record does what work does. work calls operations of Products and Layers,
	// CrossEntropy, ZeroGrad, GradNorm, AdamW and BlockGradL1, none that reads,
	// writes, allocates or waits, and under one name always the same ones with the
	// same arguments: from some call on the backend repeats what an earlier one did
	// and does not call work. What changes in between goes through BeginStep and the
	// contents of buffers. name must be comparable and unlike the names of other
	// users of the backend, so it is best of a type of the caller's own.
	Record(name any, work func())
}

// Record runs work as a recorded sequence if b keeps any, else directly.
func Record(b Backend, name any, work func()) {
	if r, ok := b.(Recorder); ok {
		r.Record(name, work)
		return
	}
	work()
}
