package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
)

// resolveDevice is the device that a name means in this build. auto is the GPU
// in the build for it, which useTwin starts where there is one.
func resolveDevice(name string) string {
	switch {
	case name != "auto":
		return name
	case hasCUDA:
		return "cuda"
	default:
		return "cpu"
	}
}

// openBackend opens the device that a configuration names.
func openBackend(device, precision string, threads int) (backend.Backend, error) {
	switch name := resolveDevice(device); name {
	case "cpu":
		b, err := openCPU(precision, threads)
		if err != nil {
			return nil, err // and no pointer in the interface
		}
		return b, nil
	case "sim", "cuda":
		b, _, err := openGPU(name, precision, threads)
		if err != nil {
			return nil, err
		}
		return b, nil
	default:
		return nil, unknownDevice(name)
	}
}

func unknownDevice(name string) error {
	how := ""
	if strings.HasPrefix(name, "cuda") {
		how = "; of several GPUs, CUDA_VISIBLE_DEVICES chooses one"
	}
	return usageError("device: found %q, expected one of auto, cpu, cuda, sim%s", name, how)
}

// outOfMemory says whether a GPU had too little memory.
func outOfMemory(err error) bool {
	const code = 2 // CUDA_ERROR_OUT_OF_MEMORY
	e, ok := errors.AsType[*gpu.Error](err)
	return ok && e.Code == code
}

// withRemedy adds to an error what the user can do, where that is not plain.
func withRemedy(err error) error {
	if outOfMemory(err) {
		return fmt.Errorf("%w: found too little memory on the GPU, expected more; take a smaller batch or model (flops and train --dry-run say what each needs), or stop what else uses the GPU (nvidia-smi)", err)
	}
	return err
}

// cpuPath is the instruction path of the cpu device; tests that compare bits choose
// the portable one.
var cpuPath = cpu.Auto

func openCPU(precision string, threads int) (*cpu.Backend, error) {
	if precision != "fp32" {
		return nil, usageError("precision: found %s, expected fp32 (the cpu device has no other)", precision)
	}
	return cpu.New(cpu.Options{Threads: threads, Path: cpuPath})
}

// newSim makes the simulated GPU; tests let it fail.
var newSim = func(o simdriver.Options) gpu.Driver { return simdriver.New(o) }

// openGPU opens "cuda" or "sim". Threads are those of the simulator.
func openGPU(name, precision string, threads int) (*gpu.Backend, gpu.Driver, error) {
	var o gpu.Options
	switch precision {
	case "fp32":
		o.Activation = backend.F32
	case "bf16":
		o.Activation = backend.BF16
	default:
		return nil, nil, usageError("precision: found %q, expected fp32 or bf16", precision)
	}
	var d gpu.Driver
	if name == "sim" {
		d = newSim(simdriver.Options{Threads: threads})
	} else {
		var err error
		if d, err = openCUDA(); err != nil {
			return nil, nil, err
		}
	}
	b, err := gpu.New(d, o)
	if err != nil {
		return nil, nil, err
	}
	return b, d, nil
}
