package gpu

// recording is a sequence of launches that is queued as one, as a graph.
type recording struct {
	graph Graph // 0: not captured yet
	takes int   // Backend.takes when the sequence last ran
}

// Record implements backend.Recorder. The first call with a name runs work, so
// that kernels are loaded and scratch and tables have their memory; the second
// captures it; from then on one launch does it all. Launches name addresses, so
// any allocation since, which may have moved scratch, starts this over.
func (b *device) Record(name any, work func()) {
	if !b.ok() {
		return
	}
	if b.recording { // a part of the sequence around it
		work()
		return
	}
	b.recording = true
	defer func() { b.recording = false }()
	r := b.recorded[name]
	switch {
	case b.direct:
		work()
		return
	case r == nil || r.takes != b.takes:
		work()
		b.dropGraph(r)
		b.recorded[name] = &recording{takes: b.takes}
		return
	case r.graph == 0:
		r.graph = b.capture(work)
	}
	if b.ok() {
		b.keep("Record", b.drv.LaunchGraph(r.graph, 0))
		b.k.queued++
	}
}

// Repeats implements backend.Recorder.
func (b *device) Repeats(name any) bool {
	r := b.recorded[name]
	return r != nil && r.graph != 0 && r.takes == b.takes && !b.direct && b.ok()
}

// capture makes a graph of what work queues. After an error it is 0, and the
// stream is not captured any more.
func (b *device) capture(work func()) Graph {
	if err := b.drv.BeginCapture(0); err != nil {
		b.keep("Record", err)
		return 0
	}
	b.k.branch.allowed = true
	work()
	b.join("Record")
	b.k.branch.allowed, b.k.branch.open = false, false
	g, err := b.drv.EndCapture(0)
	if b.ok() { // else that error is the cause of this one
		b.keep("Record", err)
	}
	if err == nil && !b.ok() {
		b.keep("Record", b.drv.FreeGraph(g))
		return 0
	}
	return g
}

// dropGraph frees a recording's graph, which may still be running.
func (b *device) dropGraph(r *recording) {
	if r != nil && r.graph != 0 && b.ok() {
		b.keep("Record", b.drv.Sync(0))
		b.keep("Record", b.drv.FreeGraph(r.graph))
	}
}

// outside fails an operation that waits or copies from the host, where it is part
// of a recorded sequence: it would happen once, not at each replay.
func (b *device) outside(op string) bool {
	if b.recording {
		b.fail("%s: found it in a recorded sequence, expected it outside of one", op)
	}
	return b.ok()
}
