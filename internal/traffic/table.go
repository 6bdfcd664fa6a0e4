package traffic

import (
	"cmp"
	"slices"
)

// Rates are what a GPU moves and computes at the most, a second.
type Rates struct {
	Bandwidth float64 // bytes of global memory
	Peak      float64 // operations of the matrix units
}

// Seconds is the least time of a call.
func (r Rates) Seconds(c Call) float64 {
	return max(float64(c.Bytes().Memory())/r.Bandwidth, float64(c.FLOPs)/r.Peak)
}

// Total is the sum of the floors of all calls.
func (r Rates) Total(calls []Call) (seconds float64) {
	for _, c := range calls {
		seconds += r.Seconds(c)
	}
	return seconds
}

// Row is all calls of one operation on one kind of tensor.
type Row struct {
	Op     string `json:"op"`
	Tensor string `json:"tensor"`
	Calls  int    `json:"calls"`

	Read    int64 `json:"read_bytes"`
	Write   int64 `json:"write_bytes"`
	Scratch int64 `json:"scratch_bytes"`
	Again   int64 `json:"again_bytes"`
	FLOPs   int64 `json:"flops"`

	Floor float64 `json:"floor_seconds"`
}

// Memory is what memory must move.
func (r Row) Memory() int64 { return r.Read + r.Write + r.Scratch }

// Rows adds up the calls, those that move most first.
func (r Rates) Rows(calls []Call) []Row {
	var rows []Row
	for _, c := range calls {
		i := slices.IndexFunc(rows, func(x Row) bool { return x.Op == c.Op && x.Tensor == c.Tensor })
		if i < 0 {
			i, rows = len(rows), append(rows, Row{Op: c.Op, Tensor: c.Tensor})
		}
		x, b := &rows[i], c.Bytes()
		x.Calls++
		x.Read += b[Read]
		x.Write += b[Write]
		x.Scratch += b[Scratch]
		x.Again += b[Again]
		x.FLOPs += c.FLOPs
		x.Floor += r.Seconds(c)
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(b.Memory(), a.Memory()) })
	return rows
}

// Sum is a row of everything.
func Sum(rows []Row) Row {
	all := Row{Op: "all"}
	for _, r := range rows {
		all.Calls += r.Calls
		all.Read += r.Read
		all.Write += r.Write
		all.Scratch += r.Scratch
		all.Again += r.Again
		all.FLOPs += r.FLOPs
		all.Floor += r.Floor
	}
	return all
}

// Split takes the topology updates out of the calls of a step: they come once in
// many steps.
func Split(calls []Call) (step, updates []Call) {
	for _, c := range calls {
		if c.Op == "UpdateTopology" || c.Op == "BlockGradL1" {
			updates = append(updates, c)
		} else {
			step = append(step, c)
		}
	}
	return step, updates
}
