package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// sequence names a sequence of operations, whose calls follow from it alone.
type sequence struct {
	m           *Model // set by record
	what        string
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
