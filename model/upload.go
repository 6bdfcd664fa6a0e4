package model

// uploaded says which batch is on the device.
type uploaded struct {
	ids  *int32 // the first of its ids; nil: none
	size int
	rows int
}

// prefetchNext uploads the micro-batch of the next step, unless it is nil. If something is
// wrong with it, the next step says what.
func (m *Model) prefetchNext(batch *Batch) {
	if batch == nil || batch.validate(m.cfg, m.opt) != nil {
		return
	}
	rows := m.upload(*batch)
	m.prefetched = uploaded{&batch.IDs[0], batch.Size, rows}
}

// upload copies a batch to the device, unless it is there, and returns the number
// of rows that the MLM head runs on: the used masked slots, moved together, and
// at least one.
func (m *Model) upload(batch Batch) int {
	there := m.prefetched
	m.prefetched = uploaded{}
	if there.ids == &batch.IDs[0] && there.size == batch.Size {
		return there.rows
	}
	b, a := m.b, m.act
	b.WriteInts(a.ids, 0, batch.IDs)
	b.WriteInts(a.segments, 0, batch.Segments)
	b.WriteInts(a.lengths, 0, batch.Lengths)
	if !m.cfg.NoNSP {
		b.WriteInts(a.nspLabels, 0, batch.NSPLabels)
	}

	n := 0
	for i, p := range batch.MaskedPos {
		if p >= 0 {
			m.pos[n], m.labels[n] = p, batch.MaskedLabels[i]
			n++
		}
	}
	rows := max(n, 1)
	if m.opt.FixedMasked {
		rows = len(m.pos)
	}
	for i := n; i < rows; i++ {
		m.pos[i], m.labels[i] = -1, -1
	}
	b.WriteInts(a.maskedPos, 0, m.pos[:rows])
	b.WriteInts(a.maskedLabels, 0, m.labels[:rows])
	return rows
}
