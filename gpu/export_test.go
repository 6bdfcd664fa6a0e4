package gpu

import (
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// WriteUpdate is the part of UpdateTopology that comes before the launches.
func (b *Backend) WriteUpdate(params []backend.Param, u sparse.Update) {
	c := b.device.begin("UpdateTopology")
	if list := updated(params, u); c.ok() {
		c.writeUpdate(list, u)
	}
}

// LaunchUpdate is the rest of it.
func (b *Backend) LaunchUpdate(params []backend.Param) {
	c := b.device.begin("UpdateTopology")
	if list := updated(params, sparse.Update{Number: 1}); c.ok() {
		c.launchUpdate(list)
	}
}

// TopologyArray returns where an array of p's topology lies.
func TopologyArray(p backend.Param, name string) Ptr {
	for _, f := range p.(*param).topo.fields(&sparse.Topology{}) {
		if f.name == name {
			return *f.at
		}
	}
	panic("no such array: " + name)
}

// Address returns where a buffer lies.
func Address(x backend.Buffer) Ptr { return x.(*buffer).p }

// WorkingCopies returns where p's working copies lie, 0 where there are none.
func WorkingCopies(p backend.Param) (forward, backward Ptr) {
	q := p.(*param)
	return Ptr(q.forward), Ptr(q.backward)
}

// NewPlanDriver returns the driver of a plan for the device of drv.
func NewPlanDriver(drv Driver) Driver { return newPlanDriver(drv) }

// WorkingBytes is the device memory beyond MemoryBytes: working copies of weights,
// scratch and tables.
func (b *Backend) WorkingBytes() int64 { return b.device.taken - b.device.mem }

// CopyBytes is the part of it that working copies of weights take.
func (b *Backend) CopyBytes() (n int64) {
	for _, a := range b.device.live {
		if strings.HasSuffix(a.label, copyLabel) {
			n += a.bytes
		}
	}
	return n
}
