package bench

import (
	"context"
	"slices"
	"strings"
)

// Count is what the launches of one kernel did on a simulated device, summed. No
// cache is simulated: bytes are those of the 32-byte sectors that the warps'
// instructions touch, so a line read by two of them counts twice.
type Count struct {
	Name               string `json:"kernel"`
	Launches           int64  `json:"launches"`
	WarpInstructions   int64  `json:"warp_instructions"`
	MatrixInstructions int64  `json:"matrix_instructions"` // of warps
	LoadBytes          int64  `json:"global_load_bytes"`
	StoreBytes         int64  `json:"global_store_bytes"`
	Atomics            int64  `json:"global_atomics"`
	BankConflicts      int64  `json:"bank_conflicts"` // passes over shared memory beyond those needed

	FloorRatio float64 `json:"floor_ratio"` // bytes over the byte floor of the product
}

// Counter reads the counters of a simulated device.
type Counter interface {
	Reset()
	Counts() []Count // one for each kernel since Reset; FloorRatio is not set
}

// Counted is what a case came to on a simulated device.
type Counted struct {
	Case
	NNZ        int     `json:"nnzb"`
	Device     string  `json:"device"`
	Precision  string  `json:"precision"`
	Kernel     string  `json:"kernel"`
	Hardware   string  `json:"hardware"`
	BytesFloor int64   `json:"bytes_floor"`
	Kernels    []Count `json:"kernels"` // by name
	Total      Count   `json:"total"`
	*Estimated         // with a GPU to estimate for
}

// Simulate runs a case once and counts. A launch cannot be ended: ctx is looked
// at before it.
func Simulate(ctx context.Context, d Device, counter Counter, c Case) (Counted, error) {
	if err := c.Check(); err != nil {
		return Counted{}, err
	}
	s, err := newSets(d, c, 0, false)
	if err != nil {
		return Counted{}, err
	}
	if ctx.Err() != nil {
		return Counted{}, context.Cause(ctx)
	}
	counter.Reset()
	s.run(s.w, 0)
	if err := d.Sync(); err != nil {
		return Counted{}, err
	}
	r := Counted{
		Case: c, NNZ: c.NNZ(), Device: d.Name(), Precision: precision(d), Kernel: kernel(d, c.Op, s.w[0], c.Tokens),
		Hardware: d.Describe(), BytesFloor: c.FloorBytes(d.Activation().Size()), Kernels: counter.Counts(), Total: Count{Name: "all"},
	}
	slices.SortFunc(r.Kernels, func(a, b Count) int { return strings.Compare(a.Name, b.Name) })
	for i := range r.Kernels {
		k := &r.Kernels[i]
		k.FloorRatio = float64(k.LoadBytes+k.StoreBytes) / float64(r.BytesFloor)
		r.Total.add(*k)
	}
	return r, nil
}

func (c *Count) add(k Count) {
	c.Launches += k.Launches
	c.WarpInstructions += k.WarpInstructions
	c.MatrixInstructions += k.MatrixInstructions
	c.LoadBytes += k.LoadBytes
	c.StoreBytes += k.StoreBytes
	c.Atomics += k.Atomics
	c.BankConflicts += k.BankConflicts
	c.FloorRatio += k.FloorRatio
}
