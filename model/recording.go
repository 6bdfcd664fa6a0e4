package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// sequence names a sequence of operations, whose calls follow from it alone.
type sequence struct {
	m           *Model // set by record
	what        string
	piece       int  // of the passes, from 1; 0: all of it
	size, rows  int  // sequences, rows of the MLM head
	first, last bool // micro-batch of a step
	grow        bool
	adam        backend.AdamConfig
}

// record runs a sequence, which a device may repeat from a recording.
func (m *Model) record(q sequence, work func()) {
	if !m.opt.FixedMasked {
		work()
		return
	}
	q.m = m
	backend.Record(m.b, q, work)
}

// repeats says whether record would only repeat a recording.
func (m *Model) repeats(q sequence) bool {
	q.m = m
	r := m.b.Capabilities().Recorder
	return m.opt.FixedMasked && r != nil && r.Repeats(q)
}

// recordPieces is record for a micro-batch's passes piece by piece. Where all of them are
// repeated, each bucket's gradients are told complete once their piece is queued. Nothing is
// told while something is recorded, since the device can do nothing else then.
func (m *Model) recordPieces(q sequence) {
	list, beside := m.pieces(q), true
	of := func(i int) sequence {
		part := q
		part.piece = i + 1
		return part
	}
	for i := range list {
		beside = beside && m.repeats(of(i))
	}
	for i, p := range list {
		m.record(of(i), p.work)
		if beside {
			m.complete(p.bucket)
		}
	}
}
