package estimate

import (
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// GPU is what a kind of GPU can do. docs/estimates.md has the source of each number.
type GPU struct {
	Name            string // as a flag takes it
	Label           string // as the vendor calls it
	Major           int    // compute capability, with 0 behind the point
	Multiprocessors int
	Clock           float64 // cycles a second

	// Of a multiprocessor.
	IssueSlots     float64                     // warp instructions a cycle
	Lanes          [ptxsim.Units]float64       // results a cycle; 0: has no limit but the issue slots
	Matrix         [ptxsim.MatrixKinds]float64 // operations a cycle, as measured; 0: has no such instruction
	SharedPasses   float64                     // over its 32 banks of shared memory a cycle, of 128 bytes each
	L1Rate         float64                     // bytes of global memory a cycle
	Registers      int                         // of 32 bits
	Warps          int                         // most at once
	Blocks         int                         // most thread blocks at once
	SharedBytes    int                         // shared memory
	SharedPerBlock int                         // of a thread block, at most
	SharedReserved int                         // what the system keeps of each thread block's

	L2Rate     float64 // bytes a second
	MemoryRate float64 // bytes a second of a copy, as measured: a part of the published rate
	Memory     int64   // bytes

	Latencies   simdriver.Latencies // cycles
	LaunchPlain float64             // seconds between two kernels that are launched one by one
	LaunchGraph float64             // the same in a CUDA graph
}

// lanes of a multiprocessor, from the throughput table of the CUDA C++ Programming Guide.
func lanes(single, half float64) (l [ptxsim.Units]float64) {
	l[ptxsim.IntegerUnit], l[ptxsim.FloatUnit], l[ptxsim.HalfUnit] = 64, single, half
	l[ptxsim.DoubleUnit], l[ptxsim.SpecialUnit], l[ptxsim.ConvertUnit], l[ptxsim.MemoryUnit] = single/2, 16, 64, 32
	return l
}

const (
	mmaOnAmpere   = 0.95  // of the published rate, measured
	mmaOnHopper   = 0.629 // mma there, on average
	wgmmaOnHopper = 0.95
	copyOnAmpere  = 0.905 // of the published bandwidth
	copyOnHopper  = 0.913
	launchPlain   = 0.9e-6
	launchGraph   = 0.5e-6
)

var hopperLatencies = simdriver.Latencies{
	Arithmetic: 4, Double: 8, Special: 18, Convert: 6, Warp: 23, Shared: 29, Local: 41, L2: 263, Global: 479, Matrix: 24, Barrier: 20,
}

var ampereLatencies = simdriver.Latencies{
	Arithmetic: 4, Double: 8, Special: 18, Convert: 6, Warp: 23, Shared: 29, Local: 38, L2: 262, Global: 466, Matrix: 25, Barrier: 20,
}

func hopper(name, label string, bandwidth float64, memory int64) GPU {
	const clock = 1.83e9
	return GPU{
		Name: name, Label: label, Major: 9, Multiprocessors: 132, Clock: clock,
		IssueSlots: 4, Lanes: lanes(128, 256),
		Matrix:       [ptxsim.MatrixKinds]float64{mmaOnHopper * 4096, mmaOnHopper * 2048, wgmmaOnHopper * 4096, wgmmaOnHopper * 2048},
		SharedPasses: 1, L1Rate: 124.1,
		Registers: 65536, Warps: 64, Blocks: 32, SharedBytes: 228 << 10, SharedPerBlock: 227 << 10, SharedReserved: 1 << 10,
		L2Rate: 3942.4 * clock, MemoryRate: copyOnHopper * bandwidth, Memory: memory,
		Latencies: hopperLatencies, LaunchPlain: launchPlain, LaunchGraph: launchGraph,
	}
}

// gpus are those that have rates.
var gpus = []GPU{
	{
		Name: "a100", Label: "A100 SXM 80 GB", Major: 8, Multiprocessors: 108, Clock: 1.41e9,
		IssueSlots: 4, Lanes: lanes(64, 256), Matrix: [ptxsim.MatrixKinds]float64{mmaOnAmpere * 2048, mmaOnAmpere * 1024},
		SharedPasses: 1, L1Rate: 106.8,
		Registers: 65536, Warps: 64, Blocks: 32, SharedBytes: 164 << 10, SharedPerBlock: 163 << 10, SharedReserved: 1 << 10,
		L2Rate: 5120 * 1.41e9, MemoryRate: copyOnAmpere * 2.039e12, Memory: 80e9,
		Latencies: ampereLatencies, LaunchPlain: launchPlain, LaunchGraph: launchGraph,
	},
	hopper("h100", "H100 SXM 80 GB", 3.35e12, 80e9),
	hopper("h200", "H200 SXM 141 GB", 4.8e12, 141e9),
}

// Names lists the GPUs that have rates.
func Names() (names []string) {
	for _, g := range gpus {
		names = append(names, g.Name)
	}
	return names
}

// Find returns the GPU of a name of Names, in any case.
func Find(name string) (GPU, error) {
	for _, g := range gpus {
		if strings.EqualFold(g.Name, name) {
			return g, nil
		}
	}
	return GPU{}, fmt.Errorf("found GPU %q, expected %s", name, strings.Join(Names(), ", "))
}
