package estimate

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// The bounds that are no unit's; see the package's comment.
const (
	Issue     = "issue"
	MatrixOps = "matrix"
	Shared    = "shared memory"
	L1        = "l1"
	L2        = "l2"
	Memory    = "memory"
	Loads     = "dependent loads"
	Serial    = "serial"
	FewBlocks = "few blocks"
	Latency   = "latency"
)

// Term is one of the bounds of a kernel's time.
type Term struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	own     bool    // of each multiprocessor
}

// Estimate is the time of a launch by the formula of the package's comment.
type Estimate struct {
	Seconds float64 `json:"estimate_seconds"`
	Bound   string  `json:"bound"`
	Terms   []Term  `json:"terms"` // all bounds but the path
	Path    float64 `json:"path_seconds"`
	Longest float64 `json:"longest_block_seconds"`

	Resident  int     `json:"resident_blocks"` // of a multiprocessor, at once
	Occupancy float64 `json:"occupancy"`       // warps of those over the most that it holds
	Waves     int     `json:"waves"`
	Tail      float64 `json:"tail"` // part of the last wave that is filled
	Busy      int     `json:"busy_multiprocessors"`
	Busiest   float64 `json:"busiest_instructions"` // machine instructions of the busiest multiprocessor

	BusiestUnits map[string]float64 `json:"busiest_units"` // the same by unit
	LongestWarp  map[string]float64 `json:"longest_warp"`  // instructions of the warp that takes longest, by class
}

// Estimate applies the formula. It fails where a thread block does not fit the GPU, or where the GPU has no such
// matrix instruction.
func (g *GPU) Estimate(l Launch) (Estimate, error) {
	if l.Threads == 0 { // the driver's own
		t := []Term{{Name: L2, Seconds: l.Sectors * sector / g.L2Rate}, {Name: Memory, Seconds: l.Distinct * sector / g.MemoryRate}}
		path := float64(g.Latencies.Global) / g.Clock
		return Estimate{Seconds: t[1].Seconds + path, Bound: Memory, Terms: t, Path: path, Longest: path, Busy: g.Multiprocessors, Waves: 1, Tail: 1}, nil
	}
	resident, err := g.Resident(l.Threads, l.Registers, l.SharedBytes)
	if err != nil {
		return Estimate{}, fmt.Errorf("kernel %s: %w", l.Kernel, err)
	}
	blocks, slots := int(math.Round(l.Blocks)), g.Multiprocessors*resident
	e := Estimate{
		Resident: resident, Occupancy: float64(resident*((l.Threads+31)/32)) / float64(g.Warps),
		Waves: (blocks + slots - 1) / slots, Busy: min(blocks, g.Multiprocessors),
	}
	e.Tail = float64(blocks-(e.Waves-1)*slots) / float64(slots)
	issued := 0.0
	for _, n := range l.Issued {
		issued += n
	}
	part, path := math.Ceil(l.Blocks/float64(g.Multiprocessors))/l.Blocks, float64(e.Waves-1)*l.Cycles/l.Blocks+l.Longest
	if l.Each != nil {
		shares, cycles := Schedule(l.Each, g.Multiprocessors, resident)
		most := 0.0
		for i := range shares {
			most = max(most, float64(shares[i].all()))
		}
		if path = float64(cycles); issued > 0 {
			part = most / issued
		}
	}
	e.Busiest, e.Path, e.Longest = part*issued, path/g.Clock, l.Longest/g.Clock
	e.BusiestUnits, e.LongestWarp = map[string]float64{}, map[string]float64{}
	for u, n := range l.Issued {
		if n > 0 {
			e.BusiestUnits[ptxsim.Unit(u).String()] = part * n
		}
	}
	for i, name := range simdriver.Classes() {
		if n := l.LongestWarp[i]; n > 0 {
			e.LongestWarp[name] = n
		}
	}
	if e.Terms, err = g.terms(l, part); err != nil {
		return Estimate{}, err
	}
	worst := Term{}
	for _, t := range e.Terms {
		if t.Seconds > worst.Seconds {
			worst = t
		}
	}
	e.Seconds = max(worst.Seconds, e.Path-e.Longest) + e.Longest
	e.Bound = g.bound(l, e, worst, issued)
	return e, nil
}

// terms are the bounds of a launch of which the busiest multiprocessor does a part.
func (g *GPU) terms(l Launch, part float64) ([]Term, error) {
	cycle := part / g.Clock
	issued, matrix := 0.0, 0.0
	for _, n := range l.Issued {
		issued += n
	}
	terms := []Term{{Issue, issued / g.IssueSlots * cycle, true}}
	for u, n := range l.Issued {
		if rate := g.Lanes[u]; rate > 0 {
			terms = append(terms, Term{ptxsim.Unit(u).String(), 32 * n / rate * cycle, true})
		}
	}
	for k, n := range l.Flops {
		if n == 0 {
			continue
		}
		if g.Matrix[k] == 0 {
			return nil, fmt.Errorf("kernel %s: found matrix instructions that %s does not have", l.Kernel, g.Label)
		}
		matrix += n / g.Matrix[k]
	}
	return append(terms, Term{MatrixOps, matrix * cycle, true}, Term{Shared, l.Passes / g.SharedPasses * cycle, true},
		Term{L1, l.Sectors * sector / g.L1Rate * cycle, true},
		Term{L2, l.Sectors * sector / g.L2Rate, false}, Term{Memory, l.Distinct * sector / g.MemoryRate, false}), nil
}

// bound names what decides the time.
func (g *GPU) bound(l Launch, e Estimate, worst Term, issued float64) string {
	idle := 4*e.Busy <= 3*g.Multiprocessors
	loads := l.GlobalChain*float64(g.Latencies.Global) + l.SharedChain*float64(g.Latencies.Shared)
	switch {
	case e.Path <= worst.Seconds && worst.own && idle:
		return FewBlocks
	case e.Path <= worst.Seconds:
		return worst.Name
	case loads >= l.Longest/2:
		return Loads
	case l.LongestIssued >= issued/2:
		return Serial
	case idle:
		return FewBlocks
	}
	return Latency
}
