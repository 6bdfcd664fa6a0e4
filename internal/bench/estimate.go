package bench

import (
	"fmt"
	"io"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// KernelEstimate is the estimate of the launches of one kernel.
type KernelEstimate struct {
	Kernel   string `json:"kernel"`
	Launches int    `json:"launches"`
	// Seconds is the time of all launches; the rest is of the one that takes longest.
	Seconds float64           `json:"estimate_seconds"`
	Bound   string            `json:"bound"`
	Longest estimate.Estimate `json:"longest_launch"`

	GlobalChain      float64 `json:"dependent_global_loads"`
	SharedChain      float64 `json:"dependent_shared_loads"`
	L2Bytes          float64 `json:"l2_bytes"`
	MemoryBytes      float64 `json:"memory_bytes"`
	Conflicts        float64 `json:"bank_conflicts"`
	MatrixOperations float64 `json:"matrix_instructions"`
	Special          float64 `json:"special_instructions"`
}

// Estimated is the estimate of a product on a GPU.
type Estimated struct {
	Version   int              `json:"estimate_version"`
	GPU       string           `json:"estimate_gpu"`
	Seconds   float64          `json:"estimate_seconds"` // of its kernels, without what launches cost
	Bound     string           `json:"bound"`            // of the kernel that takes longest
	Estimates []KernelEstimate `json:"estimates"`
	*Compared
}

// Compared is an estimate beside what hardware took.
type Compared struct {
	MeasuredSeconds  float64 `json:"measured_seconds"`
	MeasuredHardware string  `json:"measured_hardware"`
	Ratio            float64 `json:"estimate_over_measured"`
}

// simulatorOf makes open's simulator one of g's size, whose launches tell their time.
func simulatorOf(open device.Opener, g estimate.GPU) device.Opener {
	inner := open.Simulator
	open.Simulator = func(o simdriver.Options) gpu.Driver {
		o.MemoryBytes, o.SharedBytes, o.SharedPerSM = g.Memory, g.SharedPerBlock, g.SharedBytes
		o.Multiprocessors, o.Major, o.Latencies = g.Multiprocessors, g.Major, &g.Latencies
		if inner != nil {
			return inner(o)
		}
		return simdriver.New(o)
	}
	return open
}

// launchOf is a launch of the simulator with the kernel's registers.
func launchOf(g estimate.GPU, l simdriver.Launch) (estimate.Launch, error) {
	if len(l.Blocks) == 0 {
		return estimate.Of(l, 0), nil
	}
	registers, err := kernels.Registers(l.Kernel, g.Major)
	return estimate.Of(l, registers), err
}

// kernelList adds up launches by kernel, in the order in which kernels first came.
type kernelList []KernelEstimate

func (k *kernelList) add(l estimate.Launch, e estimate.Estimate) {
	at := -1
	for i := range *k {
		if (*k)[i].Kernel == l.Kernel {
			at = i
		}
	}
	if at < 0 {
		at = len(*k)
		*k = append(*k, KernelEstimate{Kernel: l.Kernel})
	}
	r := &(*k)[at]
	const sector = 32
	r.Launches++
	r.Seconds += e.Seconds
	r.L2Bytes += sector * l.Sectors
	r.MemoryBytes += sector * l.Distinct
	r.Conflicts += l.Conflicts
	r.MatrixOperations += l.Matrix
	r.Special += l.Special()
	r.GlobalChain, r.SharedChain = max(r.GlobalChain, l.GlobalChain), max(r.SharedChain, l.SharedChain)
	if e.Seconds >= r.Longest.Seconds {
		r.Longest, r.Bound = e, e.Bound
	}
}

// bound is that of the kernel that takes most time.
func (k kernelList) bound() (bound string) {
	most := -1.0
	for _, r := range k {
		if r.Seconds > most {
			bound, most = r.Bound, r.Seconds
		}
	}
	return bound
}

// merge adds the kernels of o.
func (k *kernelList) merge(o kernelList) {
	for _, r := range o {
		found := false
		for i := range *k {
			if to := &(*k)[i]; to.Kernel == r.Kernel {
				to.Launches, to.Seconds = to.Launches+r.Launches, to.Seconds+r.Seconds
				to.L2Bytes, to.MemoryBytes, to.Conflicts = to.L2Bytes+r.L2Bytes, to.MemoryBytes+r.MemoryBytes, to.Conflicts+r.Conflicts
				to.MatrixOperations, to.Special = to.MatrixOperations+r.MatrixOperations, to.Special+r.Special
				to.GlobalChain, to.SharedChain = max(to.GlobalChain, r.GlobalChain), max(to.SharedChain, r.SharedChain)
				if r.Longest.Seconds > to.Longest.Seconds {
					to.Longest, to.Bound = r.Longest, r.Bound
				}
				found = true
			}
		}
		if !found {
			*k = append(*k, r)
		}
	}
}

// estimateProduct estimates the launches that a product has just made.
func estimateProduct(g estimate.GPU, launches []simdriver.Launch) (*Estimated, error) {
	r := &Estimated{Version: estimate.Version, GPU: g.Label}
	var list kernelList
	for _, l := range launches {
		if len(l.Blocks) == 0 {
			continue // zeroes fresh scratch memory, which later calls find
		}
		one, err := launchOf(g, l)
		if err != nil {
			return nil, err
		}
		e, err := g.Estimate(one)
		if err != nil {
			return nil, err
		}
		r.Seconds += e.Seconds
		list.add(one, e)
	}
	r.Bound, r.Estimates = list.bound(), list
	return r, nil
}

// write writes an estimate below the counts of its product.
func (r *Estimated) write(w io.Writer) {
	fmt.Fprintf(w, "    ESTIMATE (ruler %d), not measured: %s on %s, bound: %s\n", r.Version, span(r.Seconds), r.GPU, r.Bound)
	for _, k := range r.Estimates {
		fmt.Fprintf(w, "    %-18s %2d x %9s  %-16s %s\n", k.Kernel, k.Launches, span(k.Longest.Seconds), k.Bound, describe(k))
	}
	r.Compared.write(w, "    ")
}

// describe says what is behind an estimate: its path and its two largest bounds, waves and occupancy.
func describe(k KernelEstimate) string {
	e := k.Longest
	var b strings.Builder
	fmt.Fprintf(&b, "path %s", span(e.Path))
	first, second := estimate.Term{}, estimate.Term{}
	for _, t := range e.Terms {
		if t.Seconds > first.Seconds {
			first, second = t, first
		} else if t.Seconds > second.Seconds {
			second = t
		}
	}
	for _, t := range []estimate.Term{first, second} {
		if t.Seconds > 0 {
			fmt.Fprintf(&b, ", %s %s", t.Name, span(t.Seconds))
		}
	}
	if e.Resident > 0 {
		fmt.Fprintf(&b, "; %d waves, the last %.0f %%; %d blocks and %.0f %% of the warps at once", e.Waves, 100*e.Tail, e.Resident, 100*e.Occupancy)
	}
	return b.String()
}

// write writes what hardware took; nothing where nothing is known.
func (c *Compared) write(w io.Writer, indent string) {
	if c != nil {
		fmt.Fprintf(w, "%smeasured on %s: %s; estimate / measured: %.2f\n", indent, c.MeasuredHardware, span(c.MeasuredSeconds), c.Ratio)
	}
}

// compare sets an estimate beside a measured time.
func compare(estimated, measured float64, hardware string) *Compared {
	return &Compared{MeasuredSeconds: measured, MeasuredHardware: hardware, Ratio: estimated / measured}
}
