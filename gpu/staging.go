package gpu

// stagingBytes is the size of each of the two staging buffers at first.
const stagingBytes = 1 << 16

// staging copies scalars, batches and lists to the device without waiting for
// the work before them. They are put into pinned memory, from which the device
// fetches them when it gets there. It is a double buffer: one is filled while the
// copies from the other may still run, so a micro-batch is handed over while the
// device works on the one before.
type staging struct {
	buffers [2][]byte
	done    [2]Event // recorded after the last copy from a buffer
	busy    [2]bool  // done is recorded and not waited for
	cur     int      // the buffer that is filled
	used    int      // bytes of it
}

// startStaging allocates both buffers.
func (b *device) startStaging() error {
	for i := range b.staging.done {
		e, err := b.drv.NewEvent()
		b.keep("New", err)
		b.staging.done[i] = e
	}
	b.growStaging("New", stagingBytes)
	return b.err
}

// growStaging gives both buffers n bytes. Nothing of the old ones is in use.
func (b *device) growStaging(op string, n int) {
	s := &b.staging
	for i := range s.buffers {
		if s.buffers[i] != nil && b.ok() {
			b.keep(op, b.drv.FreePinned(s.buffers[i]))
		}
		s.buffers[i] = nil
		if !b.ok() {
			return
		}
		memory, err := b.drv.AllocPinned(n)
		b.keep(op, err)
		s.buffers[i] = memory
	}
}

// stage copies data to the device; the caller may reuse it at once.
func (b *device) stage(op string, to Ptr, data []byte) {
	s := &b.staging
	if !b.outside(op) || len(data) == 0 {
		return
	}
	if size := len(s.buffers[0]); len(data) > size {
		for size < len(data) {
			size *= 2
		}
		b.keep(op, b.drv.Sync(0))
		s.released()
		b.growStaging(op, size)
	} else if len(data) > size-s.used {
		b.swapStaging(op)
	}
	if !b.ok() {
		return
	}
	part := s.buffers[s.cur][s.used:][:copy(s.buffers[s.cur][s.used:], data)]
	s.used = min(len(s.buffers[s.cur]), s.used+(len(part)+15)&^15)
	b.keep(op, b.drv.CopyIn(0, to, part))
}

// swapStaging goes on with the other buffer, once the device has fetched all of it.
func (b *device) swapStaging(op string) {
	s := &b.staging
	b.keep(op, b.drv.Record(s.done[s.cur], 0))
	s.busy[s.cur] = true
	s.cur, s.used = 1-s.cur, 0
	if s.busy[s.cur] && b.ok() {
		b.keep(op, b.drv.Wait(s.done[s.cur]))
		s.busy[s.cur] = false
	}
}

// released notes that all copies are done.
func (s *staging) released() { s.used, s.busy = 0, [2]bool{} }
