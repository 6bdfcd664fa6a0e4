package gpu

import (
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Plan implements backend.Planner.
func (b *device) Plan() (backend.Backend, error) {
	p, err := New(newPlanDriver(b.drv), b.options)
	if err != nil {
		return nil, err // and no pointer in the interface
	}
	return p, nil
}

// DeviceMemory implements backend.Planner.
func (b *device) DeviceMemory() backend.DeviceMemory {
	const copies, scratch, update, padding, tables = 0, 1, 2, 3, 4
	m := backend.DeviceMemory{Bytes: b.taken, Needed: b.needed(), Working: []backend.MemoryPart{
		copies:  {Name: "weight copies for products"},
		scratch: {Name: "partial sums", Bytes: b.scratch.n + b.weights.n},
		update:  {Name: "topology workspace"},
		padding: {Name: "padding of rows", Bytes: b.padding},
		tables:  {Name: "tables and scalars"},
	}}
	for _, a := range b.live {
		switch {
		case strings.HasSuffix(a.label, copyLabel):
			m.Working[copies].Bytes += a.bytes
		case strings.HasSuffix(a.label, updateLabel):
			m.Working[update].Bytes += a.bytes
		}
	}
	m.Working[tables].Bytes = b.taken - b.mem
	for _, p := range m.Working[:tables] {
		m.Working[tables].Bytes -= p.Bytes
	}
	return m
}

// The last words of labels by which DeviceMemory tells allocations.
const (
	copyLabel   = " copy"
	updateLabel = " topology scratch"
)

// needed rounds what was taken as the device does: large allocations to whole
// pages, and the small ones together, each to 512 bytes.
func (b *device) needed() int64 {
	page := b.prop.PageBytes
	if page == 0 {
		return b.peak
	}
	round := func(n, to int64) int64 { return (n + to - 1) / to * to }
	large, small := b.peak-b.taken, int64(0)
	for _, a := range b.live {
		if a.bytes >= page {
			large += round(a.bytes, page)
		} else {
			small += round(a.bytes, 512)
		}
	}
	return large + round(small, page)
}

// FreeMemory implements backend.Planner.
func (b *device) FreeMemory() (free, total int64, err error) {
	if !b.ok() {
		return 0, 0, b.err
	}
	free, total, err = b.drv.Memory()
	b.keep("FreeMemory", err)
	return max(0, free-b.prop.ReservedBytes), total, b.err
}
