// Package device opens the device that --device names: the CPU, a GPU, or the simulated GPU.
//
// The command is the plain build. Package cu ends a process without a GPU before main, so what
// uses a GPU is a second build of the same program with the tag nvidia, the helper binary
// sparsebert-gpu-cuda beside it. [UseHelper] asks the helper whether it can start and then
// becomes it; [Probe] is the helper's answer.
package device

import (
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Settings is one way to open a device.
type Settings struct {
	Device    string // auto, cpu, cuda or sim
	Precision string // fp32 or bf16, which the cpu lacks
	Threads   int    // of the CPU and of the simulator; 0: one a core
}

// Opener opens devices. The zero value is ready for use.
type Opener struct {
	// CPUPath is the instruction path of the CPU; the zero value chooses the best.
	CPUPath cpu.Path
	// PTX has the GPU's driver compile the kernels' PTX even where the program holds
	// machine code for the GPU.
	PTX bool
	// Local is the number of the process among those of the run on this machine, from 0; nil: 0. Of
	// several GPUs each takes the one of its number. It is asked when a GPU is opened.
	Local func() int
	// Simulator makes the driver of device sim; nil: the simulator.
	Simulator func(simdriver.Options) gpu.Driver
}

// Resolve returns the device that a name means in this build: auto is the GPU in the helper
// binary, which UseHelper starts where there is a GPU, and else the CPU.
func Resolve(name string) string {
	switch {
	case name != "auto":
		return name
	case HasCUDA:
		return "cuda"
	default:
		return "cpu"
	}
}

// Open opens a device. An error about the settings is one of package usage.
func (o Opener) Open(device, precision string, threads int) (backend.Backend, error) {
	s := Settings{Device: Resolve(device), Precision: precision, Threads: threads}
	switch s.Device {
	case "cpu":
		b, err := o.CPU(s)
		if err != nil {
			return nil, err // and no pointer in the interface
		}
		return b, nil
	case "sim", "cuda":
		b, _, err := o.GPU(s)
		if err != nil {
			return nil, err
		}
		return b, nil
	default:
		return nil, Unknown(s.Device)
	}
}

// Unknown is the error about a name that is no device's.
func Unknown(name string) error {
	how := ""
	if strings.HasPrefix(name, "cuda") {
		how = "; of several GPUs, CUDA_VISIBLE_DEVICES chooses one"
	}
	return usage.Errorf("device: found %q, expected one of auto, cpu, cuda, sim%s", name, how)
}

// OnPath is an opener of the CPU's instruction path of a name, "" for the fastest. An error is
// one of package usage.
func (o Opener) OnPath(name string) (Opener, error) {
	if name == "" {
		return o, nil
	}
	var have []string
	for _, p := range cpu.Paths() {
		if p.String() == name {
			o.CPUPath = p
			return o, nil
		}
		have = append(have, p.String())
	}
	return o, usage.Errorf("cpu_path: found %s, expected one that this machine and build have: %s", name, strings.Join(have, ", "))
}

// CPU opens the CPU.
func (o Opener) CPU(s Settings) (*cpu.Backend, error) {
	if s.Precision != "fp32" {
		return nil, usage.Errorf("precision: found %s, expected fp32 (the cpu device has no other)", s.Precision)
	}
	return cpu.New(cpu.Options{Threads: s.Threads, Path: o.CPUPath})
}

// GPU opens the GPU of this process or the simulated one, and returns its driver beside it.
func (o Opener) GPU(s Settings) (*gpu.Backend, gpu.Driver, error) {
	options := gpu.Options{PTX: o.PTX}
	switch s.Precision {
	case "fp32":
		options.Activation = backend.F32
	case "bf16":
		options.Activation = backend.BF16
	default:
		return nil, nil, usage.Errorf("precision: found %q, expected fp32 or bf16", s.Precision)
	}
	d, err := o.driver(s)
	if err != nil {
		return nil, nil, err
	}
	b, err := gpu.New(d, options)
	if err != nil {
		return nil, nil, err
	}
	return b, d, nil
}

func (o Opener) driver(s Settings) (gpu.Driver, error) {
	if s.Device != "sim" {
		local := 0
		if o.Local != nil {
			local = o.Local()
		}
		return openCUDA(local)
	}
	options := simdriver.Options{Threads: s.Threads}
	if o.Simulator != nil {
		return o.Simulator(options), nil
	}
	return simdriver.New(options), nil
}
